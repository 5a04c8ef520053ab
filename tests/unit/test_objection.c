/*
 * objection.c: each kind by itself, and none where the runs are alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "report/objection.h"

#define RUNS 5

struct sides {
	struct model baseline[RUNS], runs[RUNS];
};

static void fill_run(struct model *run, uint64_t number)
{
	run->started_unix_ns = 1000 + number;
	run->duration_ns = 1000000000;
	run->load.mode = MODEL_OPEN;
	run->load.connections = 2;
	run->counts.sent = run->counts.received = 100 + number;
	run->rate.reached_per_s = 100 + (double)number;
	assert_int_equal(histogram_new(HISTOGRAM_LOWEST_NS, HISTOGRAM_HIGHEST_NS, HISTOGRAM_DIGITS,
				 &run->latency.intended),
		0);
	histogram_record_many(run->latency.intended, 1000 + number, 100 + number);
}

static int setup(void **state)
{
	static struct sides sides;

	memset(&sides, 0, sizeof(sides));
	for (unsigned i = 0; i < RUNS; i++) {
		fill_run(&sides.baseline[i], i);
		fill_run(&sides.runs[i], RUNS + i);
	}
	*state = &sides;
	return 0;
}

static int teardown(void **state)
{
	struct sides *sides = *state;

	for (unsigned i = 0; i < RUNS; i++) {
		model_fini(&sides->baseline[i]);
		model_fini(&sides->runs[i]);
	}
	return 0;
}

/* The codes, one behind the other. */
static const char *find(const struct sides *sides, size_t baseline_count, size_t known_count)
{
	static char codes[400];
	const struct objection_known known = { &figure_table[0], RUNS, RUNS };
	struct objection objections[OBJECTION_MOST];
	size_t count = objection_find(sides->baseline, baseline_count, sides->runs, RUNS, RUNS,
		&known, known_count, objections);

	codes[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char text[OBJECTION_TEXT_SIZE];

		assert_true(*objection_format(&objections[i], false, text, sizeof(text)) != '\0');
		strcat(codes, i > 0 ? " " : "");
		strcat(codes, objection_code(objections[i].kind));
	}
	return codes;
}

static void none_where_runs_are_alike(void **state)
{
	struct sides *sides = *state;

	assert_string_equal(find(sides, RUNS, 1), "");
	/* Where they ran may be what is compared. */
	assert_int_equal(model_set_text(&sides->runs[0].target.address, "tcp://[::1]:7"), 0);
	assert_int_equal(model_set_text(&sides->runs[0].environment.kernel, "Linux 7"), 0);
	sides->runs[0].load.threads = 9;
	assert_string_equal(find(sides, RUNS, 1), "");
}

static void too_little(void **state)
{
	struct sides *sides = *state;

	assert_string_equal(find(sides, RUNS - 1, 1), "too-few-runs");
	assert_string_equal(find(sides, RUNS, 0), "nothing-in-common");
}

static void one_run_is_enough(void **state)
{
	struct sides *sides = *state;

	sides->runs[3].trust.doubted = true;
	assert_string_equal(find(sides, RUNS, 1), "not-trusted");
	sides->runs[3].trust.doubted = false;
	sides->baseline[4].trust.doubted = true;
	assert_string_equal(find(sides, RUNS, 1), "baseline-not-trusted");
	sides->baseline[4].trust.doubted = false;
	sides->baseline[1].interrupted = true;
	assert_string_equal(find(sides, RUNS, 1), "interrupted");
	sides->baseline[1].interrupted = false;
	histogram_reset(sides->runs[1].latency.intended);
	assert_string_equal(find(sides, RUNS, 1), "figure-missing");
	sides->runs[1].rate.reached_per_s = 0;
	sides->runs[1].counts.received = 0;
	assert_string_equal(find(sides, RUNS, 1), "figure-missing no-answer");
}

static void copies(void **state)
{
	struct sides *sides = *state;
	struct model kept = sides->runs[0];

	sides->runs[0] = sides->baseline[2];
	assert_string_equal(find(sides, RUNS, 1), "run-twice");
	sides->runs[0] = kept;
	assert_string_equal(find(sides, RUNS, 1), "");
}

static void another_load(void **state)
{
	struct sides *sides = *state;
	struct model_load *load = &sides->runs[2].load;

	load->pipeline = 9;
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	load->pipeline = 0;
	load->rate_per_s = 1e-9;
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	load->rate_per_s = 0;
	load->mode = MODEL_CHURN;
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	load->mode = MODEL_OPEN;
	load->connections++;
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	load->connections--;
	load->arrivals = MODEL_POISSON;
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	load->arrivals = MODEL_CONSTANT;
	assert_int_equal(model_set_text(&load->profile, "1k@1s"), 0);
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	assert_int_equal(model_set_text(&load->profile, NULL), 0);
	assert_string_equal(find(sides, RUNS, 1), "");
}

static void other_sizes(void **state)
{
	struct sides *sides = *state;
	struct model_size *size = model_append(&sides->runs[2].load.sizes, sizeof(*size));

	*size = (struct model_size){ .bytes = 64, .weight = 1 };
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	for (unsigned i = 0; i < 2 * RUNS; i++) {
		struct model *run = i < RUNS ? &sides->baseline[i] : &sides->runs[i - RUNS];

		if (run == &sides->runs[2])
			continue;
		size = model_append(&run->load.sizes, sizeof(*size));
		*size = (struct model_size){ .bytes = 64, .weight = 1 };
	}
	assert_string_equal(find(sides, RUNS, 1), "");
	/* As many, of another size or in other shares. */
	size->bytes = 65;
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
	size->bytes = 64;
	size->weight = 2;
	assert_string_equal(find(sides, RUNS, 1), "load-differs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(none_where_runs_are_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(too_little, setup, teardown),
		cmocka_unit_test_setup_teardown(one_run_is_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(copies, setup, teardown),
		cmocka_unit_test_setup_teardown(another_load, setup, teardown),
		cmocka_unit_test_setup_teardown(other_sizes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
