/*
 * By default a condition's time limit goes by the clock that people set.
 */
#include "base/condition.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

int condition_init(pthread_cond_t *condition)
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

bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(until_ns % CLOCK_NS_PER_S),
	};

	return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}
