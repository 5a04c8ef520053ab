/*
 * Field by field; what a field means is written in docs/result.md.
 */
#include "bench/result.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/duration.h"
#include "engine/engine.h"
#include "report/environment.h"
#include "report/model/reason.h"

static int add_option(struct model *model, const char *name, const char *value)
{
	struct model_option *option = model_append(
		&model->environment.options, sizeof(struct model_option));
	int r;

	if (option == NULL)
		return -ENOMEM;
	r = model_set_text(&option->name, name);
	return r < 0 ? r : model_set_text(&option->value, value);
}

static int fill_command(struct model *model, const struct result_context *context)
{
	int r = model_set_text(&model->program, "meari bench");

	for (int i = 0; r == 0 && i < context->argc; i++)
		r = model_append_text(&model->command, context->argv[i]);
	if (r == 0)
		r = model_set_text(&model->label, context->label);
	return r;
}

static int fill_fleet(struct model *model, const struct result_context *context)
{
	const struct launcher_rank *rank = context->rank;
	const struct start *beginning = bench_beginning(context->bench);
	struct model_fleet *fleet = &model->fleet;
	int r = 0;

	fleet->rank = (struct model_known){ rank->rank, rank->known };
	fleet->size = (struct model_known){ rank->size, rank->size > 0 };
	fleet->start_unix_ns = (struct model_known){ beginning->unix_ns, beginning->unix_ns > 0 };
	fleet->late_ns = (struct model_known){ beginning->late_ns, beginning->began };
	if (rank->known)
		r = environment_read_host(&fleet->host);
	return r < 0 ? r : model_set_text(&fleet->from, rank->from);
}

static int fill_environment(struct model *model, const struct result_context *context)
{
	char text[ADDR_TEXT_SIZE];
	int r = environment_read(&model->environment);

	if (r == 0)
		r = model_set_text(&model->environment.engine, bench_engine(context->bench));
	if (r == 0 && context->options->source != NULL) {
		snprintf(text, sizeof(text), "%zu", context->options->source->count);
		r = add_option(model, "source-ranges", text);
	}
	if (r == 0 && context->options->busy_poll_ns == ENGINE_BUSY_POLL_AUTO)
		r = add_option(model, "busy-poll", "auto");
	if (r == 0 && context->options->load.train > 1) {
		snprintf(text, sizeof(text), "%u", context->options->load.train);
		r = add_option(model, "trains", text);
	}
	if (r == 0 && context->options->load.end_by_reset)
		r = add_option(model, "reset", "yes");
	if (r == 0)
		r = model_set_text(&model->target.address,
			addr_format(bench_target(context->bench), text, sizeof(text)));
	if (r == 0)
		r = model_set_text(&model->target.scheme,
			addr_scheme_name(bench_target(context->bench)->scheme));
	return r;
}

static int fill_load(struct model *model, const struct result_context *context)
{
	const struct bench_options *options = context->options;
	const struct load_options *load = &options->load;

	model->load.mode = load->echoes > 0 ? MODEL_CHURN
		: load->open_loop           ? MODEL_OPEN
					    : MODEL_CLOSED;
	model->load.connections = options->connections;
	model->load.pipeline = load->depth;
	model->load.threads = bench_threads(context->bench);
	model->load.verify = load->verify;
	/* "auto" is no time, and among the options instead. */
	if (options->busy_poll_ns != ENGINE_BUSY_POLL_AUTO)
		model->load.busy_poll_ns = options->busy_poll_ns;
	model->load.rate_per_s = context->rate_per_s;
	model->load.arrivals = options->arrivals == PACE_POISSON ? MODEL_POISSON : MODEL_CONSTANT;
	for (size_t i = 0; i < load->size_count; i++) {
		struct model_size *size = model_append(&model->load.sizes, sizeof(*size));

		if (size == NULL)
			return -ENOMEM;
		*size = (struct model_size){ load->sizes[i].bytes, load->sizes[i].weight };
	}
	if (context->rate_text == NULL || context->rate_per_s > 0)
		return 0;
	return model_set_text(&model->load.profile, context->rate_text);
}

