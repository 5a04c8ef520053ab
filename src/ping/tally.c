/*
 * Sums. A probe that is still waited for when the run is broken off is neither lost nor received.
 */
#include "ping/tally.h"

#include <math.h>

int tally_times_init(struct tally_times *times, unsigned digits)
{
	*times = (struct tally_times){ .min_ns = UINT64_MAX };
	return histogram_new(HISTOGRAM_LOWEST_NS, HISTOGRAM_HIGHEST_NS, digits, &times->histogram);
}

void tally_times_fini(struct tally_times *times)
{
	histogram_free(times->histogram);
	times->histogram = NULL;
}

int tally_init(struct tally *tally, unsigned digits)
{
	*tally = (struct tally){ 0 };
	return tally_times_init(&tally->round_trip, digits);
}

void tally_fini(struct tally *tally)
{
	tally_times_fini(&tally->round_trip);
}

void tally_times_add(struct tally_times *times, uint64_t ns)
{
	double before = (double)ns - times->mean_ns;

	times->count++;
	times->mean_ns += before / (double)times->count;
	times->squares += before * ((double)ns - times->mean_ns);
	times->ewma_ns = times->count == 1 ? (double)ns
					   : times->ewma_ns + ((double)ns - times->ewma_ns) / 8;
	if (ns < times->min_ns)
		times->min_ns = ns;
	if (ns > times->max_ns)
		times->max_ns = ns;
	histogram_record(times->histogram, ns);
}

double tally_times_deviation_ns(const struct tally_times *times)
{
	return times->count > 0 ? sqrt(times->squares / (double)times->count) : 0;
}

double tally_loss_percent(const struct tally *tally, uint64_t under_way)
{
	uint64_t decided = tally->sent > under_way ? tally->sent - under_way : 0;

	if (decided == 0 || tally->received >= decided)
		return 0;
	return 100.0 * (double)(decided - tally->received) / (double)decided;
}
