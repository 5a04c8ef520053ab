/*
 * One worker of `meari serve` and nothing around it: no signals, no log, no sandbox, no limits. The engine is epoll,
 * which works everywhere and needs no library. The rest of meari is linked in and hidden (meari-echo.map); its few global
 * variables are this library's own.
 */
#include "meari_echo.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "base/log.h"
#include "config.h"
#include "engine/engine.h"
#include "net/addr.h"
#include "protocol/echo.h"
#include "server/counters_json.h"
#include "server/fault/fault_address.h"
#include "server/fault/fault_map.h"
#include "server/listen/listener.h"
#include "server/worker.h"

#define EXPORT __attribute__((visibility("default")))

#define BACKLOG 4096
#define POOL_BYTES (64u << 20)
#define ANSWER_NS (5 * CLOCK_NS_PER_S)
#define END_NS (20 * CLOCK_NS_PER_S)
/* How often a counter is looked at while it is waited for. */
#define LOOK_NS (500 * CLOCK_NS_PER_US)

struct meari_echo {
	pid_t pid; /* of the process that started it */
	struct addr_spec spec;
	struct fault_plan own;
	struct listener_list listeners;
	char (*addresses)[ADDR_TEXT_SIZE]; /* one for each listener */
	struct fault_map *faults;
	struct peer_rule_options peer_rule;
	struct worker *worker;
	int done_fd;
};

/* ---- starting ---- */

__attribute__((format(printf, 4, 5))) static int say(
	char *why, size_t size, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (size > 0)
		vsnprintf(why, size, format, arguments);
	va_end(arguments);
	return error;
}

static int parse(const char *address, struct meari_echo *echo, char *why, size_t size)
{
	size_t length = fault_address_length(address);
	CLEANUP_FREE char *plain = strndup(address, length);
	struct fault_address_flaw flaw;
	struct fault_address parts;
	struct addr_fault fault;

	if (plain == NULL)
		return say(why, size, -ENOMEM, "cannot start: %s", strerror(ENOMEM));
	if (addr_parse(plain, &echo->spec, &fault) < 0)
		return say(why, size, -EINVAL, "'%s' is not an address: %s (column %zu)", plain,
			fault.text, fault.column + 1);
	if (fault_address_parse(address, length, addr_socket_type(echo->spec.scheme) == SOCK_DGRAM,
		    &parts, &flaw) < 0)
		return say(why, size, -EINVAL, "'%s' has a fault that is none: %s (column %zu)",
			address, flaw.why, flaw.column + 1);
	/* Whose word would count is an option of the server's, and there are none here. */
	if (parts.proxy != LISTENER_NO_PROXY)
		return say(why, size, -EINVAL, "'%s': proxy= is for meari serve", address);
	echo->own = parts.plan;
	return 0;
}

static int name_addresses(struct meari_echo *echo)
{
	echo->addresses = calloc(echo->listeners.count, sizeof(*echo->addresses));
	if (echo->addresses == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < echo->listeners.count; i++)
		addr_format(&echo->listeners.listeners[i].bound, echo->addresses[i],
			sizeof(echo->addresses[i]));
	return 0;
}

static int make_worker(struct meari_echo *echo)
{
	struct worker_options options = {
		.engine = &epoll_engine_ops,
		.pool_bytes = POOL_BYTES,
		.cpu = -1,
		.pending_bytes = ECHO_DEFAULT_CAP_BYTES,
		.faults = echo->faults,
		.listeners = &echo->listeners,
		.done_fd = echo->done_fd,
	};
	int r;

	if (listener_list_serve(&echo->listeners, ADDR_UDP)) {
		echo->peer_rule.per_s = PEER_RULE_DEFAULT_PER_S;
		peer_rule_take_ports(&echo->peer_rule);
		options.peer_rule = &echo->peer_rule;
	}
	r = worker_new(&options, &echo->worker);
	for (size_t i = 0; r == 0 && i < echo->listeners.count; i++) {
		struct listener *listener = &echo->listeners.listeners[i];

		r = worker_listen(echo->worker, listener_take(listener, 0, 1),
			listener->bound.scheme, (unsigned)i);
	}
	return r;
}

