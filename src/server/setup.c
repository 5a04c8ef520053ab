/*
 * Everything that can fail is tried here, before the first thread starts. What is opened first is closed last.
 */
#include "server/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/descriptors.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/listen/activation.h"
#include "server/listen/listener.h"
#include "server/memory_share.h"
#include "server/notify.h"
#include "server/reload.h"

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
			_("the engine '%s' cannot work here, '%s' serves instead: %s"),
			engine_favourite(&reason)->name, server->engine->name, why);
	return r;
}

/* What is not asked for costs nothing; but what can be asked for later has its place. */
static bool is_guarded(const struct server_options *options)
{
	return options->read_again != NULL || options->idle_ns != CLOCK_NEVER ||
		options->lifetime_ns != CLOCK_NEVER || options->rate_bytes > 0;
}

static int set_up_limits(struct server *server)
{
	const struct server_options *options = server->options;
	struct limits_options limits;
	int r = memory_share(
		options, server->thread_count, &server->pool_bytes, &server->memory_connections);

	if (r < 0)
		return r;
	server->guard = reload_guard(options);
	limits = reload_limits(options, server->memory_connections);
	if (limits.adjustable || limits.connections > 0 || limits.memory_connections > 0 ||
		limits.per_source > 0 || limits.connects_per_s > 0 || limits.datagrams_per_s > 0) {
		r = limits_new(&limits, &server->limits);
		if (r < 0) {
			log_error(_("cannot prepare the server: %s"), strerror(-r));
			return r;
		}
	}
	return reload_access(options, &server->access);
}

/* Which listeners have a proxy in front; `modes` stays NULL where none has. */
static int set_up_proxies(struct server *server)
{
	const struct server_options *options = server->options;
	const struct listener_list *listeners = &server->echoes;
	enum listener_proxy *modes = calloc(listeners->count + 1, sizeof(*modes));
	bool any = false;

	if (modes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < listeners->count; i++) {
		const struct addr_spec *spec = listeners->listeners[i].spec;

		if (spec != NULL)
			modes[i] = options->spec_proxies[spec - options->specs];
		any = any || modes[i] != LISTENER_NO_PROXY;
	}
	if (any)
		server->proxied.modes = server->proxy_modes = modes;
	else
		free(modes);
	server->proxied.limit_ns = options->proxy_limit_ns;
	return 0;
}

static int make_worker(struct server *server, unsigned index)
{
	const struct server_options *options = server->options;
	struct worker_options worker_options = {
		.engine = server->engine,
		.pool_bytes = server->pool_bytes,
		.pending_bytes = options->pending_bytes,
		.return_urgent = options->return_urgent,
		.splice = !options->no_splice,
		.busy_poll_ns = options->busy_poll_ns,
		.cpu = options->pin ? cpus_nth(index) : -1,
		.limits = server->limits,
		.access = server->access,
		.guard = is_guarded(options) ? &server->guard : NULL,
		.proxied = server->proxied.modes != NULL ? &server->proxied : NULL,
		.faults = server->faults,
		.peer_rule = listener_list_serve(&server->listeners, ADDR_UDP) ? &server->peers.rule
									       : NULL,
		.own = server->peers.own,
		.listeners = &server->echoes,
		.shown = pages_are_wanted(options),
		.listeners_logged = server->listeners_logged,
		.done_fd = server->done_fd,
	};
	int r;

	/* One half of the buffers is then for what waits on the wire. */
	if (server->keys.context != NULL)
		worker_options.secure = (struct secure_options){
			.keys = &server->keys,
			.listeners = &server->listeners,
			.handshake_ns = options->handshake_ns,
			.budget_bytes = server->pool_bytes / 2,
		};
	r = worker_new(&worker_options, &server->crew.workers[index]);
	for (size_t i = 0; r == 0 && i < server->echoes.count; i++) {
		struct listener *listener = &server->echoes.listeners[i];
		int fd;

		while (r == 0 && (fd = listener_take(listener, index, server->thread_count)) >= 0)
			r = worker_listen(server->crew.workers[index], fd, listener->bound.scheme,
				(unsigned)i);
	}
	return r;
}

static int adopt_sockets(struct server *server, struct activation *ret_web)
{
	const struct server_options *options = server->options;
	struct activation activation;
	char why[LISTENER_WHY_SIZE];
	int r;

	/* Those that another server had been given come from there, and the manager gives none. */
	if (upgrade_inherited(&server->upgrade) != NULL && !activation_is_offered())
		return upgrade_add_activated(
			&server->upgrade, server->thread_count, false, &server->listeners);
	r = pages_take_activation(options, &activation, ret_web);

	if (r < 0)
		return r;
	r = listener_adopt_all(
		&activation, server->thread_count, false, &server->listeners, why, sizeof(why));
	if (r < 0)
		log_error("%s", why);
	activation_fini(&activation);
	return r;
}

/* A server of pages alone would be a mistake: the sockets that were handed over were meant for the echo, too. */
static int check_echoes(const struct server *server)
{
	if (server->listeners.count > 0 || !pages_are_wanted(server->options))
		return 0;
	log_error(_(
		"there is no address to serve: all sockets that were handed over are for --web; give "
		"an ADDRESS"));
	return -EDESTADDRREQ;
}

