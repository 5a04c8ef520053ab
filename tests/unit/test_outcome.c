/*
 * outcome.c: when a result is believed, and when it is not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/outcome.h"

#define MS 1000000ull

/* A good run of an open loop: 1,000 messages of 1 ms, handed out in time. */
static void setup(struct outcome *outcome)
{
	assert_int_equal(outcome_init(outcome), 0);
	outcome->open_loop = true;
	outcome->connections = outcome->connected = 10;
	outcome->cpu_share = 0.5;
	outcome->delay_share = 0.1;
	outcome->lag_p99_ns = MS / 20;
	histogram_record_many(outcome->record->intended, MS, 1000);
	histogram_record_many(outcome->record->sent, MS, 1000);
}

static void assert_only(struct outcome *outcome, int kind)
{
	outcome_judge(outcome, false);
	for (int i = 0; i < OUTCOME_DOUBT_COUNT; i++)
		assert_int_equal(outcome->doubts[i], i == kind);
	assert_int_equal(outcome_is_trusted(outcome), kind < 0);
}

static void a_good_run_is_trusted(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	assert_only(&outcome, -1);
	outcome_fini(&outcome);
}

static void a_thread_without_time_is_told(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	outcome.delay_share = 0.46; /* with what it ran: 96 % */
	assert_only(&outcome, OUTCOME_NO_CPU);
	/* Whoever spins runs all the time; only waiting for a processor tells something. */
	outcome.cpu_share = 1;
	outcome.delay_share = 0;
	outcome_judge(&outcome, true);
	assert_true(outcome_is_trusted(&outcome));
	outcome.delay_share = 0.96;
	outcome_judge(&outcome, true);
	assert_true(outcome.doubts[OUTCOME_NO_CPU]);
	outcome_fini(&outcome);
}

static void a_late_schedule_is_told(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	outcome.lag_p99_ns = MS / 4 - MS / 100; /* below a quarter of the latency */
	assert_only(&outcome, -1);
	outcome.lag_p99_ns = MS / 4 + MS / 100;
	assert_only(&outcome, OUTCOME_BEHIND);
	/* Beside a long latency it is nothing, up to 1 ms. */
	histogram_record_many(outcome.record->intended, 1000 * MS, 1000);
	assert_only(&outcome, -1);
	outcome.lag_p99_ns = MS + 1;
	assert_only(&outcome, OUTCOME_BEHIND);
	/* A closed loop has no schedule. */
	outcome.open_loop = false;
	assert_only(&outcome, -1);
	outcome_fini(&outcome);
}

static void missing_connections_are_told(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	outcome.connected = 9;
	assert_only(&outcome, OUTCOME_UNCONNECTED);
	assert_string_equal(outcome_doubt_code(OUTCOME_UNCONNECTED), "connections-missing");
	outcome_fini(&outcome);
}

static void what_the_histogram_cannot_hold_is_told(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	histogram_record(outcome.record->sent, 5 * HISTOGRAM_HIGHEST_NS);
	assert_only(&outcome, OUTCOME_OUT_OF_RANGE);
	outcome_fini(&outcome);
}

static void damage_counts_as_loss(void **state)
{
	struct promise_facts facts;
	struct outcome outcome;

	setup(&outcome);
	outcome.record->counts = (struct load_record_counts){
		.sent = 10, .lost = 1, .damaged = 2, .resets = 1, .connect_errors = 1, .ended = 1
	};
	facts = outcome_facts(&outcome);
	assert_int_equal(facts.lost, 3);
	assert_int_equal(facts.errors, 3 + 3);
	assert_ptr_equal(facts.latency[PROMISE_OF_MODE], outcome.record->intended);
	outcome.open_loop = false;
	facts = outcome_facts(&outcome);
	assert_ptr_equal(facts.latency[PROMISE_OF_MODE], outcome.record->sent);
	outcome_fini(&outcome);
}

