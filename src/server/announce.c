/*
 * Lines about the server's life. Those about connections are conn_log.c's, those of failures stand where
 * something failed.
 */
#include "server/announce.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"

/* "tcp://127.0.0.1:5000, unix:@echo"; the caller frees it. */
static char *list_addresses(const struct listener_list *listeners, json_t *ret_array)
{
	char *list = NULL, text[ADDR_TEXT_SIZE];
	size_t size;
	FILE *stream = open_memstream(&list, &size);

	if (stream == NULL)
		return NULL;
	for (size_t i = 0; i < listeners->count; i++) {
		addr_format(&listeners->listeners[i].bound, text, sizeof(text));
		fprintf(stream, "%s%s", i > 0 ? ", " : "", text);
		json_array_append_new(ret_array, json_string(text));
	}
	fclose(stream);
	return list;
}

/* Pages as a browser wants them: "http://127.0.0.1:9090". */
static const char *write_address(const struct listener *listener, char text[ADDR_TEXT_SIZE])
{
	static const char tcp[] = "tcp://", http[] = "http://";
	char plain[ADDR_TEXT_SIZE];

	addr_format(&listener->bound, plain, sizeof(plain));
	if (!listener->web || strncmp(plain, tcp, strlen(tcp)) != 0)
		snprintf(text, ADDR_TEXT_SIZE, "%s", plain);
	else
		snprintf(text, ADDR_TEXT_SIZE, "%s%.*s", http, ADDR_TEXT_SIZE - (int)sizeof(http),
			plain + strlen(tcp));
	return text;
}

static void announce_pages(const struct listener_list *listeners)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < listeners->count; i++) {
		if (!listeners->listeners[i].web)
			continue;
		write_address(&listeners->listeners[i], text);
		LOG_EVENT(LOG_LEVEL_INFO, "web", json_pack("{s:s}", "address", text),
			_("metrics and a live page at %s"), text);
	}
}

void announce_start(const struct listener_list *listeners, const char *engine, unsigned threads)
{
	const struct listener_list echoes = listener_list_echoes(listeners);
	json_t *array = json_array();
	CLEANUP_FREE char *list = list_addresses(&echoes, array);

	LOG_EVENT(LOG_LEVEL_INFO, "started",
		json_pack("{s:s, s:i, s:O, s:i}", "engine", engine, "threads", (int)threads,
			"addresses", array, "pid", (int)getpid()),
		ngettext("echoing on %s (engine %s, %u thread)",
			"echoing on %s (engine %s, %u threads)", threads),
		list, engine, threads);
	json_decref(array);
	announce_pages(listeners);
}

/* ---- ready ---- */

struct announce_ready {
	int fd;
	char *text;
	size_t length;
	bool has_thread; /* which waits for `may_go`, and frees all this */
	bool cancelled;
	pthread_mutex_t may_go;
};

static void destroy_ready(struct announce_ready *ready)
{
	if (ready->fd > STDERR_FILENO)
		close(ready->fd);
	free(ready->text);
	free(ready);
}

