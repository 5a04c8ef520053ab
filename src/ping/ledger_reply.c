/*
 * A datagram's reply is known by the number inside, a stream's by its place; that a reply is whole
 * is proved by all of its bytes. What cannot be decided is never counted in the service's favour.
 */
#include "ping/ledger_reply.h"

#include <linux/tcp.h>
#include <netinet/in.h>

#include "net/call.h"

/* How far a damaged datagram whose number is damaged, too, is compared with those under way. */
#define GUESSES_MOST 64

static bool read_kernel(const struct ledger *ledger, const struct conversation *conversation,
	struct ping_event_kernel *ret_kernel)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (!ledger->kernel || conversation->fd < 0 ||
		call_getsockopt(conversation->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
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

static void answered(
	struct ledger *ledger, struct ping_event_lane *lane, uint64_t number, uint64_t now_ns)
{
	ledger->answer_count++;
	ledger_hear(ledger, lane, number, now_ns);
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

void ledger_reply_exact(struct ledger *ledger, struct conversation *conversation, uint64_t number,
	uint64_t sent_ns, uint64_t now_ns)
{
	struct ping_event_lane *lane = ledger_lane_of(ledger, conversation->index + 1);
	struct ping_event_kernel kernel;
	enum flight_match match = flight_back(&ledger->flight, number);
	struct ping_event event = {
		.kind = PING_EVENT_REPLY,
		.number = number,
		.bytes = ledger->probe.size,
		.round_trip_ns = now_ns > sent_ns ? now_ns - sent_ns : 0,
		.connect_ns = conversation->connect_ns,
		.handshake_ns = conversation->handshake_ns,
		.late = match == FLIGHT_LATE && !conversation->untimed,
		.untimed = conversation->untimed,
		.connect_untimed = conversation->connect_untimed,
		.kernel = read_kernel(ledger, conversation, &kernel) ? &kernel : NULL,
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
	ledger_report(ledger, &event, lane);
}

void ledger_reply_set_came(struct ping_event *event, const unsigned char *came, size_t length)
{
	if (length == 0)
		return;
	event->came = came;
	event->came_length = length < CONVERSATION_HEAD_SIZE ? length : CONVERSATION_HEAD_SIZE;
}

void ledger_reply_damaged(struct ledger *ledger, struct conversation *conversation, uint64_t number,
	const unsigned char *came, size_t length, const struct probe_damage *damage,
	uint64_t now_ns)
{
	struct ping_event_lane *lane = ledger_lane_of(ledger, conversation->index + 1);
	struct ping_event event = {
		.kind = PING_EVENT_DAMAGED,
		.number = number,
		.bytes = length,
		.damage = *damage,
	};

	/* Where only a few bytes are wrong, their offset says more. */
	if (damage->count > length / 2)
		ledger_reply_set_came(&event, came, length);
	ledger->tally.damaged++;
	lane->tally.damaged++;
	flight_lost(&ledger->flight, number);
	answered(ledger, lane, number, now_ns); /* the service is there, if not well */
	ledger_report(ledger, &event, lane);
}

static bool matches(struct ledger *ledger, uint64_t number, uint64_t sent_ns,
	const unsigned char *bytes, size_t length, struct probe_damage *ret_damage)
{
	probe_fill(&ledger->probe, number, sent_ns, ledger->scratch->expected);
	return probe_compare(
		ledger->scratch->expected, ledger->probe.size, bytes, length, ret_damage);
}

/* The one under way that it resembles most, if it does so by more than half; 0: none. */
static uint64_t guess_number(struct ledger *ledger, const struct conversation *conversation,
	const unsigned char *bytes, size_t length, struct probe_damage *ret_damage)
{
	uint64_t best = 0, number = ledger->flight.next - 1;
	size_t least = (ledger->probe.size + 1) / 2;
	unsigned guesses = 0;

	for (; number > 0 && guesses < GUESSES_MOST && number + FLIGHT_MOST > ledger->flight.next;
		number--) {
		struct probe_damage damage;
		uint64_t sent_ns;

		if (!conversation_carries(conversation, number) ||
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

/* Which probe a datagram claims to answer; 0: none of this conversation's. */
static uint64_t claimed_number(const struct ledger *ledger, const struct conversation *conversation,
	const unsigned char *bytes, size_t length)
{
	uint64_t number = 0;

	/* An empty probe has no number: its reply is the first that is due. */
	if (ledger->probe.size == 0)
		return ledger_oldest_under_way(ledger, conversation);
	if (!probe_read_number(&ledger->probe, bytes, length, ledger->flight.next - 1, &number))
		return 0;
	return number > 0 && conversation_carries(conversation, number) ? number : 0;
}

static void foreign_datagram(struct ledger *ledger, struct conversation *conversation,
	const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	struct ping_event_lane *lane = ledger_lane_of(ledger, conversation->index + 1);
	struct ping_event event = { .kind = PING_EVENT_FOREIGN, .bytes = length };

	ledger_reply_set_came(&event, bytes, length);
	ledger->tally.foreign++;
	lane->tally.foreign++;
	/* The service is not silent. But it is no answer: it must not make a flood send more. */
	ledger_hear(ledger, lane, ledger->flight.next - 1, now_ns);
	ledger_report(ledger, &event, lane);
}

void ledger_reply_datagram(struct ledger *ledger, struct conversation *conversation,
	const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	struct probe_damage damage = { .count = SIZE_MAX }, guessed_damage;
	uint64_t number = claimed_number(ledger, conversation, bytes, length), guessed, sent_ns;

	if (number > 0 &&
		(flight_sent_at(&ledger->flight, number, &sent_ns) ||
			probe_read_time(&ledger->probe, bytes, length, &sent_ns)) &&
		matches(ledger, number, sent_ns, bytes, length, &damage)) {
		ledger_reply_exact(ledger, conversation, number, sent_ns, now_ns);
		return;
	}
	if (!flight_is_under_way(&ledger->flight, number))
		number = 0;
	/* Its number may itself be what is damaged. */
	if (number == 0 || damage.count > ledger->probe.size / 2) {
		guessed = guess_number(ledger, conversation, bytes, length, &guessed_damage);
		if (guessed > 0) {
			number = guessed;
			damage = guessed_damage;
		}
	}
	if (number > 0)
		ledger_reply_damaged(ledger, conversation, number, bytes, length, &damage, now_ns);
	else
		foreign_datagram(ledger, conversation, bytes, length, now_ns);
}
