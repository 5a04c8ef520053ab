/*
 * promise.c: what is taken, where the rest is refused, and whether what was measured keeps it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "bench/promise.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct promise parse(const char *text)
{
	struct promise promise;
	const char *why;
	size_t column;

	assert_int_equal(promise_parse(text, &promise, &column, &why), 0);
	assert_string_equal(promise.text, text);
	return promise;
}

static void reads_promises(void **state)
{
	static const struct {
		const char *text;
		enum promise_figure figure;
		enum promise_latency latency;
		enum promise_comparison comparison;
		double value;
	} cases[] = {
		{ "p99<5ms", PROMISE_PERCENTILE, PROMISE_OF_MODE, PROMISE_BELOW, 5e6 },
		{ "p99.9 <= 20ms", PROMISE_PERCENTILE, PROMISE_OF_MODE, PROMISE_AT_MOST, 20e6 },
		{ "sent.p50<1.5us", PROMISE_PERCENTILE, PROMISE_SENT, PROMISE_BELOW, 1500 },
		{ "connect.max<2s", PROMISE_MAX, PROMISE_CONNECT, PROMISE_BELOW, 2e9 },
		{ "mean!=0", PROMISE_MEAN, PROMISE_OF_MODE, PROMISE_NOT_EQUAL, 0 },
		{ "min>1ns", PROMISE_MIN, PROMISE_OF_MODE, PROMISE_ABOVE, 1 },
		{ "stddev<1m", PROMISE_STDDEV, PROMISE_OF_MODE, PROMISE_BELOW, 60e9 },
		{ "rate>=10k", PROMISE_RATE, PROMISE_OF_MODE, PROMISE_AT_LEAST, 1e4 },
		{ "bandwidth>=1.5G", PROMISE_BANDWIDTH, PROMISE_OF_MODE, PROMISE_AT_LEAST, 1.5e9 },
		{ "loss==0", PROMISE_LOSS, PROMISE_OF_MODE, PROMISE_EQUAL, 0 },
		{ "loss<50%", PROMISE_LOSS, PROMISE_OF_MODE, PROMISE_BELOW, 0.5 },
		{ "errors==0", PROMISE_ERRORS, PROMISE_OF_MODE, PROMISE_EQUAL, 0 },
		{ "damaged==1k", PROMISE_DAMAGED, PROMISE_OF_MODE, PROMISE_EQUAL, 1000 },
		{ "duplicates<3", PROMISE_DUPLICATES, PROMISE_OF_MODE, PROMISE_BELOW, 3 },
		{ "reordered<3", PROMISE_REORDERED, PROMISE_OF_MODE, PROMISE_BELOW, 3 },
		{ "late==0", PROMISE_LATE, PROMISE_OF_MODE, PROMISE_EQUAL, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct promise promise = parse(cases[i].text);

		assert_int_equal(promise.figure, cases[i].figure);
		assert_int_equal(promise.latency, cases[i].latency);
		assert_int_equal(promise.comparison, cases[i].comparison);
		assert_true(promise.value == cases[i].value);
	}
	assert_true(parse("p99.99<1s").percentile > 99.9899);
	assert_true(parse("p100<1s").percentile == 100);
}

static void refuses_at_the_column(void **state)
{
	static const struct {
		const char *text;
		size_t column;
	} cases[] = {
		{ "", 0 },
		{ "q99<5ms", 0 },
		{ "P99<5ms", 0 },
		{ "p<5ms", 1 },
		{ "p101<5ms", 4 },
		{ "p99", 3 },
		{ "p99=5ms", 3 },
		{ "p99=<5ms", 3 },
		{ "p99<", 4 },
		{ "p99<5", 4 },
		{ "p99<5%", 4 },
		{ "p99<-5ms", 4 },
		{ "p99 <  fast", 7 },
		{ "p99<5ms ", 4 },
		{ "sent.rate>1", 0 },
		{ "sent.", 5 },
		{ "rate>", 5 },
		{ "rate>10x", 7 },
		{ "loss<1", 5 },
		{ "loss<101%", 5 },
		{ "loss<1%%", 7 },
		{ "errors<1.5", 7 },
		{ "errors<1ms", 8 },
		{ "maximum<5ms", 3 },
		{ "p99<0.0000000000000000000000000000000000000000000000000000000005ms", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct promise promise = { .value = 4711 };
		const char *why = NULL;
		size_t column = 4711;

		assert_int_equal(promise_parse(cases[i].text, &promise, &column, &why), -EINVAL);
		assert_int_equal(column, cases[i].column);
		assert_non_null(why);
		assert_true(promise.value == 4711);
	}
}

static bool keeps(const char *text, const struct promise_facts *facts)
{
	struct promise promise = parse(text);
	double value;

	assert_true(promise_value(&promise, facts, &value));
	return promise_holds(&promise, value);
}

static void compares_what_was_measured(void **state)
{
	struct promise_facts facts = {
		.rate_per_s = 9999.5,
		.bandwidth_bytes_per_s = 64e6,
		.verified = true,
		.sent = 1000,
		.lost = 1,
		.errors = 2,
		.damaged = 3,
		.duplicates = 4,
		.reordered = 5,
		.late = 6,
	};

	for (unsigned i = 0; i < 3; i++) {
		struct histogram *histogram;

		assert_int_equal(histogram_new(HISTOGRAM_LOWEST_NS, HISTOGRAM_HIGHEST_NS,
					 HISTOGRAM_DIGITS, &histogram),
			0);
		for (unsigned ms = 1; ms <= 100; ms++)
			histogram_record(histogram, (i + 1) * ms * 1000000ull);
		facts.latency[i] = histogram;
	}
	assert_true(keeps("p50<51ms", &facts) && !keeps("p50<50ms", &facts));
	assert_true(keeps("max==100ms", &facts) && keeps("min==1ms", &facts));
	assert_true(keeps("mean<51ms", &facts) && keeps("mean>50ms", &facts));
	assert_true(keeps("stddev<29ms", &facts) && keeps("stddev>28ms", &facts));
	assert_true(keeps("sent.max==200ms", &facts) && keeps("connect.max==300ms", &facts));
	assert_true(!keeps("rate>=10k", &facts) && keeps("rate>=9999", &facts));
	assert_true(keeps("bandwidth>=64M", &facts) && !keeps("bandwidth>64M", &facts));
	assert_true(!keeps("loss==0", &facts) && keeps("loss<=0.1%", &facts));
	assert_true(keeps("errors==2", &facts) && !keeps("errors!=2", &facts));
	assert_true(keeps("damaged==3", &facts) && keeps("duplicates==4", &facts));
	assert_true(keeps("reordered==5", &facts) && keeps("late==6", &facts));
	/* What was due and never sent is lost, too. */
	facts.sent = 96;
	facts.unsent = 504;
	facts.lost = 32;
	facts.silent = 7;
	facts.stalled = 8;
	assert_true(keeps("loss>89.3%", &facts) && keeps("loss<89.4%", &facts));
	assert_true(keeps("unsent==504", &facts) && keeps("silent==7", &facts));
	assert_true(keeps("stalled==8", &facts));
	for (unsigned i = 0; i < 3; i++)
		histogram_free((struct histogram *)facts.latency[i]);
}

