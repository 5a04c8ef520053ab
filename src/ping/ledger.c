/*
 * A datagram's reply is known by the number inside, a stream's by its place; that a reply is whole
 * is proved by all of its bytes. What cannot be decided is never counted in our favour.
 */
#include "ping/ledger.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/call.h"

/* Lost datagrams in a row that are no longer chance. */
#define SILENT_DATAGRAMS 3
/* How far a damaged datagram whose number is damaged, too, is compared with those under way. */
#define GUESSES_MOST 64
/* Of the percentiles: for the whole, and for each of many source ports. */
#define DIGITS 3
#define LANE_DIGITS 2

static bool is_stream(const struct ledger *ledger)
{
	return addr_socket_type(ledger->manner->peer.scheme) == SOCK_STREAM;
}

static struct ping_event_lane *lane_of(struct ledger *ledger, const struct conversation *flow)
{
	return &ledger->lanes[flow->lane];
}

/* ---- telling ---- */

static void tell(
	struct ledger *ledger, struct ping_event *event, const struct ping_event_lane *lane)
{
	event->port = ledger->manner->by_port ? lane->port : 0;
	ledger->teller->tell(ledger->manner, event);
	/* Nobody reads any more (a full disk, `| head`): there is nothing to go on for. */
	if (ferror(stdout))
		ledger->unheard = true;
}

static void tell_plain(struct ledger *ledger, enum ping_event_kind kind, uint64_t number,
	const struct ping_event_lane *lane)
{
	struct ping_event event = {
		.kind = kind,
		.number = number,
		.bytes = ledger->probe.size,
		.gap = &lane->gap,
	};

	tell(ledger, &event, lane);
}

