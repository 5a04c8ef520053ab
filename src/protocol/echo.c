/*
 * What an echo server does with bytes, and nothing else.
 *
 *            bytes: send them          end of stream
 *   OPEN ───────────────────────▶ OPEN ─────────────▶ close when all is sent
 *    │  pending reaches the cap: credit 0
 *    │  pending falls to half of it: credit again
 *
 * A peer that does not read is not read from: what is pending (received and not yet taken by the
 * kernel) never passes the cap. Resuming at half of it keeps a slow reader from costing a pause and
 * a resume for every few bytes.
 */
#include "protocol/echo.h"

#include <assert.h>
#include <string.h>

/* Overlaid on struct protocol_conn. */
struct echo_conn {
	uint64_t received_bytes;
	uint32_t pending_bytes;
	uint32_t paused : 1, tag : 31;
};

_Static_assert(sizeof(struct echo_conn) <= sizeof(struct protocol_conn), "the state must fit");

static struct echo_conn load(const struct protocol_conn *conn)
{
	struct echo_conn state;

	memcpy(&state, conn, sizeof(state));
	return state;
}

static void store(struct protocol_conn *conn, const struct echo_conn *state)
{
	memcpy(conn, state, sizeof(*state));
}

uint64_t echo_received_bytes(const struct protocol_conn *conn)
{
	return load(conn).received_bytes;
}

uint32_t echo_pending_bytes(const struct protocol_conn *conn)
{
	return load(conn).pending_bytes;
}

unsigned echo_tag(const struct protocol_conn *conn)
{
	return load(conn).tag;
}

/*
 * Small services of inetd that answer whatever comes (RFC 862 to 867, 868, 1288), and services that
 * answer errors to anything: DNS, NTP, NetBIOS, SNMP, LDAP, SSDP... An answer from our port to such
 * a port may come back, and be answered, for ever (CVE-1999-0103). Real clients send from ephemeral
 * ports.
 */
static const uint16_t loop_ports[] = { 0, 7, 9, 11, 13, 15, 17, 18, 19, 37, 53, 69, 111, 123, 137,
	138, 161, 389, 464, 500, 520, 1900, 5353, 11211 };
#define LOOP_PORTS (sizeof(loop_ports) / sizeof(loop_ports[0]))

bool echo_is_loop_port(uint16_t port)
{
	for (size_t i = 0; i < LOOP_PORTS; i++) {
		if (loop_ports[i] == port)
			return true;
	}
	return false;
}

void echo_add_own_port(struct echo *echo, uint16_t port)
{
	echo->loop_ports[port / 8] |= (unsigned char)(1u << port % 8);
}

/* An answer to such a port could come back and be answered, for ever. */
static bool may_loop(const struct echo *echo, int32_t peer_port)
{
	return peer_port >= 0 && (echo->loop_ports[peer_port / 8] >> peer_port % 8 & 1) != 0;
}

/* How much more the connection may receive. */
static uint32_t credit_of(const struct echo *echo, struct echo_conn *state)
{
	if (state->pending_bytes >= echo->cap_bytes)
		state->paused = true;
	else if (state->pending_bytes <= echo->cap_bytes / 2)
		state->paused = false;
	return state->paused ? 0 : echo->cap_bytes - state->pending_bytes;
}

static void handle_bytes(struct echo *echo, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct echo_conn state = load(conn);

	state.received_bytes += event->span.length;
	state.pending_bytes += event->span.length;
	answer->send = event->span;
	if (event->kind == PROTOCOL_URGENT && echo->return_urgent) {
		answer->send_urgent = true;
		echo->counters[state.tag].urgent_bytes++;
	}
	answer->credit = credit_of(echo, &state);
	echo->counters[state.tag].bytes_received += event->span.length;
	store(conn, &state);
}

static void handle_sent(
	struct echo *echo, struct protocol_conn *conn, size_t count, struct protocol_answer *answer)
{
	struct echo_conn state = load(conn);

	assert(count <= state.pending_bytes);
	state.pending_bytes -= (uint32_t)count;
	answer->credit = credit_of(echo, &state);
	echo->counters[state.tag].bytes_sent += count;
	store(conn, &state);
}

static void handle_datagram(
	struct echo *echo, const struct protocol_event *event, struct protocol_answer *answer)
{
	struct counters *counters = &echo->counters[event->tag];

	counters->datagrams_received++;
	if (event->truncated) {
		counters->datagrams_lost++; /* half an echo would be a false one */
		return;
	}
	if (!event->peer_named || event->to_group || may_loop(echo, event->peer_port)) {
		counters->datagrams_refused++;
		if (event->peer_named && echo->report_looped != NULL)
			echo->report_looped(echo->context, event->to_group ? -1 : event->peer_port);
		return;
	}
	/* An empty datagram is answered, too: its span has a buffer. */
	answer->send = event->span;
}

static void handle_opened(
	struct echo *echo, struct protocol_conn *conn, unsigned tag, struct protocol_answer *answer)
{
	struct echo_conn state = { .tag = tag & INT32_MAX };

	store(conn, &state);
	answer->credit = echo->cap_bytes;
}

static void echo_handle(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct echo *echo = (struct echo *)self;

	switch (event->kind) {
	case PROTOCOL_OPENED: handle_opened(echo, conn, event->tag, answer); break;
	case PROTOCOL_BYTES:
	case PROTOCOL_URGENT: handle_bytes(echo, conn, event, answer); break;
	case PROTOCOL_END: answer->end = PROTOCOL_CLOSE; break;
	case PROTOCOL_SENT: handle_sent(echo, conn, event->count, answer); break;
	case PROTOCOL_DEADLINE:
	case PROTOCOL_NUDGED:
	case PROTOCOL_FAULT:
	case PROTOCOL_LOST: break;
	case PROTOCOL_DATAGRAM: handle_datagram(echo, event, answer); break;
	case PROTOCOL_DATAGRAM_SENT:
		echo->counters[event->tag].datagrams_sent += event->count;
		break;
	case PROTOCOL_DATAGRAM_LOST:
		echo->counters[event->tag].datagrams_lost += event->count;
		break;
	}
}

/* It only counts; urgent bytes are not reported unseen. */
static bool takes_unseen(const struct protocol *self, const struct protocol_conn *conn)
{
	return true;
}

void echo_init(struct echo *echo, struct counters *counters, uint32_t cap_bytes, bool return_urgent)
{
	*echo = (struct echo){
		.protocol = {
			.name = "echo",
			.sent_can_wait = true,
			.takes_unseen = takes_unseen,
			.handle = echo_handle,
		},
		.counters = counters,
		.cap_bytes = cap_bytes,
		.return_urgent = return_urgent,
	};
	for (size_t i = 0; i < LOOP_PORTS; i++)
		echo_add_own_port(echo, loop_ports[i]);
}
