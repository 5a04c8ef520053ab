/*
 * Gaps, and what is lost. Each source port has a lane of its own, because a gap on one port (a
 * broken member of a bundle) says nothing about the others.
 */
#include "ping/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

/* Lost datagrams in a row that are no longer chance. */
#define SILENT_DATAGRAMS 3
/* Of the percentiles: for the whole, and for each of many source ports. */
#define DIGITS 3
#define LANE_DIGITS 2

struct ping_event_lane *ledger_lane_of(struct ledger *ledger, uint64_t number)
{
	return &ledger->lanes[(number - 1) % ledger->lane_count];
}

/* ---- reporting ---- */

void ledger_report(
	struct ledger *ledger, struct ping_event *event, const struct ping_event_lane *lane)
{
	event->port = ledger->manner->by_port ? lane->port : 0;
	ledger->printer->event(ledger->manner, event);
	/* A full disk, or a pipe without a reader: the run has no purpose any more. */
	if (ferror(stdout))
		ledger->output_failed = true;
}

static void report_plain(struct ledger *ledger, enum ping_event_kind kind, uint64_t number,
	const struct ping_event_lane *lane)
{
	struct ping_event event = {
		.kind = kind,
		.number = number,
		.bytes = ledger->probe.size,
		.gap = &lane->gap,
	};

	ledger_report(ledger, &event, lane);
}

/* ---- gaps ---- */

static void gap_began(struct ledger *ledger, struct ping_event_lane *lane)
{
	if (ledger->gap_count++ < PING_EVENT_GAPS_MOST) {
		uint64_t ago_ns = clock_now_ns() - lane->gap.begin_ns;

		ledger->gaps[ledger->gap_count - 1] = (struct ping_event_gap){
			.gap = lane->gap,
			.begin_wall_ns = clock_wall_ns() - ago_ns,
			.lane = (size_t)(lane - ledger->lanes),
		};
	}
	report_plain(ledger, PING_EVENT_GAP_BEGIN, lane->gap.begin_number, lane);
}

/* Brings the list up to date with a gap that is over, or still open. Gives its length. */
static uint64_t gap_note(
	struct ledger *ledger, const struct ping_event_lane *lane, uint64_t length_ns)
{
	size_t kept = ledger->gap_count < PING_EVENT_GAPS_MOST ? ledger->gap_count
							       : PING_EVENT_GAPS_MOST;

	for (size_t i = kept; i-- > 0;) {
		struct ping_event_gap *past = &ledger->gaps[i];

		if (&ledger->lanes[past->lane] == lane &&
			past->gap.begin_ns == lane->gap.begin_ns) {
			past->gap = lane->gap;
			past->length_ns = length_ns;
			break;
		}
	}
	return length_ns;
}

void ledger_fail(struct ledger *ledger, struct ping_event_lane *lane, int error, uint64_t since_ns,
	uint64_t number)
{
	if (gap_fail(&lane->gap, gap_way_of(error), error, since_ns, number))
		gap_began(ledger, lane);
}

void ledger_hear(
	struct ledger *ledger, struct ping_event_lane *lane, uint64_t number, uint64_t now_ns)
{
	uint64_t length_ns;

	if (!gap_answer(&lane->gap, now_ns, number, &length_ns))
		return;
	ledger->gaps_ns += gap_note(ledger, lane, length_ns);

	struct ping_event event = {
		.kind = PING_EVENT_GAP_END,
		.number = number,
		.gap = &lane->gap,
		.gap_ns = length_ns,
	};

	ledger_report(ledger, &event, lane);
}

/* ---- what is lost ---- */

uint64_t ledger_oldest_under_way(
	const struct ledger *ledger, const struct conversation *conversation)
{
	uint64_t number = ledger->flight.unchecked;

	for (; number < ledger->flight.next; number++) {
		if (conversation_carries(conversation, number) &&
			flight_is_under_way(&ledger->flight, number))
			return number;
	}
	return 0;
}

uint64_t ledger_lose_all(struct ledger *ledger, struct conversation *conversation)
{
	uint64_t first = 0;

	for (uint64_t number = conversation->receive_number; number < conversation->end_number;
		number += ledger->lane_count) {
		if (first == 0)
			first = number;
		flight_lost(&ledger->flight, number);
	}
	return first;
}

/* The number of the next probe that this conversation will get. */
static uint64_t next_number(const struct ledger *ledger, const struct conversation *conversation)
{
	uint64_t next = ledger->flight.next, step = ledger->lane_count;

	return next + (conversation->index + step - (next - 1) % step) % step;
}

void ledger_give_up(
	struct ledger *ledger, struct conversation *conversation, int error, uint64_t now_ns)
{
	uint64_t since_ns = now_ns, first = ledger_lose_all(ledger, conversation);

	if (first != 0)
		flight_sent_at(&ledger->flight, first, &since_ns);
	else
		first = next_number(ledger, conversation);
	ledger_fail(
		ledger, ledger_lane_of(ledger, conversation->index + 1), error, since_ns, first);
}