static bool read_kernel(const struct ledger *ledger, const struct conversation *flow,
	struct ping_event_kernel *ret_kernel)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (!ledger->kernel || flow->fd < 0 ||
		call_getsockopt(flow->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return false;
	*ret_kernel = (struct ping_event_kernel){
		.round_trip_us = info.tcpi_rtt,
		.variation_us = info.tcpi_rttvar,
		.least_us = info.tcpi_min_rtt,
		.window_segments = info.tcpi_snd_cwnd,
		.retransmits = info.tcpi_total_retrans,
	};
	return true;
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
	tell_plain(ledger, PING_EVENT_GAP_BEGIN, lane->gap.begin_number, lane);
}

/* Brings the list up to date with a gap that is over, or lasts on. Gives its length. */
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

static void failed(struct ledger *ledger, struct ping_event_lane *lane, int error,
	uint64_t since_ns, uint64_t number)
{
	if (gap_fail(&lane->gap, gap_way_of(error), error, since_ns, number))
		gap_began(ledger, lane);
}

/* ---- what replies mean ---- */

/* The service is there, whatever it says. */
static void heard(
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

	tell(ledger, &event, lane);
}

static void answered(
	struct ledger *ledger, struct ping_event_lane *lane, uint64_t number, uint64_t now_ns)
{
	ledger->answer_count++;
	heard(ledger, lane, number, now_ns);
}

static void count_reply(
	struct ledger *ledger, struct ping_event_lane *lane, struct ping_event *event)
{
	struct tally *both[] = { &ledger->tally, &lane->tally };

	/* RFC 4737: reordered is what comes behind one that was sent later. */
	event->reordered = event->number < lane->highest_number;
	if (event->number > lane->highest_number)
		lane->highest_number = event->number;
	for (size_t i = 0; i < 2; i++) {
		both[i]->received++;
		both[i]->late += event->late;
		both[i]->reordered += event->reordered;
		if (!event->untimed)
			tally_times_add(&both[i]->round_trip, event->round_trip_ns);
	}
}

/* All bytes of a reply are right. `sent_ns` is from its own bytes where the number is forgotten. */
static void sound_reply(struct ledger *ledger, struct conversation *flow, uint64_t number,
	uint64_t sent_ns, uint64_t now_ns)
{
	struct ping_event_lane *lane = lane_of(ledger, flow);
	struct ping_event_kernel kernel;
	enum flight_match match = flight_back(&ledger->flight, number);
	struct ping_event event = {
		.kind = PING_EVENT_REPLY,
		.number = number,
		.bytes = ledger->probe.size,
		.round_trip_ns = now_ns > sent_ns ? now_ns - sent_ns : 0,
		.connect_ns = flow->connect_ns,
		.late = match == FLIGHT_LATE && !flow->untimed,
		.untimed = flow->untimed,
		.connect_untimed = flow->connect_untimed,
		.kernel = read_kernel(ledger, flow, &kernel) ? &kernel : NULL,
	};

	if (match == FLIGHT_REPLY || match == FLIGHT_LATE) {
		count_reply(ledger, lane, &event);
	} else {
		/* One too old to be known may be a first reply or a second: only the latter does
		 * not make a loss look smaller than it was. */
		event.kind = PING_EVENT_DUPLICATE;
		ledger->tally.duplicates++;
		lane->tally.duplicates++;
	}
	answered(ledger, lane, number, now_ns);
	tell(ledger, &event, lane);
}

static void set_came(struct ping_event *event, const unsigned char *came, size_t length)
{
	if (length == 0)
		return;
	event->came = came;
	event->came_length = length < CONVERSATION_HEAD_SIZE ? length : CONVERSATION_HEAD_SIZE;
}

/* `came` has the first bytes of the reply, or all of them. */
static void damaged_reply(struct ledger *ledger, struct conversation *flow, uint64_t number,
	const unsigned char *came, size_t length, const struct probe_damage *damage,
	uint64_t now_ns)
{
	struct ping_event_lane *lane = lane_of(ledger, flow);
	struct ping_event event = {
		.kind = PING_EVENT_DAMAGED,
		.number = number,
		.bytes = length,
		.damage = *damage,
	};

	/* Of one or two wrong bytes the offset tells more. */
	if (damage->count > length / 2)
		set_came(&event, came, length);
	ledger->tally.damaged++;
	lane->tally.damaged++;
	flight_lost(&ledger->flight, number);
	answered(ledger, lane, number, now_ns); /* the service is there, if not well */
	tell(ledger, &event, lane);
}

static void on_replied(void *context, struct conversation *flow, uint64_t number,
	const struct probe_damage *damage, uint64_t now_ns)
{
	struct ledger *ledger = context;
	uint64_t sent_ns = now_ns;

	flight_sent_at(&ledger->flight, number, &sent_ns);
	if (damage != NULL)
		damaged_reply(ledger, flow, number, flow->head, ledger->probe.size, damage, now_ns);
	else
		sound_reply(ledger, flow, number, sent_ns, now_ns);
	if (ledger->manner->connect)
		conversation_close(flow, false);
}

static void on_cut_short(void *context, struct conversation *flow, uint64_t number, size_t length,
	const struct probe_damage *damage, uint64_t now_ns)
{
	struct ledger *ledger = context;

	damaged_reply(ledger, flow, number, flow->head, length, damage, now_ns);
	if (ledger->manner->connect)
		conversation_close(flow, true);
}

static bool matches(struct ledger *ledger, uint64_t number, uint64_t sent_ns,
	const unsigned char *bytes, size_t length, struct probe_damage *ret_damage)
{
	probe_fill(&ledger->probe, number, sent_ns, ledger->settings->expected);
	return probe_compare(
		ledger->settings->expected, ledger->probe.size, bytes, length, ret_damage);
}

/* The one under way that it resembles most, if it does so by more than half; 0: none. */
static uint64_t guess_number(struct ledger *ledger, const struct conversation *flow,
	const unsigned char *bytes, size_t length, struct probe_damage *ret_damage)
{
	uint64_t best = 0, step = ledger->settings->step, number = ledger->flight.next - 1;
	size_t least = (ledger->probe.size + 1) / 2;
	unsigned guesses = 0;

	for (; number > 0 && guesses < GUESSES_MOST && number + FLIGHT_MOST > ledger->flight.next;
		number--) {
		struct probe_damage damage;
		uint64_t sent_ns;

		if ((number - 1) % step != flow->lane ||
			!flight_is_under_way(&ledger->flight, number))
			continue;
		guesses++;
		flight_sent_at(&ledger->flight, number, &sent_ns);
		if (!matches(ledger, number, sent_ns, bytes, length, &damage) &&
			damage.count < least) {
			least = damage.count;
			best = number;
			*ret_damage = damage;
		}
	}
	return best;
}

static uint64_t oldest_under_way(const struct ledger *ledger, const struct conversation *flow)
{
	uint64_t number = ledger->flight.unchecked;

	for (; number < ledger->flight.next; number++) {
		if ((number - 1) % ledger->settings->step == flow->lane &&
			flight_is_under_way(&ledger->flight, number))
			return number;
	}
	return 0;
}

/* Which probe a datagram claims to answer; 0: none of this flow's. */
static uint64_t claimed_number(const struct ledger *ledger, const struct conversation *flow,
	const unsigned char *bytes, size_t length)
{
	uint64_t number = 0;

	/* An empty probe has no number: its reply is the first that is due. */
	if (ledger->probe.size == 0)
		return oldest_under_way(ledger, flow);
	if (!probe_read_number(&ledger->probe, bytes, length, ledger->flight.next - 1, &number))
		return 0;
	return number > 0 && (number - 1) % ledger->settings->step == flow->lane ? number : 0;
}

static void foreign_datagram(struct ledger *ledger, struct conversation *flow,
	const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	struct ping_event_lane *lane = lane_of(ledger, flow);
	struct ping_event event = { .kind = PING_EVENT_FOREIGN, .bytes = length };

	set_came(&event, bytes, length);
	ledger->tally.foreign++;
	lane->tally.foreign++;
	/* Not silent. It is no answer either: a flood is not to be driven by what nobody asked for. */
	heard(ledger, lane, ledger->flight.next - 1, now_ns);
	tell(ledger, &event, lane);
}

static void on_datagram(void *context, struct conversation *flow, const unsigned char *bytes,
	size_t length, uint64_t now_ns)
{
	struct ledger *ledger = context;
	struct probe_damage damage = { .count = SIZE_MAX }, guessed_damage;
	uint64_t number = claimed_number(ledger, flow, bytes, length), guessed, sent_ns;

	if (number > 0 &&
		(flight_sent_at(&ledger->flight, number, &sent_ns) ||
			probe_read_time(&ledger->probe, bytes, length, &sent_ns)) &&
		matches(ledger, number, sent_ns, bytes, length, &damage)) {
		sound_reply(ledger, flow, number, sent_ns, now_ns);
		return;
	}
	if (!flight_is_under_way(&ledger->flight, number))
		number = 0;
	/* Its number may itself be what is damaged. */
	if (number == 0 || damage.count > ledger->probe.size / 2) {
		guessed = guess_number(ledger, flow, bytes, length, &guessed_damage);
		if (guessed > 0) {
			number = guessed;
			damage = guessed_damage;
		}
	}
	if (number > 0)
		damaged_reply(ledger, flow, number, bytes, length, &damage, now_ns);
	else
		foreign_datagram(ledger, flow, bytes, length, now_ns);
}

/* ---- what becomes of flows ---- */

static void on_connected(void *context, struct conversation *flow, uint64_t now_ns)
{
	struct ledger *ledger = context;
	struct ping_event_lane *lane = lane_of(ledger, flow);
	struct ping_event event = {
		.kind = PING_EVENT_CONNECTED,
		.connect_ns = flow->connect_ns,
		.connect_untimed = flow->connect_untimed,
	};

	if (flow->own.length > 0)
		lane->port = addr_port(&flow->own);
	if (!is_stream(ledger))
		return;
	ledger->connections++;
	if (!flow->connect_untimed)
		tally_times_add(&ledger->connect, flow->connect_ns);
	if (!ledger->manner->connect)
		tell(ledger, &event, lane);
}

/* All that has no answer yet is lost with the conversation. Gives the first of them, or 0. */
static uint64_t lose_all(struct ledger *ledger, struct conversation *flow)
{
	uint64_t first = 0;

	for (uint64_t number = flow->receive_number; number < flow->end_number;
		number += ledger->settings->step) {
		if (first == 0)
			first = number;
		flight_lost(&ledger->flight, number);
	}
	return first;
}

/* The number of the next probe that this flow will get. */
static uint64_t next_number(const struct ledger *ledger, const struct conversation *flow)
{
	uint64_t next = ledger->flight.next, step = ledger->settings->step;

	return next + (flow->lane + step - (next - 1) % step) % step;
}

static void on_ended(void *context, struct conversation *flow, int error, uint64_t now_ns)
{
	struct ledger *ledger = context;
	uint64_t since_ns = now_ns, first = lose_all(ledger, flow);

	if (first != 0)
		flight_sent_at(&ledger->flight, first, &since_ns);
	else
		first = next_number(ledger, flow);
	failed(ledger, lane_of(ledger, flow), error, since_ns, first);
}

static void on_troubled(
	void *context, struct conversation *flow, uint64_t number, int error, uint64_t now_ns)
{
	struct ledger *ledger = context;
	struct ping_event_lane *lane = lane_of(ledger, flow);
	uint64_t since_ns = now_ns;

	/* ICMP speaks of one datagram, and the socket does not say which: most likely the oldest. */
	if (number == 0)
		number = oldest_under_way(ledger, flow);
	if (number == 0)
		number = ledger->flight.next - 1;
	flight_sent_at(&ledger->flight, number, &since_ns);
	flight_lost(&ledger->flight, number);
	failed(ledger, lane, error, since_ns, number);
}

static void on_out_of_step(void *context, struct conversation *flow, const unsigned char *bytes,
	size_t length, uint64_t now_ns)
{
	struct ledger *ledger = context;
	struct ping_event_lane *lane = lane_of(ledger, flow);
	struct ping_event event = { .kind = PING_EVENT_OUT_OF_STEP };

	set_came(&event, bytes, length);
	/* What was wrong has been counted where it has just been told. */
	if (bytes != NULL) {
		ledger->tally.foreign++;
		lane->tally.foreign++;
	}
	lose_all(ledger, flow);
	tell(ledger, &event, lane);
}

static uint64_t on_stops(void *context)
{
	const struct ledger *ledger = context;

	return ledger->stops != NULL ? ledger->stops(ledger->stops_context) : 0;
}

const struct conversation_host ledger_host = {
	.connected = on_connected,
	.replied = on_replied,
	.cut_short = on_cut_short,
	.datagram = on_datagram,
	.troubled = on_troubled,
	.ended = on_ended,
	.out_of_step = on_out_of_step,
	.stops = on_stops,
};

/* ---- what the loop tells ---- */

uint64_t ledger_start_probe(struct ledger *ledger, uint64_t now_ns)
{
	uint64_t number = flight_start(&ledger->flight, now_ns);
	struct ping_event_lane *lane = &ledger->lanes[(number - 1) % ledger->lane_count];

	ledger->tally.sent++;
	lane->tally.sent++;
	if (ledger->manner->flood)
		tell_plain(ledger, PING_EVENT_SENT, number, lane);
	return number;
}

void ledger_tell_waiting(struct ledger *ledger)
{
	uint64_t number = ledger->flight.next - 1;

	if (flight_is_under_way(&ledger->flight, number))
		tell_plain(ledger, PING_EVENT_WAITING, number,
			&ledger->lanes[(number - 1) % ledger->lane_count]);
}

bool ledger_overdue(
	struct ledger *ledger, uint64_t now_ns, uint64_t *ret_number, uint64_t *ret_next_ns)
{
	uint64_t sent_ns = 0;

	if (!flight_overdue(
		    &ledger->flight, now_ns, ledger->manner->timeout_ns, ret_number, ret_next_ns))
		return false;

	struct ping_event_lane *lane = &ledger->lanes[(*ret_number - 1) % ledger->lane_count];

	flight_sent_at(&ledger->flight, *ret_number, &sent_ns);
	tell_plain(ledger, PING_EVENT_OVERDUE, *ret_number, lane);
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
			ledger->lanes[(number - 1) % ledger->lane_count].under_way++;
	}
	return (struct ping_event_result){
		.tally = &ledger->tally,
		.connect = &ledger->connect,
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
	const struct ping_event_teller *teller, struct conversation_settings *settings,
	size_t lane_count)
{
	bool stream = addr_socket_type(manner->peer.scheme) == SOCK_STREAM;
	int r;

	*ledger = (struct ledger){ .manner = manner, .teller = teller, .settings = settings };
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
	tally_fini(&ledger->tally);
	flight_fini(&ledger->flight);
	*ledger = (struct ledger){ 0 };
}
