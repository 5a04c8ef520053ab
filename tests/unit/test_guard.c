/*
 * The guard around an echo, with a clock of the test's own: idle, old, and fast connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "protocol/echo.h"
#include "protocol/guard.h"

#define CAP 100000u
#define SECOND CLOCK_NS_PER_S

static uint64_t now_ns;

static unsigned pauses_reported;

static void note_pause(void *context)
{
	pauses_reported++;
}

static uint64_t read_now(void)
{
	return now_ns;
}

struct fixture {
	struct counters counters;
	struct echo echo;
	struct guard guard;
	struct protocol_conn conn;
	uint32_t credit;
	uint64_t wake_ns; /* as an engine's timer */
};

static struct protocol_answer report(struct fixture *f, struct protocol_event event)
{
	struct protocol_answer answer = { .credit = f->credit };

	if (event.kind == PROTOCOL_DEADLINE)
		f->wake_ns = CLOCK_NEVER;
	f->guard.protocol.handle(&f->guard.protocol, &f->conn, &event, &answer);
	f->credit = answer.credit;
	if (answer.wake_ns != 0)
		f->wake_ns = answer.wake_ns;
	return answer;
}

static struct protocol_answer report_bytes(struct fixture *f, uint32_t length)
{
	static const unsigned char bytes[CAP];

	return report(f,
		(struct protocol_event){
			.kind = PROTOCOL_BYTES, .span = { .bytes = bytes, .length = length } });
}

static struct protocol_answer report_sent(struct fixture *f, size_t count)
{
	return report(f, (struct protocol_event){ .kind = PROTOCOL_SENT, .count = count });
}

/* Lets the time pass to the deadline. */
static struct protocol_answer report_deadline(struct fixture *f)
{
	assert_int_not_equal(f->wake_ns, CLOCK_NEVER);
	assert_true(f->wake_ns >= now_ns);
	now_ns = f->wake_ns;
	return report(f, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
}

static void open_one(struct fixture *f, uint64_t idle_ns, uint64_t lifetime_ns, uint64_t rate_bytes)
{
	struct guard_options options = {
		.idle_ns = idle_ns,
		.lifetime_ns = lifetime_ns,
		.rate_bytes = rate_bytes,
		.now_ns = read_now,
		.report_paused = note_pause,
	};

	now_ns = 1000 * SECOND;
	*f = (struct fixture){ .wake_ns = CLOCK_NEVER };
	echo_init(&f->echo, &f->counters, CAP, false);
	guard_init(&f->guard, &f->echo.protocol, &f->counters, &options);
	report(f, (struct protocol_event){ .kind = PROTOCOL_OPENED });
}

static enum guard_ending close_one(struct fixture *f)
{
	enum guard_ending ending = guard_ending(&f->conn);