/* ---- the loop's side ---- */

uint64_t ledger_start_probe(struct ledger *ledger, uint64_t now_ns)
{
	uint64_t number = flight_start(&ledger->flight, now_ns);
	struct ping_event_lane *lane = ledger_lane_of(ledger, number);

	ledger->tally.sent++;
	lane->tally.sent++;
	if (ledger->manner->flood)
		report_plain(ledger, PING_EVENT_SENT, number, lane);
	return number;
}

void ledger_report_waiting(struct ledger *ledger)
{
	uint64_t number = ledger->flight.next - 1;

	if (flight_is_under_way(&ledger->flight, number))
		report_plain(ledger, PING_EVENT_WAITING, number, ledger_lane_of(ledger, number));
}

bool ledger_overdue(
	struct ledger *ledger, uint64_t now_ns, uint64_t *ret_number, uint64_t *ret_next_ns)
{
	uint64_t sent_ns = 0;

	if (!flight_overdue(
		    &ledger->flight, now_ns, ledger->manner->timeout_ns, ret_number, ret_next_ns))
		return false;

	struct ping_event_lane *lane = ledger_lane_of(ledger, *ret_number);

	flight_sent_at(&ledger->flight, *ret_number, &sent_ns);
	report_plain(ledger, PING_EVENT_OVERDUE, *ret_number, lane);
	if (gap_silence(&lane->gap, sent_ns, *ret_number))
		gap_began(ledger, lane);
	return true;
}

bool ledger_is_away(const struct ledger *ledger)
{
	bool used = false;

	for (size_t i = 0; i < ledger->lane_count; i++) {
		const struct ping_event_lane *lane = &ledger->lanes[i];

		if (lane->tally.sent == 0)
			continue;
		used = true;
		/* An end between two probes (FIN behind the last reply) has cost nothing yet. */
		if (!lane->gap.away || lane->gap.begin_number >= ledger->flight.next)
			return false;
	}
	return used;
}

struct ping_event_result ledger_result(struct ledger *ledger, uint64_t start_ns, uint64_t now_ns)
{
	uint64_t open_ns = 0;

	for (size_t i = 0; i < ledger->lane_count; i++) {
		struct ping_event_lane *lane = &ledger->lanes[i];

		lane->under_way = 0;
		if (lane->gap.away)
			open_ns += gap_note(ledger, lane, now_ns - lane->gap.begin_ns);
	}
	for (uint64_t number = ledger->flight.unchecked; number < ledger->flight.next; number++) {
		if (flight_is_under_way(&ledger->flight, number))
			ledger_lane_of(ledger, number)->under_way++;
	}
	return (struct ping_event_result){
		.tally = &ledger->tally,
		.connect = &ledger->connect,
		.handshake = &ledger->handshake,
		.connections = ledger->connections,
		.duration_ns = now_ns - start_ns,
		.under_way = ledger->flight.under_way,
		.gap_count = ledger->gap_count,
		.gaps_ns = ledger->gaps_ns + open_ns,
		.gaps = ledger->gaps,
		.lanes = ledger->lanes,
		.lane_count = ledger->lane_count,
	};
}

/* ---- life ---- */

int ledger_init(struct ledger *ledger, const struct ping_event_manner *manner,
	const struct ping_event_printer *printer, struct conversation_scratch *scratch,
	size_t lane_count)
{
	bool stream = addr_socket_type(manner->peer.scheme) == SOCK_STREAM;
	int r;

	*ledger = (struct ledger){ .manner = manner, .printer = printer, .scratch = scratch };
	ledger->probe = (struct probe){
		.run = (uint32_t)(clock_wall_ns() ^ (uint64_t)getpid() << 16),
		.size = manner->size_bytes,
	};
	ledger->lanes = calloc(lane_count, sizeof(*ledger->lanes));
	if (ledger->lanes == NULL)
		return -ENOMEM;
	ledger->lane_count = lane_count;
	r = flight_init(&ledger->flight);
	if (r == 0)
		r = tally_init(&ledger->tally, DIGITS);
	if (r == 0)
		r = tally_times_init(&ledger->connect, DIGITS);
	if (r == 0)
		r = tally_times_init(&ledger->handshake, DIGITS);
	for (size_t i = 0; i < lane_count && r == 0; i++) {
		gap_init(&ledger->lanes[i].gap, stream ? 1 : SILENT_DATAGRAMS);
		r = tally_init(&ledger->lanes[i].tally, lane_count > 1 ? LANE_DIGITS : DIGITS);
	}
	return r;
}

void ledger_fini(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->lane_count; i++)
		tally_fini(&ledger->lanes[i].tally);
	free(ledger->lanes);
	tally_times_fini(&ledger->connect);
	tally_times_fini(&ledger->handshake);
	tally_fini(&ledger->tally);
	flight_fini(&ledger->flight);
	*ledger = (struct ledger){ 0 };
}
