/*
 * A generator at its limit may be minutes behind when its time is over, with more messages due than could be
 * counted one by one: their number comes from the profile's own sum.
 */
#include "bench/schedule.h"

#include "base/clock.h"

#define COUNTED_MOST (SCHEDULE_BURST * 256)
#define SLICES 4096

int schedule_init(struct schedule *schedule, const struct schedule_host *host)
{
	*schedule = (struct schedule){ .host = host, .due_ns = CLOCK_NEVER };
	return histogram_new(
		HISTOGRAM_LOWEST_NS, HISTOGRAM_HIGHEST_NS, HISTOGRAM_DIGITS, &schedule->lag);
}

void schedule_fini(struct schedule *schedule)
{
	histogram_free(schedule->lag);
	schedule->lag = NULL;
}

static void advance(struct schedule *schedule)
{
	schedule->due_ns = clock_after_ns(schedule->start_ns, pace_next_ns(&schedule->pace));
}

void schedule_begin(struct schedule *schedule, const struct pace *pace, uint64_t start_ns)
{
	schedule->pace = *pace;
	schedule->start_ns = start_ns;
	advance(schedule);
}

static uint64_t late_ns(uint64_t due_ns, uint64_t now_ns)
{
	return now_ns > due_ns ? now_ns - due_ns : 0;
}

static void hand_out(struct schedule *schedule, uint64_t now_ns)
{
	histogram_record(schedule->lag, late_ns(schedule->due_ns, now_ns));
	schedule->host->hand_out(schedule->host->context, schedule->due_ns, now_ns);
	advance(schedule);
}

uint64_t schedule_keep(struct schedule *schedule, uint64_t now_ns)
{
	for (unsigned i = 0; schedule->due_ns <= now_ns; i++) {
		if (i == SCHEDULE_BURST)
			return now_ns;
		hand_out(schedule, now_ns);
		now_ns = schedule->host->clock(); /* each send takes its time */
	}
	return schedule->due_ns;
}

static void give_up(struct schedule *schedule, uint64_t due_ns, uint64_t now_ns, uint64_t count)
{
	histogram_record_many(schedule->lag, late_ns(due_ns, now_ns), count);
	schedule->host->give_up(schedule->host->context, due_ns, count);
}

/* By the rate: the count of a slice is that at its end, less what has been given up before. */
static void give_up_slices(struct schedule *schedule, uint64_t until_ns, uint64_t now_ns)
{
	const struct pace *pace = &schedule->pace;
	uint64_t first_ns = schedule->due_ns, given_up = 0;
	double before = profile_count_until(pace->profile, first_ns - schedule->start_ns);

	for (unsigned i = 1; i <= SLICES; i++) {
		uint64_t end_ns = first_ns +
			(uint64_t)((double)(until_ns - first_ns) * ((double)i / SLICES));
		double count = (profile_count_until(pace->profile, end_ns - schedule->start_ns) -
				       before) /
			pace->share_count;

		if (count >= (double)given_up + 1) {
			give_up(schedule, end_ns - 1, now_ns, (uint64_t)count - given_up);
			given_up = (uint64_t)count;
		}
	}
}

void schedule_end(struct schedule *schedule, uint64_t until_ns)
{
	uint64_t now_ns = schedule->host->clock();

	for (unsigned i = 0; i < SCHEDULE_BURST && schedule->due_ns < until_ns; i++) {
		hand_out(schedule, now_ns);
		now_ns = schedule->host->clock();
	}
	for (unsigned i = 0; i < COUNTED_MOST && schedule->due_ns < until_ns; i++) {
		give_up(schedule, schedule->due_ns, now_ns, 1);
		advance(schedule);
	}
	if (schedule->due_ns < until_ns)
		give_up_slices(schedule, until_ns, now_ns);
	schedule->due_ns = CLOCK_NEVER;
}
