/*
 * The echo protocol by itself: events in, answers out, no socket anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/echo.h"

#define CAP 1000u

struct fixture {
	struct counters counters;
	struct echo echo;
	struct protocol_conn conn;
	uint32_t credit;
};

static struct protocol_answer report(struct fixture *f, struct protocol_event event)
{
	struct protocol_answer answer = { .credit = f->credit };

	f->echo.protocol.handle(&f->echo.protocol, &f->conn, &event, &answer);
	f->credit = answer.credit;
	return answer;
}

static struct protocol_answer report_bytes(
	struct fixture *f, enum protocol_event_kind kind, uint32_t length)
{
	static const unsigned char bytes[CAP];

	return report(f,
		(struct protocol_event){
			.kind = kind, .span = { .bytes = bytes, .length = length } });
}

static struct protocol_answer report_sent(struct fixture *f, size_t count)
{
	return report(f, (struct protocol_event){ .kind = PROTOCOL_SENT, .count = count });
}

static struct fixture open_one(bool return_urgent)
{
	struct fixture f = { 0 };

	/* The echo keeps a pointer to the counters: each test sets it to its own. */
	echo_init(&f.echo, NULL, CAP, return_urgent);
	return f;
}

#define OPEN(f, return_urgent)                                                                     \
	struct fixture f = open_one(return_urgent);                                                \
	(f).echo.counters = &(f).counters;                                                         \
	report(&(f), (struct protocol_event){ .kind = PROTOCOL_OPENED })

static void bytes_go_back_as_they_came(void **state)
{
	static const unsigned char text[] = "hello";
	OPEN(f, false);
	struct protocol_answer answer = report(&f,
		(struct protocol_event){ .kind = PROTOCOL_BYTES,
			.span = { .bytes = text, .length = 5, .buffer = &f } });

	assert_ptr_equal(answer.send.bytes, text);
	assert_int_equal(answer.send.length, 5);
	assert_ptr_equal(answer.send.buffer, &f);
	assert_false(answer.send_urgent);
	assert_int_equal(answer.end, PROTOCOL_GO_ON);
	assert_int_equal(f.counters.bytes_received, 5);
	assert_int_equal(echo_received_bytes(&f.conn), 5);
}

static void bytes_that_nobody_sees_count_as_well(void **state)
{
	OPEN(f, false);
	assert_true(f.echo.protocol.takes_unseen(&f.echo.protocol, &f.conn));

	struct protocol_answer answer = report(&f,
		(struct protocol_event){
			.kind = PROTOCOL_BYTES, .span = { .length = 700, .buffer = &f } });

	assert_true(protocol_span_is_unseen(&answer.send));
	assert_int_equal(answer.send.length, 700);
	assert_ptr_equal(answer.send.buffer, &f);
	assert_int_equal(f.credit, CAP - 700);
	assert_int_equal(f.counters.bytes_received, 700);
	report_sent(&f, 700);
	assert_int_equal(f.credit, CAP);
	assert_int_equal(f.counters.bytes_sent, 700);
}

static void room_is_the_cap_less_what_is_pending(void **state)
{
	OPEN(f, false);
	assert_int_equal(f.credit, CAP);
	report_bytes(&f, PROTOCOL_BYTES, 400);
	assert_int_equal(f.credit, CAP - 400);
	report_sent(&f, 100);
	assert_int_equal(f.credit, CAP - 300);
}

static void at_the_cap_it_pauses_until_half_has_left(void **state)
{
	OPEN(f, false);
	report_bytes(&f, PROTOCOL_BYTES, CAP);
	assert_int_equal(f.credit, 0);
	report_sent(&f, CAP / 2 - 1);
	assert_int_equal(f.credit, 0);
	report_sent(&f, 1);
	assert_int_equal(f.credit, CAP / 2);
}

static void end_of_stream_closes_after_what_is_pending(void **state)
{
	OPEN(f, false);
	report_bytes(&f, PROTOCOL_BYTES, 10);

	struct protocol_answer answer = report(&f, (struct protocol_event){ .kind = PROTOCOL_END });

	assert_int_equal(answer.end, PROTOCOL_CLOSE); /* not RESET: that would drop the ten bytes */
}

