/*
 * Figures from what was recorded, and the judgement whether they can be trusted.
 */
#include "bench/outcome.h"

#include <errno.h>
#include <stdlib.h>

static const char *const codes[OUTCOME_DOUBT_COUNT] = {
	[OUTCOME_NO_CPU] = "generator-cpu",
	[OUTCOME_BEHIND] = "behind-schedule",
	[OUTCOME_UNCONNECTED] = "connections-missing",
	[OUTCOME_OUT_OF_RANGE] = "latency-out-of-range",
	[OUTCOME_UNSENT] = "messages-unsent",
	[OUTCOME_SILENT] = "connections-silent",
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
	return counts->unsent + counts->lost + counts->damaged + counts->duplicates +
		counts->silent + counts->stalled + counts->connect_errors + counts->resets +
		counts->ended + counts->overruns + counts->faults + counts->strays;
}

void outcome_settle(struct load_record_counts *counts)
{
	uint64_t both = counts->lost < counts->strays ? counts->lost : counts->strays;

	counts->lost -= both;
	counts->strays -= both;
	counts->damaged += both;
}

struct outcome_interval outcome_summarize(
	const struct load_record *record, const struct histogram *latency, uint64_t length_ns)
{
	const struct load_record_counts *counts = &record->counts;

	return (struct outcome_interval){
		.length_ns = length_ns,
		.sent = counts->sent,
		.received = counts->completed,
		.bytes_received = counts->bytes_received,
		/* What waits may still be sent: at the end it is known, and counted where it belongs. */
		.unsent = counts->offered > counts->sent ? counts->offered - counts->sent : 0,
		.errors = outcome_errors(counts) - counts->unsent,
		.reached_per_s = length_ns > 0 ? (double)counts->completed * 1e9 / (double)length_ns
					       : 0,
		.p50_ns = histogram_percentile(latency, 50),
		.p99_ns = histogram_percentile(latency, 99),
		.max_ns = histogram_max(latency),
	};
}

void outcome_spread_unsent(struct outcome *outcome, uint64_t end_ns)
{
	struct histogram_step step = { 0 };
	size_t last = outcome->interval_count;

	while (last > 0 && histogram_next(outcome->record->unsent, &step)) {
		uint64_t due_ns = end_ns > step.lower ? end_ns - step.lower : 0;
		size_t at = last - 1;

		while (at > 0 && outcome->intervals[at].start_ns > due_ns)
			at--;
		outcome->intervals[at].unsent += step.count;
		outcome->intervals[at].errors += step.count;
	}
}

const struct histogram *outcome_latency(const struct outcome *outcome)
{
	return outcome->open_loop ? outcome->record->intended : outcome->record->sent;
}

struct promise_facts outcome_facts(const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;
	/* Found, but not in a message of the measuring: a service that lies does so in the warm-up, too. */
	bool before = outcome->record->damage.found &&
		counts->damaged + counts->strays + counts->overruns == 0;

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
		.unsent = counts->unsent,
		.silent = counts->silent,
		.stalled = counts->stalled,
		.verified = outcome->verified,
		.errors = outcome_errors(counts) + before,
		.damaged = counts->damaged + before,
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

/* The latency that the lateness is held against: of the same share of messages. */
uint64_t outcome_late_latency_ns(const struct outcome *outcome)
{
	return histogram_percentile(outcome_latency(outcome), 99);
}

static bool is_behind(const struct outcome *outcome)
{
	const struct histogram *latency = outcome_latency(outcome);
	uint64_t p99_ns = outcome_late_latency_ns(outcome), in_range_ns;

	if (!outcome->open_loop || outcome->lag_p99_ns < OUTCOME_LAG_LEAST_NS)
		return false;
	/* Less than two neighbouring values differ by cannot be seen in the figure. */
	in_range_ns = p99_ns < latency->limit ? p99_ns : latency->limit;
	if (histogram_count(latency) > 0 &&
		outcome->lag_p99_ns <= histogram_step_upper(latency, in_range_ns) -
				histogram_step_lower(latency, in_range_ns))
		return false;
	return outcome->lag_p99_ns > OUTCOME_LAG_MOST_NS ||
		(double)outcome->lag_p99_ns > OUTCOME_LAG_SHARE * (double)p99_ns;
}

void outcome_note_thread(
	struct outcome *outcome, uint64_t length_ns, uint64_t cpu_ns, uint64_t delay_ns)
{
	double cpu, delay;

	if (length_ns == 0)
		return;
	cpu = (double)cpu_ns / (double)length_ns;
	delay = (double)delay_ns / (double)length_ns;
	if (cpu + delay <= outcome->cpu_share + outcome->delay_share)
		return;
	outcome->cpu_share = cpu;
	outcome->delay_share = delay;
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
	outcome->doubts[OUTCOME_UNSENT] = record->counts.unsent > 0;
	outcome->doubts[OUTCOME_SILENT] = record->counts.silent + record->counts.stalled > 0;
}

bool outcome_is_own_shortage(int error)
{
	switch (-error) {
	case EADDRNOTAVAIL:
	case EADDRINUSE:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EACCES:
	case EPERM: return true;
	default: return false;
	}
}

bool outcome_is_limited(const struct outcome *outcome)
{
	return outcome->doubts[OUTCOME_NO_CPU] || outcome->doubts[OUTCOME_BEHIND] ||
		outcome->doubts[OUTCOME_OUT_OF_RANGE] ||
		(outcome->doubts[OUTCOME_UNCONNECTED] &&
			outcome_is_own_shortage(outcome->connect_error));
}

static bool was_refused(const struct outcome *outcome)
{
	return outcome->doubts[OUTCOME_UNCONNECTED] &&
		!outcome_is_own_shortage(outcome->connect_error);
}

bool outcome_is_complete(const struct outcome *outcome)
{
	/* Beyond its own limit the generator leaves messages unsent whatever the service does. */
	bool unsent = outcome->doubts[OUTCOME_UNSENT] && outcome->given_up == 0 &&
		!outcome->doubts[OUTCOME_NO_CPU];

	return !unsent && !was_refused(outcome) && !outcome->doubts[OUTCOME_SILENT];
}

bool outcome_is_wrong(const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;

	return outcome->record->damage.found ||
		counts->damaged + counts->duplicates + counts->overruns + counts->strays > 0;
}

bool outcome_has_failed(const struct outcome *outcome)
{
	const struct load_record_counts *counts = &outcome->record->counts;

	return outcome_is_wrong(outcome) || was_refused(outcome) ||
		counts->silent + counts->stalled + counts->resets + counts->ended > 0;
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
