/*
 * One function a kind. All runs of both sides are checked, because one that is not like the others
 * is enough.
 */
#include "report/objection.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "report/difference.h"

/* Both sides as one row, the baseline first. */
struct sides {
	const struct model *baseline, *runs;
	size_t baseline_count, count;
};

static size_t all(const struct sides *sides)
{
	return sides->baseline_count + sides->count;
}

static const struct model *run_at(const struct sides *sides, size_t index)
{
	return index < sides->baseline_count ? &sides->baseline[index]
					     : &sides->runs[index - sides->baseline_count];
}

static size_t count_if(const struct sides *sides, bool (*holds)(const struct model *run))
{
	size_t count = 0;

	for (size_t i = 0; i < all(sides); i++)
		count += holds(run_at(sides, i));
	return count;
}

static bool is_interrupted(const struct model *run)
{
	return run->interrupted;
}

static bool is_empty(const struct histogram *histogram)
{
	return histogram == NULL || histogram_count(histogram) == 0;
}

static bool has_no_answer(const struct model *run)
{
	return is_empty(model_main_latency(run)) && is_empty(run->latency.connect) &&
		!(run->rate.reached_per_s > 0);
}

static size_t count_doubted(const struct model *runs, size_t count)
{
	size_t doubted = 0;

	for (size_t i = 0; i < count; i++)
		doubted += runs[i].trust.doubted;
	return doubted;
}

/* ---- is the load the same ---- */

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool has_same_sizes(const struct model_load *a, const struct model_load *b)
{
	return a->sizes.count == b->sizes.count &&
		(a->sizes.count == 0 ||
			memcmp(a->sizes.items, b->sizes.items,
				a->sizes.count * sizeof(struct model_size)) == 0);
}

/*
 * The field of what was asked for in which two runs differ, so that their figures mean different
 * things; NULL: none. Where they ran, and against which address, may be what is compared.
 */
static const char *load_difference(const struct model *a, const struct model *b)
{
	const struct model_load *x = &a->load, *y = &b->load;

	if (x->mode != y->mode)
		return "load.mode";
	if (x->connections != y->connections)
		return "load.connections";
	if (x->pipeline != y->pipeline)
		return "load.pipeline";
	if (!has_same_sizes(x, y))
		return "load.sizes";
	if (x->rate_per_s != y->rate_per_s)
		return "load.rate_per_s";
	if (x->arrivals != y->arrivals)
		return "load.arrivals";
	if (!is_same_text(x->profile, y->profile))
		return "load.profile";
	/* Percentiles are of the one where it is there, and of the other where it is not. */
	if ((a->latency.intended != NULL) != (b->latency.intended != NULL) &&
		model_main_latency(a) != NULL && model_main_latency(b) != NULL)
		return "latency.intended";
	return NULL;
}

static const char *find_load_difference(const struct sides *sides)
{
	const char *field = NULL;

	for (size_t i = 1; i < all(sides) && field == NULL; i++)
		field = load_difference(run_at(sides, 0), run_at(sides, i));
	return field;
}

/* ---- are they different runs ---- */

static size_t count_twice(const struct sides *sides)
{
	size_t twice = 0;

	for (size_t i = 1; i < all(sides); i++) {
		bool known = false;

		for (size_t k = 0; k < i && !known; k++)
			known = difference_is_same_run(run_at(sides, k), run_at(sides, i));
		twice += known;
	}
	return twice;
}

/* ---- the whole ---- */

/* Where connections are made all the time, a run without times of it is as odd as one without others. */
static bool must_be_known(const struct figure *figure, const struct sides *sides)
{
	return strncmp(figure->name, "connect_", strlen("connect_")) != 0 ||
		run_at(sides, 0)->load.mode == MODEL_CHURN;
}

static bool find_missing(const struct sides *sides, struct objection *ret_objection)
{
	for (size_t i = 0; i < FIGURE_COUNT; i++) {
		const struct figure *figure = &figure_table[i];
		size_t known = 0;

		if (!figure->compared || !must_be_known(figure, sides))
			continue;
		for (size_t k = 0; k < all(sides); k++)
			known += !isnan(figure_value(figure, run_at(sides, k)));
		if (known > 0 && known < all(sides)) {
			*ret_objection = (struct objection){ OBJECTION_MISSING, known, all(sides),
				figure->name };
			return true;
		}
	}
	return false;
}

