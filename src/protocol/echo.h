/*
 * The echo service of RFC 862 as a protocol: every byte goes back, in order, once.
 *
 * Limits: at most `cap_bytes` of a connection are received and not yet sent; at the cap, it is not
 * read from. Thread: one; a struct echo serves all connections of its thread. It allocates nothing.
 */
#pragma once

#include "protocol/protocol.h"
#include "stats/counters.h"

/* Unsent bytes of one connection, at most, by default. */
#define ECHO_DEFAULT_CAP_BYTES (256u << 10)
#define ECHO_LEAST_CAP_BYTES 1u
#define ECHO_MOST_CAP_BYTES (1u << 30)

struct echo {
	struct protocol protocol; /* what engines are given */
	struct counters *counters; /* one for each listener, by tag (engine_listen) */
	uint32_t cap_bytes;
	bool return_urgent; /* an urgent byte goes back as urgent; otherwise as a plain byte */
	/*
	 * Called after a datagram was refused, and counted, because the answer could come back: the
	 * port it came from, or -1 if it was sent to a group. NULL unless its owner sets it after
	 * echo_init().
	 */
	void (*report_looped)(void *context, int32_t peer_port);
	void *context;
	/*
	 * A bit for each UDP port that is not answered: services that would answer, and the
	 * server's own ports.
	 */
	unsigned char loop_ports[65536 / 8];
};

/* `counters`, one for each listener by its tag, stay the caller's and must outlive the echo. */
void echo_init(
	struct echo *echo, struct counters *counters, uint32_t cap_bytes, bool return_urgent);

/* The bytes that have been received on this connection so far. */
uint64_t echo_received_bytes(const struct protocol_conn *conn);
/* Of these, what has not been sent yet. */
uint32_t echo_pending_bytes(const struct protocol_conn *conn);
/* The tag of the listener that the connection came in by. */
unsigned echo_tag(const struct protocol_conn *conn);

/*
 * Datagrams from this port are not answered, because it is the server's own: a forged datagram
 * would circulate for ever, between the server's sockets or between two servers on the same port.
 */
void echo_add_own_port(struct echo *echo, uint16_t port);

/* True for ports of services that would answer an answer, so that the two could loop for ever. */
bool echo_is_loop_port(uint16_t port);
