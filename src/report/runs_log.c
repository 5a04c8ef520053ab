/*
 * Reads logs line by line. A log knows times and latencies and nothing else: what was received is
 * the number of values, target and load are not known.
 */
#include "report/runs_log.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "report/merge.h"
#include "stats/hdrlog_reader.h"

struct reading {
	struct hdrlog_reader *reader;
	const char *tag; /* NULL: meari's own */
	struct model run;
	uint64_t first_ns; /* start of the first interval */
	uint64_t end_ns;
	/* Intervals are told of one latency only: this one, once it is known. */
	struct histogram **main;
};

/* Which latency a line is of; NULL: of none that is wanted. */
static struct histogram **latency_of(struct reading *reading, const char *tag)
{
	struct model_latency *latency = &reading->run.latency;

	if (reading->tag != NULL)
		return strcmp(tag, reading->tag) == 0 ? &latency->sent : NULL;
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

static int add_interval(struct reading *reading, const struct hdrlog_reader_interval *line)
{
	struct model_list *list = &reading->run.intervals;
	struct model_interval *interval = list->count < MODEL_MOST_ITEMS
		? model_append(list, sizeof(*interval))
		: NULL;

	if (interval == NULL)
		return list->count < MODEL_MOST_ITEMS ? -ENOMEM : -EFBIG;
	interval->start_ns = line->start_ns - reading->first_ns;
	interval->length_ns = line->length_ns;
	interval->received = histogram_count(line->histogram);
	interval->p50_ns = histogram_percentile(line->histogram, 50);
	interval->p99_ns = histogram_percentile(line->histogram, 99);
	interval->max_ns = histogram_max(line->histogram);
	return 0;
}

static int add_line(struct reading *reading, const struct hdrlog_reader_interval *line)
{
	struct histogram **latency = latency_of(reading, line->tag);
	int r;

	if (latency == NULL)
		return 0;
	if (reading->first_ns == UINT64_MAX)
		reading->first_ns = line->start_ns;
	/* A line that is out of order must not make a time before the first. */
	if (line->start_ns < reading->first_ns)
		return -ERANGE;
	if (clock_after_ns(line->start_ns, line->length_ns) > reading->end_ns)
		reading->end_ns = clock_after_ns(line->start_ns, line->length_ns);
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

static int read_lines(struct reading *reading, struct model_fault *fault)
{
	struct hdrlog_reader_interval line;
	int r;

	while ((r = hdrlog_reader_next(reading->reader, &line)) > 0) {
		r = add_line(reading, &line);
		histogram_free(line.histogram);
		if (r == -ERANGE)
			return fail(reading, fault, _("it begins before the first interval"));
		if (r < 0)
			return r;
	}
	if (r == -EBADMSG || r == -ENOTSUP || r == -EMSGSIZE) {
		const char *why = hdrlog_reader_why(reading->reader);

		return fail(reading, fault,
			why != NULL ? _(why)
				    : _("this is not HdrHistogram's encoding, or damaged"));
	}
	return r;
}

/* What the run is as a whole, from its lines. */
static int finish(struct reading *reading, struct model_fault *fault)
{
	struct model *run = &reading->run;
	const struct histogram *latency = model_main_latency(run);

	if (latency == NULL && run->latency.connect == NULL) {
		fail(reading, fault,
			reading->tag != NULL
				? _("no line has this tag")
				: _("no line is without a tag, or has one of meari's (--tag "
				    "chooses)"));
		fault->line = 0;
		return -EBADMSG;
	}
	run->started_unix_ns = hdrlog_reader_start_ns(reading->reader);
	run->duration_ns = reading->end_ns - reading->first_ns;
	run->counts.received = latency != NULL ? histogram_count(latency) : 0;
	if (run->duration_ns > 0)
		run->rate.reached_per_s = (double)run->counts.received * 1e9 /
			(double)run->duration_ns;
	return model_set_text(&run->program, "HdrHistogram");
}

int runs_log_read(FILE *file, const char *tag, struct model *ret_run, struct model_fault *fault)
{
	struct reading reading = { .tag = tag, .first_ns = UINT64_MAX };
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