size_t objection_find(const struct model *baseline, size_t baseline_count, const struct model *runs,
	size_t count, size_t least_runs, const struct objection_known *known, size_t known_count,
	struct objection objections[OBJECTION_MOST])
{
	struct sides sides = { baseline, runs, baseline_count, count };
	const struct objection counted[] = {
		{ OBJECTION_NO_ANSWER, count_if(&sides, has_no_answer), all(&sides), NULL },
		{ OBJECTION_NOT_TRUSTED, count_doubted(runs, count), count, NULL },
		{ OBJECTION_BASELINE_NOT_TRUSTED, count_doubted(baseline, baseline_count),
			baseline_count, NULL },
		{ OBJECTION_INTERRUPTED, count_if(&sides, is_interrupted), all(&sides), NULL },
		{ OBJECTION_TWICE, count_twice(&sides), all(&sides), NULL },
	};
	const char *field = find_load_difference(&sides);
	size_t found = 0;

	if (count < least_runs || baseline_count < least_runs)
		objections[found++] = (struct objection){ OBJECTION_TOO_FEW, count, baseline_count,
			NULL };
	if (known_count == 0)
		objections[found++] = (struct objection){ .kind = OBJECTION_NOTHING_IN_COMMON };
	else if (find_missing(&sides, &objections[found]))
		found++;
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		if (counted[i].count > 0)
			objections[found++] = counted[i];
	}
	if (field != NULL)
		objections[found++] = (struct objection){ .kind = OBJECTION_LOAD, .what = field };
	return found;
}

const char *objection_code(enum objection_kind kind)
{
	static const char *const codes[] = {
		[OBJECTION_TOO_FEW] = "too-few-runs",
		[OBJECTION_NOTHING_IN_COMMON] = "nothing-in-common",
		[OBJECTION_MISSING] = "figure-missing",
		[OBJECTION_NO_ANSWER] = "no-answer",
		[OBJECTION_NOT_TRUSTED] = "not-trusted",
		[OBJECTION_BASELINE_NOT_TRUSTED] = "baseline-not-trusted",
		[OBJECTION_INTERRUPTED] = "interrupted",
		[OBJECTION_LOAD] = "load-differs",
		[OBJECTION_TWICE] = "run-twice",
	};

	return codes[kind];
}

const char *objection_format(
	const struct objection *objection, bool translated, char *buffer, size_t size)
{
	/* Each takes `count` and `of`, or the name of a figure or field and these. */
	static const struct {
		bool has_name;
		const char *text;
	} sentences[] = {
		[OBJECTION_TOO_FEW] = { false,
			N_("%zu runs here and %zu in the baseline are too few") },
		[OBJECTION_NOTHING_IN_COMMON] = { false,
			N_("the runs have no figure in common with the baseline") },
		[OBJECTION_MISSING] = { true, N_("%s is known of %zu of %zu runs only") },
		[OBJECTION_NO_ANSWER] = { false, N_("nothing came back in %zu of %zu runs") },
		[OBJECTION_NOT_TRUSTED] = { false,
			N_("the figures of %zu of %zu runs cannot be trusted") },
		[OBJECTION_BASELINE_NOT_TRUSTED] = { false,
			N_("the figures of %zu of %zu runs of the baseline cannot be trusted") },
		[OBJECTION_INTERRUPTED] = { false, N_("%zu of %zu runs ended early") },
		[OBJECTION_LOAD] = { true,
			N_("the runs differ in %s: their figures mean different things") },
		[OBJECTION_TWICE] = { false, N_("%zu of %zu runs are copies of another one") },
	};
	const char *text = sentences[objection->kind].text;

	text = translated ? _(text) : text;
	if (sentences[objection->kind].has_name)
		snprintf(buffer, size, text, objection->what, objection->count, objection->of);
	else
		snprintf(buffer, size, text, objection->count, objection->of);
	return buffer;
}
