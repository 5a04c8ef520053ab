/*
 * Waiting for another thread until a time of the clock that cannot be set (clock_now_ns). Any thread.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* On a condition of clock_init_condition(), with the lock: until then, or until something has changed. False: it is then. */
bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns);