void setup_tell_limits(struct server *server)
{
	const struct server_options *options = server->options;

	const struct figures_limits limits = {
		.connections = options->most_connections,
		.per_source = options->most_per_source,
		.connects_per_s = options->connects_per_s,
		.datagrams_per_s = options->datagrams_per_s,
		.descriptors = descriptors_limit(),
		.pending_bytes = server->pool_bytes * server->thread_count,
		.memory_connections = server->memory_connections,
	};

	pages_set_limits(&server->pages, &limits);
}

static int open_control(struct server *server)
{
	struct control_options options = {
		.at = server->options->control_at,
		.inherited = upgrade_inherited(&server->upgrade),
		.answer = control_answer_write,
		.context = &server->answers,
	};
	int r;

	if (options.at == NULL)
		return 0;
	r = control_new(&options, &server->control);
	if (r == 0)
		upgrade_give_too(&server->upgrade, control_listeners(server->control));
	return r;
}

static int open_listeners(struct server *server)
{
	const struct server_options *options = server->options;
	struct listener_options listener_options = {
		.threads = server->thread_count,
		.backlog = options->backlog,
		.share_port = options->upgrade_at != NULL,
		.inherited = upgrade_inherited(&server->upgrade),
	};
	size_t count = options->spec_count;
	struct activation web = { 0 };
	char why[LISTENER_WHY_SIZE];
	int r = adopt_sockets(server, &web);

	if (options->specs_are_default && server->listeners.count > 0)
		count = 0;
	if (r == 0) {
		r = listener_open_all(options->specs, count, &listener_options, &server->listeners,
			why, sizeof(why));
		if (r < 0)
			log_error("%s", why);
	}
	if (r == 0)
		r = check_echoes(server);
	if (r == 0)
		r = pages_listen(options, &server->upgrade, &web, &server->listeners);
	if (r == 0)
		r = open_control(server);
	activation_fini(&web);
	if (r < 0)
		return r;
	server->echoes = listener_list_echoes(&server->listeners);
	setup_tell_limits(server);
	return upgrade_prepare(&server->upgrade, &server->listeners, server->watchdog_ns);
}

/* From the other server, which has it from the manager. */
static void inherit_watchdog(struct server *server)
{
	if (server->watchdog_ns != CLOCK_NEVER || !notify_is_wanted())
		return;
	server->watchdog_ns = server->upgrade.takeover.watchdog_ns;
	server->watchdog_due_ns = clock_after_ns(clock_now_ns(), server->watchdog_ns);
}

int setup_open(struct server *server)
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
	r = keys_open(&server->keys, options);
	if (r < 0)
		return r;
	descriptors_raise_limit();
	r = upgrade_begin(&server->upgrade);
	if (r < 0)
		return r;
	inherit_watchdog(server);
	r = open_listeners(server);
	if (r < 0)
		return r;

	if (listener_list_serve(&server->listeners, ADDR_UDP))
		peer_watch_begin(&server->peers, options->fixed_port_per_s);

	const struct fault_map_plans faults = reload_faults(options);

	r = fault_map_new(&faults, options->read_again != NULL, &server->echoes, &server->faults);
	if (r == 0)
		r = set_up_proxies(server);
	if (r == 0) {
		/* One more: a server may be without listeners for a moment, and calloc(0) may give NULL. */
		server->listeners_logged = calloc(
			server->echoes.count + 1, sizeof(*server->listeners_logged));
		r = server->listeners_logged == NULL ? -ENOMEM : 0;
	}
	if (r == 0) {
		server->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = server->done_fd < 0 ? -errno : 0;
	}
	server->crew.workers = calloc(server->thread_count, sizeof(struct worker *));
	if (server->crew.workers != NULL)
		server->crew.count = server->thread_count;
	else if (r == 0)
		r = -ENOMEM;
	for (unsigned i = 0; r == 0 && i < server->thread_count; i++)
		r = make_worker(server, i);
	if (r == 0)
		r = pages_open(
			&server->pages, options, &server->crew, server->engine, &server->listeners);
	else if (r == -EMFILE)
		log_error(_("cannot prepare the server: %s (raise the limit, 'ulimit -n')"),
			strerror(-r));
	else if (r < 0)
		log_error(_("cannot prepare the server: %s"), strerror(-r));
	server->answers = (struct control_answer){
		.crew = &server->crew,
		.listeners = &server->echoes,
		.faults = server->faults,
		.engine = server->engine->name,
		.started_ns = clock_now_ns(),
	};
	return r;
}

void setup_close(struct server *server)
{
	pages_close(&server->pages);
	crew_free(&server->crew);
	limits_free(server->limits);
	access_free(server->access);
	free(server->proxy_modes);
	fault_map_free(server->faults);
	keys_close(&server->keys);
	listener_list_close_all(&server->listeners);
	upgrade_fini(&server->upgrade);
	control_free(server->control);
	notify_close();
	peer_watch_fini(&server->peers);
	free(server->listeners_logged);
	if (server->done_fd >= 0)
		close(server->done_fd);
	/* The signals' descriptor stays: their thread watches over the rest of the end. */
}
