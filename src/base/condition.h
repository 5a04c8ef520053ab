/*
 * Waiting for another thread until a time of the clock that cannot be set (clock_now_ns). Any thread.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* -errno. The caller's, with pthread_cond_destroy(3). */
int condition_init(pthread_cond_t *condition);

/* With the lock: until then, or until something has changed. False: it is then. */
bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns);
