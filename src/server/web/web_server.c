/*
 * The engine is epoll's wherever it works at all, which is everywhere: pages need no other. Events of the live page are
 * driven by the pacer: once a second it collects figures, and nudges every connection.
 */
#include "server/web/web_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/condition.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "engine/engine.h"
#include "net/socket.h"
#include "server/web/metrics.h"
#include "server/web/page_bytes.h"
#include "server/web/pulse.h"
#include "web/http.h"
#include "web/http_host.h"

/* Requests are short. */
#define POOL_BYTES (1u << 20)
/* For the engine to begin, and to end: it has a few connections. */
#define PATIENCE_NS (20 * CLOCK_NS_PER_S)

#define TEXT_TYPE "text/plain; charset=utf-8"
#define PAGE_FIELDS                                                                                \
	"Content-Security-Policy: frame-ancestors 'none'\r\nX-Frame-Options: DENY\r\n"             \
	"Referrer-Policy: no-referrer\r\n"

struct web_server {
	struct web_server_options options;
	struct http http;
	struct engine *engine;
	struct engine_host host;
	_Atomic bool ready;

	/* Of its thread alone. */
	struct figures *latest; /* NULL: none yet */
	uint64_t tick_ns; /* when the pages that look get the next events */
	unsigned streams;
	uint64_t refused_peers;
	struct log_limit refusals;

	struct engine_task cut_task, check_task, nudge_task, begun_task;
	pthread_t thread;
	bool started;
	int result;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	bool begun, finished;
	bool cut_posted, check_posted, nudge_posted;
};

/* ---- figures ---- */

/* A new snapshot. Without memory the one before stays. */
static void collect(struct web_server *server, bool looks)
{
	struct figures *figures;

	if (figures_new(server->options.listener_count, server->options.thread_count, &figures) < 0)
		return;
	server->options.collect(server->options.context, figures, looks);
	figures->taken_ns = clock_now_ns();
	figures->ready = atomic_load(&server->ready);
	figures->web_connections = server->http.count;
	figures->web_answers = server->http.answers;
	figures->web_refusals = server->http.refusals;
	figures->web_displaced = server->http.displaced;
	figures->web_refused_peers = server->refused_peers;
	figures_leave(server->latest);
	server->latest = figures;
}

static bool is_fresh(const struct web_server *server)
{
	return server->latest != NULL &&
		clock_now_ns() - server->latest->taken_ns < WEB_SERVER_FRESH_NS;
}

/* ---- /metrics ---- */

struct scrape {
	struct figures *figures;
	struct metrics_cursor cursor;
};

static ssize_t next_metrics(void *state, char *buffer, size_t size)
{
	struct scrape *scrape = state;
	size_t length = 0, n = 1;

	while (n > 0 && size - length >= METRICS_LINE_SIZE) {
		n = metrics_next(scrape->figures, &scrape->cursor, buffer + length);
		length += n;
	}
	return (ssize_t)length;
}

static void close_metrics(void *state)
{
	struct scrape *scrape = state;

	figures_leave(scrape->figures);
	free(scrape);
}

static const struct http_source metrics_source = { .next = next_metrics, .close = close_metrics };

static void say(struct http_answer *ret_answer, unsigned status, const char *text)
{
	*ret_answer = (struct http_answer){
		.status = status,
		.type = TEXT_TYPE,
		.bytes = text,
		.length = (uint32_t)strlen(text),
	};
}

static void answer_metrics(struct web_server *server, struct http_answer *ret_answer)
{
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	if (!is_fresh(server))
		collect(server, false);
	if (scrape == NULL || server->latest == NULL) {
		free(scrape);
		say(ret_answer, 503, "There is no memory for this now.\n");
		return;
	}
	scrape->figures = figures_use(server->latest);
	*ret_answer = (struct http_answer){
		.status = 200,
		.type = METRICS_TYPE,
		.source = &metrics_source,
		.state = scrape,
	};
}

/* ---- /events ---- */

struct stream {
	struct web_server *server;
	struct figures *figures; /* whose events are under way; NULL: none */
	uint64_t shown_ns; /* when the last ones were taken */
	struct pulse_cursor cursor;
};

static ssize_t next_events(void *state, char *buffer, size_t size)
{
	struct stream *stream = state;
	struct figures *latest = stream->server->latest;
	size_t n;

	if (stream->figures == NULL) {
		if (latest->taken_ns == stream->shown_ns)
			return -EAGAIN;
		stream->figures = figures_use(latest);
		stream->shown_ns = latest->taken_ns;
		stream->cursor = (struct pulse_cursor){ 0 };
	}
	n = pulse_next(stream->figures, &stream->cursor, buffer, size);
	if (n > 0)
		return (ssize_t)n;
	figures_leave(stream->figures);
	stream->figures = NULL;
	return next_events(state, buffer, size);
}

