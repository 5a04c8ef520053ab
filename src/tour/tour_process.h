/*
 * The other processes of the tour: a client that can be killed, and copies of this program that do what
 * would end it. Each writes its own lines into the log. Called from a worker's thread; -errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tour/tour_world.h"

/* Has connected and sent "hi" when this returns its process number. One at a time. */
int64_t tour_process_client(struct tour_world *world);

/* A child that keeps all descriptors of the world, and does nothing. */
int64_t tour_process_hold(struct tour_world *world);

/* Ends the one of the two above with SIGKILL. 0 or -ECHILD. */
int64_t tour_process_kill(struct tour_world *world);

/*
 * A child sends on `fd`, SIGPIPE being as every program finds it, or with the chapter's handler. The number of
 * the signal that ended it, or 256 and its exit status.
 */
int64_t tour_process_send(int fd, bool with_handler);
