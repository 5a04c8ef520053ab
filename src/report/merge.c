/*
 * Adding up runs.
 */
#include "report/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/model/model_copy.h"
#include "report/model/model_field.h"
#include "report/model/reason.h"

/* Runs at work at the same time. */
struct stretch {
	const struct model *first;
	uint64_t duration_ns; /* the longest run's */
	struct model_rate rate; /* of all runs together */
};

bool merge_run_together(const struct model *a, const struct model *b)
{
	uint64_t shorter = a->duration_ns < b->duration_ns ? a->duration_ns : b->duration_ns;
	uint64_t apart = a->started_unix_ns < b->started_unix_ns
		? b->started_unix_ns - a->started_unix_ns
		: a->started_unix_ns - b->started_unix_ns;
	uint64_t earlier_ns = a->started_unix_ns < b->started_unix_ns ? a->duration_ns
								      : b->duration_ns;

	/* A run that does not say when it was, was at another time. */
	if (a->started_unix_ns == 0 || b->started_unix_ns == 0 || apart >= earlier_ns)
		return false;
	return earlier_ns - apart >= shorter / 2 + shorter % 2;
}

static void add_rate(struct model_rate *rate, const struct model_rate *more, double weight)
{
	rate->asked_per_s += more->asked_per_s * weight;
	rate->reached_per_s += more->reached_per_s * weight;
	rate->bytes_per_s += more->bytes_per_s * weight;
}

static void join_stretch(struct stretch *stretches, size_t *count, const struct model *run)
{
	struct stretch *stretch = stretches;

	while (stretch < stretches + *count && !merge_run_together(stretch->first, run))
		stretch++;
	if (stretch == stretches + *count) {
		*stretch = (struct stretch){ .first = run };
		++*count;
	}
	if (run->duration_ns > stretch->duration_ns)
		stretch->duration_ns = run->duration_ns;
	add_rate(&stretch->rate, &run->rate, 1);
}

static int merge_rates(const struct model *runs, size_t count, struct model *merged)
{
	CLEANUP_FREE struct stretch *stretches = calloc(count, sizeof(*stretches));
	size_t stretch_count = 0;
	double total_ns = 0;

	if (stretches == NULL)
		return -ENOMEM;
	merged->duration_ns = 0;
	merged->rate = (struct model_rate){ 0 };
	for (size_t i = 0; i < count; i++)
		join_stretch(stretches, &stretch_count, &runs[i]);
	for (size_t i = 0; i < stretch_count; i++) {
		if (__builtin_add_overflow(
			    merged->duration_ns, stretches[i].duration_ns, &merged->duration_ns) ||
			merged->duration_ns > INT64_MAX)
			return -EOVERFLOW;
		total_ns += (double)stretches[i].duration_ns;
	}
	for (size_t i = 0; i < stretch_count; i++)
		/* Where no run says how long it was, they count the same. */
		add_rate(&merged->rate, &stretches[i].rate,
			total_ns > 0 ? (double)stretches[i].duration_ns / total_ns
				     : 1 / (double)stretch_count);
	return 0;
}

static int add_counts(struct model_counts *sum, const struct model_counts *more)
{
	/* A struct of counts and nothing else. */
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)more;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++) {
		if (__builtin_add_overflow(to[i], from[i], &to[i]) || to[i] > INT64_MAX)
			return -EOVERFLOW;
	}
	return 0;
}

/* Makes *sum as wide and as fine as `more`. */
static int widen(struct histogram **sum, const struct histogram *more)
{
	const struct histogram *have = *sum;
	struct histogram *wide;
	int r = histogram_new(have->lowest < more->lowest ? have->lowest : more->lowest,
		have->highest > more->highest ? have->highest : more->highest,
		have->digits > more->digits ? have->digits : more->digits, &wide);

	if (r < 0)
		return r;
	r = histogram_merge(wide, have);
	if (r < 0) {
		histogram_free(wide);
		return r;
	}
	histogram_free(*sum);
	*sum = wide;
	return 0;
}

int merge_histogram(struct histogram **sum, const struct histogram *more)
{
	if (more == NULL)
		return 0;
	if (*sum == NULL)
		return histogram_copy(more, sum);
	if (more->lowest < (*sum)->lowest || more->highest > (*sum)->highest ||
		more->digits > (*sum)->digits) {
		int r = widen(sum, more);

		if (r < 0)
			return r;
	}
	return histogram_merge(*sum, more);
}

static int add_reason(struct model_trust *trust, const struct model_reason *more)
{
	const struct model_figure *figures = more->figures.items;
	struct model_reason *reason = model_append(&trust->reasons, sizeof(*reason));
	int r = reason != NULL ? model_set_text(&reason->code, more->code) : -ENOMEM;

	if (r == 0)
		r = model_set_text(&reason->text, more->text);
	for (size_t i = 0; i < more->figures.count && r == 0; i++)
		r = reason_add_figure(reason, figures[i].name, figures[i].value);
	return r;
}

