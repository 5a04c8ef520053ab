/*
 * Time as the program uses it: nanoseconds in a uint64_t.
 * Any thread. Asking never fails: CLOCK_MONOTONIC and CLOCK_REALTIME exist on every Linux.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_US 1000ull
#define CLOCK_NS_PER_MS 1000000ull
#define CLOCK_NS_PER_S 1000000000ull

/* A time that never comes: "no deadline". */
#define CLOCK_NEVER UINT64_MAX

/* Since an arbitrary start; never goes back; for measuring and for deadlines. */
uint64_t clock_now_ns(void);

/* Since 1970 (UTC); may jump; for showing to people only. */
uint64_t clock_wall_ns(void);

/* now + delay, and CLOCK_NEVER where that would overflow. */
uint64_t clock_after_ns(uint64_t now_ns, uint64_t delay_ns);

/*
 * How long poll(2) or epoll_wait(2) may sleep until `deadline_ns`: milliseconds, rounded up so that
 * waking means it has come; -1 for CLOCK_NEVER, 0 when it is past.
 */
int clock_poll_ms(uint64_t now_ns, uint64_t deadline_ns);

/* A condition whose waits end by clock_now_ns(). -errno of pthread_cond_init(3). */
int clock_init_condition(pthread_cond_t *condition);

/* The same moment as the calls of libc take it. */
struct timespec clock_timespec(uint64_t when_ns);