static void close_events(void *state)
{
	struct stream *stream = state;

	stream->server->streams--;
	figures_leave(stream->figures);
	free(stream);
}

static const struct http_source events_source = {
	.endless = true,
	.next = next_events,
	.close = close_events,
};

static void answer_events(struct web_server *server, struct http_answer *ret_answer)
{
	struct stream *stream;

	if (server->streams >= WEB_SERVER_MOST_STREAMS) {
		say(ret_answer, 503, "As many live pages are open as may be: close one.\n");
		return;
	}
	stream = calloc(1, sizeof(*stream));
	if (!is_fresh(server))
		collect(server, true);
	if (stream == NULL || server->latest == NULL) {
		free(stream);
		say(ret_answer, 503, "There is no memory for this now.\n");
		return;
	}
	stream->server = server;
	if (server->streams++ == 0)
		server->tick_ns = clock_now_ns() + WEB_SERVER_TICK_NS;
	engine_pace_by(server->engine, server->tick_ns);
	*ret_answer = (struct http_answer){
		.status = 200,
		.type = "text/event-stream",
		.source = &events_source,
		.state = stream,
	};
}

static uint64_t on_pace(void *context, struct engine *engine, uint64_t now_ns)
{
	struct web_server *server = context;

	if (server->streams == 0)
		return CLOCK_NEVER;
	if (now_ns < server->tick_ns)
		return server->tick_ns;
	collect(server, true);
	/* Behind, where it took longer: events that are late are not made up for. */
	server->tick_ns = now_ns + WEB_SERVER_TICK_NS;
	engine_nudge_all(engine);
	return server->tick_ns;
}

/* ---- requests ---- */

static void answer_page(struct http_answer *ret_answer)
{
	*ret_answer = (struct http_answer){
		.status = 200,
		.type = "text/html; charset=utf-8",
		.fields = PAGE_FIELDS,
		.bytes = page_live,
		.length = sizeof(page_live) - 1,
	};
}

static bool is_path(const struct http_text *path, const char *name)
{
	return path->length == strlen(name) && memcmp(path->at, name, path->length) == 0;
}

static void answer(
	void *context, const struct http_request *request, struct http_answer *ret_answer)
{
	struct web_server *server = context;
	const struct web_server_options *options = &server->options;
	const struct http_text *path = &request->path;

	if (!http_host_is_ours(request->host, options->names, options->name_count))
		say(ret_answer, 421,
			"This server is not known by that name (--web-name makes it known).\n");
	else if (is_path(path, "/metrics"))
		answer_metrics(server, ret_answer);
	else if (is_path(path, "/events"))
		answer_events(server, ret_answer);
	else if (is_path(path, "/healthz"))
		say(ret_answer, 200, "ok\n");
	else if (is_path(path, "/readyz") && atomic_load(&server->ready))
		say(ret_answer, 200, "ready\n");
	else if (is_path(path, "/readyz"))
		say(ret_answer, 503, "not ready\n");
	else if (is_path(path, "/"))
		answer_page(ret_answer);
	else
		say(ret_answer, 404,
			"There is nothing here: see /, /metrics, /healthz and /readyz.\n");
}

/* ---- the engine's host ---- */

static bool is_of_this_machine(const struct addr *peer)
{
	if (peer->generic.sa_family == AF_INET)
		return ntohl(peer->in.sin_addr.s_addr) >> 24 == 127;
	return peer->generic.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&peer->in6.sin6_addr);
}

static bool on_admit(void *context, int fd, enum addr_scheme scheme, unsigned tag)
{
	struct web_server *server = context;
	const struct access *access = server->options.access;
	struct addr peer;
	char name[ADDR_TEXT_SIZE];
	uint64_t left_out;

	if (scheme == ADDR_UNIX)
		return true; /* the file's mode decides */
	if (socket_peer(fd, scheme, &peer) < 0)
		return false; /* it has gone */
	if (is_of_this_machine(&peer) || (access != NULL && access_admits(access, &peer.generic)))
		return true;
	server->refused_peers++;
	if (log_limit_is_due(&server->refusals, clock_now_ns(), &left_out)) {
		addr_format(&peer, name, sizeof(name));
		LOG_EVENT(LOG_LEVEL_WARNING, "web_refused",
			json_pack("{s:s, s:I}", "peer", name, "untold", (json_int_t)left_out),
			_("refused %s: it may not see the web pages (--web-allow)"), name);
	}
	return false;
}

static void on_closed(
	void *context, const struct engine_conn *conn, enum engine_close_reason reason, int error)
{
	struct web_server *server = context;

	http_forget(&server->http, conn->protocol);
}

