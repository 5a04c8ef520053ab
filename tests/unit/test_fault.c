/*
 * Faults around an echo, with a clock of the test's own and a kernel that takes what the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "protocol/echo.h"
#include "protocol/fault.h"
#include "server/fault/fault_spec.h"

#define CAP (1u << 20)
#define MS CLOCK_NS_PER_MS

static uint64_t now_ns;

static uint64_t read_now(void)
{
	return now_ns;
}

struct fixture {
	struct counters counters[3]; /* by listener */
	struct echo echo;
	struct fault fault;
	struct fault_plan plan;
	struct fault_site
		sites[3]; /* of the second, nothing goes wrong; the third is as the first */
	struct protocol_conn conn;
	uint32_t credit;
	unsigned tag; /* where connections and datagrams come in */
	uint64_t wake_ns; /* as an engine's timer */
	unsigned events;
	struct fault_event last;
	unsigned char bytes[4096]; /* as an engine's buffer */
};

static void note_event(void *context, const struct fault_event *event)
{
	struct fixture *f = context;

	f->events++;
	f->last = *event;
}

static struct protocol_answer report(struct fixture *f, struct protocol_event event)
{
	struct protocol_answer answer = { .credit = f->credit };

	if (event.kind == PROTOCOL_DEADLINE)
		f->wake_ns = CLOCK_NEVER;
	if (event.kind == PROTOCOL_OPENED)
		event.tag = f->tag;
	f->fault.protocol.handle(&f->fault.protocol, &f->conn, &event, &answer);
	f->credit = answer.credit;
	if (answer.wake_ns != 0)
		f->wake_ns = answer.wake_ns;
	return answer;
}

static struct protocol_answer report_bytes(struct fixture *f, const char *text)
{
	size_t length = strlen(text);

	assert_true(length <= f->credit);
	memcpy(f->bytes, text, length);
	return report(f,
		(struct protocol_event){ .kind = PROTOCOL_BYTES,
			.span = { .bytes = f->bytes, .length = (uint32_t)length } });
}

static struct protocol_answer report_sent(struct fixture *f, size_t count)
{
	return report(f, (struct protocol_event){ .kind = PROTOCOL_SENT, .count = count });
}