/* EPIPE: the reader has gone, which is its affair. */
static void send_ready(const struct announce_ready *ready)
{
	size_t at = 0;
	ssize_t n = 0;

	while (at < ready->length) {
		struct pollfd polled = { .fd = ready->fd, .events = POLLOUT };

		n = write(ready->fd, ready->text + at, ready->length - at);
		if (n < 0 && errno == EAGAIN)
			poll(&polled, 1, -1);
		else if (n < 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 && errno != EPIPE)
		log_error(_("cannot write the addresses to descriptor %d: %s"), ready->fd,
			strerror(errno));
}

static void *run_ready_thread(void *context)
{
	struct announce_ready *ready = context;
	bool cancelled;

	pthread_mutex_lock(&ready->may_go);
	cancelled = ready->cancelled;
	pthread_mutex_unlock(&ready->may_go);
	if (!cancelled)
		send_ready(ready);
	destroy_ready(ready);
	return NULL;
}

/* A pipe that can be written to takes so much at once (pipe(7)). */
static bool leaves_at_once(const struct announce_ready *ready)
{
	struct pollfd polled = { .fd = ready->fd, .events = POLLOUT };

	return ready->length <= PIPE_BUF && poll(&polled, 1, 0) != 0;
}

static struct announce_ready *compose_ready(const struct listener_list *listeners, int fd)
{
	struct announce_ready *ready = calloc(1, sizeof(*ready));
	char text[ADDR_TEXT_SIZE];
	FILE *stream;

	if (ready == NULL)
		return NULL;
	ready->fd = fd;
	ready->may_go = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	stream = open_memstream(&ready->text, &ready->length);
	if (stream == NULL) {
		free(ready);
		return NULL;
	}
	for (size_t i = 0; i < listeners->count; i++)
		fprintf(stream, "%s\n", write_address(&listeners->listeners[i], text));
	if (fclose(stream) == 0)
		return ready;
	free(ready->text);
	free(ready);
	return NULL;
}

/* The thread owns `ready` as soon as the mutex is unlocked. */
static void start_ready_thread(struct announce_ready *ready)
{
	pthread_t thread;

	pthread_mutex_lock(&ready->may_go);
	ready->has_thread = pthread_create(&thread, NULL, run_ready_thread, ready) == 0;
	if (ready->has_thread)
		pthread_detach(thread);
	else
		pthread_mutex_unlock(&ready->may_go);
}

struct announce_ready *announce_prepare_ready(const struct listener_list *listeners, int fd)
{
	struct announce_ready *ready = fd >= 0 ? compose_ready(listeners, fd) : NULL;

	if (fd < 0)
		return NULL;
	if (ready == NULL) {
		log_error(
			_("cannot write the addresses to descriptor %d: %s"), fd, strerror(ENOMEM));
		if (fd > STDERR_FILENO)
			close(fd);
		return NULL;
	}
	if (!leaves_at_once(ready))
		start_ready_thread(ready);
	return ready;
}

static void finish_ready(struct announce_ready *ready, bool cancelled)
{
	if (ready == NULL)
		return;
	if (ready->has_thread) {
		ready->cancelled = cancelled;
		pthread_mutex_unlock(&ready->may_go);
		return;
	}
	if (!cancelled)
		send_ready(ready);
	destroy_ready(ready);
}

void announce_ready(struct announce_ready *ready)
{
	finish_ready(ready, false);
}

void announce_cancel_ready(struct announce_ready *ready)
{
	finish_ready(ready, true);
}

/* ---- counters, the end ---- */

void announce_counters(const struct counters *sum)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	json_t *fields = json_object();

	if (stream == NULL || fields == NULL) {
		if (stream != NULL)
			fclose(stream);
		json_decref(fields);
		return;
	}
	fprintf(stream, "connections_open=%llu", (unsigned long long)counters_open(sum));
	json_object_set_new(
		fields, "connections_open", json_integer((json_int_t)counters_open(sum)));
#define TELL(name)                                                                                 \
	fprintf(stream, " " #name "=%llu", (unsigned long long)sum->name);                         \
	json_object_set_new(fields, #name, json_integer((json_int_t)sum->name));
	COUNTERS_EACH(TELL)
#undef TELL
	fclose(stream);
	log_write(LOG_LEVEL_INFO, "counters", log_is_json() ? json_incref(fields) : NULL,
		_("counters: %s"), text);
	json_decref(fields);
}

void announce_draining(const struct counters *sum, uint64_t drain_ns)
{
	char time_text[DURATION_TEXT_SIZE];
	unsigned long long open = counters_open(sum);

	duration_format(drain_ns, time_text, sizeof(time_text));
	if (open > 0 && drain_ns > 0)
		LOG_EVENT(LOG_LEVEL_INFO, "draining",
			json_pack("{s:I, s:I}", "connections_open", (json_int_t)open, "drain_ns",
				(json_int_t)drain_ns),
			ngettext("ending: %llu connection has up to %s to finish (a second signal "
				 "ends at once)",
				"ending: %llu connections have up to %s to finish (a second signal "
				"ends at once)",
				(unsigned long)open),
			open, time_text);
}

void announce_end(const struct counters *sum)
{
	unsigned long long cut = sum->connections_cut;

	LOG_EVENT(LOG_LEVEL_INFO, "stopped",
		json_pack("{s:I, s:I, s:I}", "connections_cut", (json_int_t)cut,
			"connections_accepted", (json_int_t)sum->connections_accepted, "bytes_sent",
			(json_int_t)sum->bytes_sent),
		ngettext("ended; %llu connection was cut", "ended; %llu connections were cut",
			(unsigned long)cut),
		cut);
}
