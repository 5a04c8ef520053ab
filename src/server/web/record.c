/*
 * Copies and sums; a copy of a few hundred bytes for each listener is all that the thread ever pays.
 */
#include "server/web/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"

int record_init(struct record *record, size_t listeners, bool shown)
{
	unsigned count = listeners > 0 ? (unsigned)listeners : 1;

	*record = (struct record){ .count = count };
	record->counters = calloc(count, sizeof(*record->counters));
	record->copied_counters = calloc(count, sizeof(*record->copied_counters));
	if (record->counters == NULL || record->copied_counters == NULL)
		return -ENOMEM;
	if (!shown)
		return 0;
	record->copied_lives = calloc(count, sizeof(*record->copied_lives));
	return record->copied_lives != NULL ? lives_init(&record->lives, count) : -ENOMEM;
}

void record_fini(struct record *record)
{
	free(record->counters);
	free(record->copied_counters);
	free(record->copied_lives);
	lives_fini(&record->lives);
	*record = (struct record){ 0 };
}

uint64_t record_time_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * CLOCK_NS_PER_S + (uint64_t)time->tv_usec * CLOCK_NS_PER_US;
}

void record_measure(struct figures_thread *ret_thread)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	*ret_thread = (struct figures_thread){
		.user_ns = record_time_ns(&usage.ru_utime),
		.system_ns = record_time_ns(&usage.ru_stime),
		.sleeps = (uint64_t)usage.ru_nvcsw,
		.preemptions = (uint64_t)usage.ru_nivcsw,
	};
}

void record_copy(struct record *record)
{
	memcpy(record->copied_counters, record->counters,
		record->count * sizeof(*record->counters));
	if (record->copied_lives == NULL)
		return;
	memcpy(record->copied_lives, record->lives.sums,
		record->count * sizeof(*record->copied_lives));
	record->copied_census = record->census;
}

void record_sum(const struct record *record, struct counters *sum)
{
	for (unsigned i = 0; i < record->count; i++)
		counters_add(sum, &record->copied_counters[i]);
}

void record_add(const struct record *record, struct figures_listener *sums, struct census *census)
{
	for (unsigned i = 0; i < record->count; i++) {
		counters_add(&sums[i].counters, &record->copied_counters[i]);
		if (record->copied_lives == NULL)
			continue;
		buckets_merge(&sums[i].lives.ages, &record->copied_lives[i].ages);
		buckets_merge(&sums[i].lives.bytes, &record->copied_lives[i].bytes);
	}
	census_merge(census, &record->copied_census);
}