/* Threads inherit the mask: signals stay with the threads of whoever calls. */
static int start_thread(struct meari_echo *echo)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	r = -pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r < 0)
		return r;
	r = worker_start(echo->worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void destroy(struct meari_echo *echo)
{
	worker_free(echo->worker);
	fault_map_free(echo->faults);
	listener_list_close_all(&echo->listeners);
	free(echo->addresses);
	if (echo->done_fd >= 0)
		close(echo->done_fd);
	free(echo);
}

static int prepare(struct meari_echo *echo)
{
	const struct fault_plan none = { .count = 0 };
	struct fault_plan *own = &echo->own;
	const struct fault_map_plans plans = {
		.all = &none,
		.own = own->count > 0 ? &own : NULL,
		.specs = &echo->spec,
		.count = 1,
	};
	int r = name_addresses(echo);

	if (r == 0)
		r = fault_map_new(&plans, false, &echo->listeners, &echo->faults);
	if (r == 0) {
		echo->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = echo->done_fd < 0 ? -errno : 0;
	}
	if (r == 0)
		r = make_worker(echo);
	return r == 0 ? start_thread(echo) : r;
}

EXPORT int meari_echo_start(
	const char *address, struct meari_echo **ret_echo, char *reterr_why, size_t size)
{
	const struct listener_options options = { .threads = 1, .backlog = BACKLOG };
	struct meari_echo *echo = calloc(1, sizeof(*echo));
	char reason[LISTENER_WHY_SIZE];
	int r;

	log_set_level(LOG_LEVEL_NONE);
	if (echo == NULL)
		return say(reterr_why, size, -ENOMEM, "cannot start: %s", strerror(ENOMEM));
	echo->pid = getpid();
	echo->done_fd = -1;
	r = parse(address, echo, reterr_why, size);
	if (r < 0) {
		free(echo);
		return r;
	}
	r = listener_open_all(&echo->spec, 1, &options, &echo->listeners, reason, sizeof(reason));
	if (r < 0) {
		say(reterr_why, size, r, "%s", reason);
	} else {
		r = prepare(echo);
		if (r < 0)
			say(reterr_why, size, r, "cannot serve '%s': %s", address, strerror(-r));
	}
	if (r < 0) {
		destroy(echo);
		return r;
	}
	*ret_echo = echo;
	return 0;
}

/* ---- a server that runs ---- */

/* Its thread and its engine are in the parent: here, only the memory is. */
static bool is_stale(const struct meari_echo *echo)
{
	return echo->pid != getpid();
}

EXPORT int meari_echo_stop(struct meari_echo *echo)
{
	int r;

	if (echo == NULL)
		return 0;
	if (is_stale(echo))
		return -ESTALE;
	/* Before listening ends, as the server does it: another one may take the path at once. */
	listener_list_remove_files(&echo->listeners);
	worker_cut(echo->worker);
	r = worker_join(echo->worker, clock_after_ns(clock_now_ns(), END_NS));
	if (r == -ETIMEDOUT)
		return -EBUSY;
	destroy(echo);
	return r;
}

EXPORT const char *meari_echo_address(const struct meari_echo *echo, unsigned index)
{
	return is_stale(echo) || index >= echo->listeners.count ? NULL : echo->addresses[index];
}

EXPORT unsigned meari_echo_port(const struct meari_echo *echo, unsigned index)
{
	return is_stale(echo) || index >= echo->listeners.count
		? 0
		: addr_port(&echo->listeners.listeners[index].bound);
}

static int count(struct meari_echo *echo, struct counters *ret_counters)
{
	if (is_stale(echo))
		return -ESTALE;
	*ret_counters = (struct counters){ 0 }; /* what comes is added */
	return worker_snapshot(
		       echo->worker, clock_after_ns(clock_now_ns(), ANSWER_NS), ret_counters)
		? 0
		: -ETIMEDOUT;
}

EXPORT int meari_echo_counter(struct meari_echo *echo, const char *name, uint64_t *ret_value)
{
	struct counters counters;
	int r = count(echo, &counters);

	if (r < 0)
		return r;
	if (strcmp(name, "connections_open") == 0) {
		*ret_value = counters_open(&counters);
		return 0;
	}
#define FIND(field)                                                                                \
	if (strcmp(name, #field) == 0) {                                                           \
		*ret_value = counters.field;                                                       \
		return 0;                                                                          \
	}
	COUNTERS_EACH(FIND)
#undef FIND
	return -ENOENT;
}

EXPORT int meari_echo_counters(struct meari_echo *echo, char *buffer, size_t size)
{
	struct counters counters;
	int r = count(echo, &counters);

	if (r < 0)
		return r;

	json_t *object = counters_json(&counters);
	CLEANUP_FREE char *text = object != NULL ? json_text(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text == NULL ? -ENOMEM : snprintf(buffer, size, "%s", text);
}

EXPORT int meari_echo_wait(
	struct meari_echo *echo, const char *name, uint64_t least, unsigned timeout_ms)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	uint64_t until_ns = clock_after_ns(clock_now_ns(), timeout_ms * CLOCK_NS_PER_MS);
	uint64_t value;

	for (;;) {
		bool is_late = clock_now_ns() >= until_ns;
		int r = meari_echo_counter(echo, name, &value);

		if (r < 0 || value >= least)
			return r;
		if (is_late)
			return -ETIMEDOUT;
		nanosleep(&look, NULL);
	}
}

EXPORT const char *meari_echo_version(void)
{
	return MEARI_VERSION;
}
