/*
 * The life of the server, from top to bottom:
 *
 *   open ──▶ start ──▶ serve ──signal──▶ drain ──done, time, or second signal──▶ end
 *
 * Everything that can fail is tried before the first thread starts, and what is opened first is
 * closed last.
 */
#include "server/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/descriptors.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/activation.h"
#include "server/listener.h"
#include "server/notify.h"
#include "server/sandbox.h"
#include "server/signals.h"
#include "server/worker.h"

/* How long to wait for memory that other programs may give back. */
#define MEMORY_RETRY_MS 10

struct server {
	const struct server_options *options;
	const struct engine_ops *engine;
	unsigned thread_count;
	struct listener_list listeners;
	size_t pool_bytes; /* of each thread */
	struct limits *limits; /* NULL: none */
	struct access *access; /* NULL: everybody */
	struct guard_options guard;
	struct fault_census census;
	struct worker **workers; /* thread_count of them, NULL where not made yet */
	unsigned ended_count; /* threads whose end has been noticed */
	int signal_fd, done_fd;
	uint64_t watchdog_ns, watchdog_due_ns; /* CLOCK_NEVER: nobody watches */
};

/* ---- open ---- */

static int choose_engine(struct server *server)
{
	char why[200];
	const char *reason;
	int r = engine_choose(server->options->engine, &server->engine, why, sizeof(why));

	if (r < 0)
		log_error(_("cannot use the engine '%s': %s"), server->options->engine, why);
	else if (why[0] != '\0')
		LOG_EVENT(LOG_LEVEL_INFO, "engine_substituted",
			json_pack("{s:s, s:s, s:s}", "wanted", engine_favourite(&reason)->name,
				"engine", server->engine->name, "reason", why),
			_("the engine '%s' cannot be had here, '%s' serves instead: %s"),
			engine_favourite(&reason)->name, server->engine->name, why);
	return r;
}

static bool is_guarded(const struct server_options *options)
{
	return options->idle_ns != CLOCK_NEVER || options->lifetime_ns != CLOCK_NEVER ||
		options->rate_bytes > 0;
}

/*
 * Memory is what the buffers' pool holds, and beyond it a small buffer and a slot for each connection. So a
 * bound of it is half for the pool, if that is not less anyhow, and for as many connections as the rest is
 * enough for: nothing has to be counted while bytes move.
 */
static int share_memory(struct server *server, struct limits_options *limits)
{
	const struct server_options *options = server->options;
	size_t total = options->memory_bytes, pool = options->pool_bytes;

	if (total > 0 && pool > total / 2)
		pool = total / 2;
	server->pool_bytes = pool / server->thread_count;
	if (server->pool_bytes < SERVER_LEAST_POOL_BYTES)
		server->pool_bytes = SERVER_LEAST_POOL_BYTES;
	if (total == 0)
		return 0;
	pool = server->pool_bytes * server->thread_count;
	if (total < pool + SERVER_CONNECTION_BYTES) {
		log_error(_("--max-memory is too little for %u threads: each needs 1 MiB, and "
			    "connections some more"),
			server->thread_count);
		return -ENOMEM;
	}
	total = (total - pool) / SERVER_CONNECTION_BYTES;
	limits->memory_connections = total < UINT32_MAX ? (uint32_t)total : UINT32_MAX;
	return 0;
}

static int set_up_limits(struct server *server)
{
	const struct server_options *options = server->options;
	struct limits_options limits = {
		.connections = options->most_connections,
		.per_source = options->most_per_source,
		.source_bits = options->source_bits,
		.connects_per_s = options->connects_per_s,
		.datagrams_per_s = options->datagrams_per_s,
	};
	int r = share_memory(server, &limits);

	if (r < 0)
		return r;
	server->guard = (struct guard_options){
		.idle_ns = options->idle_ns,
		.lifetime_ns = options->lifetime_ns,
		.rate_bytes = options->rate_bytes,
		.now_ns = clock_now_ns,
	};
	if (limits.connections > 0 || limits.memory_connections > 0 || limits.per_source > 0 ||
		limits.connects_per_s > 0 || limits.datagrams_per_s > 0) {
		r = limits_new(&limits, &server->limits);
		if (r < 0) {
			log_error(_("cannot prepare the server: %s"), strerror(-r));
			return r;
		}
	}
	if (options->allow.count + options->deny.count > 0)
		r = access_new(&options->allow, &options->deny, &server->access);
	return r;
}

