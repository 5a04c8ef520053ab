/*
 * Standard output is for the result: as text, or with --json or --json-lines as JSON alone; the text then goes
 * to standard error.
 */
#include "bench/measure.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/number.h"
#include "base/outfile.h"
#include "bench/climb.h"
#include "bench/live.h"
#include "bench/result.h"
#include "report/html.h"
#include "report/model/model_write.h"
#include "report/terminal.h"
#include "stats/hdrlog.h"

/* The period of drawing at a terminal. */
#define TICK_NS (250 * CLOCK_NS_PER_MS)
#define TITLE_SIZE 200
/* A line of JSON up to this leaves in one write(2): generators that share a file do not mix theirs up. */
#define LINE_BYTES (1u << 20)

struct measurement {
	const struct measure_options *options;
	struct bench *bench;
	FILE *people; /* the text for people goes here */
	struct live live;
	char title[TITLE_SIZE];
	struct outfile *hdr, *html; /* NULL: not asked for */
	int hdr_error; /* -errno of the first line that could not be written */
	bool hdr_begun;
	struct search search;
};

struct judgement {
	enum measure_verdict verdict;
	const char *objection; /* translated; NULL: the verdict needs no explanation */
};

/* ---- while it runs ---- */

static void on_tick(void *context, const struct bench_progress *progress)
{
	struct measurement *measurement = context;

	if (!measurement->options->quiet)
		live_tick(&measurement->live, progress);
}

static void write_hdr(struct measurement *measurement, const struct outcome_interval *interval,
	const struct load_record *record)
{
	const struct {
		const char *tag;
		const struct histogram *histogram;
	} parts[] = {
		{ "intended", record->intended },
		{ "sent", record->sent },
		{ "connect", record->connect },
		{ "unsent", record->unsent },
	};
	const struct histogram *main = measurement->options->bench.load.open_loop ? record->intended
										  : record->sent;
	int r = measurement->hdr_error;

	if (!measurement->hdr_begun && r == 0)
		r = hdrlog_write_head(outfile_stream(measurement->hdr),
			clock_wall_ns() - interval->start_ns - interval->length_ns);
	measurement->hdr_begun = true;
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		/* Without a line a time in which nothing came back would not be there at all. */
		if (histogram_count(parts[i].histogram) > 0 || parts[i].histogram == main)
			r = hdrlog_write_interval(outfile_stream(measurement->hdr), parts[i].tag,
				interval->start_ns, interval->length_ns, parts[i].histogram);
	}
	measurement->hdr_error = r;
}

static void print_interval(const struct outcome_interval *interval)
{
	struct model_interval fields = result_interval(interval);
	json_t *value, *object;

	if (model_write_interval(&fields, &value) < 0)
		return; /* a line less; the result has it */
	object = json_pack("{s:o}", "interval", value);
	json_text_write(object, JSON_COMPACT | JSON_REAL_PRECISION(12), stdout);
	putchar('\n');
	outfile_flush_stdout();
	json_decref(object);
}

static void on_interval(
	void *context, const struct outcome_interval *interval, const struct load_record *record)
{
	struct measurement *measurement = context;
	const struct measure_options *options = measurement->options;

	if (!options->quiet && !options->has_goal)
		live_interval(&measurement->live, interval);
	if (measurement->hdr != NULL)
		write_hdr(measurement, interval, record);
	if (options->json_lines)
		print_interval(interval);
}

static void compose_title(struct measurement *measurement, double rate_per_s)
{
	const struct measure_options *options = measurement->options;
	char address[ADDR_TEXT_SIZE], rate[NUMBER_TEXT_SIZE], load[80];

	addr_format(bench_target(measurement->bench), address, sizeof(address));
	if (rate_per_s > 0)
		snprintf(load, sizeof(load), _("open loop, %s/s"),
			number_format_rate(rate_per_s, rate, sizeof(rate)));
	else if (options->rate_text != NULL)
		snprintf(load, sizeof(load), _("open loop, %s"), options->rate_text);
	else
		snprintf(load, sizeof(load), "%s", _("closed loop"));
	snprintf(measurement->title, sizeof(measurement->title),
		ngettext("%s  %s, %u connection", "%s  %s, %u connections",
			options->bench.connections),
		address, load, options->bench.connections);
}

