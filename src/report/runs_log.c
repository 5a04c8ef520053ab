/*
 * Reads logs line by line. A log knows times and latencies and nothing else: what was received is
 * the number of values, target, load and errors are not known. What it does not say itself (the unit)
 * and reports what makes its figures doubtful.
 */
#include "report/runs_log.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "report/merge.h"
#include "report/model/reason.h"
#include "stats/hdrlog_reader.h"

/* Stamps are rounded to milliseconds, three of them meet at each joint. */
#define STAMP_SLACK_NS (2 * CLOCK_NS_PER_MS)
/* A stamp below this counts from something else than 1970. */
#define LEAST_ABSOLUTE_NS (365 * 24 * 3600 * CLOCK_NS_PER_S)
/* MAX is in milliseconds where values are nanoseconds: the reference's default. */
#define MAX_UNIT_NS 1e6

struct reading {
	struct hdrlog_reader *reader;
	const struct runs_options *options;
	struct model run;
	uint64_t first_ns; /* start of the first interval */
	uint64_t end_ns;
	bool is_cut;
	/* How many lines have a MAX that is the histogram's own value, and how many another one. */
	uint64_t plain_max_count, other_max_count;
	bool is_of_ns; /* the unit given is contradicted: MAX is the value in nanoseconds */
	/* The intervals have one latency only: this one, once it is known. */
	struct histogram **main;
};

/* Which latency a line is of; NULL: of none that is wanted. */
static struct histogram **latency_of(struct reading *reading, const char *tag)
{
	struct model_latency *latency = &reading->run.latency;
	const char *wanted = reading->options->tag;

	if (wanted != NULL)
		return strcmp(tag, wanted) == 0 ? &latency->sent : NULL;
	if (strcmp(tag, "") == 0 || strcmp(tag, "sent") == 0)
		return &latency->sent;
	if (strcmp(tag, "intended") == 0)
		return &latency->intended;
	return strcmp(tag, "connect") == 0 ? &latency->connect : NULL;
}

static int fail(const struct reading *reading, struct model_fault *fault, const char *reason)
{
	memset(fault, 0, sizeof(*fault));
	fault->line = (unsigned)hdrlog_reader_line(reading->reader);
	snprintf(fault->reason, sizeof(fault->reason), "%s", reason);
	return -EBADMSG;
}

