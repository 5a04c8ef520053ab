/*
 * Pictures of latency: what is rare is not rounded away, what is long is folded, and no line is wider than asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats/plot.h"

__attribute__((noinline)) static char *shape_of(
	const struct histogram *histogram, enum plot_style style, unsigned columns)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	plot_write_shape(histogram, style, columns, out);
	fclose(out);
	return text;
}

__attribute__((noinline)) static char *course_of(
	const struct plot_course *course, enum plot_style style, unsigned columns)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	plot_write_course(course, style, columns, "band", "peak", out);
	fclose(out);
	return text;
}

/* Characters, of which each is one column wide here. */
static size_t widest(const char *text)
{
	size_t most = 0, width = 0;

	for (; *text != '\0'; text++) {
		width = *text == '\n' ? 0 : width + ((*text & 0xc0) != 0x80);
		most = width > most ? width : most;
	}
	return most;
}

static unsigned lines_of(const char *text)
{
	unsigned lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

static void one_slow_answer_among_millions_is_seen(void **state)
{
	struct histogram *histogram;
	char *text, *last;

	assert_int_equal(histogram_new(1, 1ull << 40, 3, &histogram), 0);
	histogram_record_many(histogram, 100000, 50000000);
	histogram_record(histogram, 900000000);
	text = shape_of(histogram, PLOT_ASCII, 80);
	assert_int_equal(lines_of(text), 12);
	assert_non_null(strstr(text, "   100 us |####"));
	last = strrchr(text, '|');
	assert_string_equal(last, "|# 1 (0.000%)\n");
	assert_true(widest(text) <= 80);
	free(text);
	text = shape_of(histogram, PLOT_BRAILLE, 80);
	assert_non_null(strstr(text, "┤▏ 1 (0.000%)"));
	assert_true(widest(text) <= 80);
	free(text);
	histogram_free(histogram);
}

static void what_is_all_the_same_is_one_row(void **state)
{
	struct histogram *histogram;
	char *text;

	assert_int_equal(histogram_new(1, 1ull << 40, 3, &histogram), 0);
	text = shape_of(histogram, PLOT_ASCII, 0);
	assert_string_equal(text, ""); /* nothing was measured */
	free(text);
	histogram_record_many(histogram, 1000, 7);
	text = shape_of(histogram, PLOT_ASCII, 0);
	assert_int_equal(lines_of(text), 1);
	assert_non_null(strstr(text, "1.00 us |#"));
	assert_non_null(strstr(text, " 7 (100.0%)\n"));
	free(text);
	histogram_free(histogram);
}

static void a_course_goes_up_where_it_was_slow(void **state)
{
	struct plot_course course;
	char *text;

	plot_course_init(&course, 1000);
	for (unsigned i = 0; i < 60; i++)
		plot_course_add(&course, i * 1000, 1000, i < 30 ? 2000 : 1000000,
			i == 45          ? 9000000
				: i < 30 ? 2000
					 : 1000000);
	plot_course_add_lost(&course, 10000, 1);
	text = course_of(&course, PLOT_ASCII, 80);
	assert_true(widest(text) <= 80);
	assert_int_equal(strchr(text, '\n')[-1], ' ');
	assert_non_null(memchr(text, '.', (size_t)(strchr(text, '\n') - text) + 1)); /* the peak */
	assert_null(memchr(text, '#', (size_t)(strchr(text, '\n') - text)));
	assert_non_null(strstr(text, "\n     lost  "));
	assert_non_null(strchr(strstr(text, "lost"), 'x'));
	assert_non_null(strstr(text, "60.0 us\n"));
	assert_non_null(strstr(text, "#: band; .: peak\n"));
	free(text);
	text = course_of(&course, PLOT_BRAILLE, 55);
	assert_true(widest(text) <= 55);
	assert_non_null(strstr(text, "\xe2\xa3\xbf")); /* all dots */
	free(text);
}

/* However long it lasts: the slots are joined, and none of what was seen is lost. */
static void a_long_course_is_folded(void **state)
{
	struct plot_course course;
	uint64_t lost = 0, high = 0;

	plot_course_init(&course, 10);
	for (uint64_t at = 0; at < 1000000; at += 7) {
		plot_course_add(&course, at, 5, 5, at == 700 ? 777 : 5);
		plot_course_add_lost(&course, at, 1);
	}
	assert_true(course.used <= PLOT_SLOTS && course.used > PLOT_SLOTS / 2);
	for (unsigned i = 0; i < course.used; i++) {
		lost += course.slots[i].lost;
		high = course.slots[i].high_ns > high ? course.slots[i].high_ns : high;
	}
	assert_int_equal(lost, 1000000 / 7 + 1);
	assert_int_equal(high, 777);
	plot_course_add(&course, UINT64_MAX / 2, 5, 5, 5); /* a clock that leapt */
	assert_true(course.used <= PLOT_SLOTS);
}

static void nothing_is_drawn_of_nothing(void **state)
{
	struct plot_course course;
	char *text;

	plot_course_init(&course, 10);
	text = course_of(&course, PLOT_ASCII, 80);
	assert_string_equal(text, "");
	free(text);
	plot_course_add_lost(&course, 5, 1);
	text = course_of(&course, PLOT_ASCII, 80);
	assert_string_equal(text, "");
	free(text);
}

static void a_terminal_without_braille_gets_ascii(void **state)
{
	setenv("TERM", "linux", 1);
	assert_int_equal(plot_style_of_terminal(), PLOT_ASCII);
	setenv("TERM", "dumb", 1);
	assert_int_equal(plot_style_of_terminal(), PLOT_ASCII);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_slow_answer_among_millions_is_seen),
		cmocka_unit_test(what_is_all_the_same_is_one_row),
		cmocka_unit_test(a_course_goes_up_where_it_was_slow),
		cmocka_unit_test(a_long_course_is_folded),
		cmocka_unit_test(nothing_is_drawn_of_nothing),
		cmocka_unit_test(a_terminal_without_braille_gets_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