static void on_begins(void *context, double rate_per_s)
{
	compose_title(context, rate_per_s);
}

static void print_step(struct measurement *measurement, const struct search_step *step)
{
	const struct promise *goal = &measurement->options->goal;
	char rate[NUMBER_TEXT_SIZE], reached[NUMBER_TEXT_SIZE], figure[PROMISE_TEXT_SIZE],
		value[PROMISE_VALUE_TEXT_SIZE];
	const char *verdict = step->outcome == SEARCH_KEPT ? _("kept")
		: step->outcome == SEARCH_BROKEN           ? _("broken")
							   : _("not to be trusted");

	fprintf(measurement->people, _("  %8s/s asked, %8s/s reached, %s %s: %s\n"),
		number_format_rate(step->rate_per_s, rate, sizeof(rate)),
		number_format_rate(step->reached_per_s, reached, sizeof(reached)),
		promise_format_figure(goal, figure, sizeof(figure)),
		step->value_known ? promise_format_value(goal, step->value, value, sizeof(value))
				  : "-",
		verdict);
	outfile_flush(measurement->people);
}

static void on_ends(void *context, const struct search_step *step)
{
	struct measurement *measurement = context;

	live_clear(&measurement->live);
	if (!measurement->options->quiet)
		print_step(measurement, step);
}

/* ---- the result ---- */

