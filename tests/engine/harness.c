/*
 * Starting, stopping and asking an engine from a test's thread.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/socket.h"

#define LIMIT_S 20

/* ---- the host ---- */

static bool on_admit(void *context, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct harness *harness = context;

	harness->news.asked++;
	return !harness->refusing;
}

static bool on_admit_datagram(void *context, const struct engine_datagram *datagram)
{
	struct harness *harness = context;

	harness->news.asked++;
	return !harness->refusing;
}

static uint64_t on_preface_limit(void *context, const struct engine_conn *conn, unsigned tag)
{
	const struct harness *harness = context;

	return harness->preface_ns != 0 ? clock_now_ns() + harness->preface_ns : 0;
}

/* A line; one that begins with '!' is refused. */
static enum engine_preface_verdict on_preface(void *context, const struct engine_conn *conn,
	unsigned tag, const struct engine_preface *preface, size_t *ret_length)
{
	struct harness *harness = context;
	const unsigned char *end = memchr(preface->bytes, '\n', preface->length);

	harness->news.prefaces++;
	if (preface->length > 0 && preface->bytes[0] == '!')
		return ENGINE_PREFACE_REFUSED;
	if (end == NULL && !(preface->state == ENGINE_PREFACE_LATE && harness->preface_may_be_late))
		return ENGINE_PREFACE_MORE;
	*ret_length = end != NULL ? (size_t)(end + 1 - preface->bytes) : 0;
	return ENGINE_PREFACE_WHOLE;
}

static void on_opened(void *context, const struct engine_conn *conn)
{
	struct harness_news *news = &((struct harness *)context)->news;

	news->opened++;
	news->last_fd = conn->fd;
}

static void on_closed(
	void *context, const struct engine_conn *conn, enum engine_close_reason reason, int error)
{
	struct harness_news *news = &((struct harness *)context)->news;

	news->done += reason == ENGINE_CLOSE_DONE;
	news->lost += reason == ENGINE_CLOSE_LOST;
	news->cut += reason == ENGINE_CLOSE_CUT;
	news->last_error = error;
}

static void on_paused(void *context, int error)
{
	((struct harness *)context)->news.paused++;
}

static void on_resumed(void *context)
{
	((struct harness *)context)->news.resumed++;
}

static const struct engine_host host = {
	.admit = on_admit,
	.admit_datagram = on_admit_datagram,
	.preface_limit = on_preface_limit,
	.preface = on_preface,
	.opened = on_opened,
	.closed = on_closed,
	.accept_paused = on_paused,
	.accept_resumed = on_resumed,
};

/* ---- the thread ---- */

static void *run(void *context)
{
	struct harness *harness = context;

	harness->result = engine_run(harness->engine);
	return NULL;
}

void harness_start(struct harness *harness, const struct engine_ops *ops, struct protocol *protocol,
	const struct engine_options *options)
{
	struct engine_options defaults = {
		.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.splice = true,
	};

	*harness = (struct harness){ 0 };
	assert_int_equal(engine_new(ops, options != NULL ? options : &defaults, protocol, &host,
				 harness, &harness->engine),
		0);
	assert_int_equal(pthread_create(&harness->thread, NULL, run, harness), 0);
}

static void cut(struct engine *engine, void *data)
{
	engine_cut(engine);
}

void harness_stop(struct harness *harness)
{
	harness_do(harness, cut, NULL);
	harness_wait(harness);
}

void harness_wait(struct harness *harness)
{
	pthread_join(harness->thread, NULL);
	assert_int_equal(harness->result, 0);
	engine_free(harness->engine);
}

struct errand {
	struct engine_task task; /* first: the task's address is the errand's */
	void (*work)(struct engine *engine, void *data);
	void *data;
	sem_t done;
};

static void run_errand(struct engine *engine, struct engine_task *task)
{
	struct errand *errand = (struct errand *)task;

	errand->work(engine, errand->data);
	sem_post(&errand->done);
}

void harness_do(
	struct harness *harness, void (*work)(struct engine *engine, void *data), void *data)
{
	struct errand errand = { .task.run = run_errand, .work = work, .data = data };

	sem_init(&errand.done, 0, 0);
	engine_post(harness->engine, &errand.task);
	while (sem_wait(&errand.done) < 0)
		;
	sem_destroy(&errand.done);
}

/* ---- connections ---- */