static void fill_counts(struct model_counts *to, const struct load_record_counts *from)
{
	*to = (struct model_counts){
		.unsent = from->unsent,
		.sent = from->sent,
		.received = from->received,
		.lost = from->lost,
		.late = from->late,
		.duplicates = from->duplicates,
		.reordered = from->reordered,
		.damaged = from->damaged,
		.connects = from->connects,
		.connect_errors = from->connect_errors,
		.resets = from->resets + from->ended,
		.silent = from->silent,
		.stalled = from->stalled,
		.overruns = from->overruns,
		.faults = from->faults,
		.strays = from->strays,
		.handshakes_full = from->handshakes_full,
		.handshakes_resumed = from->handshakes_resumed,
		.bytes_sent = from->bytes_sent,
		.bytes_received = from->bytes_received,
	};
}

static int fill_histogram(struct histogram **to, const struct histogram *from)
{
	return histogram_count(from) > 0 ? histogram_copy(from, to) : 0;
}

struct model_interval result_interval(const struct outcome_interval *interval)
{
	return (struct model_interval){
		.start_ns = interval->start_ns,
		.length_ns = interval->length_ns,
		.sent = interval->sent,
		.received = interval->received,
		.unsent = { interval->unsent, true },
		.asked_per_s = interval->asked_per_s,
		.p50_ns = interval->p50_ns,
		.p99_ns = interval->p99_ns,
		.max_ns = interval->max_ns,
		.errors = interval->errors,
	};
}

static int fill_intervals(struct model *model, const struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->interval_count; i++) {
		struct model_interval *to = model_append(&model->intervals, sizeof(*to));

		if (to == NULL)
			return -ENOMEM;
		*to = result_interval(&outcome->intervals[i]);
	}
	return 0;
}

static int fill_measured(struct model *model, const struct outcome *outcome)
{
	const struct load_record *record = outcome->record;
	int r;

	model->started_unix_ns = outcome->started_unix_ns;
	model->duration_ns = outcome->duration_ns;
	model->warm_up_ns = outcome->warm_up_ns;
	model->interrupted = outcome->signal != 0;
	model->rate = (struct model_rate){
		.asked_per_s = outcome->asked_per_s,
		.reached_per_s = outcome->reached_per_s,
		.bytes_per_s = outcome->bytes_per_s,
	};
	fill_counts(&model->counts, &record->counts);
	r = fill_histogram(&model->latency.intended, record->intended);
	if (r == 0)
		r = fill_histogram(&model->latency.sent, record->sent);
	if (r == 0)
		r = fill_histogram(&model->latency.connect, record->connect);
	return r < 0 ? r : fill_intervals(model, outcome);
}

static int add_figures(
	struct model_reason *reason, enum outcome_doubt_kind kind, const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;
	const struct {
		enum outcome_doubt_kind kind;
		const char *name;
		double value;
	} figures[] = {
		{ OUTCOME_NO_CPU, "running_share", outcome->cpu_share },
		{ OUTCOME_NO_CPU, "waiting_share", outcome->delay_share },
		{ OUTCOME_BEHIND, "late_ns", (double)outcome->lag_p99_ns },
		{ OUTCOME_BEHIND, "latency_ns", (double)outcome_late_latency_ns(outcome) },
		{ OUTCOME_UNCONNECTED, "connected", outcome->connected },
		{ OUTCOME_UNCONNECTED, "connections", outcome->connections },
		{ OUTCOME_UNCONNECTED, "errno", -outcome->connect_error },
		{ OUTCOME_UNSENT, "unsent", (double)counts->unsent },
		{ OUTCOME_UNSENT, "due", (double)(counts->sent + counts->unsent) },
		{ OUTCOME_SILENT, "silent", (double)counts->silent },
		{ OUTCOME_SILENT, "stalled", (double)counts->stalled },
		{ OUTCOME_SILENT, "connections", outcome->connections },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (figures[i].kind == kind)
			r = reason_add_figure(reason, figures[i].name, figures[i].value);
	}
	return r;
}

