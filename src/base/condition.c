/*
 * The time limit is one of the condition's own clock (clock_init_condition).
 */
#include "base/condition.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(until_ns % CLOCK_NS_PER_S),
	};

	return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}