/* Puts a copy of `by` in the place of `reason`. */
static int replace_reason(struct model_reason *reason, const struct model_reason *by)
{
	struct model scratch = { 0 };
	int r = add_reason(&scratch.trust, by);

	if (r == 0) {
		struct model_reason *copy = scratch.trust.reasons.items;
		struct model_reason old = *reason;

		*reason = *copy;
		*copy = old;
	}
	model_fini(&scratch);
	return r;
}

static int add_reasons(struct model_trust *trust, const struct model_trust *more)
{
	const struct model_reason *reasons = more->reasons.items;
	int r = 0;

	trust->doubted |= more->doubted;
	for (size_t i = 0; i < more->reasons.count && r == 0; i++) {
		struct model_reason *known = trust->reasons.items;
		size_t at = 0;

		/* Five runs with one fault have one fault: the one of them that had most of it. */
		while (at < trust->reasons.count && !reason_is_same(&known[at], &reasons[i]))
			at++;
		if (at == trust->reasons.count)
			r = add_reason(trust, &reasons[i]);
		else if (reason_is_graver(&reasons[i], &known[at]))
			r = replace_reason(&known[at], &reasons[i]);
	}
	return r;
}

/* A label that the runs do not share is left out. */
static void join_label(struct model *merged, const struct model *run)
{
	if (merged->label != NULL && (run->label == NULL || strcmp(merged->label, run->label) != 0))
		model_set_text(&merged->label, NULL);
}

static int add_run(struct model *merged, const struct model *run)
{
	int r = add_counts(&merged->counts, &run->counts);

	if (r == 0)
		r = merge_histogram(&merged->latency.intended, run->latency.intended);
	if (r == 0)
		r = merge_histogram(&merged->latency.sent, run->latency.sent);
	if (r == 0)
		r = merge_histogram(&merged->latency.connect, run->latency.connect);
	if (r == 0)
		r = add_reasons(&merged->trust, &run->trust);
	if (run->started_unix_ns < merged->started_unix_ns)
		merged->started_unix_ns = run->started_unix_ns;
	merged->interrupted |= run->interrupted;
	join_label(merged, run);
	return r;
}

/* Empties what belongs to one run only. */
static void drop_course(struct model *merged)
{
	struct model course = {
		.intervals = merged->intervals,
		.search = merged->search,
		.find_max = merged->find_max,
		.asserts = merged->asserts,
		.fleet = merged->fleet,
	};

	memset(&merged->intervals, 0, sizeof(merged->intervals));
	memset(&merged->search, 0, sizeof(merged->search));
	memset(&merged->find_max, 0, sizeof(merged->find_max));
	memset(&merged->asserts, 0, sizeof(merged->asserts));
	memset(&merged->fleet, 0, sizeof(merged->fleet));
	model_fini(&course);
}

int merge_begin(const struct model *run, struct model *ret_merged)
{
	int r = model_copy(run, ret_merged);

	if (r == 0)
		drop_course(ret_merged);
	return r;
}

static int add_load(struct model_load *sum, const struct model_load *more)
{
	if (__builtin_add_overflow(sum->connections, more->connections, &sum->connections) ||
		__builtin_add_overflow(sum->threads, more->threads, &sum->threads) ||
		sum->connections > INT64_MAX || sum->threads > INT64_MAX)
		return -EOVERFLOW;
	sum->rate_per_s += more->rate_per_s;
	return 0;
}

int merge_add(struct model *merged, const struct model *run)
{
	int r = add_run(merged, run);

	if (r < 0)
		return r;
	if (run->duration_ns > merged->duration_ns)
		merged->duration_ns = run->duration_ns;
	add_rate(&merged->rate, &run->rate, 1);
	return add_load(&merged->load, &run->load);
}

bool merge_is_fleet(const struct model *runs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!runs[i].fleet.rank.known || !merge_run_together(&runs[0], &runs[i]))
			return false;
		for (size_t k = 0; k < i; k++) {
			if (runs[k].fleet.rank.count == runs[i].fleet.rank.count)
				return false;
		}
	}
	return true;
}

static int add_loads(struct model_load *sum, const struct model *runs, size_t count)
{
	int r = 0;

	for (size_t i = 1; i < count && r == 0; i++)
		r = add_load(sum, &runs[i].load);
	return r;
}

int merge_runs(const struct model *runs, size_t count, struct model *ret_merged)
{
	struct model merged;
	int r = model_copy(&runs[0], &merged);

	if (r < 0)
		return r;
	if (count > 1) {
		drop_course(&merged);
		for (size_t i = 1; i < count && r == 0; i++)
			r = add_run(&merged, &runs[i]);
		if (r == 0)
			r = merge_rates(runs, count, &merged);
		if (r == 0 && merge_is_fleet(runs, count))
			r = add_loads(&merged.load, runs, count);
	}
	if (r < 0) {
		model_fini(&merged);
		return r;
	}
	*ret_merged = merged;
	return 0;
}
