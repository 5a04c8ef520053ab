/*
 * live.c: the block fits into every window, and the bars are what they stand for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <wchar.h>

#include "bench/live.h"

#define S 1000000000ull

static unsigned width_of(const char *text)
{
	wchar_t wide[LIVE_LINE_SIZE];
	size_t length = mbstowcs(wide, text, LIVE_LINE_SIZE);

	assert_true(length != (size_t)-1);
	return (unsigned)wcswidth(wide, length);
}

static void bars_follow_the_values(void **state)
{
	static const double values[] = { 0, 1, 3.5, 7 };
	char text[64];

	live_draw_bars(values, 4, false, text, sizeof(text));
	assert_string_equal(text, "_.=#");
	live_draw_bars(values, 4, true, text, sizeof(text));
	assert_string_equal(text, "▁▂▅█");
	live_draw_bars(values, 1, true, text, sizeof(text));
	assert_string_equal(text, "▁"); /* nothing but nothing */
	/* Cut between characters. */
	live_draw_bars(values, 4, true, text, 8);
	assert_string_equal(text, "▁▂");
}

static void the_block_fits(void **state)
{
	struct live live = { .title = "tcp://127.0.0.1:5000  열린 고리, 10 connections",
		.bars = true };
	struct load_record record = { .counts = { .lost = UINT64_MAX } };
	struct bench_progress progress = {
		.phase = BENCH_MEASURING,
		.elapsed_ns = 3 * S,
		.length_ns = 10 * S,
		.tick = { .reached_per_s = 12345, .p50_ns = 1234, .p99_ns = S, .max_ns = 9 * S },
		.sum = &record,
	};
	char lines[LIVE_LINES][LIVE_LINE_SIZE];

	for (unsigned i = 0; i < 2 * LIVE_HISTORY; i++) {
		progress.tick.reached_per_s = i;
		live_remember(&live, &progress);
	}
	assert_int_equal(live.history_count, LIVE_HISTORY);
	assert_true(live.history[LIVE_HISTORY - 1] == 2 * LIVE_HISTORY - 1);
	for (unsigned columns = 0; columns < 300; columns++) {
		for (unsigned rows = 0; rows < 8; rows++) {
			unsigned count = live_compose(&live, &progress, columns, rows, lines);

			assert_int_equal(count, rows > LIVE_LINES ? LIVE_LINES : 1);
			for (unsigned i = 0; i < count; i++)
				assert_true(width_of(lines[i]) < (columns > 10 ? columns : 11));
		}
	}
	live_compose(&live, &progress, 80, 24, lines);
	assert_string_equal(
		lines[1], "  ############............................ measuring 3.00s of 10.0s");
	assert_string_equal(lines[2], "  119/s  p50 1.23us  p99 1.00s  max 9.00s");
}

/* What is not measured yet is not shown as 0. */
static void before_the_measuring_there_are_no_figures(void **state)
{
	struct live live = { .title = "title" };
	struct load_record record = { 0 };
	struct bench_progress progress = { .phase = BENCH_CONNECTING, .sum = &record };
	char lines[LIVE_LINES][LIVE_LINE_SIZE];

	live_remember(&live, &progress);
	assert_int_equal(live_compose(&live, &progress, 80, 24, lines), 2);
	assert_string_equal(lines[1], "  connecting");
	assert_int_equal(live_compose(&live, &progress, 80, 2, lines), 1);
	assert_string_equal(lines[0], "  connecting");
}

/* The measuring ends a moment after the last tick. */
static void a_moment_at_the_end_is_not_shown_as_0(void **state)
{
	struct live live = { 0 };
	struct bench_progress progress = { .phase = BENCH_MEASURING,
		.tick = { .length_ns = S / 4, .reached_per_s = 1000 } };

	live_remember(&live, &progress);
	progress.tick = (struct outcome_interval){ .length_ns = S / 1000 };
	live_remember(&live, &progress);
	assert_int_equal(live.history_count, 1);
	assert_true(live.figures.reached_per_s > 999);
	/* A service that is silent for a whole tick is. */
	progress.tick.length_ns = S / 4;
	live_remember(&live, &progress);
	assert_int_equal(live.history_count, 2);
	assert_true(live.figures.reached_per_s < 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_follow_the_values),
		cmocka_unit_test(a_moment_at_the_end_is_not_shown_as_0),
		cmocka_unit_test(the_block_fits),
		cmocka_unit_test(before_the_measuring_there_are_no_figures),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
