/*
 * The results of a load over some time: counts, latencies, and the first damage. One thread writes
 * it; it is handed over whole (load_exchange) and added up (load_record_merge). Recording allocates
 * nothing.
 *
 * Every message belongs to the window by one moment: when it was meant to be sent (open loop) or
 * was sent (closed loop). Of those in the window, once the load is over (load_conclude):
 *
 *	offered == sent + unsent		sent == received + damaged + lost
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stats/histogram.h"

#define LOAD_RECORD_EACH(X)                                                                         \
	X(offered) /* open loop: messages that were meant to be sent */                             \
	X(unsent) /* ... and have not been: their connection was busy or gone until the end, or   \
		     the generator too far behind */ \
	X(sent) /* messages handed over */                                                          \
	X(received) /* ... that came back whole and right */                                        \
	X(damaged) /* ... that came back wrong */                                                   \
	X(lost) /* ... that did not: timed out, or their connection ended, or so did the load */    \
	X(completed) /* messages that came back in the window, whenever they were sent: the rate */ \
	X(bytes_sent) /* handed over in the window */                                               \
	X(bytes_received) /* in the window, also of messages that are not whole yet */              \
	X(connects) /* connections made in the window */                                            \
	X(handshakes_full) /* of TLS, in the window */                                              \
	X(handshakes_resumed) /* ... with the keys of an earlier connection */                      \
	X(duplicates) /* flows: came back once more; these and what follows: in the window */       \
	X(late) /* flows: came back after they had been given up */                                 \
	X(reordered) /* flows: came back after one that was sent later (RFC 4737) */                \
	X(strays) /* flows: messages that are none of ours, or damaged beyond recognition */        \
	X(connect_errors) /* connects that failed; these and what follows: at any time */           \
	X(silent) /* connections that were asked and brought nothing back in the window */          \
	X(stalled) /* ... that stopped: brought nothing more until the end of the window */         \
	X(resets) /* open connections lost: reset, timed out */                                     \
	X(ended) /* open connections that the peer has finished before we did */                    \
	X(overruns) /* connections that brought more than was sent: reset for that */               \
	X(surplus_bytes) /* ... and how much more */                                                \
	X(faults) /* flows: messages that the kernel did not send, or said were refused */

struct load_record_counts {
#define LOAD_RECORD_FIELD(name) uint64_t name;
	LOAD_RECORD_EACH(LOAD_RECORD_FIELD)
#undef LOAD_RECORD_FIELD
};

struct load_record_damage {
	bool found;
	uint32_t connection; /* its number */
	uint64_t message; /* of that connection, from 0 */
	uint64_t offset; /* in the stream; in flows: in the message */
	int expected, got; /* -1: nothing (too short, or too long) */
	uint64_t when_ns;
};

struct load_record {
	struct load_record_counts counts;
	/* Open loop: how late messages were offered, which is the generator's own fault. */
	uint64_t lag_sum_ns, lag_most_ns;
	struct load_record_damage damage;
	/*
	 * Of messages that came back, how long that took; of the others, once the load is over, how
	 * long they had waited by then, which is a lower bound (flows: or until they timed out). So
	 * each message of `offered` is in `intended`, and each of `sent` in `sent`.
	 */
	struct histogram *intended; /* from when it was meant to be sent; closed loop: empty */
	struct histogram *sent; /* from when it was handed over */
	struct histogram *unsent; /* of `intended` those that were never sent */
	struct histogram *connect; /* from connect(2) to being connected */
};

/* -ENOMEM. */
int load_record_new(struct load_record **ret_record);
/* NULL is fine. */
void load_record_free(struct load_record *record);
void load_record_reset(struct load_record *record);
/* Adds `from`, and keeps the earlier damage. */
void load_record_merge(struct load_record *into, const struct load_record *from);