static struct protocol_answer report_deadline(struct fixture *f)
{
	assert_true(f->wake_ns != CLOCK_NEVER && f->wake_ns >= now_ns);
	now_ns = f->wake_ns;
	return report(f, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
}

static struct protocol_answer report_end(struct fixture *f)
{
	return report(f, (struct protocol_event){ .kind = PROTOCOL_END });
}

static void init(struct fixture *f, const char *spec)
{
	struct fault_options options = {
		.sites = f->sites,
		.now_ns = read_now,
		.report = note_event,
		.context = f,
	};
	const char *why;
	size_t column;

	now_ns = 1000 * CLOCK_NS_PER_S;
	memset(f, 0, sizeof(*f));
	f->wake_ns = CLOCK_NEVER;
	assert_int_equal(fault_spec_parse(spec, &f->plan.rules[0], &column, &why), 0);
	f->plan.count = 1;
	f->sites[0].plan = f->sites[2].plan = &f->plan;
	echo_init(&f->echo, f->counters, CAP, false);
	fault_init(&f->fault, &f->echo.protocol, f->counters, &options);
}

static struct protocol_answer open_one(struct fixture *f, const char *spec)
{
	init(f, spec);
	return report(f, (struct protocol_event){ .kind = PROTOCOL_OPENED });
}

static void close_one(struct fixture *f)
{
	fault_forget(&f->conn);
	assert_null(f->fault.first);
	fault_fini(&f->fault);
}

static void assert_sends(const struct protocol_answer *answer, const char *text)
{
	assert_int_equal(answer->send.length, strlen(text));
	assert_memory_equal(answer->send.bytes, text, strlen(text));
}

static void delayed_bytes_leave_when_they_are_due(void **state)
{
	struct fixture f;
	struct protocol_answer answer;
	uint64_t start_ns;

	open_one(&f, "delay=20ms");
	start_ns = now_ns;
	assert_int_equal(report_bytes(&f, "one").send.length, 0);
	assert_int_equal(f.wake_ns, start_ns + 20 * MS);
	now_ns += 5 * MS;
	assert_int_equal(report_bytes(&f, "two").send.length, 0);
	answer = report_deadline(&f);
	assert_sends(&answer, "one");
	assert_int_equal(now_ns, start_ns + 20 * MS);
	/* The kernel takes a part; the rest is still ours. */
	assert_int_equal(report_sent(&f, 1).send.length, 0);
	assert_int_equal(report_sent(&f, 2).send.length, 0);
	assert_int_equal(f.wake_ns, start_ns + 25 * MS);
	assert_int_equal(report_end(&f).end, PROTOCOL_GO_ON);
	answer = report_deadline(&f);
	assert_sends(&answer, "two");
	assert_int_equal(report_sent(&f, 3).end, PROTOCOL_CLOSE);
	assert_int_equal(f.counters[0].faults_delay, 2);
	assert_int_equal(f.counters[0].bytes_sent, 6);
	assert_false(fault_has_ended(&f.conn));
	assert_int_equal(echo_received_bytes(fault_inner(&f.conn)), 6);
	close_one(&f);
}

static void what_is_delayed_is_bounded(void **state)
{
	struct fixture f;

	open_one(&f, "delay=1h");
	assert_int_equal(f.credit, FAULT_HELD_BYTES);
	for (unsigned i = 0; i < FAULT_HELD_MOST; i++)
		report_bytes(&f, "x");
	assert_int_equal(f.credit, 0);
	close_one(&f);
}

static void what_is_not_delayed_keeps_its_place(void **state)
{
	struct fixture f;
	struct protocol_answer answer;
	unsigned direct = 0;

	open_one(&f, "delay=10ms,p=50%,seed=3");
	for (unsigned i = 0; i < 100; i++) {
		unsigned delayed = (unsigned)f.counters[0].faults_delay;

		answer = report_bytes(&f, "a");
		if (f.counters[0].faults_delay == delayed) {
			assert_sends(&answer, "a");
			direct++;
		} else {
			assert_int_equal(answer.send.length, 0);
			assert_int_equal(report_bytes(&f, "b").send.length, 0);
			answer = report_deadline(&f);
			assert_sends(&answer, "a");
			answer = report_sent(&f, 1);
			if (answer.send.length == 0)
				answer = report_deadline(&f);
			assert_sends(&answer, "b");
		}
		report_sent(&f, 1);
	}
	assert_in_range(direct, 25, 75);
	close_one(&f);
}

static void it_closes_behind_so_many_bytes(void **state)
{
	struct fixture f;
	struct protocol_answer answer;

	open_one(&f, "close,after=5");
	assert_int_equal(f.credit, 5);
	assert_int_equal(report_bytes(&f, "123").end, PROTOCOL_GO_ON);
	assert_int_equal(f.credit, 2);
	answer = report_bytes(&f, "45");
	assert_sends(&answer, "45");
	assert_int_equal(answer.end, PROTOCOL_CLOSE);
	assert_int_equal(f.credit, 0);
	assert_true(fault_has_ended(&f.conn));
	assert_int_equal(f.last.after_bytes, 5);
	close_one(&f);
	assert_int_equal(open_one(&f, "close").end, PROTOCOL_CLOSE);
	close_one(&f);
}

static void it_resets_when_what_came_before_has_left(void **state)
{
	struct fixture f;

	open_one(&f, "reset,after=3");
	assert_int_equal(report_bytes(&f, "123").end, PROTOCOL_GO_ON);
	assert_int_equal(f.credit, 0);
	assert_int_equal(report_sent(&f, 2).end, PROTOCOL_GO_ON);
	assert_int_equal(report_sent(&f, 1).end, PROTOCOL_RESET);
	assert_int_equal(f.counters[0].faults_reset, 1);
	close_one(&f);
	assert_int_equal(open_one(&f, "refuse").end, PROTOCOL_RESET);
	assert_int_equal(f.counters[0].faults_refuse, 1);
	close_one(&f);
}

static void after_a_half_close_it_swallows(void **state)
{
	struct fixture f;
	struct protocol_answer answer;

	open_one(&f, "half-close,after=2");
	answer = report_bytes(&f, "12");
	assert_sends(&answer, "12");
	assert_int_equal(answer.end, PROTOCOL_FINISH);
	answer = report_bytes(&f, "345");
	assert_int_equal(answer.send.length, 0);
	assert_int_equal(answer.end, PROTOCOL_GO_ON);
	assert_int_equal(f.counters[0].bytes_received, 5);
	assert_int_equal(report_end(&f).end, PROTOCOL_CLOSE);
	close_one(&f);
}

static void it_stalls_and_goes_on(void **state)
{
	struct fixture f;

	open_one(&f, "stall,after=2,for=30ms");
	assert_int_equal(report_bytes(&f, "12").send.length, 2);
	assert_int_equal(f.credit, 0);
	assert_int_equal(f.wake_ns, now_ns + 30 * MS);
	report_deadline(&f);
	assert_true(f.credit > 0);
	assert_int_equal(f.counters[0].faults_stall, 1);
	close_one(&f);
	open_one(&f, "stall");
	assert_int_equal(f.credit, 0);
	assert_int_equal(f.wake_ns, CLOCK_NEVER);
	close_one(&f);
	open_one(&f, "accept-delay=10ms");
	assert_int_equal(f.credit, 0);
	report_deadline(&f);
	assert_true(f.credit > 0);
	assert_int_equal(f.counters[0].faults_accept_delay, 1);
	close_one(&f);
}

static void writes_are_cut_to_size(void **state)
{
	struct fixture f;

	open_one(&f, "dribble");
	assert_int_equal(f.credit, 1);
	assert_int_equal(report_bytes(&f, "1").send.length, 1);
	assert_int_equal(f.credit, 1);
	assert_int_equal(report_bytes(&f, "2").send.length, 1);
	assert_int_equal(f.counters[0].faults_dribble, 1);
	close_one(&f);
	open_one(&f, "chop=7");
	assert_int_equal(f.credit, 7);
	close_one(&f);
}

static void a_throttle_keeps_its_rate(void **state)
{
	static char text[1024];
	struct fixture f;
	uint64_t start_ns, bytes = 0;

	open_one(&f, "throttle=1000");
	start_ns = now_ns;
	while (bytes < 2000) {
		memset(text, 'x', f.credit);
		text[f.credit] = '\0';
		bytes += f.credit;
		report_sent(&f, report_bytes(&f, text).send.length);
		assert_int_equal(f.credit, 0);
		report_deadline(&f);
	}
	assert_in_range(now_ns - start_ns, 1990 * MS, 2100 * MS);
	close_one(&f);
}

/* Which bytes come back wrong, as a text of '.' and '!'. */
static void run_corrupt(const char *spec, unsigned piece, char map[2001])
{
	struct fixture f;
	char text[101] = "";

	open_one(&f, spec);
	memset(text, 'a', piece);
	for (unsigned at = 0; at < 2000; at += piece) {
		struct protocol_answer answer = report_bytes(&f, text);

		assert_int_equal(answer.send.length, piece);
		for (unsigned i = 0; i < piece; i++) {
			int flipped = answer.send.bytes[i] ^ 'a';

			assert_int_equal(flipped & (flipped - 1), 0);
			map[at + i] = flipped != 0 ? '!' : '.';
		}
		report_sent(&f, piece);
	}
	map[2000] = '\0';
	assert_int_equal(f.counters[0].faults_corrupt, f.events);
	for (unsigned i = 0; i < 2000; i++)
		f.events -= map[i] == '!';
	assert_int_equal(f.events, 0);
	close_one(&f);
}

static void the_same_seed_hits_the_same_bytes(void **state)
{
	char one[2001], other[2001];

	run_corrupt("corrupt=100,seed=1", 100, one);
	run_corrupt("corrupt=100,seed=1", 1, other);
	assert_string_equal(one, other);
	run_corrupt("corrupt=100,seed=2", 100, other);
	assert_string_not_equal(one, other);
	run_corrupt("corrupt=1", 10, other);
	assert_null(strchr(other, '.'));
}

static void connections_are_drawn_one_by_one(void **state)
{
	uint64_t firsts[2] = { 0 };
	struct fixture f;

	for (unsigned run = 0; run < 2; run++) {
		init(&f, "refuse,p=30%,seed=9");
		for (unsigned i = 0; i < 64; i++) {
			if (report(&f, (struct protocol_event){ .kind = PROTOCOL_OPENED }).end ==
				PROTOCOL_RESET)
				firsts[run] |= 1ull << i;
			fault_forget(&f.conn);
		}
		assert_int_equal(f.counters[0].faults_refuse, __builtin_popcountll(firsts[run]));
		fault_fini(&f.fault);
	}
	assert_true(firsts[0] == firsts[1]);
	assert_in_range(__builtin_popcountll(firsts[0]), 8, 32);
}

static struct protocol_answer report_datagram(struct fixture *f, const char *text)
{
	struct protocol_answer answer = { 0 };
	struct protocol_event event = {
		.kind = PROTOCOL_DATAGRAM,
		.span = { .bytes = f->bytes, .length = (uint32_t)strlen(text) },
		.peer_port = 40000,
		.peer_named = true,
		.tag = f->tag,
	};

