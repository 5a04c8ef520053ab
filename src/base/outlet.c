/*
 * A queue of lines with one thread behind it. What the thread is writing is no longer in the queue
 * but still counts, so the memory of an outlet is bounded. While lines are left out, none is
 * queued: the gap is one, and stands where it was.
 */
#include "base/outlet.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

struct line {
	struct line *next;
	size_t length;
	char bytes[];
};

struct outlet {
	int fd;
	size_t most_bytes;
	outlet_describe_fn *describe;
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t more, progress;
	struct line *first, **last;
	size_t waiting_bytes; /* in the queue, or being written */
	uint64_t left_out;
	uint64_t written_count; /* write(2) calls that have come back */
	bool ending, ended;
	bool abandoned; /* the thread frees it */
};

/* ---- on the outlet's thread ---- */

/* Called by the last owner: the thread, or its maker. */
static void destroy(struct outlet *outlet)
{
	pthread_cond_destroy(&outlet->more);
	pthread_cond_destroy(&outlet->progress);
	pthread_mutex_destroy(&outlet->lock);
	free(outlet);
}

static void note_progress(struct outlet *outlet)
{
	pthread_mutex_lock(&outlet->lock);
	outlet->written_count++;
	pthread_cond_broadcast(&outlet->progress);
	pthread_mutex_unlock(&outlet->lock);
}

static void write_all(struct outlet *outlet, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(outlet->fd, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			/* Another process that shares the description has made it so. */
			struct pollfd polled = { .fd = outlet->fd, .events = POLLOUT };

			poll(&polled, 1, -1);
			continue;
		}
		if (n <= 0)
			return;
		bytes += n;
		length -= (size_t)n;
		note_progress(outlet);
	}
}

static void write_left_out(struct outlet *outlet, uint64_t left_out)
{
	char line[OUTLET_DESCRIPTION_SIZE];

	if (outlet->describe != NULL)
		write_all(outlet, line, outlet->describe(left_out, line, sizeof(line)));
}

/* Waits for a line; NULL: some were left out, `ret_left_out`, or it is the end (0). */
static struct line *take(struct outlet *outlet, uint64_t *ret_left_out)
{
	struct line *line;

	pthread_mutex_lock(&outlet->lock);
	while (outlet->first == NULL && outlet->left_out == 0 && !outlet->ending)
		pthread_cond_wait(&outlet->more, &outlet->lock);
	line = outlet->first;
	*ret_left_out = 0;
	if (line != NULL) {
		outlet->first = line->next;
		if (outlet->first == NULL)
			outlet->last = &outlet->first;
	} else {
		*ret_left_out = outlet->left_out;
		outlet->left_out = 0;
	}
	pthread_mutex_unlock(&outlet->lock);
	return line;
}

static void *run_thread(void *context)
{
	struct outlet *outlet = context;
	uint64_t left_out;
	struct line *line;

	pthread_setname_np(pthread_self(), "outlet");
	while ((line = take(outlet, &left_out)) != NULL || left_out > 0) {
		if (line == NULL) {
			write_left_out(outlet, left_out);
			continue;
		}
		write_all(outlet, line->bytes, line->length);
		pthread_mutex_lock(&outlet->lock);
		outlet->waiting_bytes -= line->length;
		pthread_mutex_unlock(&outlet->lock);
		free(line);
	}
	pthread_mutex_lock(&outlet->lock);
	outlet->ended = true;
	pthread_cond_broadcast(&outlet->progress);

	bool abandoned = outlet->abandoned;

	pthread_mutex_unlock(&outlet->lock);
	if (abandoned)
		destroy(outlet);
	return NULL;
}

/* ---- on the others ---- */

static int init_conditions(struct outlet *outlet)
{
	int r = clock_init_condition(&outlet->progress);

	if (r < 0)
		return r;
	r = -pthread_cond_init(&outlet->more, NULL);
	if (r < 0)
		pthread_cond_destroy(&outlet->progress);
	return r;
}

int outlet_new(int fd, size_t most_bytes, outlet_describe_fn *describe, struct outlet **ret_outlet)
{
	struct outlet *outlet = calloc(1, sizeof(*outlet));
	int r;

	if (outlet == NULL)
		return -ENOMEM;
	outlet->fd = fd;
	outlet->most_bytes = most_bytes;
	outlet->describe = describe;
	outlet->last = &outlet->first;
	r = -pthread_mutex_init(&outlet->lock, NULL);
	if (r < 0)
		goto fail_lock;
	r = init_conditions(outlet);
	if (r < 0)
		goto fail_conditions;
	r = -pthread_create(&outlet->thread, NULL, run_thread, outlet);
	if (r < 0)
		goto fail_thread;
	*ret_outlet = outlet;
	return 0;

fail_thread:
	pthread_cond_destroy(&outlet->more);
	pthread_cond_destroy(&outlet->progress);
fail_conditions:
	pthread_mutex_destroy(&outlet->lock);
fail_lock:
	free(outlet);
	return r;
}

bool outlet_put(struct outlet *outlet, const char *bytes, size_t length)
{
	struct line *line = malloc(sizeof(*line) + length);
	bool taken;

	if (line != NULL) {
		line->next = NULL;
		line->length = length;
		memcpy(line->bytes, bytes, length);
	}
	pthread_mutex_lock(&outlet->lock);
	taken = line != NULL && outlet->left_out == 0 &&
		outlet->waiting_bytes + length <= outlet->most_bytes;
	if (taken) {
		*outlet->last = line;
		outlet->last = &line->next;
		outlet->waiting_bytes += length;
	} else {
		outlet->left_out++;
	}
	pthread_cond_signal(&outlet->more);
	pthread_mutex_unlock(&outlet->lock);
	if (!taken)
		free(line);
	return taken;
}

bool outlet_end(struct outlet *outlet, uint64_t patience_ns)
{
	bool ended;

	pthread_mutex_lock(&outlet->lock);
	outlet->ending = true;
	pthread_cond_signal(&outlet->more);
	while (!outlet->ended) {
		uint64_t written_count = outlet->written_count;
		uint64_t until_ns = clock_after_ns(clock_now_ns(), patience_ns);
		struct timespec until = {
			.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_S),
			.tv_nsec = (long)(until_ns % CLOCK_NS_PER_S),
		};
		int r = pthread_cond_timedwait(&outlet->progress, &outlet->lock, &until);

		if (r != 0 && written_count == outlet->written_count)
			break;
	}
	ended = outlet->ended;
	outlet->abandoned = !ended;
	if (!ended)
		pthread_detach(outlet->thread);
	pthread_mutex_unlock(&outlet->lock);
	if (!ended)
		return false;
	pthread_join(outlet->thread, NULL);
	destroy(outlet);
	return true;
}
