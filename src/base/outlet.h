/*
 * A descriptor that a thread of its own writes to, so that no other thread waits for its reader. It
 * may be shared with other processes (standard error is), which can stop reading and can change
 * O_NONBLOCK under us: both stop that thread only. Lines are queued whole and written one write(2)
 * each, in order.
 *
 * Limits: the queue has a size. Full: lines are left out until it has run empty; then a line with
 * their number is written. Errors of writing are ignored: there is no other place to report them.
 *
 * Thread: any may call outlet_put(); the other calls are for the thread that made the outlet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlet;

#define OUTLET_DESCRIPTION_SIZE 512

/*
 * Composes the line with the number of lines left out; returns its length. Called on the outlet's
 * thread.
 */
typedef size_t outlet_describe_fn(uint64_t left_out, char *line, size_t size);

/*
 * Starts the thread, which inherits the caller's signal mask and sandbox. `most_bytes` is the size
 * of the queue; `describe` may be NULL. `fd` stays the caller's. -ENOMEM, -EAGAIN.
 */
int outlet_new(int fd, size_t most_bytes, outlet_describe_fn *describe, struct outlet **ret_outlet);

/* Queues a copy. False: the queue is full, or no memory. Never waits for the reader. */
bool outlet_put(struct outlet *outlet, const char *line, size_t length);

/*
 * Ends the thread when all is written, but waits no longer than `patience_ns` without any progress.
 * True: all is written. False: the thread is stuck in write(2) and is left alone; if the call
 * returns, the thread writes the rest and ends. Either way the outlet no longer belongs to the
 * caller.
 */
bool outlet_end(struct outlet *outlet, uint64_t patience_ns);
