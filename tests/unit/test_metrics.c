/*
 * What is written for Prometheus: every counter, by listener, line by line, with help and type before it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/web/metrics.h"
#include "server/web/pulse.h"

static char names[2][FIGURES_NAME_SIZE] = { "tcp://127.0.0.1:7", "unix:/a\"b\\x01" };

static struct figures *make(unsigned listeners, unsigned threads)
{
	struct figures *figures;

	assert_int_equal(figures_new(listeners, threads, &figures), 0);
	figures->names = (const char(*)[FIGURES_NAME_SIZE])names;
	figures->engine = "epoll";
	return figures;
}

static char *write_all(const struct figures *figures)
{
	struct metrics_cursor cursor = { 0 };
	char *text = NULL, line[METRICS_LINE_SIZE];
	size_t size, n;
	FILE *stream = open_memstream(&text, &size);

	while ((n = metrics_next(figures, &cursor, line)) > 0) {
		assert_true(n < sizeof(line));
		fwrite(line, 1, n, stream);
	}
	fclose(stream);
	return text;
}

static void every_counter_has_a_row_for_each_listener(void **state)
{
	struct figures *figures = make(2, 1);
	char *text, wanted[300];
	uint64_t *counters = (uint64_t *)&figures->listeners[1].counters, number = 0;

	for (size_t i = 0; i < sizeof(struct counters) / sizeof(uint64_t); i++)
		counters[i] = 1000 + i;
	text = write_all(figures);
#define LOOK(name)                                                                                 \
	snprintf(wanted, sizeof(wanted),                                                           \
		"\nmeari_" #name "_total{listener=\"unix:/a\\\"b\\\\x01\"} %d\n",                  \
		1000 + (int)number++);                                                             \
	if (strcmp(#name, "accept_pauses") != 0) {                                                 \
		assert_non_null(strstr(text, wanted));                                             \
		assert_non_null(metrics_counter_help(#name));                                      \
		assert_non_null(strstr(text, "# TYPE meari_" #name "_total counter\n"));           \
	}
	COUNTERS_EACH(LOOK)
#undef LOOK
	assert_non_null(strstr(text, "\nmeari_accept_pauses_total 1004\n"));
	assert_null(strstr(text, "See meari-serve(1)."));
	free(text);
	figures_leave(figures);
}

static void a_histogram_is_cumulative(void **state)
{
	struct figures *figures = make(1, 1);
	struct buckets *ages = &figures->listeners[0].lives.ages;
	char *text;

	buckets_add(ages, lives_age_bounds, 5000000);
	buckets_add(ages, lives_age_bounds, 2000000000);
	text = write_all(figures);
#define NAME "meari_connection_lifetime_seconds"
#define LABEL "{listener=\"tcp://127.0.0.1:7\""
	assert_non_null(strstr(text, NAME "_bucket" LABEL ",le=\"0.001\"} 0\n"));
	assert_non_null(strstr(text, NAME "_bucket" LABEL ",le=\"0.01\"} 1\n"));
	assert_non_null(strstr(text, NAME "_bucket" LABEL ",le=\"10\"} 2\n"));
	assert_non_null(strstr(text, NAME "_bucket" LABEL ",le=\"+Inf\"} 2\n"));
	assert_non_null(strstr(text, NAME "_sum" LABEL "} 2.005\n"));
	assert_non_null(strstr(text, NAME "_count" LABEL "} 2\n"));
	free(text);
	figures_leave(figures);
}

/* Events are whole, whatever the number of rows, and each row comes once. */
static void events_are_cut_into_pieces(void **state)
{
	const unsigned threads = 1000;
	struct figures *figures = make(2, threads);
	struct pulse_cursor cursor = { 0 };
	static char piece[PULSE_LEAST_BYTES + 1];
	unsigned rows = 0, pieces = 0, ends = 0;
	size_t n;

	for (unsigned i = 0; i < threads; i++)
		figures->threads[i].user_ns = 777000 + i;
	while ((n = pulse_next(figures, &cursor, piece, PULSE_LEAST_BYTES)) > 0) {
		piece[n] = '\0';
		assert_string_equal(piece + n - 2, "\n\n");
		assert_int_equal(strncmp(piece, "event: ", 7), 0);
		for (const char *at = piece; (at = strstr(at, "[777")) != NULL; at++)
			rows++;
		ends += strstr(piece, "event: end\n") != NULL;
		pieces++;
	}
	assert_int_equal(rows, threads);
	assert_int_equal(ends, 1);
	assert_true(pieces > 2);
	figures_leave(figures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_has_a_row_for_each_listener),
		cmocka_unit_test(a_histogram_is_cumulative),
		cmocka_unit_test(events_are_cut_into_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
