/*
 * Names, units and values of the figures. Percentiles are of the main latency: from intended send
 * where there is one, because that is what a user of the service would have felt.
 */
#include "report/figure.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"

enum { RATE, P50, P90, P99, P999, MAX, CONNECT_P50, CONNECT_P99, ERRORS };

const struct figure figure_table[FIGURE_COUNT] = {
	[RATE] = { "rate", N_("rate"), FIGURE_PER_S, true, true },
	[P50] = { "p50", N_("p50"), FIGURE_NS, false, true },
	[P90] = { "p90", N_("p90"), FIGURE_NS, false, true },
	[P99] = { "p99", N_("p99"), FIGURE_NS, false, true },
	[P999] = { "p99.9", N_("p99.9"), FIGURE_NS, false, true },
	[MAX] = { "max", N_("max"), FIGURE_NS, false, false },
	[CONNECT_P50] = { "connect_p50", N_("connect p50"), FIGURE_NS, false, true },
	[CONNECT_P99] = { "connect_p99", N_("connect p99"), FIGURE_NS, false, true },
	[ERRORS] = { "errors", N_("errors"), FIGURE_PER_MILLION, false, true },
};

static double percentile(const struct histogram *histogram, double which)
{
	if (histogram == NULL || histogram_count(histogram) == 0)
		return NAN;
	return (double)histogram_percentile(histogram, which);
}

uint64_t figure_errors(const struct model_counts *counts)
{
	return counts->unsent + counts->lost + counts->damaged + counts->duplicates +
		counts->resets + counts->connect_errors + counts->silent + counts->stalled +
		counts->overruns + counts->faults + counts->strays;
}

bool figure_has_tried(const struct model_counts *counts)
{
	return counts->sent > 0 || counts->connects > 0 || figure_errors(counts) > 0;
}

/* A rate of 0 is a figure where messages were counted, and none where they were not. */
static double rate(const struct model *run)
{
	if (run->rate.reached_per_s > 0)
		return run->rate.reached_per_s;
	return run->duration_ns > 0 && run->counts.received == 0 &&
			(figure_has_tried(&run->counts) || run->load.connections > 0)
		? 0
		: NAN;
}

static double errors_per_million(const struct model_counts *counts)
{
	uint64_t due = counts->sent + counts->unsent;
	uint64_t tries = due > counts->connects ? due : counts->connects;

	if (tries == 0)
		return figure_errors(counts) == 0 ? NAN : 1e6;
	return (double)figure_errors(counts) * 1e6 / (double)tries;
}

double figure_value(const struct figure *figure, const struct model *run)
{
	const struct histogram *main = model_main_latency(run);

	switch (figure - figure_table) {
	case RATE: return rate(run);
	case P50: return percentile(main, 50);
	case P90: return percentile(main, 90);
	case P99: return percentile(main, 99);
	case P999: return percentile(main, 99.9);
	case MAX: return percentile(main, 100);
	case CONNECT_P50: return percentile(run->latency.connect, 50);
	case CONNECT_P99: return percentile(run->latency.connect, 99);
	case ERRORS: return errors_per_million(&run->counts);
	default: return NAN;
	}
}

/* "999", "1.23k", "45.6M": three significant digits. */
static void format_thousands(double value, const char *unit, char *buffer, size_t size)
{
	static const char *const steps[] = { "", "k", "M", "G", "T" };
	size_t step = 0;

	while (value >= 999.5 && step + 1 < sizeof(steps) / sizeof(steps[0])) {
		value /= 1000;
		step++;
	}
	if (step == 0 && value == floor(value))
		snprintf(buffer, size, "%.0f%s", value, unit);
	else
		snprintf(buffer, size, "%.*f%s%s",
			value >= 99.95           ? 0
				: value >= 9.995 ? 1
						 : 2,
			value, steps[step], unit);
}

const char *figure_format(enum figure_unit unit, double value, char *buffer, size_t size)
{
	if (isnan(value)) {
		snprintf(buffer, size, "-");
		return buffer;
	}
	switch (unit) {
	case FIGURE_NS: return duration_format(number_from_double(value), buffer, size);
	case FIGURE_PER_S: format_thousands(value, "/s", buffer, size); break;
	case FIGURE_PER_MILLION: format_thousands(value, "", buffer, size); break;
	}
	return buffer;
}