__attribute__((format(printf, 2, 3))) static void say(
	const struct reading *reading, const char *format, ...)
{
	char text[RUNS_NOTE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (reading->options->say != NULL)
		reading->options->say(reading->options->context, text);
}

/* ---- the unit ---- */

static uint64_t unit_of(const struct reading *reading)
{
	return reading->options->unit_ns > 0 ? reading->options->unit_ns : 1;
}

/* Whether MAX, in units of `unit`, lies in the step of the greatest value. */
static bool is_max(const struct hdrlog_reader_interval *line, double unit)
{
	const struct histogram *histogram = line->histogram;
	uint64_t max = histogram_max(histogram);
	uint64_t last = max < histogram->limit ? max : histogram->limit;
	double stated_max = line->max * unit;
	double slack = unit / 1000; /* MAX has three digits behind the point */

	/* What lay beyond the range was counted in the last step. */
	return stated_max >= (double)histogram_step_lower(histogram, last) - slack &&
		(stated_max <= (double)max + slack || max >= histogram->limit);
}

/* MAX is either the value itself, as C writes it, or that in milliseconds, as all others do. */
static void check_max(struct reading *reading, const struct hdrlog_reader_interval *line)
{
	if (isnan(line->max) || histogram_count(line->histogram) == 0 ||
		is_max(line, MAX_UNIT_NS / (double)unit_of(reading)))
		return;
	if (is_max(line, 1)) {
		reading->plain_max_count++;
	} else {
		reading->other_max_count++;
		reading->is_of_ns |= is_max(line, MAX_UNIT_NS);
	}
}

/* A copy whose values are `unit` times as large: finer by a digit, so that nothing is blurred. */
static int scale(struct histogram **histogram, uint64_t unit)
{
	struct histogram *from = *histogram, *to;
	struct histogram_step step = { 0 };
	uint64_t lowest, highest;
	int r;

	if (from == NULL || unit == 1)
		return 0;
	if (__builtin_mul_overflow(from->highest, unit, &highest) || highest > INT64_MAX)
		highest = INT64_MAX;
	/* Of steps a hundred times finer than the unit none is too coarse. */
	if (__builtin_mul_overflow(from->lowest, unit / 100, &lowest) ||
		histogram_max(from) > INT64_MAX / unit)
		return -ERANGE;
	r = histogram_new(lowest, highest, from->digits + 1, &to);
	if (r == -EINVAL)
		r = histogram_new(lowest, highest, from->digits, &to);
	if (r < 0)
		return r == -EINVAL ? -ERANGE : r;
	while (histogram_next(from, &step))
		histogram_record_many(
			to, (step.lower + (step.upper - step.lower) / 2) * unit, step.count);
	if (histogram_count(from) > 0) {
		to->min = histogram_min(from) * unit;
		to->max = histogram_max(from) * unit;
	}
	histogram_free(from);
	*histogram = to;
	return 0;
}

static int scale_run(struct model *run, uint64_t unit)
{
	struct model_interval *intervals = run->intervals.items;
	int r = scale(&run->latency.intended, unit);

	if (r == 0)
		r = scale(&run->latency.sent, unit);
	if (r == 0)
		r = scale(&run->latency.connect, unit);
	/* None is above the greatest value of all, which has just been multiplied. */
	for (size_t i = 0; i < run->intervals.count && r == 0; i++) {
		intervals[i].p50_ns *= unit;
		intervals[i].p99_ns *= unit;
		intervals[i].max_ns *= unit;
	}
	return r;
}

static int add_reason(struct model *run, const char *code, const char *name, double value)
{
	struct model_reason *reason = model_append(&run->trust.reasons, sizeof(*reason));
	char text[REASON_TEXT_SIZE];
	int r = reason != NULL ? model_set_text(&reason->code, code) : -ENOMEM;

	run->trust.doubted = true;
	if (r == 0)
		r = reason_add_figure(reason, name, value);
	if (r == 0)
		r = model_set_text(&reason->text, reason_format(reason, false, text, sizeof(text)));
	return r;
}

static int judge_unit(struct reading *reading)
{
	uint64_t others = reading->other_max_count;

	if (others > 0 && reading->options->unit_ns > 0) {
		say(reading,
			ngettext("MAX and the histogram of %llu line disagree about the unit given",
				"MAX and the histograms of %llu lines disagree about the unit "
				"given",
				others),
			(unsigned long long)others);
		/* Some writers have a unit of their own for MAX, so that alone is no reason. */
		if (reading->is_of_ns)
			return add_reason(&reading->run, "unit-unclear", "lines", (double)others);
	} else if (others > 0) {
		say(reading,
			ngettext("MAX and the histogram of %llu line disagree: its values may not "
				 "be nanoseconds (--unit sets it)",
				"MAX and the histograms of %llu lines disagree: their values may "
				"not be nanoseconds (--unit sets it)",
				others),
			(unsigned long long)others);
		return add_reason(&reading->run, "unit-unclear", "lines", (double)others);
	} else if (reading->plain_max_count > 0 && reading->options->unit_ns == 0) {
		say(reading, "%s",
			_("the unit of its values is not known: taken as nanoseconds (--unit "
			  "sets it)"));
	}
	return 0;
}

/* ---- over time ---- */

static int add_interval(struct reading *reading, const struct hdrlog_reader_interval *line)
{
	struct model_list *list = &reading->run.intervals;
	struct model_interval *interval = list->count < MODEL_MOST_ITEMS
		? model_append(list, sizeof(*interval))
		: NULL;

	if (interval == NULL)
		return list->count < MODEL_MOST_ITEMS ? -ENOMEM : -EFBIG;
	interval->start_ns = line->start_ns; /* put_in_order() makes it relative */
	interval->length_ns = line->length_ns;
	interval->received = histogram_count(line->histogram);
	interval->p50_ns = histogram_percentile(line->histogram, 50);
	interval->p99_ns = histogram_percentile(line->histogram, 99);
	interval->max_ns = histogram_max(line->histogram);
	return 0;
}

static int compare_starts(const void *a, const void *b)
{
	uint64_t x = ((const struct model_interval *)a)->start_ns;
	uint64_t y = ((const struct model_interval *)b)->start_ns;

	return (x > y) - (x < y);
}

/* An interval in which nothing was recorded: some writers leave it out. */
static int add_gap(struct model_list *list, uint64_t from_ns, uint64_t until_ns)
{
	struct model_interval *gap;

	/* There are so many intervals already that one more gap makes no difference. */
	if (list->count == MODEL_MOST_ITEMS)
		return 0;
	gap = model_append(list, sizeof(*gap));
	if (gap == NULL)
		return -ENOMEM;
	gap->start_ns = from_ns;
	gap->length_ns = until_ns - from_ns;
	return 0;
}

/* In order of time, from 0 on, without gaps. Gives how many begin before the one before has ended. */
static int put_in_order(struct reading *reading, uint64_t *ret_overlaps)
{
	struct model_list *list = &reading->run.intervals;
	size_t count = list->count;
	uint64_t end_ns = 0, overlaps = 0;
	int r = 0;

	if (count > 0)
		qsort(list->items, count, sizeof(struct model_interval), compare_starts);
	for (size_t i = 0; i < count && r == 0; i++) {
		struct model_interval *interval = (struct model_interval *)list->items + i;
		uint64_t length_ns = interval->length_ns, start_ns;

		start_ns = interval->start_ns -= reading->first_ns;
		overlaps += i > 0 && start_ns + STAMP_SLACK_NS < end_ns;
		if (i > 0 && start_ns > end_ns + STAMP_SLACK_NS + length_ns / 10)
			r = add_gap(list, end_ns, start_ns);
		if (clock_after_ns(start_ns, length_ns) > end_ns)
			end_ns = clock_after_ns(start_ns, length_ns);
	}
	if (list->count > count)
		qsort(list->items, list->count, sizeof(struct model_interval), compare_starts);
	*ret_overlaps = overlaps;
	return r;
}

static int judge_order(struct reading *reading)
{
	uint64_t overlaps;
	int r = put_in_order(reading, &overlaps);

	if (r < 0 || overlaps == 0)
		return r;
	say(reading,
		ngettext("%llu interval begins before the one before it has ended: rates are not "
			 "to be trusted",
			"%llu intervals begin before the one before them has ended: rates are not "
			"to be trusted",
			overlaps),
		(unsigned long long)overlaps);
	return add_reason(&reading->run, "intervals-overlap", "overlaps", (double)overlaps);
}

/* ---- lines ---- */

static int add_line(struct reading *reading, const struct hdrlog_reader_interval *line)
{
	struct histogram **latency = latency_of(reading, line->tag);
	uint64_t end_ns = clock_after_ns(line->start_ns, line->length_ns);
	int r;

	if (latency == NULL)
		return 0;
	if (line->start_ns < reading->first_ns)
		reading->first_ns = line->start_ns;
	if (end_ns > reading->end_ns)
		reading->end_ns = end_ns;
	check_max(reading, line);
	r = merge_histogram(latency, line->histogram);
	if (r < 0)
		return r;
	/* Percentiles of intervals are of the intended latency, or of the other where there is none;
	 * a log that has both has them in turn. */
	if (latency == &reading->run.latency.intended &&
		reading->main == &reading->run.latency.sent) {
		model_fini(&(struct model){ .intervals = reading->run.intervals });
		memset(&reading->run.intervals, 0, sizeof(reading->run.intervals));
		reading->main = NULL;
	}
	if (reading->main == NULL && latency != &reading->run.latency.connect)
		reading->main = latency;
	return latency == reading->main ? add_interval(reading, line) : 0;
}

static bool is_fault(int r)
{
	return r == -EBADMSG || r == -ENOTSUP || r == -EMSGSIZE;
}

static int read_lines(struct reading *reading, struct model_fault *fault)
{
	struct hdrlog_reader_interval line;
	int r;

	while ((r = hdrlog_reader_next(reading->reader, &line)) > 0) {
		r = add_line(reading, &line);
		histogram_free(line.histogram);
		if (r < 0)
			return r;
	}
	/* Its writer was stopped, or is still writing. */
	if (r == -EBADMSG && hdrlog_reader_is_cut(reading->reader) &&
		reading->first_ns != UINT64_MAX) {
		reading->is_cut = true;
		return 0;
	}
	if (is_fault(r)) {
		const char *why = hdrlog_reader_why(reading->reader);

		return fail(reading, fault,
			why != NULL ? _(why)
				    : _("this is not HdrHistogram's encoding, or damaged"));
	}
	return r;
}

/* ---- the whole ---- */

/* The totals of the run, from its lines. */
static int fill_run(struct reading *reading)
{
	struct model *run = &reading->run;
	const struct histogram *latency = model_main_latency(run);
	int r = scale_run(run, unit_of(reading));

	if (r < 0)
		return r;
	latency = model_main_latency(run);
	/* Where the stamps are absolute they say best when it was. */
	run->started_unix_ns = reading->first_ns >= LEAST_ABSOLUTE_NS
		? reading->first_ns
		: hdrlog_reader_start_ns(reading->reader);
	run->duration_ns = reading->end_ns - reading->first_ns;
	run->counts.received = latency != NULL ? histogram_count(latency) : 0;
	if (run->duration_ns > 0)
		run->rate.reached_per_s = (double)run->counts.received * 1e9 /
			(double)run->duration_ns;
	run->interrupted = reading->is_cut;
	if (reading->is_cut)
		say(reading, _("line %llu, the last one, is cut off: read up to there"),
			(unsigned long long)hdrlog_reader_line(reading->reader));
	r = judge_order(reading);
	if (r == 0)
		r = judge_unit(reading);
	return r < 0 ? r : model_set_text(&run->program, "HdrHistogram");
}

static int finish(struct reading *reading, struct model_fault *fault)
{
	struct model *run = &reading->run;
	int r;

	if (model_main_latency(run) == NULL && run->latency.connect == NULL) {
		fail(reading, fault,
			reading->options->tag != NULL
				? _("no line has this tag")
				: _("no line is without a tag, or has one of meari's (--tag "
				    "chooses)"));
		fault->line = 0;
		return -EBADMSG;
	}
	r = fill_run(reading);
	if (r == -ERANGE) {
		fail(reading, fault, _("its values are too large for this --unit"));
		fault->line = 0;
		return -EBADMSG;
	}
	return r;
}

int runs_log_read(FILE *file, const struct runs_options *options, struct model *ret_run,
	struct model_fault *fault)
{
	struct reading reading = { .options = options, .first_ns = UINT64_MAX };
	int r = hdrlog_reader_new(file, &reading.reader);

	if (r < 0)
		return r;
	r = read_lines(&reading, fault);
	if (r == 0)
		r = finish(&reading, fault);
	hdrlog_reader_free(reading.reader);
	if (r < 0) {
		model_fini(&reading.run);
		return r;
	}
	*ret_run = reading.run;
	return 0;
}
