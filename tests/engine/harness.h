/*
 * An engine running in a thread of its own, for tests that look at it from outside: through real
 * sockets on one side and through a scripted protocol on the other. Every test of this folder runs
 * on every engine that was built in: `state` of a test is its engine's ops.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "engine/engine.h"

/* What was reported to the host; read it after harness_do() or harness_stop(). */
struct harness_news {
	unsigned asked, prefaces, opened, done, lost, cut, paused, resumed;
	int last_error;
	int last_fd; /* the engine's end of the connection opened last */
};

struct harness {
	struct engine *engine;
	struct harness_news news;
	/* Set them on the engine's thread: a line in front of each stream, within that time; 0: none. */
	uint64_t preface_ns;
	bool preface_may_be_late; /* then the stream begins with what has come */
	bool refusing; /* set it on the engine's thread: no connection is admitted */
	pthread_t thread;
	int result;
};

/* `options` may be NULL. */
void harness_start(struct harness *harness, const struct engine_ops *ops, struct protocol *protocol,
	const struct engine_options *options);
/* Cuts what is open, waits for the thread, frees the engine. */
void harness_stop(struct harness *harness);
/* Waits for the thread to end by itself, after a drain; then frees the engine. */
void harness_wait(struct harness *harness);

/* Runs `work` on the engine's thread and waits for it. */
void harness_do(
	struct harness *harness, void (*work)(struct engine *engine, void *data), void *data);

/* A connection whose one end the engine has; returns the other, blocking, with a time limit. */
int harness_connect(struct harness *harness, enum addr_scheme scheme);
/* The same with buffers of the kernel as small as they can be. */
int harness_connect_narrow(struct harness *harness, enum addr_scheme scheme);
/* A listening tcp socket that the engine serves; connect with harness_dial(). */
uint16_t harness_listen(struct harness *harness);
int harness_dial(uint16_t port);

void harness_send(int fd, const void *bytes, size_t length);
/* Exactly so many bytes, or the test fails. */
void harness_receive(int fd, void *bytes, size_t length);
/* The next receive gives the end of stream. */
void harness_expect_end(int fd);

/* Runs the tests on every engine that can work here, as one TAP plan. */
struct harness_test {
	const char *name;
	void (*run)(void **state);
};
#define HARNESS_TEST(function)                                                                     \
	{                                                                                          \
#function, function                                                                \
	}
int harness_main(const struct harness_test *tests, size_t count);