static void what_was_not_sent_is_told_and_doubted(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	outcome.record->counts = (struct load_record_counts){ .sent = 10, .unsent = 30 };
	assert_only(&outcome, OUTCOME_UNSENT);
	assert_string_equal(outcome_doubt_code(OUTCOME_UNSENT), "messages-unsent");
	assert_int_equal(outcome_facts(&outcome).errors, 30);
	assert_int_equal(outcome_facts(&outcome).unsent, 30);
	assert_false(outcome_is_limited(&outcome)); /* that is the service's affair */
	outcome.record->counts = (struct load_record_counts){ .sent = 10, .silent = 1 };
	assert_only(&outcome, OUTCOME_SILENT);
	outcome.record->counts = (struct load_record_counts){ .sent = 10, .stalled = 1 };
	assert_only(&outcome, OUTCOME_SILENT);
	assert_int_equal(outcome_facts(&outcome).errors, 1);
	outcome_fini(&outcome);
}

static void a_load_that_the_service_did_not_take_is_not_complete(void **state)
{
	static const int here[] = { EMFILE, ENFILE, EADDRNOTAVAIL, EADDRINUSE, ENOBUFS, ENOMEM };
	static const int there[] = { 0, ECONNREFUSED, ECONNRESET, ETIMEDOUT };
	struct outcome outcome;

	setup(&outcome);
	outcome_judge(&outcome, false);
	assert_true(outcome_is_complete(&outcome));
	outcome.record->counts = (struct load_record_counts){ .sent = 10, .unsent = 1 };
	outcome_judge(&outcome, false);
	assert_false(outcome_is_complete(&outcome));
	outcome.given_up = 1; /* by the generator */
	assert_true(outcome_is_complete(&outcome));
	outcome.record->counts = (struct load_record_counts){ .sent = 10, .silent = 1 };
	outcome_judge(&outcome, false);
	assert_false(outcome_is_complete(&outcome));
	outcome.record->counts = (struct load_record_counts){ .sent = 10 };
	outcome.connected = 9;
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
		outcome.connect_error = -here[i];
		outcome_judge(&outcome, false);
		assert_true(outcome_is_complete(&outcome));
		assert_true(outcome_is_limited(&outcome));
	}
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		outcome.connect_error = -there[i];
		outcome_judge(&outcome, false);
		assert_false(outcome_is_complete(&outcome));
		assert_false(outcome_is_limited(&outcome));
	}
	outcome.connected = 10;
	outcome.cpu_share = 1; /* the generator's own affair */
	outcome_judge(&outcome, false);
	assert_true(outcome_is_complete(&outcome) && !outcome_is_trusted(&outcome));
	outcome_fini(&outcome);
}

static void what_came_back_wrong_is_known(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	outcome.record->counts = (struct load_record_counts){ .sent = 10, .lost = 3, .resets = 1 };
	assert_false(outcome_is_wrong(&outcome));
	outcome.record->counts = (struct load_record_counts){ .damaged = 1 };
	assert_true(outcome_is_wrong(&outcome));
	outcome.record->counts = (struct load_record_counts){ .duplicates = 1 };
	assert_true(outcome_is_wrong(&outcome));
	outcome.record->counts = (struct load_record_counts){ .overruns = 1 };
	assert_true(outcome_is_wrong(&outcome));
	outcome.record->counts = (struct load_record_counts){ .strays = 1 };
	assert_true(outcome_is_wrong(&outcome));
	outcome.record->counts = (struct load_record_counts){ 0 };
	outcome.record->damage.found = true;
	assert_true(outcome_is_wrong(&outcome));
	outcome_fini(&outcome);
}

/* A generator that is late loses nothing, sends late, reaches less: what it does not do is the service's. */
static void a_service_that_failed_is_told_from_a_late_generator(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	outcome.record->counts = (struct load_record_counts){ .sent = 10, .unsent = 90, .lost = 3 };
	assert_false(outcome_has_failed(&outcome));
	outcome.record->counts = (struct load_record_counts){ .silent = 1 };
	assert_true(outcome_has_failed(&outcome));
	outcome.record->counts = (struct load_record_counts){ .stalled = 1 };
	assert_true(outcome_has_failed(&outcome));
	outcome.record->counts = (struct load_record_counts){ .resets = 1 };
	assert_true(outcome_has_failed(&outcome));
	outcome.record->counts = (struct load_record_counts){ .ended = 1 };
	assert_true(outcome_has_failed(&outcome));
	outcome.record->counts = (struct load_record_counts){ .damaged = 1 };
	assert_true(outcome_has_failed(&outcome));
	outcome.record->counts = (struct load_record_counts){ 0 };
	outcome.doubts[OUTCOME_UNCONNECTED] = true;
	outcome.connect_error = -EMFILE;
	assert_false(outcome_has_failed(&outcome));
	outcome.connect_error = -ECONNREFUSED;
	assert_true(outcome_has_failed(&outcome));
	outcome_fini(&outcome);
}

