/*
 * Counters of one listener in one thread. Each thread writes its own, without atomics; a reader gets a copy that
 * the owner made between two events (see worker_snapshot), so the figures are consistent.
 */
#pragma once

#include <stdint.h>

/* name, log key: every counter once. All count events or bytes since the start. */
#define COUNTERS_EACH(X)                                                                             \
	X(connections_accepted)                                                                      \
	X(connections_finished) /* ended by the peer's end of stream, everything sent */             \
	X(connections_lost) /* ended by reset, broken pipe or time-out */                            \
	X(connections_cut) /* ended by us */                                                         \
	X(accept_pauses) /* out of descriptors or memory */                                          \
	X(refused_by_access) /* connections, datagrams: source not allowed (--allow, --deny) */      \
	X(refused_by_count) /* connections beyond --max-connections */                               \
	X(refused_by_memory) /* ... beyond --max-memory */                                           \
	X(refused_by_source) /* ... beyond --max-per-source */                                       \
	X(refused_by_rate) /* ... faster than --connect-rate */                                      \
	X(refused_by_proxy) /* ?proxy=: a header that is wrong, late or missing; not from a proxy */ \
	X(proxy_headers) /* ... that were right */                                                   \
	X(ended_idle) /* after --idle-timeout; also in connections_cut */                            \
	X(ended_old) /* after --max-lifetime; also in connections_cut */                             \
	X(ended_by_access) /* no longer allowed after SIGHUP; also in connections_cut */             \
	X(rate_pauses) /* a connection was not read from because of --max-rate */                    \
	X(handshakes_full) /* of TLS */                                                              \
	X(handshakes_resumed) /* with the keys of an earlier connection */                           \
	X(handshakes_failed) /* not TLS, refused, gone or too slow; also in connections_lost */      \
	X(streams_truncated) /* ended by FIN without close_notify */                                 \
	X(faults_delay) /* injected (--fault); so are the next */                                    \
	X(faults_stall)                                                                              \
	X(faults_accept_delay)                                                                       \
	X(faults_throttle)                                                                           \
	X(faults_chop)                                                                               \
	X(faults_dribble)                                                                            \
	X(faults_close)                                                                              \
	X(faults_half_close)                                                                         \
	X(faults_reset)                                                                              \
	X(faults_refuse)                                                                             \
	X(faults_corrupt)                                                                            \
	X(faults_drop)                                                                               \
	X(faults_truncate)                                                                           \
	X(faults_duplicate)                                                                          \
	X(faults_reorder)                                                                            \
	X(bytes_received)                                                                            \
	X(bytes_sent)                                                                                \
	X(bytes_dropped) /* received, and never sent: the connection ended before, or a fault */     \
	X(urgent_bytes) /* sent back as urgent */                                                    \
	X(datagrams_received)                                                                        \
	X(datagrams_sent)                                                                            \
	X(datagrams_refused) /* no peer that may be answered, or sent to a group */                  \
	X(datagrams_limited) /* faster than --datagram-rate or --fixed-port-rate: not answered */    \
	X(datagrams_lost) /* truncated, or could not be sent back */

struct counters {
#define COUNTERS_FIELD(name) uint64_t name;
	COUNTERS_EACH(COUNTERS_FIELD)
#undef COUNTERS_FIELD
};

/* Adds `more` to `sum`, counter by counter. */
void counters_add(struct counters *sum, const struct counters *more);

/* Bytes that have been received and are still to be sent. */
uint64_t counters_pending(const struct counters *counters);

/* Connections that are open now. */
uint64_t counters_open(const struct counters *counters);