static void an_urgent_byte_is_plain_unless_asked_for(void **state)
{
	OPEN(f, false);
	assert_false(report_bytes(&f, PROTOCOL_URGENT, 1).send_urgent);
	OPEN(g, true);
	assert_true(report_bytes(&g, PROTOCOL_URGENT, 1).send_urgent);
	assert_false(report_bytes(&g, PROTOCOL_BYTES, 1).send_urgent);
	assert_int_equal(g.counters.urgent_bytes, 1);
}

static struct protocol_answer report_datagram(struct fixture *f, struct protocol_event event)
{
	struct protocol_answer answer = { 0 };

	event.kind = PROTOCOL_DATAGRAM;
	f->echo.protocol.handle(&f->echo.protocol, NULL, &event, &answer);
	return answer;
}

static int32_t looped[2];

static void note_looped(void *context, int32_t peer_port)
{
	unsigned *count = context;

	assert_in_range(*count, 0, 1);
	looped[(*count)++] = peer_port;
}

static void datagrams_are_answered_or_refused(void **state)
{
	static const unsigned char bytes[3];
	OPEN(f, false);
	struct protocol_event good = {
		.span = { .bytes = bytes, .length = 3 }, .peer_port = 40000, .peer_named = true
	};
	struct protocol_event event = good;
	unsigned reported = 0;

	assert_int_equal(report_datagram(&f, event).send.length, 3);
	event.span.length = 0;
	assert_non_null(report_datagram(&f, event).send.bytes); /* empty, but an answer */
	event = good;
	event.peer_port = -1; /* unix */
	assert_int_equal(report_datagram(&f, event).send.length, 3);

	event = good;
	event.peer_port = 7;
	f.echo.report_looped = note_looped;
	f.echo.context = &reported;
	assert_null(report_datagram(&f, event).send.bytes);
	f.echo.report_looped = NULL;
	event = good;
	event.peer_port = 0;
	assert_null(report_datagram(&f, event).send.bytes);
	event = good;
	event.peer_named = false;
	assert_null(report_datagram(&f, event).send.bytes);
	event = good;
	event.to_group = true;
	f.echo.report_looped = note_looped;
	assert_null(report_datagram(&f, event).send.bytes);
	assert_int_equal(reported, 2);
	assert_int_equal(looped[0], 7);
	assert_int_equal(looped[1], -1);
	assert_int_equal(f.counters.datagrams_refused, 4);
	event = good;
	event.truncated = true;
	assert_null(report_datagram(&f, event).send.bytes);
	assert_int_equal(f.counters.datagrams_lost, 1);
	assert_int_equal(f.counters.datagrams_received, 8);
}

static void what_became_of_answers_is_counted(void **state)
{
	OPEN(f, false);
	report(&f, (struct protocol_event){ .kind = PROTOCOL_DATAGRAM_SENT, .count = 30 });
	report(&f,
		(struct protocol_event){ .kind = PROTOCOL_DATAGRAM_LOST, .count = 2, .error = -1 });
	report(&f, (struct protocol_event){ .kind = PROTOCOL_DATAGRAM_SENT, .count = 1 });
	assert_int_equal(f.counters.datagrams_sent, 31);
	assert_int_equal(f.counters.datagrams_lost, 2);
}

static void loop_ports_are_known(void **state)
{
	static const uint16_t ports[] = { 7, 13, 17, 19, 37, 53, 123 };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		assert_true(echo_is_loop_port(ports[i]));
	assert_false(echo_is_loop_port(5000));
	assert_false(echo_is_loop_port(49152));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_back_as_they_came),
		cmocka_unit_test(bytes_that_nobody_sees_count_as_well),
		cmocka_unit_test(room_is_the_cap_less_what_is_pending),
		cmocka_unit_test(at_the_cap_it_pauses_until_half_has_left),
		cmocka_unit_test(end_of_stream_closes_after_what_is_pending),
		cmocka_unit_test(an_urgent_byte_is_plain_unless_asked_for),
		cmocka_unit_test(datagrams_are_answered_or_refused),
		cmocka_unit_test(what_became_of_answers_is_counted),
		cmocka_unit_test(loop_ports_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
