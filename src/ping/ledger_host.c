/*
 * Turns what the conversations notify into entries of the ledger.
 */
#include "ping/ledger_host.h"

#include <sys/socket.h>

#include "ping/ledger.h"
#include "ping/ledger_reply.h"

static void on_connected(void *context, struct conversation *conversation, uint64_t now_ns)
{
	struct ledger *ledger = context;
	struct ping_event_lane *lane = ledger_lane_of(ledger, conversation->index + 1);
	struct ping_event event = {
		.kind = PING_EVENT_CONNECTED,
		.connect_ns = conversation->connect_ns,
		.handshake_ns = conversation->handshake_ns,
		.connect_untimed = conversation->connect_untimed,
	};

	if (conversation->own.length > 0)
		lane->port = addr_port(&conversation->own);
	if (addr_socket_type(ledger->manner->peer.scheme) != SOCK_STREAM)
		return;
	ledger->connections++;
	if (!conversation->connect_untimed)
		tally_times_add(&ledger->connect, conversation->connect_ns);
	if (!conversation->connect_untimed && conversation->handshake_ns > 0)
		tally_times_add(&ledger->handshake, conversation->handshake_ns);
	if (!ledger->manner->connect)
		ledger_report(ledger, &event, lane);
}

static void on_replied(void *context, struct conversation *conversation, uint64_t number,
	const struct probe_damage *damage, uint64_t now_ns)
{
	struct ledger *ledger = context;
	uint64_t sent_ns = now_ns;

	flight_sent_at(&ledger->flight, number, &sent_ns);
	if (damage != NULL)
		ledger_reply_damaged(ledger, conversation, number, conversation->head,
			ledger->probe.size, damage, now_ns);
	else
		ledger_reply_exact(ledger, conversation, number, sent_ns, now_ns);
}

static void on_cut_short(void *context, struct conversation *conversation, uint64_t number,
	size_t length, const struct probe_damage *damage, uint64_t now_ns)
{
	struct ledger *ledger = context;

	ledger_reply_damaged(
		ledger, conversation, number, conversation->head, length, damage, now_ns);
	if (ledger->manner->connect)
		conversation_close(conversation, true);
}

static void on_datagram(void *context, struct conversation *conversation,
	const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	ledger_reply_datagram(context, conversation, bytes, length, now_ns);
}

static void on_troubled(void *context, struct conversation *conversation, uint64_t number,
	int error, uint64_t now_ns)
{
	struct ledger *ledger = context;
	struct ping_event_lane *lane = ledger_lane_of(ledger, conversation->index + 1);
	uint64_t since_ns = now_ns;

	/*
	 * ICMP speaks of one datagram, and the socket does not say which: most likely the
	 * oldest.
	 */
	if (number == 0)
		number = ledger_oldest_under_way(ledger, conversation);
	if (number == 0)
		number = ledger->flight.next - 1;
	flight_sent_at(&ledger->flight, number, &since_ns);
	flight_lost(&ledger->flight, number);
	ledger_fail(ledger, lane, error, since_ns, number);
}

static void on_ended(void *context, struct conversation *conversation, int error, uint64_t now_ns)
{
	ledger_give_up(context, conversation, error, now_ns);
}

static void on_out_of_step(void *context, struct conversation *conversation,
	const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	struct ledger *ledger = context;
	struct ping_event_lane *lane = ledger_lane_of(ledger, conversation->index + 1);
	struct ping_event event = { .kind = PING_EVENT_OUT_OF_STEP };

	ledger_reply_set_came(&event, bytes, length);
	/* Without bytes, `replied` or `cut_short` has just counted what was wrong. */
	if (bytes != NULL) {
		ledger->tally.foreign++;
		lane->tally.foreign++;
	}
	ledger_lose_all(ledger, conversation);
	ledger_report(ledger, &event, lane);
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
