/*
 * The books of a run of ping: what is under way, what each reply means, what was lost, and when the
 * service was away. It is told by the flows (ledger_host) and by the loop, and tells the teller. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ping/conversation.h"
#include "ping/flight.h"
#include "ping/ping_event.h"

struct ledger {
	const struct ping_event_manner *manner;
	const struct ping_event_teller *teller;
	bool kernel; /* ask the kernel with each reply */
	/* See conversation_host; the loop's. NULL: never. */
	uint64_t (*stops)(void *context);
	void *stops_context;
	struct conversation_settings
		*settings; /* of the flows; its buffer `expected` is borrowed */
	struct probe probe;
	struct flight flight;
	struct ping_event_lane *lanes; /* probe n belongs to lane (n - 1) % lane_count */
	size_t lane_count;
	struct tally tally;
	struct tally_times connect;
	uint64_t connections;
	uint64_t answer_count; /* of any kind */
	struct ping_event_gap gaps[PING_EVENT_GAPS_MOST];
	uint64_t gap_count, gaps_ns;
	bool unheard; /* nobody reads what is told */
};

/* The flows' host; their context is the ledger. */
extern const struct conversation_host ledger_host;

/*
 * Pointers are kept, not owned; `settings` may be filled in later. -ENOMEM. The caller ends it with
 * ledger_fini, also after a failure.
 */
int ledger_init(struct ledger *ledger, const struct ping_event_manner *manner,
	const struct ping_event_teller *teller, struct conversation_settings *settings,
	size_t lane_count);
void ledger_fini(struct ledger *ledger);

/* A probe sets out now: gives its number. */
uint64_t ledger_start_probe(struct ledger *ledger, uint64_t now_ns);

/* Tells that the last one has no answer yet, if it has none. */
void ledger_tell_waiting(struct ledger *ledger);

/* The next one that is overdue; see flight_overdue. */
bool ledger_overdue(
	struct ledger *ledger, uint64_t now_ns, uint64_t *ret_number, uint64_t *ret_next_ns);

/* True: on every source port that was used there is a gap, and a probe that was sent belongs to it. */
bool ledger_is_away(const struct ledger *ledger);

/* Everything so far, with gaps that last on until `now_ns`. Points into the ledger. */
struct ping_event_result ledger_result(struct ledger *ledger, uint64_t start_ns, uint64_t now_ns);