/* A promise about nothing is not kept: there is no value to compare. */
static void nothing_measured_is_no_value(void **state)
{
	static const char *const texts[] = { "p99<5ms", "max<1s", "connect.p50<1s", "loss==0",
		"errors==0", "damaged==0", "duplicates==0", "late==0", "rate<10k", "bandwidth<1M",
		"unsent==0", "silent==0", "stalled==0" };
	struct promise_facts facts = { 0 }, unverified = { .sent = 10 };
	struct promise damaged = parse("damaged==0");
	double value;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct promise promise = parse(texts[i]);

		assert_false(promise_value(&promise, &facts, &value));
	}
	/* Nobody has looked at the bytes. */
	assert_false(promise_value(&damaged, &unverified, &value));
	unverified.damaged = 1;
	assert_true(promise_value(&damaged, &unverified, &value));
}

static void shows_values(void **state)
{
	static const struct {
		const char *promise;
		double value;
		const char *text;
	} cases[] = {
		{ "p99<5ms", 5310000, "5.31ms" },
		{ "rate>=10k", 9950, "9.95k/s" },
		{ "bandwidth>=1M", 64e6, "64.0MB/s" },
		{ "loss==0", 0.0025, "0.25%" },
		{ "errors==0", 17, "17" },
	};
	char text[PROMISE_VALUE_TEXT_SIZE];
	struct promise promise;

	for (size_t i = 0; i < COUNT(cases); i++) {
		promise = parse(cases[i].promise);
		assert_string_equal(
			promise_format_value(&promise, cases[i].value, text, sizeof(text)),
			cases[i].text);
	}
	promise = parse("sent.p99.9 <= 1ms");
	assert_string_equal(promise_format_figure(&promise, text, sizeof(text)), "sent.p99.9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_promises),
		cmocka_unit_test(refuses_at_the_column),
		cmocka_unit_test(compares_what_was_measured),
		cmocka_unit_test(nothing_measured_is_no_value),
		cmocka_unit_test(shows_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