static int make_worker(struct server *server, unsigned index)
{
	const struct server_options *options = server->options;
	struct worker_options worker_options = {
		.engine = server->engine,
		.pool_bytes = server->pool_bytes,
		.pending_bytes = options->pending_bytes,
		.return_urgent = options->return_urgent,
		.busy_poll_ns = options->busy_poll_ns,
		.cpu = options->pin ? cpus_nth(index) : -1,
		.limits = server->limits,
		.access = server->access,
		.guard = is_guarded(options) ? &server->guard : NULL,
		.faults = options->faults.count > 0 ? &options->faults : NULL,
		.census = &server->census,
		.done_fd = server->done_fd,
	};
	int r;

	r = worker_new(&worker_options, &server->workers[index]);
	for (size_t i = 0; r == 0 && i < server->listeners.count; i++) {
		struct listener *listener = &server->listeners.listeners[i];
		int fd = listener_take(listener, index);

		if (fd >= 0)
			r = worker_listen(server->workers[index], fd, listener->bound.scheme);
	}
	return r;
}

static int adopt_sockets(struct server *server)
{
	const struct server_options *options = server->options;
	struct activation activation;
	int r = activation_take(options->activated, options->activated_count, &activation);

	if (r < 0)
		return r;
	r = listener_adopt_all(&activation, server->thread_count, &server->listeners);
	activation_fini(&activation);
	return r;
}

static int open_server(struct server *server)
{
	const struct server_options *options = server->options;
	int r;

	server->thread_count = options->threads > 0 ? options->threads : cpus_available();
	r = choose_engine(server);
	if (r < 0)
		return r;
	r = set_up_limits(server);
	if (r < 0)
		return r;
	descriptors_raise_limit();
	r = adopt_sockets(server);
	if (r < 0)
		return r;
	r = listener_open_all(options->specs, options->spec_count, server->thread_count,
		options->backlog, &server->listeners);
	if (r < 0)
		return r;

	r = signals_open(server->access != NULL || notify_is_wanted(), &server->signal_fd);
	if (r == 0) {
		server->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = server->done_fd < 0 ? -errno : 0;
	}
	server->workers = calloc(server->thread_count, sizeof(struct worker *));
	if (r == 0 && server->workers == NULL)
		r = -ENOMEM;
	for (unsigned i = 0; r == 0 && i < server->thread_count; i++)
		r = make_worker(server, i);
	if (r == -EMFILE)
		log_error(_("cannot prepare the server: %s (raise the limit, 'ulimit -n')"),
			strerror(-r));
	else if (r < 0)
		log_error(_("cannot prepare the server: %s"), strerror(-r));
	return r;
}

static int enter_sandbox(const struct server *server)
{
	struct sandbox_options options = {
		.user = server->options->user,
		.engine = server->engine,
		.open = server->options->no_sandbox,
		.allow = &server->options->allow,
		.deny = &server->options->deny,
		.listeners = &server->listeners,
	};

	return sandbox_enter(&options);
}

/* ---- start ---- */

/* "tcp://127.0.0.1:5000, unix:@echo"; the caller frees it. */
static char *list_addresses(const struct server *server, json_t *ret_array)
{
	char *list = NULL, text[ADDR_TEXT_SIZE];
	size_t size;
	FILE *stream = open_memstream(&list, &size);

	if (stream == NULL)
		return NULL;
	for (size_t i = 0; i < server->listeners.count; i++) {
		addr_format(&server->listeners.listeners[i].bound, text, sizeof(text));
		fprintf(stream, "%s%s", i > 0 ? ", " : "", text);
		json_array_append_new(ret_array, json_string(text));
	}
	fclose(stream);
	return list;
}

static void tell_start(const struct server *server)
{
	json_t *array = json_array();
	CLEANUP_FREE char *list = list_addresses(server, array);
	const char *engine = server->engine->name;

	LOG_EVENT(LOG_LEVEL_INFO, "started",
		json_pack("{s:s, s:i, s:O, s:i}", "engine", engine, "threads",
			(int)server->thread_count, "addresses", array, "pid", (int)getpid()),
		ngettext("echoing on %s (engine %s, %u thread)",
			"echoing on %s (engine %s, %u threads)", server->thread_count),
		list, engine, server->thread_count);
	json_decref(array);

	unsigned faults = server->options->faults.count;

	if (faults > 0)
		LOG_EVENT(LOG_LEVEL_INFO, "faulty", json_pack("{s:i}", "faults", (int)faults),
			ngettext("it does %u thing wrong on purpose (--fault)",
				"it does %u things wrong on purpose (--fault)", faults),
			faults);
}