/* 0: not a terminal, any width will do. */
static unsigned width_of(FILE *stream)
{
	struct winsize size;

	return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void print_promises(const struct measurement *measurement, const struct model *model)
{
	const struct measure_options *options = measurement->options;
	/* The goal of a search comes first, and print_search() is about that. */
	const struct model_assert *asserts = model->asserts.items;

	for (size_t i = 0; i < options->promise_count; i++) {
		const struct promise *promise = &options->promises[i];
		const struct model_assert *found = &asserts[i + options->has_goal];
		char figure[PROMISE_TEXT_SIZE], text[PROMISE_VALUE_TEXT_SIZE];

		promise_format_figure(promise, figure, sizeof(figure));
		if (isnan(found->value))
			fprintf(measurement->people, _("broken: %s (nothing was measured)\n"),
				promise->text);
		else
			fprintf(measurement->people, "%s: %s (%s %s)%s%s\n",
				found->holds ? _("kept") : _("broken"), promise->text, figure,
				promise_format_value(promise, found->value, text, sizeof(text)),
				model->trust.doubted ? ", " : "",
				model->trust.doubted ? _("not to be trusted") : "");
	}
}

static void print_search(const struct measurement *measurement)
{
	const struct search *search = &measurement->search;
	const char *goal = measurement->options->goal.text;
	char rate[NUMBER_TEXT_SIZE];

	number_format_rate(search->best_per_s, rate, sizeof(rate));
	switch (search->end) {
	case SEARCH_FOUND:
		fprintf(measurement->people, _("highest rate with %s: %s/s\n"), goal, rate);
		break;
	case SEARCH_LIMITED:
		fprintf(measurement->people,
			_("highest rate with %s: %s/s at least; more could not be generated here\n"),
			goal, rate);
		break;
	case SEARCH_ALL:
		fprintf(measurement->people, _("%s holds up to %s/s, where the search ends\n"),
			goal, rate);
		break;
	case SEARCH_NONE:
		if (!search->upper_not_trusted && search_once_kept(search) > 0)
			fprintf(measurement->people,
				_("no rate keeps %s any more: %s/s kept it at first, and later no "
				  "rate did\n"),
				goal,
				number_format_rate(search_once_kept(search), rate, sizeof(rate)));
		else
			fprintf(measurement->people,
				search->upper_not_trusted
					? _("no rate was found that keeps %s: what was measured is "
					    "the generator's limit\n")
					: _("no rate keeps %s\n"),
				goal);
		break;
	case SEARCH_GOES_ON:
		if (search->kept_per_s > 0)
			fprintf(measurement->people,
				_("the search was cut short: %s held at %s/s, and what is higher "
				  "is not known\n"),
				goal, number_format_rate(search->kept_per_s, rate, sizeof(rate)));
		else
			fprintf(measurement->people,
				_("the search was cut short before a rate was found that keeps "
				  "%s\n"),
				goal);
		break;
	}
}

static void print_damage(const struct measurement *measurement, const struct outcome *outcome)
{
	const struct load_record_damage *damage = &outcome->record->damage;

	if (damage->found)
		fprintf(measurement->people,
			_("first damage: connection %u, message %llu, offset %llu: expected %d, got "
			  "%d\n"),
			damage->connection, (unsigned long long)damage->message,
			(unsigned long long)damage->offset, damage->expected, damage->got);
}

/* Commits what was asked for; `r` is what its writer says. */
static int commit_file(struct outfile **file, const char *path, int r)
{
	if (*file == NULL)
		return 0;
	r = outfile_commit(*file, r);
	*file = NULL;
	if (r == -ENOTSUP)
		log_error(_("cannot write '%s': this meari was built without the charts' library "
			    "(libjs-chart.js)"),
			path);
	else if (r < 0)
		log_error(_("cannot write '%s': %s"), path, strerror(-r));
	return r;
}

static int write_files(struct measurement *measurement, const struct model *model)
{
	const struct measure_options *options = measurement->options;
	int written = measurement->html != NULL
		? html_write_run(model, outfile_stream(measurement->html))
		: 0;
	int hdr = commit_file(&measurement->hdr, options->hdr_path, measurement->hdr_error);
	int html = commit_file(&measurement->html, options->html_path, written);

	return hdr < 0 ? hdr : html;
}

static struct result_context context_of(const struct measurement *measurement)
{
	const struct measure_options *options = measurement->options;
	const struct profile_stage *stage = &options->profile.stages[0];
	bool is_constant = options->rate_text != NULL && options->profile.count == 1 &&
		stage->from_per_s == stage->to_per_s;

	return (struct result_context){
		.argc = options->argc,
		.argv = options->argv,
		.label = options->label,
		.options = &options->bench,
		.bench = measurement->bench,
		.rank = &options->rank,
		.rate_text = options->rate_text,
		.rate_per_s = options->has_goal ? measurement->search.best_per_s
			: is_constant           ? stage->from_per_s
						: 0,
		.promises = options->promises,
		.promise_count = options->promise_count,
		.goal = options->has_goal ? &options->goal : NULL,
		.search = &measurement->search,
	};
}

/* A signal ended it early: the figures are not of the whole duration. */
static void print_cut(const struct measurement *measurement, const struct outcome *outcome)
{
	const struct measure_options *options = measurement->options;
	char measured[DURATION_TEXT_SIZE], planned[DURATION_TEXT_SIZE];

	if (outcome->signal == 0)
		return;
	fprintf(measurement->people,
		_("cut short by SIG%s: the figures are of the first %s of %s\n"),
		sigabbrev_np(outcome->signal),
		duration_format(outcome->duration_ns, measured, sizeof(measured)),
		duration_format(options->duration_ns, planned, sizeof(planned)));
}

/* Latency counts from when a message was due, where there is that. */
static void print_plots(const struct measurement *measurement, const struct model *model)
{
	const struct measure_options *options = measurement->options;
	const struct model_latency *latency = &model->latency;
	const struct model_interval *intervals = model->intervals.items;
	unsigned width = width_of(measurement->people);
	const struct histogram *main = latency->intended != NULL ? latency->intended
		: latency->sent != NULL                          ? latency->sent
								 : latency->connect;
	struct plot_course course;

	if (!options->plots || main == NULL)
		return;
	plot_course_init(&course, options->bench.interval_ns);
	for (size_t i = 0; i < model->intervals.count; i++) {
		const struct model_interval *each = &intervals[i];

		if (each->max_ns > 0)
			plot_course_add(
				&course, each->start_ns, each->p50_ns, each->p99_ns, each->max_ns);
		if (each->errors > 0)
			plot_course_add_lost(&course, each->start_ns, each->errors);
	}
	fputc('\n', measurement->people);
	plot_write_shape(main, options->plot_style, width, measurement->people);
	fputc('\n', measurement->people);
	plot_write_course(&course, options->plot_style, width, _("p50 to p99"), _("maximum"),
		measurement->people);
}

static int print_result(const struct measurement *measurement, const struct model *model,
	const struct outcome *outcome, const struct judgement *judgement)
{
	int r = terminal_result(
		model, model, 1, width_of(measurement->people), measurement->people);

	print_plots(measurement, model);
	print_damage(measurement, outcome);
	if (!measurement->options->has_goal)
		print_cut(measurement, outcome);
	if (measurement->options->has_goal)
		print_search(measurement);
	print_promises(measurement, model);
	if (judgement->objection != NULL)
		fprintf(measurement->people, "%s\n", judgement->objection);
	outfile_flush(measurement->people);
	return r;
}

/* `r`: the result of filling the model. */
static int write_result(struct measurement *measurement, const struct model *model, int r,
	const struct outcome *outcome, const struct judgement *judgement)
{
	const struct measure_options *options = measurement->options;
	bool json = options->json || options->json_lines;
	int files;

	if (r == 0 && (!json || !options->quiet))
		r = print_result(measurement, model, outcome, judgement);
	if (r == 0 && json)
		r = model_write(model, stdout);
	if (r < 0)
		log_error(_("cannot write the result: %s"), strerror(-r));
	files = write_files(measurement, model);
	return r < 0 ? r : files;
}

/* ---- the verdict ---- */

/* Reports that nothing was measured, and why, as far as it is known. */
static void report_nothing(const struct measurement *measurement, const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;
	char address[ADDR_TEXT_SIZE];
	const char *format;

	if (outcome->signal != 0)
		format = _("'%s': interrupted before anything was measured");
	else if (outcome->record->damage.found)
		format = _("nothing came back from '%s' as it was sent (is it an echo service?)");
	else if (counts->sent + counts->unsent == 0 && outcome_errors(counts) == 0)
		format = _("nothing was due to be sent to '%s' (a higher --rate or a longer "
			   "--duration sends something)");
	else
		format = _("nothing came back from '%s' (is it an echo service?)");
	log_error(format, addr_format(bench_target(measurement->bench), address, sizeof(address)));
}

/* A promise such as errors<5; errors>=0 allows any number of them. */
static bool limits(const struct measure_options *options, enum promise_figure figure)
{
	for (size_t i = 0; i < options->promise_count; i++) {
		const struct promise *promise = &options->promises[i];

		if (promise->figure == figure &&
			(promise->comparison == PROMISE_BELOW ||
				promise->comparison == PROMISE_AT_MOST ||
				promise->comparison == PROMISE_EQUAL))
			return true;
	}
	return false;
}

/*
 * The service made errors that no promise limits. Lost messages do not count here: they enter the latencies
 * with the time that they have waited.
 */
static bool has_unlimited_errors(
	const struct measure_options *options, const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;

	if (limits(options, PROMISE_ERRORS))
		return false;
	if (counts->overruns + counts->strays + counts->faults + counts->resets + counts->ended > 0)
		return true;
	if (counts->connect_errors > 0 && !outcome_is_own_shortage(outcome->connect_error))
		return true;
	if (counts->duplicates > 0 && !limits(options, PROMISE_DUPLICATES))
		return true;
	return outcome_facts(outcome).damaged > 0 && !limits(options, PROMISE_DAMAGED) &&
		!limits(options, PROMISE_LOSS);
}

/* A service that returned wrong bytes at one rate is no exact echo, whatever it does at another. */
static bool was_wrong_in_search(const struct measurement *measurement)
{
	const struct search *search = &measurement->search;

	for (size_t i = 0; i < search->step_count; i++) {
		if (search->steps[i].wrong)
			return true;
	}
	return false;
}

/*
 * Beyond its limit a generator has old messages to send when new ones are due. Where none is due, an answer to one of
 * the warm-up is no measurement.
 */
static bool has_measured_nothing(const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;
	bool none_due = counts->sent + counts->unsent == 0;

	return counts->received == 0 && (counts->completed == 0 || none_due);
}

static bool is_broken(const struct model *model)
{
	const struct model_assert *asserts = model->asserts.items;

	for (size_t i = 0; i < model->asserts.count; i++) {
		if (!asserts[i].holds)
			return true;
	}
	return false;
}

static struct judgement judge(const struct measurement *measurement, const struct model *model,
	const struct outcome *outcome)
{
	const struct measure_options *options = measurement->options;

	if (outcome->signal != 0)
		return (struct judgement){ MEASURE_INTERRUPTED, NULL };
	if (has_measured_nothing(outcome))
		return (struct judgement){ MEASURE_FAILED, NULL };
	if (is_broken(model))
		return (struct judgement){ MEASURE_BROKEN, NULL };
	if (model->asserts.count == 0)
		return (struct judgement){ MEASURE_KEPT, NULL };
	if (!outcome_is_complete(outcome))
		return (struct judgement){ MEASURE_NOT_JUDGED,
			_("kept, but the figures do not cover the whole load") };
	if (was_wrong_in_search(measurement))
		return (struct judgement){ MEASURE_NOT_JUDGED,
			_("kept at that rate, but at others the service returned wrong, additional "
			  "or repeated bytes") };
	if (!options->has_goal && has_unlimited_errors(options, outcome))
		return (struct judgement){ MEASURE_NOT_JUDGED,
			_("kept, but the service made errors that no --assert limits (errors==0 "
			  "does)") };
	return (struct judgement){ MEASURE_KEPT, NULL };
}

/* ---- from the start to the end ---- */

static int open_file(const char *path, struct outfile **ret_file)
{
	int r = path != NULL ? outfile_open(path, ret_file) : 0;

	if (r < 0)
		log_error(_("cannot open '%s' for writing: %s"), path, strerror(-r));
	return r;
}

static int run(struct measurement *measurement, struct outcome *ret_outcome)
{
	const struct measure_options *options = measurement->options;
	struct climb_watch watch = {
		.bench = { on_tick, on_interval, measurement },
		.begins = on_begins,
		.ends = on_ends,
	};
	bool open_loop = options->bench.load.open_loop;

	if (options->has_goal)
		return climb(measurement->bench, &options->goal,
			options->rate_text != NULL ? options->profile.stages[0].from_per_s
						   : CLIMB_FIRST_PER_S,
			options->warm_up_ns, options->duration_ns, &watch, &measurement->search,
			ret_outcome);
	compose_title(measurement, 0);
	return bench_run(measurement->bench, open_loop ? &options->profile : NULL,
		options->warm_up_ns, options->duration_ns, &watch.bench, ret_outcome);
}

static enum measure_verdict run_and_print(struct measurement *measurement, int *ret_signal)
{
	struct outcome outcome = { 0 };
	struct model model = { 0 };
	struct result_context context;
	struct judgement judgement;
	int r = run(measurement, &outcome);

	live_clear(&measurement->live);
	if (r < 0)
		return MEASURE_FAILED;
	context = context_of(measurement);
	r = result_fill(&model, &context, &outcome);
	judgement = judge(measurement, &model, &outcome);
	r = write_result(measurement, &model, r, &outcome, &judgement);
	if (has_measured_nothing(&outcome))
		report_nothing(measurement, &outcome);
	if (judgement.verdict == MEASURE_INTERRUPTED)
		*ret_signal = outcome.signal;
	model_fini(&model);
	outcome_fini(&outcome);
	return r < 0 ? MEASURE_FAILED : judgement.verdict;
}

enum measure_verdict measure(const struct measure_options *options, int *ret_signal)
{
	static char line[LINE_BYTES]; /* the stream's until the program ends */
	bool json = options->json || options->json_lines;
	struct measurement measurement = { .options = options, .people = json ? stderr : stdout };
	struct bench_options bench = options->bench;
	enum measure_verdict verdict = MEASURE_FAILED;

	if (json)
		setvbuf(stdout, line, _IOFBF, sizeof(line));
	live_init(&measurement.live, measurement.people, measurement.title);
	if (live_redraws(&measurement.live) && !options->quiet && bench.interval_ns > TICK_NS)
		bench.tick_ns = TICK_NS;
	if (open_file(options->hdr_path, &measurement.hdr) == 0 &&
		open_file(options->html_path, &measurement.html) == 0 &&
		bench_new(&bench, &measurement.bench) == 0)
		verdict = run_and_print(&measurement, ret_signal);
	bench_free(measurement.bench);
	outfile_discard(measurement.hdr);
	outfile_discard(measurement.html);
	return verdict;
}
