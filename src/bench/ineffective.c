/*
 * One function for each cause: time, numbers, chance.
 */
#include "bench/ineffective.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"

#define SAY(...) log_write(LOG_LEVEL_WARNING, "option-without-effect", NULL, __VA_ARGS__)

/* The stages of --rate that begin when the measuring has ended. */
static void say_stages(const struct profile *profile, uint64_t duration_ns)
{
	uint64_t start_ns = 0;

	for (size_t i = 0; i < profile->count; i++) {
		char start[DURATION_TEXT_SIZE], end[DURATION_TEXT_SIZE];

		if (start_ns >= duration_ns) {
			SAY(_("stage %zu of --rate never comes: it begins after %s, and the "
			      "measuring ends after %s (a longer --duration helps)"),
				i + 1, duration_format(start_ns, start, sizeof(start)),
				duration_format(duration_ns, end, sizeof(end)));
			return; /* nor do those behind it */
		}
		start_ns = clock_after_ns(start_ns, profile->stages[i].length_ns);
	}
}

static void say_times(const struct ineffective *given, const struct measure_options *options)
{
	char text[DURATION_TEXT_SIZE], end[DURATION_TEXT_SIZE];

	duration_format(options->duration_ns, end, sizeof(end));
	if (given->duration_ns > options->duration_ns)
		SAY(_("--duration %s has no effect beyond %s: the last stage of --rate ends there"),
			duration_format(given->duration_ns, text, sizeof(text)), end);
	if (given->interval && options->bench.interval_ns > options->duration_ns)
		SAY(_("--interval %s is longer than the measuring, %s: there will be one interval"),
			duration_format(options->bench.interval_ns, text, sizeof(text)), end);
	if (options->rate_text != NULL && !options->has_goal)
		say_stages(&options->profile, options->duration_ns);
}

static void say_numbers(const struct ineffective *given, const struct bench_options *bench)
{
	if (given->threads && bench->threads > bench->connections)
		SAY(ngettext("--threads %u: no more are used than there is connection, %u",
			    "--threads %u: no more are used than there are connections, %u",
			    bench->connections),
			bench->threads, bench->connections);
	if (given->depth && bench->load.echoes > 0 && bench->load.depth > bench->load.echoes)
		SAY(ngettext(
			    "--pipeline %u has no effect beyond %u: a connection of --churn has no "
			    "more messages",
			    "--pipeline %u has no effect beyond %u: a connection of --churn has no "
			    "more messages",
			    bench->load.echoes),
			bench->load.depth, bench->load.echoes);
}

static void say_chance(const struct ineffective *given, const struct bench_options *bench)
{
	if (given->arrivals && !bench->load.open_loop)
		SAY(_("--arrivals has no effect without --rate or --find-max"));
	if (given->seed && bench->arrivals != PACE_POISSON && bench->load.size_count == 1)
		SAY(_("--seed has no effect: nothing is left to chance here (--arrivals=poisson "
		      "is)"));
}

/* Generators of one host that share their sources take ports from one another. */
static void say_fleet(const struct measure_options *options)
{
	const struct bench_options *bench = &options->bench;

	if (bench->source != NULL && options->rank.known && options->rank.size == 0)
		SAY(_("--source is not split: this is rank %u, and how many there are is not known "
		      "(--rank %u/N says it)"),
			options->rank.rank, options->rank.rank);
}

void ineffective_say(const struct ineffective *given, const struct measure_options *options)
{
	say_times(given, options);
	say_numbers(given, &options->bench);
	say_chance(given, &options->bench);
	say_fleet(options);
}
