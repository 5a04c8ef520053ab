/*
 * Reading the clocks, and the small sums of deadlines that are easy to get wrong by one.
 * clock_gettime(2) runs in the vDSO: no system call, some twenty nanoseconds.
 */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_after_ns(uint64_t now_ns, uint64_t delay_ns)
{
	return delay_ns >= CLOCK_NEVER - now_ns ? CLOCK_NEVER : now_ns + delay_ns;
}

int clock_poll_ms(uint64_t now_ns, uint64_t deadline_ns)
{
	if (deadline_ns == CLOCK_NEVER)
		return -1;
	if (deadline_ns <= now_ns)
		return 0;

	/* Rounded up: rounding down would wake early and spin through the last millisecond. */
	uint64_t left_ms = (deadline_ns - now_ns - 1) / CLOCK_NS_PER_MS + 1;

	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

int clock_init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	int r = -pthread_condattr_init(&attributes);

	if (r < 0)
		return r;
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	r = -pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
	return r;
}

struct timespec clock_timespec(uint64_t when_ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(when_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(when_ns % CLOCK_NS_PER_S),
	};
}
