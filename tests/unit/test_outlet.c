/* A pipe whose reader stops, is slow, goes, or shares O_NONBLOCK: nothing waits, and what is left out is reported. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/outlet.h"

#define LINE_BYTES 100
#define MOST_BYTES (64u << 10)
#define SHORT_NS (50 * CLOCK_NS_PER_MS)
#define LONG_NS (20 * CLOCK_NS_PER_S)

struct ends {
	int ours, theirs;
	struct outlet *outlet;
};

static size_t describe(uint64_t left_out, char *line, size_t size)
{
	return (size_t)snprintf(line, size, "left out %llu\n", (unsigned long long)left_out);
}

static struct ends begin(void)
{
	int fds[2];
	struct ends ends;

	assert_int_equal(pipe(fds), 0);
	ends.ours = fds[0];
	ends.theirs = fds[1];
	assert_int_equal(outlet_new(ends.theirs, MOST_BYTES, describe, &ends.outlet), 0);
	return ends;
}

static bool put_number(const struct ends *ends, unsigned number)
{
	char line[LINE_BYTES + 1];

	snprintf(line, sizeof(line), "%0*u\n", LINE_BYTES - 1, number);
	return outlet_put(ends->outlet, line, LINE_BYTES);
}

/* All that is there until the end. */
static void check_rest(const struct ends *ends, unsigned from, unsigned to, unsigned left_out)
{
	FILE *stream = fdopen(ends->ours, "r");
	char line[200], wanted[200];

	close(ends->theirs);
	for (unsigned i = from; i < to; i++) {
		assert_non_null(fgets(line, sizeof(line), stream));
		assert_int_equal(strtoul(line, NULL, 10), i);
		assert_int_equal(strlen(line), LINE_BYTES);
	}
	if (left_out > 0) {
		snprintf(wanted, sizeof(wanted), "left out %u\n", left_out);
		assert_non_null(fgets(line, sizeof(line), stream));
		assert_string_equal(line, wanted);
	}
	assert_null(fgets(line, sizeof(line), stream));
	fclose(stream);
}

static void everything_arrives_in_order(void **state)
{
	struct ends ends = begin();

	for (unsigned i = 0; i < 600; i++)
		assert_true(put_number(&ends, i));
	assert_true(outlet_end(ends.outlet, LONG_NS));
	check_rest(&ends, 0, 600, 0);
}

static void what_a_stopped_reader_misses_is_counted(void **state)
{
	struct ends ends = begin();
	unsigned taken = 0, left_out = 0;
	char line[LINE_BYTES];
	uint64_t before_ns = clock_now_ns();

	for (unsigned i = 0; i < 100 * 1000; i++) {
		bool is_taken = put_number(&ends, i);

		if (is_taken && left_out > 0)
			fail_msg("line %u follows what was left out", i);
		taken += is_taken;
		left_out += !is_taken;
	}
	assert_true(clock_now_ns() - before_ns < 10 * CLOCK_NS_PER_S); /* it would be for ever */
	assert_true(taken >= MOST_BYTES / LINE_BYTES);
	assert_true(left_out > 0);
	/* The reader wakes up; the queue runs empty, and the number follows what was taken. */
	for (unsigned i = 0; i < taken; i++) {
		size_t got = 0;

		while (got < LINE_BYTES)
			got += (size_t)read(ends.ours, line + got, LINE_BYTES - got);
		assert_int_equal(strtoul(line, NULL, 10), i);
	}
	assert_true(outlet_end(ends.outlet, LONG_NS));
	check_rest(&ends, 0, 0, left_out);
}

static void the_end_does_not_wait_for_a_stopped_reader(void **state)
{
	struct ends ends = begin();
	uint64_t before_ns = clock_now_ns();

	while (put_number(&ends, 1))
		;
	assert_false(outlet_end(ends.outlet, SHORT_NS));
	assert_true(clock_now_ns() - before_ns < 10 * CLOCK_NS_PER_S);
	/* Its thread is stuck, and goes when the reader does; the outlet is not freed. */
	close(ends.ours);
}

static void a_reader_that_has_gone_is_not_waited_for(void **state)
{
	struct ends ends = begin();

	close(ends.ours);
	for (unsigned i = 0; i < 10 * 1000; i++)
		put_number(&ends, i);
	assert_true(outlet_end(ends.outlet, LONG_NS));
	close(ends.theirs);
}

/* Another process that shares the pipe has made it non-blocking: nothing is lost by that. */
static void a_pipe_that_does_not_block_is_waited_for(void **state)
{
	struct ends ends = begin();
	unsigned taken = 0;

	assert_int_equal(fcntl(ends.theirs, F_SETFL, O_NONBLOCK), 0);
	while (put_number(&ends, taken))
		taken++;

	char *bytes = malloc(taken * LINE_BYTES);
	size_t got = 0;

	while (got < taken * LINE_BYTES)
		got += (size_t)read(ends.ours, bytes + got, taken * LINE_BYTES - got);
	for (unsigned i = 0; i < taken; i++)
		assert_int_equal(strtoul(bytes + i * LINE_BYTES, NULL, 10), i);
	free(bytes);
	assert_true(outlet_end(ends.outlet, LONG_NS));
	check_rest(&ends, 0, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_order),
		cmocka_unit_test(what_a_stopped_reader_misses_is_counted),
		cmocka_unit_test(the_end_does_not_wait_for_a_stopped_reader),
		cmocka_unit_test(a_reader_that_has_gone_is_not_waited_for),
		cmocka_unit_test(a_pipe_that_does_not_block_is_waited_for),
	};

	/* As a server does. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
