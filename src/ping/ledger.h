/*
 * The counts of a run of ping: what is under way, what was lost, and when the service was away. The
 * conversations (ledger_host.h, ledger_reply.h) and the loop (ping_run.h) make the entries; each
 * one is reported to the printer. One thread.
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
	const struct ping_event_printer *printer;
	bool kernel; /* ask the kernel with each reply */
	/* See conversation_host; the loop's. NULL: never. */
	uint64_t (*stops)(void *context);
	void *stops_context;
	struct conversation_scratch *scratch; /* its buffer `expected` is borrowed */
	struct probe probe;
	struct flight flight;
	struct ping_event_lane *lanes; /* see ledger_lane_of */
	size_t lane_count;
	struct tally tally;
	struct tally_times connect;
	struct tally_times handshake; /* of TLS */
	uint64_t connections;
	uint64_t answer_count; /* of any kind */
	struct ping_event_gap gaps[PING_EVENT_GAPS_MOST];
	uint64_t gap_count, gaps_ns;
	bool output_failed; /* standard output cannot be written any more */
};

/*
 * Pointers are kept, not owned; `scratch` may be filled in later. -ENOMEM. The caller ends it with
 * ledger_fini, also after a failure.
 */
int ledger_init(struct ledger *ledger, const struct ping_event_manner *manner,
	const struct ping_event_printer *printer, struct conversation_scratch *scratch,
	size_t lane_count);
void ledger_fini(struct ledger *ledger);

/* The lane that the probe `number` belongs to: they take turns. */
struct ping_event_lane *ledger_lane_of(struct ledger *ledger, uint64_t number);

/* ---- for the loop ---- */

/* A probe is sent now: gives its number. */
uint64_t ledger_start_probe(struct ledger *ledger, uint64_t now_ns);

/* Reports that the last probe has no answer yet, if it has none. */
void ledger_report_waiting(struct ledger *ledger);

/* The next one that is overdue; see flight_overdue. */
bool ledger_overdue(
	struct ledger *ledger, uint64_t now_ns, uint64_t *ret_number, uint64_t *ret_next_ns);

/*
 * True: on every source port that was used there is a gap, and a probe that was sent belongs to
 * it.
 */
bool ledger_is_away(const struct ledger *ledger);

/* Everything so far; a gap that is still open counts until `now_ns`. Points into the ledger. */
struct ping_event_result ledger_result(struct ledger *ledger, uint64_t start_ns, uint64_t now_ns);

/* ---- for whatever makes entries ---- */

/* Reports an event of this lane; sets its port. */
void ledger_report(
	struct ledger *ledger, struct ping_event *event, const struct ping_event_lane *lane);

/* The service has answered on this lane, rightly or not: a gap ends. */
void ledger_hear(
	struct ledger *ledger, struct ping_event_lane *lane, uint64_t number, uint64_t now_ns);

/* Something failed on this lane at `since_ns`, with the probe `number`: a gap begins. */
void ledger_fail(struct ledger *ledger, struct ping_event_lane *lane, int error, uint64_t since_ns,
	uint64_t number);

/* The conversation's oldest probe that is under way; 0: none. */
uint64_t ledger_oldest_under_way(
	const struct ledger *ledger, const struct conversation *conversation);

/* The conversation's unanswered probes are lost. Gives the first of them; 0: none. */
uint64_t ledger_lose_all(struct ledger *ledger, struct conversation *conversation);

/*
 * The conversation is over (0: FIN, or -errno): its unanswered probes are lost, and a gap
 * begins.
 */
void ledger_give_up(
	struct ledger *ledger, struct conversation *conversation, int error, uint64_t now_ns);
