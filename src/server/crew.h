/*
 * All workers of a server. What is asked of them is asked of each in turn, and they have a limited time
 * for it together: one that hangs is logged, and does not keep the main thread. Main thread.
 */
#pragma once

#include <stdbool.h>

#include "server/worker.h"

struct crew {
	struct worker **workers; /* `count` of them, NULL where not made yet; NULL: none at all */
	unsigned count;
};

/* Starts all and waits until they work. -errno, logged; `ret_missing` is how many were not started. */
int crew_start(const struct crew *crew, unsigned *ret_missing);

/* The counters of all together. False: some have not answered, and count as they did the last time. */
bool crew_sum(const struct crew *crew, struct counters *ret_sum);

/* Connections that are looked at in one turn, and the threads that they are spread over. */
#define CREW_MOST_LOOKS 100u
#define CREW_LOOKED_THREADS 5u
#define CREW_NO_LOOKS UINT32_MAX

/*
 * Adds up the figures of all threads, from any thread, after at most half a second. `turn`: a number that grows by one
 * each time that connections are looked at, or CREW_NO_LOOKS.
 */
void crew_collect(const struct crew *crew, unsigned turn, struct figures *figures);

/* As worker.h has it. False: some have not answered, and may still use what they were given before. */
/*
 * The same for clients of --control: the main thread waits for a moment only, and nothing is logged. `ret_silent` is how
 * many threads have not answered. The roster's list is the caller's (NULL: no memory); the threads are asked until ROSTER_MOST are listed,
 * and all connections are counted.
 */
void crew_ask(const struct crew *crew, struct counters *ret_sum, unsigned *ret_silent);
void crew_roster(const struct crew *crew, struct roster *ret_roster, unsigned *ret_silent);

bool crew_set_access(const struct crew *crew, const struct access *access);
bool crew_set_own_addresses(const struct crew *crew, const struct own_addresses *own);

void crew_check_again(const struct crew *crew);
void crew_drain(const struct crew *crew);
void crew_cut(const struct crew *crew);

/*
 * Waits for the end of all. 0, or the first engine's error. -EBUSY, logged: one goes on; whatever it may use must stay.
 */
int crew_join(const struct crew *crew);

void crew_free(struct crew *crew);