	guard_forget(&f->conn);
	assert_null(f->guard.first);
	guard_fini(&f->guard);
	return ending;
}

static void without_limits_it_changes_nothing(void **state)
{
	struct fixture f;

	open_one(&f, CLOCK_NEVER, CLOCK_NEVER, 0);
	assert_int_equal(f.credit, CAP);
	assert_int_equal(report_bytes(&f, 10).send.length, 10);
	assert_int_equal(f.credit, CAP - 10);
	report_sent(&f, 10);
	assert_int_equal(f.wake_ns, CLOCK_NEVER);
	assert_int_equal(echo_received_bytes(guard_inner(&f.conn)), 10);
	assert_int_equal(
		report(&f, (struct protocol_event){ .kind = PROTOCOL_END }).end, PROTOCOL_CLOSE);
	assert_int_equal(close_one(&f), GUARD_NOT_ENDED);
}

static void silence_ends_it(void **state)
{
	struct fixture f;
	uint64_t start_ns;

	open_one(&f, 5 * SECOND, CLOCK_NEVER, 0);
	start_ns = now_ns;
	assert_int_equal(report_deadline(&f).end, PROTOCOL_CLOSE);
	assert_int_equal(now_ns, start_ns + 5 * SECOND);
	assert_int_equal(close_one(&f), GUARD_IDLE);
}

static void bytes_put_it_off_without_touching_the_timer(void **state)
{
	struct fixture f;
	uint64_t start_ns, set_ns;

	open_one(&f, 5 * SECOND, CLOCK_NEVER, 0);
	start_ns = now_ns;
	set_ns = f.wake_ns;
	now_ns += 3 * SECOND;
	report_bytes(&f, 10);
	now_ns += SECOND;
	report_sent(&f, 10);
	assert_int_equal(f.wake_ns, set_ns);
	assert_int_equal(report_deadline(&f).end, PROTOCOL_GO_ON);
	assert_int_equal(f.wake_ns, start_ns + 9 * SECOND);
	assert_int_equal(report_deadline(&f).end, PROTOCOL_CLOSE);
	assert_int_equal(close_one(&f), GUARD_IDLE);
}

static void a_peer_that_does_not_read_is_reset(void **state)
{
	struct fixture f;

	open_one(&f, 5 * SECOND, CLOCK_NEVER, 0);
	report_bytes(&f, 10);
	report_sent(&f, 9);
	assert_int_equal(report_deadline(&f).end, PROTOCOL_RESET);
	assert_int_equal(close_one(&f), GUARD_IDLE);
}

static void age_ends_it_however_busy(void **state)
{
	struct fixture f;
	uint64_t start_ns;
	struct protocol_answer answer = { 0 };

	open_one(&f, 5 * SECOND, 12 * SECOND, 0);
	start_ns = now_ns;
	while (answer.end == PROTOCOL_GO_ON) {
		now_ns += SECOND;
		report_bytes(&f, 10);
		report_sent(&f, 10);
		answer = report_deadline(&f);
	}
	assert_int_equal(now_ns, start_ns + 12 * SECOND);
	assert_int_equal(answer.end, PROTOCOL_CLOSE);
	assert_int_equal(close_one(&f), GUARD_OLD);
}

/* What a peer that sends as fast as it may gets through in `span_ns`. */
static uint64_t received_in(struct fixture *f, uint64_t span_ns)
{
	uint64_t start_ns = now_ns, total = 0;

	while (now_ns < start_ns + span_ns) {
		uint32_t length = f->credit;

		if (length > 0) {
			total += length;
			report_bytes(f, length);
			report_sent(f, length);
		} else {
			assert_int_equal(report_deadline(f).end, PROTOCOL_GO_ON);
		}
	}
	return total;
}

static void a_rate_is_kept(void **state)
{
	static const uint64_t rates[] = { 1, 3, 10, 1000, 1u << 20, 3ull << 30, 64ull << 30 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct fixture f;
		uint64_t total;

		pauses_reported = 0;
		open_one(&f, CLOCK_NEVER, CLOCK_NEVER, rates[i]);
		assert_true(f.credit >= 1 && f.credit <= CAP);
		total = received_in(&f, 10 * SECOND);
		/* A bucket more at the start, and one that has not been drawn at the end. */
		assert_in_range(
			total, rates[i] * 10 - rates[i] / 20, rates[i] * 10 + rates[i] / 20 + 2);
		assert_true(f.counters.rate_pauses > 0);
		assert_int_equal(f.counters.rate_pauses, pauses_reported);
		assert_true(f.counters.rate_pauses <= 10 * 45);
		close_one(&f);
	}
}

static void the_rate_saves_up_a_bucket_and_no_more(void **state)
{
	struct fixture f;

	open_one(&f, CLOCK_NEVER, CLOCK_NEVER, 20000);
	assert_int_equal(f.credit, 1000);
	now_ns += 3600 * SECOND;
	report_sent(&f, 0);
	assert_int_equal(f.credit, 1000);
	report_bytes(&f, 1000);
	assert_int_equal(f.credit, 0);
	report_deadline(&f);
	assert_int_equal(f.credit, 500);
	close_one(&f);
}

static void room_stays_the_echos_where_it_is_less(void **state)
{
	struct fixture f;

	open_one(&f, CLOCK_NEVER, CLOCK_NEVER, 1ull << 30);
	report_bytes(&f, CAP); /* not sent: the echo takes no more */
	now_ns += SECOND;
	report_sent(&f, 1);
	assert_int_equal(f.credit, 0);
	report_sent(&f, CAP - 1);
	assert_int_equal(f.credit, CAP);
	close_one(&f);
}

static void datagrams_pass(void **state)
{
	struct fixture f;
	struct protocol_event event = { .kind = PROTOCOL_DATAGRAM_SENT, .count = 1 };
	struct protocol_answer answer = { 0 };

	open_one(&f, SECOND, SECOND, 1);
	f.guard.protocol.handle(&f.guard.protocol, NULL, &event, &answer);
	assert_int_equal(f.counters.datagrams_sent, 1);
	close_one(&f);
}

static void forgets_connections_that_never_closed(void **state)
{
	struct fixture f;
	struct protocol_conn others[3] = { 0 };
	struct protocol_event event = { .kind = PROTOCOL_OPENED };
	struct protocol_answer answer = { 0 };

	open_one(&f, SECOND, SECOND, 1);
	for (size_t i = 0; i < 3; i++)
		f.guard.protocol.handle(&f.guard.protocol, &others[i], &event, &answer);
	guard_forget(&others[1]);
	guard_fini(&f.guard); /* a leak would be seen by AddressSanitizer */
	assert_null(f.guard.first);
}

/* Limits that come later hold for open connections: each is nudged, and checks again. */
static void other_limits_hold_from_the_next_look_on(void **state)
{
	struct guard_options later = {
		.idle_ns = 5 * SECOND, .lifetime_ns = CLOCK_NEVER, .now_ns = read_now
	};
	struct fixture f;
	uint64_t start_ns;

	open_one(&f, CLOCK_NEVER, CLOCK_NEVER, 0);
	start_ns = now_ns;
	now_ns += SECOND;
	assert_int_equal(f.wake_ns, CLOCK_NEVER);
	guard_set_limits(&f.guard, &later);
	report(&f, (struct protocol_event){ .kind = PROTOCOL_NUDGED });
	assert_int_equal(f.wake_ns, start_ns + 5 * SECOND);
	/* It has been open for longer than that already. */
	later.idle_ns = CLOCK_NEVER;
	later.lifetime_ns = SECOND / 2;
	guard_set_limits(&f.guard, &later);
	report(&f, (struct protocol_event){ .kind = PROTOCOL_NUDGED });
	assert_true(f.wake_ns <= now_ns);
	f.wake_ns = now_ns;
	assert_int_equal(report_deadline(&f).end, PROTOCOL_CLOSE);
	assert_int_equal(close_one(&f), GUARD_OLD);
	/* And one that is taken back ends no connection, though its deadline comes. */
	open_one(&f, SECOND, CLOCK_NEVER, 0);
	later.lifetime_ns = CLOCK_NEVER;
	guard_set_limits(&f.guard, &later);
	assert_int_equal(report_deadline(&f).end, PROTOCOL_GO_ON);
	assert_int_equal(close_one(&f), GUARD_NOT_ENDED);
}

static void it_counts_what_nobody_sees(void **state)
{
	struct fixture f;
	struct protocol_answer answer;

	open_one(&f, CLOCK_NEVER, CLOCK_NEVER, 20 * 1000);
	assert_true(f.guard.protocol.takes_unseen(&f.guard.protocol, &f.conn));
	answer = report(&f,
		(struct protocol_event){
			.kind = PROTOCOL_BYTES, .span = { .length = 1000, .buffer = &f } });
	assert_true(protocol_span_is_unseen(&answer.send));
	assert_int_equal(f.credit, 0); /* a twentieth of a second's */
	report_sent(&f, 1000);
	assert_int_equal(report_deadline(&f).end, PROTOCOL_GO_ON);
	assert_true(f.credit > 0);
	close_one(&f);
	/* What is inside may look. */
	f.echo.protocol.takes_unseen = NULL;
	guard_init(&f.guard, &f.echo.protocol, &f.counters, &f.guard.options);
	assert_null(f.guard.protocol.takes_unseen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_limits_hold_from_the_next_look_on),
		cmocka_unit_test(without_limits_it_changes_nothing),
		cmocka_unit_test(it_counts_what_nobody_sees),
		cmocka_unit_test(silence_ends_it),
		cmocka_unit_test(bytes_put_it_off_without_touching_the_timer),
		cmocka_unit_test(a_peer_that_does_not_read_is_reset),
		cmocka_unit_test(age_ends_it_however_busy),
		cmocka_unit_test(a_rate_is_kept),
		cmocka_unit_test(the_rate_saves_up_a_bucket_and_no_more),
		cmocka_unit_test(room_stays_the_echos_where_it_is_less),
		cmocka_unit_test(datagrams_pass),
		cmocka_unit_test(forgets_connections_that_never_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
