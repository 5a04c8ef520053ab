/*
 * A wait that is longer while the program had no processor: how often it is made longer, and when it is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>
#include <poll.h>

#include "base/clock.h"
#include "check/traffic/patience.h"

#define TIME_NS (8 * CLOCK_NS_PER_MS)
#define SLICE_NS (TIME_NS / 4)

struct program {
	bool ready;
	uint64_t used_ns, more_ns; /* of the processor, and in each look */
	unsigned looks;
};

static bool look(const void *subject, uint64_t *ret_processor_ns)
{
	struct program *program = (struct program *)subject;

	program->looks++;
	program->used_ns += program->more_ns;
	*ret_processor_ns = program->used_ns;
	return program->ready;
}

static uint64_t wait_with(struct program *program)
{
	struct patience_source source = { program != NULL ? look : NULL, program };
	uint64_t began_ns = clock_now_ns();
	struct patience patience;

	patience_begin(&patience, source, TIME_NS);
	while (!patience_is_over(&patience))
		poll(NULL, 0, clock_poll_ms(clock_now_ns(), patience.until_ns));
	return clock_now_ns() - began_ns;
}

static void test_without_a_source(void **state)
{
	(void)state;
	assert_true(wait_with(NULL) >= TIME_NS);
}

static void test_one_that_sleeps_has_its_time(void **state)
{
	struct program program = { .ready = false };

	(void)state;
	assert_true(wait_with(&program) >= TIME_NS);
	assert_int_equal(program.looks, 1);
}

static void test_one_without_a_processor_is_waited_for(void **state)
{
	struct program program = { .ready = true };

	(void)state;
	assert_true(wait_with(&program) >= PATIENCE_MOST * TIME_NS);
	assert_int_equal(program.looks, (PATIENCE_MOST - 1) * 4);
}

static void test_one_that_runs_is_not(void **state)
{
	struct program program = { .ready = true, .more_ns = SLICE_NS };

	(void)state;
	assert_true(wait_with(&program) >= TIME_NS + SLICE_NS);
	assert_int_equal(program.looks, 2);
}

static void test_progress_begins_it_again(void **state)
{
	struct program program = { .ready = true };
	struct patience patience;
	uint64_t until_ns;

	(void)state;
	patience_begin(&patience, (struct patience_source){ look, &program }, TIME_NS);
	until_ns = patience.until_ns;
	poll(NULL, 0, clock_poll_ms(clock_now_ns(), until_ns));
	assert_false(patience_is_over(&patience));
	assert_int_equal(patience.slices, 1);
	patience_renew(&patience);
	assert_int_equal(patience.slices, 0);
	assert_true(patience.until_ns >= until_ns + TIME_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_source),
		cmocka_unit_test(test_one_that_sleeps_has_its_time),
		cmocka_unit_test(test_one_without_a_processor_is_waited_for),
		cmocka_unit_test(test_one_that_runs_is_not),
		cmocka_unit_test(test_progress_begins_it_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
