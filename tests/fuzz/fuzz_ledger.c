/*
 * The ledger of ping under any datagrams in any order: nothing is counted twice, nothing is received that
 * was not sent, and each source port's sums make up the whole.
 *
 * The input is a list of steps: what happens, and for a datagram its length and bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ping/ledger.h"
#include "ping/ledger_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define LANES 2
#define SIZE_MOST 64

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static uint64_t shown; /* replies that were reported as such */

static void count_reported(const struct ping_event_manner *manner, const struct ping_event *event)
{
	shown += event->kind == PING_EVENT_REPLY;
	ASSERT(event->kind != PING_EVENT_DAMAGED || event->damage.count > 0);
}

static void check(struct ledger *ledger)
{
	const struct tally *tally = &ledger->tally;
	uint64_t sent = 0, received = 0, damaged = 0, foreign = 0;

	for (size_t i = 0; i < LANES; i++) {
		sent += ledger->lanes[i].tally.sent;
		received += ledger->lanes[i].tally.received;
		damaged += ledger->lanes[i].tally.damaged;
		foreign += ledger->lanes[i].tally.foreign;
	}
	ASSERT(sent == tally->sent && received == tally->received);
	ASSERT(damaged == tally->damaged && foreign == tally->foreign);
	ASSERT(received == shown);
	ASSERT(received + ledger->flight.under_way <= sent);
	ASSERT(tally->late <= received && tally->reordered <= received);
	ASSERT(tally->round_trip.count == received);
}

/* A reply made from a true one: the number, then which byte is changed (or none). */
static void reply(struct ledger *ledger, struct conversation *conversation, struct input *input,
	uint64_t now_ns)
{
	unsigned char datagram[SIZE_MOST + 1] = { 0 };
	uint64_t number = take(input), sent_ns = 0;
	size_t place = take(input), size = ledger->probe.size;

	flight_sent_at(&ledger->flight, number, &sent_ns);
	probe_fill(&ledger->probe, number, sent_ns, datagram);
	if (place < size)
		datagram[place] ^= (unsigned char)(take(input) | 1);
	ledger_host.datagram(ledger, conversation, datagram, size + (place == 255), now_ns);
}

static void raw(struct ledger *ledger, struct conversation *conversation, struct input *input,
	uint64_t now_ns)
{
	unsigned char datagram[256];
	size_t size = take(input);

	for (size_t i = 0; i < size; i++)
		datagram[i] = take(input);
	ledger_host.datagram(ledger, conversation, datagram, size, now_ns);
}

static void step(struct ledger *ledger, struct conversation *conversations, struct input *input,
	uint64_t *now_ns)
{
	uint8_t what = take(input);
	struct conversation *conversation = &conversations[what >> 7];
	uint64_t number, next_ns;

	*now_ns += what;
	switch (what % 6) {
	case 0:
	case 1: ledger_start_probe(ledger, *now_ns); break;
	case 2: reply(ledger, conversation, input, *now_ns); break;
	case 3: raw(ledger, conversation, input, *now_ns); break;
	case 4:
		ledger_host.troubled(ledger, conversation, take(input), -(int)take(input), *now_ns);
		break;
	default:
		while (ledger_overdue(ledger, *now_ns, &number, &next_ns))
			;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static unsigned char expected[SIZE_MOST];
	static const struct ping_event_printer printer = { .event = count_reported };
	struct input input = { .at = bytes, .left = length };
	struct ping_event_manner manner = {
		.peer.scheme = ADDR_UDP,
		.size_bytes = take(&input) % (SIZE_MOST + 1),
		.by_port = true,
		.timeout_ns = 300,
	};
	struct conversation_scratch scratch = { .expected = expected };
	struct conversation_settings settings = { .step = LANES, .scratch = &scratch };
	struct conversation conversations[LANES];
	struct ledger ledger;
	uint64_t now_ns = 1000;

	shown = 0;
	ASSERT(ledger_init(&ledger, &manner, &printer, &scratch, LANES) == 0);
	ledger.probe.run = 0x01020304; /* the same in each run: an input must mean the same */
	settings.probe = &ledger.probe;
	settings.flight = &ledger.flight;
	for (size_t i = 0; i < LANES; i++)
		conversation_init(&conversations[i], &settings, i);
	while (input.left > 0) {
		step(&ledger, conversations, &input, &now_ns);
		check(&ledger);
	}
	ledger_fini(&ledger);
	return 0;
}