/* Tells whoever started us that it may connect: the addresses, one a line, then the end. */
static void tell_ready(const struct server *server)
{
	int fd = server->options->ready_fd;
	char text[ADDR_TEXT_SIZE];

	if (fd < 0)
		return;
	for (size_t i = 0; i < server->listeners.count; i++) {
		addr_format(&server->listeners.listeners[i].bound, text, sizeof(text));
		if (dprintf(fd, "%s\n", text) < 0) {
			/* EPIPE: whoever waited has gone, which is their affair. */
			if (errno != EPIPE)
				log_error(_("cannot write the addresses to descriptor %d: %s"), fd,
					strerror(errno));
			break;
		}
	}
	if (fd > STDERR_FILENO)
		close(fd);
}

static int start_workers(struct server *server)
{
	for (unsigned i = 0; i < server->thread_count; i++) {
		int r = worker_start(server->workers[i]);

		if (r < 0) {
			log_error(_("cannot start thread %u of %u: %s"), i + 1,
				server->thread_count, strerror(-r));
			server->ended_count = server->thread_count - i; /* nobody waits for those */
			return r;
		}
	}
	for (unsigned i = 0; i < server->thread_count; i++) {
		int r = worker_wait_running(server->workers[i]);

		if (r < 0)
			return r; /* told when the threads are joined */
	}
	return 0;
}

/* ---- serve ---- */

static struct counters sum_counters(struct server *server)
{
	struct counters sum = { 0 }, one;

	for (unsigned i = 0; i < server->thread_count; i++) {
		worker_snapshot(server->workers[i], &one);
		counters_add(&sum, &one);
	}
	return sum;
}