/* Less than two neighbouring values of the histogram differ by. */
static void lateness_that_cannot_be_seen_is_none(void **state)
{
	struct outcome outcome;

	setup(&outcome);
	histogram_record_many(outcome.record->intended, 3000 * MS, 1000);
	outcome.lag_p99_ns = 2 * MS; /* a step there is 2.1 ms */
	assert_only(&outcome, -1);
	outcome.lag_p99_ns = 3 * MS;
	assert_only(&outcome, OUTCOME_BEHIND);
	outcome_fini(&outcome);
}

static void unknown_datagrams_are_those_that_are_missing(void **state)
{
	struct load_record_counts counts = { .sent = 10, .received = 4, .lost = 6, .strays = 2 };

	outcome_settle(&counts);
	assert_int_equal(counts.lost, 4);
	assert_int_equal(counts.damaged, 2);
	assert_int_equal(counts.strays, 0);
	counts.strays = 9;
	outcome_settle(&counts);
	assert_int_equal(counts.damaged, 6);
	assert_int_equal(counts.strays, 5);
}

static void what_was_not_sent_belongs_where_it_was_due(void **state)
{
	struct outcome_interval interval = { .length_ns = 1000 * MS, .errors = 1 };
	struct outcome outcome;

	setup(&outcome);
	for (unsigned i = 0; i < 3; i++) {
		interval.start_ns = i * 1000 * MS;
		assert_int_equal(outcome_add_interval(&outcome, &interval), 0);
	}
	/* It ended at 4 s. */
	histogram_record_many(outcome.record->unsent, 2500 * MS, 7); /* due at 1.5 s */
	histogram_record_many(outcome.record->unsent, 1001 * MS, 5); /* due at 3 s, nearly */
	histogram_record_many(outcome.record->unsent, 9000 * MS, 1); /* cannot be */
	outcome_spread_unsent(&outcome, 4000 * MS);
	assert_int_equal(outcome.intervals[0].unsent, 1);
	assert_int_equal(outcome.intervals[1].unsent, 7);
	assert_int_equal(outcome.intervals[2].unsent, 5);
	assert_int_equal(outcome.intervals[2].errors, 6);
	outcome_fini(&outcome);
}

static void intervals_have_a_cap(void **state)
{
	struct outcome_interval interval = { .length_ns = 1 };
	struct outcome outcome;

	setup(&outcome);
	for (unsigned i = 0; i < OUTCOME_MOST_INTERVALS + 3; i++) {
		interval.start_ns = i;
		assert_int_equal(outcome_add_interval(&outcome, &interval), 0);
	}
	assert_int_equal(outcome.interval_count, OUTCOME_MOST_INTERVALS);
	assert_int_equal(outcome.intervals[12345].start_ns, 12345);
	outcome_fini(&outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_run_is_trusted),
		cmocka_unit_test(a_thread_without_time_is_told),
		cmocka_unit_test(a_late_schedule_is_told),
		cmocka_unit_test(missing_connections_are_told),
		cmocka_unit_test(what_the_histogram_cannot_hold_is_told),
		cmocka_unit_test(damage_counts_as_loss),
		cmocka_unit_test(what_was_not_sent_is_told_and_doubted),
		cmocka_unit_test(a_load_that_the_service_did_not_take_is_not_complete),
		cmocka_unit_test(what_came_back_wrong_is_known),
		cmocka_unit_test(a_service_that_failed_is_told_from_a_late_generator),
		cmocka_unit_test(lateness_that_cannot_be_seen_is_none),
		cmocka_unit_test(unknown_datagrams_are_those_that_are_missing),
		cmocka_unit_test(what_was_not_sent_belongs_where_it_was_due),
		cmocka_unit_test(intervals_have_a_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