static int fill_trust(struct model *model, const struct outcome *outcome)
{
	for (unsigned i = 0; i < OUTCOME_DOUBT_COUNT; i++) {
		struct model_reason *reason;
		char text[REASON_TEXT_SIZE];
		int r;

		if (!outcome->doubts[i])
			continue;
		model->trust.doubted = true;
		reason = model_append(&model->trust.reasons, sizeof(*reason));
		if (reason == NULL)
			return -ENOMEM;
		r = model_set_text(&reason->code, outcome_doubt_code(i));
		if (r == 0)
			r = add_figures(reason, i, outcome);
		if (r == 0)
			r = model_set_text(
				&reason->text, reason_format(reason, false, text, sizeof(text)));
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_search(struct model *model, const struct result_context *context)
{
	char figure[PROMISE_TEXT_SIZE];

	if (context->goal == NULL)
		return 0;
	promise_format_figure(context->goal, figure, sizeof(figure));
	for (size_t i = 0; i < context->search->step_count; i++) {
		const struct search_step *from = &context->search->steps[i];
		struct model_step *to = model_append(&model->search, sizeof(*to));
		int r;

		if (to == NULL)
			return -ENOMEM;
		to->rate_per_s = from->rate_per_s;
		to->reached_per_s = from->reached_per_s;
		to->value = from->value_known ? from->value : NAN;
		to->kept = from->outcome == SEARCH_KEPT;
		to->doubted = !from->trusted;
		r = model_set_text(&to->figure, figure);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_find_max(struct model *model, const struct result_context *context)
{
	static const enum model_search_end ends[] = {
		[SEARCH_GOES_ON] = MODEL_INTERRUPTED,
		[SEARCH_FOUND] = MODEL_FOUND,
		[SEARCH_NONE] = MODEL_NO_RATE,
		[SEARCH_ALL] = MODEL_WHOLE_RANGE,
		[SEARCH_LIMITED] = MODEL_AT_LEAST,
	};
	const struct search *search = context->search;

	if (context->goal == NULL)
		return 0;
	model->find_max.end = ends[search->end];
	model->find_max.limit = context->goal->value;
	model->find_max.rate_per_s = search->end == SEARCH_GOES_ON ? search->kept_per_s
								   : search->best_per_s;
	return model_set_text(&model->find_max.promise, context->goal->text);
}

static int add_assert(struct model *model, const struct promise *promise,
	const struct promise_facts *facts, bool may_hold)
{
	struct model_assert *assertion = model_append(&model->asserts, sizeof(*assertion));

	if (assertion == NULL)
		return -ENOMEM;
	assertion->value = NAN;
	assertion->holds = promise_value(promise, facts, &assertion->value) &&
		promise_holds(promise, assertion->value) && may_hold;
	return model_set_text(&assertion->text, promise->text);
}

static int fill_asserts(
	struct model *model, const struct result_context *context, const struct outcome *outcome)
{
	struct promise_facts facts = outcome_facts(outcome);
	int r = 0;

	/* A rate that was not carried does not keep the goal of a search, whatever its figure. */
	if (context->goal != NULL)
		r = add_assert(model, context->goal, &facts, model->find_max.rate_per_s > 0);
	for (size_t i = 0; r == 0 && i < context->promise_count; i++)
		r = add_assert(model, &context->promises[i], &facts, true);
	return r;
}

int result_fill(
	struct model *model, const struct result_context *context, const struct outcome *outcome)
{
	int r = fill_command(model, context);

	if (r == 0)
		r = fill_fleet(model, context);
	if (r == 0)
		r = fill_environment(model, context);
	if (r == 0)
		r = fill_load(model, context);
	if (r == 0)
		r = fill_measured(model, outcome);
	if (r == 0)
		r = fill_trust(model, outcome);
	if (r == 0)
		r = fill_search(model, context);
	if (r == 0)
		r = fill_find_max(model, context);
	if (r == 0)
		r = fill_asserts(model, context, outcome);
	return r;
}