static void tell_counters(struct server *server)
{
	struct counters sum = sum_counters(server);
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
	fprintf(stream, "connections_open=%llu", (unsigned long long)counters_open(&sum));
	json_object_set_new(
		fields, "connections_open", json_integer((json_int_t)counters_open(&sum)));
#define TELL(name)                                                                                 \
	fprintf(stream, " " #name "=%llu", (unsigned long long)sum.name);                          \
	json_object_set_new(fields, #name, json_integer((json_int_t)sum.name));
	COUNTERS_EACH(TELL)
#undef TELL
	fclose(stream);
	log_write(LOG_LEVEL_INFO, "counters", log_is_json() ? json_incref(fields) : NULL,
		_("counters: %s"), text);
	json_decref(fields);
}

/* Reads the lists again; as long as they cannot be read, the old ones hold. */
static void reload(struct server *server)
{
	const struct server_options *options = server->options;
	struct access *access;

	notify_reloading();
	if (server->access == NULL) {
		LOG_EVENT(LOG_LEVEL_INFO, "reloaded", NULL, _("there are no lists to read again"));
		notify_ready();
		return;
	}
	if (access_new(&options->allow, &options->deny, &access) < 0) {
		LOG_EVENT(LOG_LEVEL_WARNING, "reload_failed", NULL,
			_("the lists were not read again; the old ones hold"));
		notify_ready();
		return;
	}
	for (unsigned i = 0; i < server->thread_count; i++)
		worker_set_access(server->workers[i], access);
	access_free(server->access);
	server->access = access;
	LOG_EVENT(LOG_LEVEL_INFO, "reloaded", NULL, _("the lists have been read again"));
	notify_ready();
}

/*
 * Says that all is well, where and when that is waited for; gives the time of the next. It is said
 * only when every thread has answered: one that is stuck keeps this one, and the manager acts.
 */
static uint64_t feed_watchdog(struct server *server)
{
	uint64_t now_ns = clock_now_ns();

	if (now_ns < server->watchdog_due_ns)
		return server->watchdog_due_ns;
	sum_counters(server);
	notify_alive();
	server->watchdog_due_ns = clock_after_ns(now_ns, server->watchdog_ns);
	return server->watchdog_due_ns;
}

/*
 * Waits for a signal, the end of so many threads, or the time. Returns what was wished for;
 * SIGNALS_NONE for the other two.
 */
static enum signals_wish wait_for_news(
	struct server *server, uint64_t until_ns, unsigned ended_enough)
{
	for (;;) {
		uint64_t wake_ns = feed_watchdog(server);
		struct pollfd polled[] = {
			{ .fd = server->signal_fd, .events = POLLIN },
			{ .fd = server->done_fd, .events = POLLIN },
		};
		uint64_t ended;
		enum signals_wish wish;

		if (server->ended_count >= ended_enough)
			return SIGNALS_NONE;
		if (poll(polled, 2,
			    clock_poll_ms(
				    clock_now_ns(), wake_ns < until_ns ? wake_ns : until_ns)) < 0 &&
			errno != EINTR) {
			if (errno != ENOMEM)
				return SIGNALS_END;
			poll(NULL, 0, MEMORY_RETRY_MS);
		}
		if (read(server->done_fd, &ended, sizeof(ended)) == sizeof(ended))
			server->ended_count += (unsigned)ended;
		wish = signals_take(server->signal_fd);
		if (wish != SIGNALS_NONE)
			return wish;
		if (clock_now_ns() >= until_ns)
			return SIGNALS_NONE;
	}
}

/* Until the end is asked for. A thread that ends before has failed. */
static int serve(struct server *server)
{
	for (;;) {
		switch (wait_for_news(server, CLOCK_NEVER, 1)) {
		case SIGNALS_COUNTERS: tell_counters(server); break;
		case SIGNALS_RELOAD: reload(server); break;
		case SIGNALS_END: return 0;
		case SIGNALS_NONE: return -EIO;
		}
	}
}

/* ---- drain ---- */

static void drain(struct server *server)
{
	uint64_t drain_ns = server->options->drain_ns;
	uint64_t until_ns = clock_after_ns(clock_now_ns(), drain_ns);
	char time_text[DURATION_TEXT_SIZE];

	notify_stopping();
	listener_remove_files(&server->listeners);
	for (unsigned i = 0; i < server->thread_count; i++)
		worker_drain(server->workers[i]);
	duration_format(drain_ns, time_text, sizeof(time_text));

	struct counters sum = sum_counters(server);
	unsigned long long open = counters_open(&sum);

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
	for (;;) {
		enum signals_wish wish = wait_for_news(server, until_ns, server->thread_count);

		if (wish == SIGNALS_COUNTERS)
			tell_counters(server);
		else if (wish == SIGNALS_RELOAD)
			reload(server);
		else
			break;
	}
	for (unsigned i = 0; i < server->thread_count; i++)
		worker_cut(server->workers[i]);
}

static void tell_end(struct server *server)
{
	struct counters sum = sum_counters(server);
	unsigned long long cut = sum.connections_cut;

	LOG_EVENT(LOG_LEVEL_INFO, "stopped",
		json_pack("{s:I, s:I, s:I}", "connections_cut", (json_int_t)cut,
			"connections_accepted", (json_int_t)sum.connections_accepted, "bytes_sent",
			(json_int_t)sum.bytes_sent),
		ngettext("ended; %llu connection was cut", "ended; %llu connections were cut",
			(unsigned long)cut),
		cut);
}

static int join_workers(struct server *server)
{
	int result = 0;

	for (unsigned i = 0; i < server->thread_count; i++) {
		int r = server->workers[i] != NULL ? worker_join(server->workers[i]) : 0;

		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

static void close_server(struct server *server)
{
	for (unsigned i = 0; server->workers != NULL && i < server->thread_count; i++)
		worker_free(server->workers[i]);
	free(server->workers);
	limits_free(server->limits);
	access_free(server->access);
	listener_close_all(&server->listeners);
	if (server->done_fd >= 0)
		close(server->done_fd);
	if (server->signal_fd >= 0)
		close(server->signal_fd);
}

int server_run(const struct server_options *options)
{
	struct server server = { .options = options, .signal_fd = -1, .done_fd = -1 };

	server.watchdog_ns = notify_watchdog_ns();
	server.watchdog_due_ns = clock_after_ns(clock_now_ns(), server.watchdog_ns);

	int r = open_server(&server);

	if (r == 0)
		r = enter_sandbox(&server);
	if (r == 0) {
		r = start_workers(&server);
		if (r == 0) {
			tell_start(&server);
			tell_ready(&server);
			notify_ready();
			r = serve(&server);
		}
		drain(&server);

		int failure = join_workers(&server);

		if (failure < 0) {
			log_error(_("the engine failed: %s"), strerror(-failure));
			r = failure;
		}
		if (r == 0)
			tell_end(&server);
	}
	close_server(&server);
	return r;
}
