/*
 * Stop 9: a server with five holes for the student to fill, and five rules, one for each hole. A hole that is
 * filled makes its rule hold, whatever the others are like. From a worker's thread.
 *
 * `acts`: it is in the current folder; otherwise in a folder of its own under $TMPDIR. What is compiled
 * is never in the current folder. -errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tour/tour_world.h"

#define TOUR_EXERCISE_RULES 5

/* Writes server.c. 0; 1: there is one already, and it stays as it is. */
int64_t tour_exercise_write(bool acts);

/* Compiles it with cc. 0, or the exit status of cc (127: there is no cc). */
int64_t tour_exercise_build(bool acts);

/* Starts it anew for each rule, on the world's port. How many hold; -ENOENT: it was not built. */
int64_t tour_exercise_grade(struct tour_world *world);

/* Removes what was made outside the current folder. */
void tour_exercise_forget(void);

/* The text of server.c. */
extern const char tour_exercise_text[];