	memcpy(f->bytes, text, strlen(text));
	f->fault.protocol.handle(&f->fault.protocol, NULL, &event, &answer);
	return answer;
}

static void datagrams_are_dropped_cut_and_changed(void **state)
{
	struct fixture f;
	struct protocol_answer answer;
	unsigned dropped = 0;

	init(&f, "drop,p=0.5,seed=4");
	for (unsigned i = 0; i < 200; i++)
		dropped += report_datagram(&f, "hello").send.bytes == NULL;
	assert_in_range(dropped, 60, 140);
	assert_int_equal(f.counters[0].faults_drop, dropped);
	assert_int_equal(f.counters[0].datagrams_received, 200);
	init(&f, "truncate=2");
	answer = report_datagram(&f, "hello");
	assert_sends(&answer, "he");
	answer = report_datagram(&f, "hi");
	assert_sends(&answer, "hi");
	assert_int_equal(f.counters[0].faults_truncate, 1);
	assert_true(f.last.to_datagram);
	assert_int_equal(f.last.number, 0);
	init(&f, "corrupt=1");
	assert_memory_not_equal(report_datagram(&f, "hello").send.bytes, "hello", 5);
	assert_int_equal(report_datagram(&f, "").send.length, 0);
	assert_int_equal(f.counters[0].faults_corrupt, 1);
	init(&f, "duplicate");
	answer = report_datagram(&f, "hello");
	assert_sends(&answer, "hello");
	assert_true(answer.twice);
	assert_int_equal(f.counters[0].faults_duplicate, 1);
	init(&f, "delay=5ms");
	answer = report_datagram(&f, "hello");
	assert_sends(&answer, "hello");
	assert_int_equal(answer.wake_ns, now_ns + 5 * MS);
	init(&f, "reorder=5ms");
	assert_int_equal(report_datagram(&f, "hello").wake_ns, now_ns + 5 * MS);
	assert_int_equal(f.counters[0].faults_reorder, 1);
	init(&f, "close");
	answer = report_datagram(&f, "hello");
	assert_sends(&answer, "hello");
	assert_false(answer.twice);
	assert_int_equal(answer.wake_ns, 0);
}

static void faults_of_datagrams_leave_streams_alone(void **state)
{
	struct fixture f;
	struct protocol_answer answer;

	open_one(&f, "drop");
	answer = report_bytes(&f, "hello");
	assert_sends(&answer, "hello");
	assert_int_equal(f.events, 0);
	close_one(&f);
}

/* ---- listeners ---- */

/* Which of so many connections are reset as they open: a bit for each. */
static uint64_t open_and_forget(struct fixture *f, unsigned tag, unsigned count)
{
	uint64_t fates = 0;

	f->tag = tag;
	for (unsigned i = 0; i < count; i++) {
		struct protocol_event event = { .kind = PROTOCOL_OPENED };

		fates |= (uint64_t)(report(f, event).end == PROTOCOL_RESET) << i;
		fault_forget(&f->conn);
	}
	return fates;
}

static void a_listener_without_faults_is_left_alone(void **state)
{
	struct fixture f;
	struct protocol_answer answer;

	init(&f, "delay=1h");
	f.tag = 1;
	f.fault.options.now_ns = NULL; /* the time is not read */
	assert_int_equal(
		report(&f, (struct protocol_event){ .kind = PROTOCOL_OPENED }).credit, CAP);
	answer = report_bytes(&f, "hello");
	assert_sends(&answer, "hello");
	assert_int_equal(f.credit, CAP - 5);
	assert_int_equal(report_sent(&f, 5).end, PROTOCOL_GO_ON);
	assert_int_equal(echo_received_bytes(fault_inner(&f.conn)), 5);
	assert_int_equal(report_end(&f).end, PROTOCOL_CLOSE);
	assert_false(fault_has_ended(&f.conn));
	answer = report_datagram(&f, "hello");
	assert_sends(&answer, "hello");
	assert_int_equal(answer.wake_ns, 0);
	assert_int_equal(f.events, 0);
	close_one(&f);
}

static void each_listener_has_its_own_sequence(void **state)
{
	struct fixture f;
	uint64_t alone;

	init(&f, "refuse,p=30%,seed=9");
	alone = open_and_forget(&f, 0, 60);
	fault_fini(&f.fault);
	init(&f, "refuse,p=30%,seed=9");
	/* Others come in elsewhere meanwhile. */
	for (unsigned i = 0; i < 60; i++) {
		open_and_forget(&f, 1, i % 3);
		open_and_forget(&f, 2, i % 2);
		assert_true(open_and_forget(&f, 0, 1) == (alone >> i & 1));
	}
	assert_int_equal(f.sites[0].done[FAULT_PLAN_REFUSE], __builtin_popcountll(alone));
	assert_int_equal(f.sites[1].done[FAULT_PLAN_REFUSE], 0);
	assert_int_equal(f.sites[2].done[FAULT_PLAN_REFUSE],
		__builtin_popcountll(alone & ((1ull << 30) - 1)));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(f.counters[i].faults_refuse, f.sites[i].done[FAULT_PLAN_REFUSE]);
	assert_int_equal(f.sites[2].connections, 30);
	fault_fini(&f.fault);
	init(&f, "drop");
	f.tag = 2;
	assert_null(report_datagram(&f, "hello").send.bytes);
	assert_int_equal(f.last.tag, 2);
	assert_int_equal(f.sites[2].done[FAULT_PLAN_DROP], 1);
	assert_int_equal(f.sites[2].datagrams, 1);
	assert_int_equal(f.sites[0].datagrams, 0);
}

/* ---- per message ---- */

static void a_message_may_be_the_last(void **state)
{
	unsigned lengths[2] = { 0 };
	struct fixture f;
	enum protocol_end_kind end = PROTOCOL_GO_ON;

	for (unsigned run = 0; run < 2; run++) {
		open_one(&f, "close,per=message,p=10%,seed=5,after=3");
		assert_true(f.credit > 1000);
		do {
			end = report_bytes(&f, "a").end;
			if (end == PROTOCOL_GO_ON)
				report_sent(&f, 1);
			lengths[run]++;
		} while (end == PROTOCOL_GO_ON && lengths[run] < 500);
		assert_int_equal(end, PROTOCOL_CLOSE);
		assert_int_equal(f.last.after_bytes, lengths[run]);
		assert_int_equal(f.counters[0].faults_close, 1);
		close_one(&f);
	}
	assert_int_equal(lengths[0], lengths[1]);
	assert_in_range(lengths[0], 3, 200);
	open_one(&f, "reset,per=message");
	assert_int_equal(report_bytes(&f, "12").end, PROTOCOL_GO_ON);
	assert_int_equal(report_sent(&f, 2).end, PROTOCOL_RESET);
	close_one(&f);
	open_one(&f, "half-close,per=message,after=3");
	assert_int_equal(report_bytes(&f, "12").end, PROTOCOL_GO_ON);
	assert_int_equal(report_bytes(&f, "34").end, PROTOCOL_FINISH);
	assert_int_equal(report_bytes(&f, "5").send.length, 0);
	assert_int_equal(f.counters[0].faults_half_close, 1);
	close_one(&f);
}

static void each_message_may_stall(void **state)
{
	struct fixture f;
	unsigned stalls = 0;

	open_one(&f, "stall,per=message,for=10ms,p=50%");
	assert_true(f.credit > 0);
	for (unsigned i = 0; i < 100; i++) {
		report_sent(&f, report_bytes(&f, "x").send.length);
		if (f.credit > 0)
			continue;
		stalls++;
		assert_int_equal(f.wake_ns, now_ns + 10 * MS);
		report_deadline(&f);
		assert_true(f.credit > 0);
	}
	assert_in_range(stalls, 25, 75);
	assert_int_equal(f.counters[0].faults_stall, stalls);
	close_one(&f);
}

static void each_message_may_be_corrupt(void **state)
{
	struct fixture f;
	unsigned wrong = 0;

	open_one(&f, "corrupt=1,per=message,p=50%");
	for (unsigned i = 0; i < 100; i++) {
		struct protocol_answer answer = report_bytes(&f, "hello");
		unsigned bits = 0;

		for (unsigned k = 0; k < 5; k++)
			bits += (unsigned)__builtin_popcount(answer.send.bytes[k] ^ "hello"[k]);
		assert_in_range(bits, 0, 1);
		wrong += bits;
		if (bits > 0)
			assert_in_range(f.last.after_bytes, i * 5, i * 5 + 4);
		report_sent(&f, 5);
	}
	assert_in_range(wrong, 25, 75);
	assert_int_equal(f.counters[0].faults_corrupt, wrong);
	close_one(&f);
}

static double mean_ms(const char *spec, double *ret_least, double *ret_most)
{
	struct fault_plan_rule rule;
	const char *why;
	size_t column;
	uint64_t draws = 7;
	double sum = 0;

	*ret_least = 1e9;
	*ret_most = 0;
	assert_int_equal(fault_spec_parse(spec, &rule, &column, &why), 0);
	for (unsigned i = 0; i < 100000; i++) {
		double ms = (double)fault_plan_draw_ns(&draws, &rule.time) / 1e6;

		sum += ms;
		*ret_least = ms < *ret_least ? ms : *ret_least;
		*ret_most = ms > *ret_most ? ms : *ret_most;
	}
	return sum / 100000;
}

static void assert_near(double value, double wanted, double by)
{
	if (!(value >= wanted - by && value <= wanted + by))
		fail_msg("%g is not %g", value, wanted);
}

static void shapes_have_their_means(void **state)
{
	double least, most;

	assert_near(mean_ms("delay=3ms", &least, &most), 3, 0);
	assert_near(mean_ms("delay=uniform:2ms:4ms", &least, &most), 3, 0.02);
	assert_true(least >= 2 && most < 4);
	assert_near(mean_ms("delay=normal:50ms:5ms", &least, &most), 50, 0.1);
	assert_true(most > 65 && most < 80);
	assert_near(mean_ms("delay=pareto:1ms:3", &least, &most), 1.5, 0.02);
	assert_true(least >= 1);
	/* A half at 1, then up to 3 on a straight line. */
	assert_near(mean_ms("delay=table:50=1ms/100=3ms", &least, &most), 1.5, 0.02);
	assert_true(least >= 1 && most <= 3);
	mean_ms("delay=pareto:1h:0.1", &least, &most);
	assert_true(most <= 3600e3);
}

static void only_without_a_plan_bytes_may_be_unseen(void **state)
{
	struct fixture f;

	open_one(&f, "corrupt=1K");
	assert_false(f.fault.protocol.takes_unseen(&f.fault.protocol, &f.conn));
	close_one(&f);
	init(&f, "corrupt=1K");
	f.tag = 1;
	report(&f, (struct protocol_event){ .kind = PROTOCOL_OPENED });
	assert_true(f.fault.protocol.takes_unseen(&f.fault.protocol, &f.conn));
	close_one(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_without_a_plan_bytes_may_be_unseen),
		cmocka_unit_test(delayed_bytes_leave_when_they_are_due),
		cmocka_unit_test(what_is_delayed_is_bounded),
		cmocka_unit_test(what_is_not_delayed_keeps_its_place),
		cmocka_unit_test(it_closes_behind_so_many_bytes),
		cmocka_unit_test(it_resets_when_what_came_before_has_left),
		cmocka_unit_test(after_a_half_close_it_swallows),
		cmocka_unit_test(it_stalls_and_goes_on),
		cmocka_unit_test(writes_are_cut_to_size),
		cmocka_unit_test(a_throttle_keeps_its_rate),
		cmocka_unit_test(the_same_seed_hits_the_same_bytes),
		cmocka_unit_test(connections_are_drawn_one_by_one),
		cmocka_unit_test(datagrams_are_dropped_cut_and_changed),
		cmocka_unit_test(faults_of_datagrams_leave_streams_alone),
		cmocka_unit_test(a_listener_without_faults_is_left_alone),
		cmocka_unit_test(each_listener_has_its_own_sequence),
		cmocka_unit_test(a_message_may_be_the_last),
		cmocka_unit_test(each_message_may_stall),
		cmocka_unit_test(each_message_may_be_corrupt),
		cmocka_unit_test(shapes_have_their_means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
