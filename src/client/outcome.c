/*
 * Figures out of what was recorded, and the judgement whether they may be believed.
 */
#include "client/outcome.h"

#include <errno.h>
#include <stdlib.h>

static const char *const codes[OUTCOME_DOUBT_COUNT] = {
	[OUTCOME_NO_CPU] = "generator-cpu",
	[OUTCOME_BEHIND] = "behind-schedule",
	[OUTCOME_UNCONNECTED] = "connections-missing",
	[OUTCOME_OUT_OF_RANGE] = "latency-out-of-range",
};

int outcome_init(struct outcome *outcome)
{
	*outcome = (struct outcome){ 0 };
	return load_record_new(&outcome->record);
}

void outcome_fini(struct outcome *outcome)
{
	load_record_free(outcome->record);
	free(outcome->intervals);
	*outcome = (struct outcome){ 0 };
}

uint64_t outcome_errors(const struct load_record_counts *counts)
{
	return counts->connect_errors + counts->resets + counts->ended + counts->faults +
		counts->strays + (counts->surplus_bytes > 0);
}

const struct histogram *outcome_latency(const struct outcome *outcome)
{
	return outcome->open_loop ? outcome->record->intended : outcome->record->sent;
}

struct promise_facts outcome_facts(const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;

	return (struct promise_facts){
		.latency = {
			[PROMISE_OF_MODE] = outcome_latency(outcome),
			[PROMISE_SENT] = outcome->record->sent,
			[PROMISE_CONNECT] = outcome->record->connect,
		},
		.rate_per_s = outcome->reached_per_s,
		.bandwidth_bytes_per_s = outcome->bytes_per_s,
		.sent = counts->sent,
		.lost = counts->lost + counts->damaged,
		.errors = outcome_errors(counts),
		.damaged = counts->damaged,
		.duplicates = counts->duplicates,
		.reordered = counts->reordered,
		.late = counts->late,
	};
}

int outcome_add_interval(struct outcome *outcome, const struct outcome_interval *interval)
{
	size_t count = outcome->interval_count;

	if (count == OUTCOME_MOST_INTERVALS)
		return 0;
	/* Grows at the powers of two. */
	if ((count & (count - 1)) == 0) {
		struct outcome_interval *longer = reallocarray(
			outcome->intervals, count == 0 ? 1 : count * 2, sizeof(*longer));

		if (longer == NULL)
			return -ENOMEM;
		outcome->intervals = longer;
	}
	outcome->intervals[outcome->interval_count++] = *interval;
	return 0;
}

static bool is_behind(const struct outcome *outcome)
{
	double p99_ns = (double)histogram_percentile(outcome_latency(outcome), 99);

	if (!outcome->open_loop || outcome->lag_p99_ns < OUTCOME_LAG_LEAST_NS)
		return false;
	return outcome->lag_p99_ns > OUTCOME_LAG_MOST_NS ||
		(double)outcome->lag_p99_ns > OUTCOME_LAG_SHARE * p99_ns;
}

void outcome_judge(struct outcome *outcome, bool spinning)
{
	const struct load_record *record = outcome->record;

	outcome->doubts[OUTCOME_NO_CPU] = outcome->delay_share > OUTCOME_CPU_MOST ||
		(!spinning && outcome->cpu_share + outcome->delay_share > OUTCOME_CPU_MOST);
	outcome->doubts[OUTCOME_BEHIND] = is_behind(outcome);
	outcome->doubts[OUTCOME_UNCONNECTED] = outcome->connected < outcome->connections;
	outcome->doubts[OUTCOME_OUT_OF_RANGE] = record->intended->overflow_count > 0 ||
		record->sent->overflow_count > 0 || record->connect->overflow_count > 0;
}

bool outcome_is_trusted(const struct outcome *outcome)
{
	for (size_t i = 0; i < OUTCOME_DOUBT_COUNT; i++) {
		if (outcome->doubts[i])
			return false;
	}
	return true;
}

const char *outcome_doubt_code(enum outcome_doubt_kind kind)
{
	return codes[kind];
}
