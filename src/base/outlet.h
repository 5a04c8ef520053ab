/*
 * A descriptor that is written to by a thread of its own, so that nobody waits for its reader. It may
 * be shared with other processes (standard error is), which can stop reading and can change O_NONBLOCK
 * under us: both stop that thread and nobody else.
 *
 * Lines are queued whole and written one write(2) each, in order. When the queue is full, lines are left
 * out until it has run empty; then the reader is told how many. Errors of writing are ignored: the reader
 * has gone, and there is nobody else to tell.
 *
 * Any thread may call outlet_put(); the others are for the thread that made the outlet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlet;

#define OUTLET_DESCRIPTION_SIZE 512

/* Writes the line that says that so many lines were left out; returns its length. Called on the outlet's thread. */
typedef size_t outlet_describe_fn(uint64_t left_out, char *line, size_t size);

/*
 * Starts the thread, which inherits the caller's signal mask and sandbox. `most_bytes` is the room for lines
 * that wait; `describe` may be NULL. `fd` stays the caller's. -ENOMEM, -EAGAIN.
 */
int outlet_new(int fd, size_t most_bytes, outlet_describe_fn *describe, struct outlet **ret_outlet);

/* Queues a copy. False: no room, or no memory. Never waits for the reader. */
bool outlet_put(struct outlet *outlet, const char *line, size_t length);

/*
 * Ends the thread when all is written, but waits for that no longer than `patience_ns` without any progress.
 * True: all is written. False: the thread is stuck in write(2), and is left alone; should it come back, it writes what
 * it has and ends. Either way the outlet is the caller's no more.
 */
bool outlet_end(struct outlet *outlet, uint64_t patience_ns);