static void limit_time(int fd)
{
	struct timeval limit = { .tv_sec = LIMIT_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int listen_on_loopback(uint16_t *ret_port)
{
	struct addr addr = { .scheme = ADDR_TCP, .length = sizeof(addr.in) }, bound;
	struct socket_listen_options options = { .backlog = 1024 };
	int fd = -1;

	addr.in = (struct sockaddr_in){ .sin_family = AF_INET };
	addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(socket_open_server(&addr, &options, &fd, &bound, NULL), 0);
	*ret_port = addr_port(&bound);
	return fd;
}

int harness_dial(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	limit_time(fd);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static void make_pair(enum addr_scheme scheme, int *ret_ours, int *ret_theirs)
{
	int pair[2];
	uint16_t port;

	if (scheme == ADDR_UNIX) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		limit_time(pair[0]);
		*ret_ours = pair[0];
		*ret_theirs = dup(pair[1]);
		close(pair[1]);
	} else {
		int listener = listen_on_loopback(&port);

		*ret_ours = harness_dial(port);
		*ret_theirs = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		close(listener);
	}
	assert_true(*ret_theirs >= 0);
}

struct adoption {
	int fd, result;
	enum addr_scheme scheme;
};

static void adopt(struct engine *engine, void *data)
{
	struct adoption *adoption = data;

	adoption->result = engine_adopt(engine, adoption->fd, adoption->scheme, 0);
}

static int connect_with(struct harness *harness, enum addr_scheme scheme, int buffer_bytes)
{
	struct adoption adoption = { .scheme = scheme };
	int ours, on = 1;

	make_pair(scheme, &ours, &adoption.fd);
	if (buffer_bytes > 0) {
		setsockopt(ours, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
		setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
		setsockopt(adoption.fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
		setsockopt(adoption.fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
	}
	assert_int_equal(ioctl(adoption.fd, FIONBIO, &on), 0);
	socket_tune_stream(adoption.fd, scheme);
	harness_do(harness, adopt, &adoption);
	assert_int_equal(adoption.result, 0);
	return ours;
}

int harness_connect(struct harness *harness, enum addr_scheme scheme)
{
	return connect_with(harness, scheme, 0);
}

int harness_connect_narrow(struct harness *harness, enum addr_scheme scheme)
{
	return connect_with(harness, scheme, 4096);
}

static void serve(struct engine *engine, void *data)
{
	assert_int_equal(engine_listen(engine, *(int *)data, ADDR_TCP, 0), 0);
}

uint16_t harness_listen(struct harness *harness)
{
	uint16_t port;
	int fd = listen_on_loopback(&port);

	harness_do(harness, serve, &fd);
	return port;
}

/* ---- bytes ---- */

void harness_send(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t n = send(fd, at, length, MSG_NOSIGNAL);

		if (n < 0)
			fail_msg("send: %s", strerror(errno));
		at += n;
		length -= (size_t)n;
	}
}

void harness_receive(int fd, void *bytes, size_t length)
{
	char *at = bytes;

	while (length > 0) {
		ssize_t n = recv(fd, at, length, 0);

		if (n <= 0)
			fail_msg("recv: %s, %zu bytes to come", n < 0 ? strerror(errno) : "end",
				length);
		at += n;
		length -= (size_t)n;
	}
}

void harness_expect_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

/* ---- main ---- */

int harness_main(const struct harness_test *tests, size_t count)
{
	struct CMUnitTest *all = NULL;
	size_t total = 0;

	for (size_t i = 0; engine_list[i] != NULL; i++) {
		const char *engine = engine_list[i]->name, *asked = getenv("MEARI_ENGINES");
		char why[200];

		if (asked != NULL && *asked != '\0' && strstr(asked, engine) == NULL)
			continue;
		if (engine_list[i]->probe(why, sizeof(why)) < 0) {
			fprintf(stderr, "# %s is left out: %s\n", engine, why);
			continue;
		}
		all = reallocarray(all, total + count, sizeof(struct CMUnitTest));
		for (size_t j = 0; all != NULL && j < count; j++, total++) {
			char *name = NULL;

			if (asprintf(&name, "%s_%s", engine, tests[j].name) < 0)
				abort();
			all[total] = (struct CMUnitTest){
				.name = name,
				.test_func = tests[j].run,
				.initial_state = (void *)engine_list[i],
			};
		}
	}

	int failed = _cmocka_run_group_tests("engine", all, total, NULL, NULL);

	for (size_t i = 0; i < total; i++)
		free((char *)all[i].name);
	free(all);
	return failed;
}
