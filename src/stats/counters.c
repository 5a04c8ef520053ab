/*
 * Sums over threads. The list of counters is in the header, once, as an X-macro: a new one cannot
 * be forgotten here or in the report.
 */
#include "stats/counters.h"

void counters_add(struct counters *sum, const struct counters *more)
{
#define COUNTERS_SUM(name) sum->name += more->name;
	COUNTERS_EACH(COUNTERS_SUM)
#undef COUNTERS_SUM
}

uint64_t counters_pending(const struct counters *counters)
{
	return counters->bytes_received - counters->bytes_sent - counters->bytes_dropped;
}

uint64_t counters_open(const struct counters *counters)
{
	return counters->connections_accepted - counters->connections_finished -
		counters->connections_lost - counters->connections_cut;
}