/* Posts unless it is posted already, or the thread is past its end. */
static void post(struct web_server *server, struct engine_task *task, bool *posted)
{
	pthread_mutex_lock(&server->lock);
	if (!server->finished && !*posted) {
		*posted = true;
		engine_post(server->engine, task);
	}
	pthread_mutex_unlock(&server->lock);
}

static void on_crowded(void *context)
{
	struct web_server *server = context;

	post(server, &server->nudge_task, &server->nudge_posted);
}

#define OWNER(task, member)                                                                        \
	((struct web_server *)((char *)(task)-offsetof(struct web_server, member)))

static void take_note(struct web_server *server, bool *flag, bool value)
{
	pthread_mutex_lock(&server->lock);
	*flag = value;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void run_nudge(struct engine *engine, struct engine_task *task)
{
	struct web_server *server = OWNER(task, nudge_task);

	take_note(server, &server->nudge_posted, false);
	engine_nudge_all(engine);
}

static void run_check(struct engine *engine, struct engine_task *task)
{
	struct web_server *server = OWNER(task, check_task);

	take_note(server, &server->check_posted, false);
	engine_recheck(engine);
}

static void run_begun(struct engine *engine, struct engine_task *task)
{
	struct web_server *server = OWNER(task, begun_task);

	take_note(server, &server->begun, true);
}

static void run_cut(struct engine *engine, struct engine_task *task)
{
	engine_cut(engine);
}

static void *run_thread(void *context)
{
	struct web_server *server = context;

	server->result = engine_run(server->engine);
	take_note(server, &server->finished, true);
	engine_run_tasks(server->engine);
	return NULL;
}

/* ---- life ---- */

static void set_up(struct web_server *server)
{
	const struct http_options http = {
		.answer = answer,
		.crowded = on_crowded,
		.context = server,
		.now_ns = clock_now_ns,
		.wall_ns = clock_wall_ns,
	};

	http_init(&server->http, &http);
	server->host = (struct engine_host){
		.admit = on_admit,
		.closed = on_closed,
		.pace = on_pace,
	};
	server->cut_task.run = run_cut;
	server->check_task.run = run_check;
	server->nudge_task.run = run_nudge;
	server->begun_task.run = run_begun;
}

int web_server_new(const struct web_server_options *options, struct web_server **ret_server)
{
	const struct engine_options engine = { .pool_bytes = POOL_BYTES };
	struct web_server *server = calloc(1, sizeof(*server));
	int r;

	if (server == NULL)
		return -ENOMEM;
	server->options = *options;
	set_up(server);
	r = -pthread_mutex_init(&server->lock, NULL);
	if (r < 0)
		goto fail_lock;
	r = clock_init_condition(&server->changed);
	if (r < 0)
		goto fail_cond;
	r = engine_new(&epoll_engine_ops, &engine, &server->http.protocol, &server->host, server,
		&server->engine);
	if (r < 0)
		goto fail_engine;
	*ret_server = server;
	return 0;

fail_engine:
	pthread_cond_destroy(&server->changed);
fail_cond:
	pthread_mutex_destroy(&server->lock);
fail_lock:
	free(server);
	return r;
}

void web_server_free(struct web_server *server)
{
	if (server == NULL)
		return;
	engine_free(server->engine);
	http_fini(&server->http);
	figures_leave(server->latest);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

int web_server_listen(struct web_server *server, int fd, enum addr_scheme scheme)
{
	return engine_listen(server->engine, fd, scheme, 0);
}

/* Until a flag is set, or the time. */
static bool wait_for(struct web_server *server, const bool *flag)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), PATIENCE_NS);
	bool set;

	pthread_mutex_lock(&server->lock);
	while (!*flag && !server->finished &&
		condition_wait(&server->changed, &server->lock, until_ns))
		;
	set = *flag;
	pthread_mutex_unlock(&server->lock);
	return set;
}

int web_server_start(struct web_server *server)
{
	int r;

	engine_post(server->engine, &server->begun_task);
	r = -pthread_create(&server->thread, NULL, run_thread, server);
	server->started = r == 0;
	if (r < 0)
		return r;
	if (wait_for(server, &server->begun))
		return 0;
	return server->finished && server->result < 0 ? server->result : -ETIMEDOUT;
}

void web_server_set_ready(struct web_server *server, bool ready)
{
	atomic_store(&server->ready, ready);
}

void web_server_check_again(struct web_server *server)
{
	post(server, &server->check_task, &server->check_posted);
}

void web_server_cut(struct web_server *server)
{
	if (server->started)
		post(server, &server->cut_task, &server->cut_posted);
}

int web_server_end(struct web_server *server)
{
	if (!server->started)
		return 0;
	web_server_cut(server);
	if (!wait_for(server, &server->finished))
		return -EBUSY;
	pthread_join(server->thread, NULL);
	server->started = false;
	return server->result;
}
