/*
 * The pages' thread asks the workers and never the main thread, which may wait for a worker itself. So it ends before
 * the workers are joined.
 */
#include "server/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/listen/activation.h"

/* Connections that may wait to be accepted. */
#define BACKLOG 128

bool pages_are_wanted(const struct server_options *options)
{
	return options->web_spec_count + options->web_activated_count > 0;
}

static int fail(int error)
{
	log_error(_("cannot prepare the server: %s"), strerror(-error));
	return error;
}

/* ---- sockets ---- */

int pages_take_activation(const struct server_options *options, struct activation *ret_echo,
	struct activation *ret_web)
{
	size_t count = options->activated_count, total = count + options->web_activated_count;
	CLEANUP_FREE const char **wanted = calloc(total + 1, sizeof(*wanted));
	int r;

	if (wanted == NULL)
		return fail(-ENOMEM);
	for (size_t i = 0; i < total; i++)
		wanted[i] = i < count ? options->activated[i] : options->web_activated[i - count];
	/* Without --activated, all are wanted. */
	r = activation_take(wanted, count > 0 ? total : 0, ret_echo);
	if (r < 0)
		return r;
	r = activation_split(
		ret_echo, options->web_activated, options->web_activated_count, ret_web);
	if (r < 0)
		activation_fini(ret_echo);
	return r;
}

/* Of those that were handed over, for the manager gives a server that is upgraded none. */
static int inherit(struct upgrade *upgrade, struct listener_list *listeners)
{
	size_t before = listeners->count;
	int r = upgrade_add_activated(upgrade, 1, true, listeners);

	if (r == 0 && listeners->count == before) {
		log_error(_(
			"--web: the other server was given no socket for web pages (start this one "
			"by the service manager)"));
		return -ENOENT;
	}
	return r;
}

static bool is_of_this_machine(const struct addr *addr)
{
	switch (addr->generic.sa_family) {
	case AF_INET: return ntohl(addr->in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
	default: return true;
	}
}

/* One that others could reach must say who they are. */
static int check(const struct server_options *options, const struct listener *listener)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(&listener->bound, text, sizeof(text));
	if (addr_socket_type(listener->bound.scheme) != SOCK_STREAM) {
		log_error(_("--web: '%s' is no stream"), text);
		return -EPROTOTYPE;
	}
	if (options->web_allow.count > 0 || is_of_this_machine(&listener->bound))
		return 0;
	log_error(_("--web: '%s' can be reached by other machines: say which may see the pages "
		    "(--web-allow)"),
		text);
	return -EPERM;
}

int pages_listen(const struct server_options *options, struct upgrade *upgrade,
	struct activation *activation, struct listener_list *listeners)
{
	struct listener_options listen = {
		.threads = 1,
		.backlog = BACKLOG,
		.web = true,
		.share_port = options->upgrade_at != NULL,
		.inherited = upgrade_inherited(upgrade),
	};
	size_t first = listeners->count;
	char why[LISTENER_WHY_SIZE] = "";
	int r = 0;

	if (!pages_are_wanted(options))
		return 0;
	if (options->web_activated_count > 0 && activation->count > 0)
		r = listener_adopt_all(activation, 1, true, listeners, why, sizeof(why));
	else if (options->web_activated_count > 0)
		r = inherit(upgrade, listeners);
	if (r == 0)
		r = listener_open_all(options->web_specs, options->web_spec_count, &listen,
			listeners, why, sizeof(why));
	if (r < 0 && why[0] != '\0')
		log_error("%s", why);
	for (size_t i = first; r == 0 && i < listeners->count; i++)
		r = check(options, &listeners->listeners[i]);
	return r;
}

/* ---- figures ---- */

static void collect(void *context, struct figures *figures, bool looks)
{
	struct pages *pages = context;
	struct rusage usage = { 0 };

	crew_collect(pages->crew, looks ? pages->turns++ : CREW_NO_LOOKS, figures);
	figures->names = (const char(*)[FIGURES_NAME_SIZE])pages->names;
	figures->engine = pages->engine->name;
	pthread_mutex_lock(&pages->lock);
	figures->limits = pages->limits;
	pthread_mutex_unlock(&pages->lock);
	figures->started_wall_ns = pages->started_wall_ns;
	figures->up_ns = clock_now_ns() - pages->started_ns;
	getrusage(RUSAGE_SELF, &usage);
	figures->process_user_ns = record_time_ns(&usage.ru_utime);
	figures->process_system_ns = record_time_ns(&usage.ru_stime);
	figures->process_most_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

/* Two sockets may have the same address, and no two may have the same name. */
static void name_listener(struct pages *pages, const struct listener_list *echoes, size_t which)
{
	unsigned same = 1;
	char text[ADDR_TEXT_SIZE];

	addr_format(&echoes->listeners[which].bound, text, sizeof(text));
	for (size_t i = 0; i < which; i++)
		same += addr_equal(&echoes->listeners[i].bound, &echoes->listeners[which].bound) &&
			echoes->listeners[i].bound.scheme == echoes->listeners[which].bound.scheme;
	if (same == 1)
		snprintf(pages->names[which], FIGURES_NAME_SIZE, "%s", text);
	else
		snprintf(pages->names[which], FIGURES_NAME_SIZE, "%s#%u", text, same % 100000);
}

/* ---- life ---- */

static int make_server(struct pages *pages, const struct server_options *options, size_t echo_count)
{
	struct web_server_options web = {
		.access = pages->access,
		.names = options->web_names,
		.name_count = options->web_name_count,
		.listener_count = (unsigned)echo_count,
		.thread_count = pages->crew->count,
		.collect = collect,
		.context = pages,
	};
	int r = web_server_new(&web, &pages->server);

	return r < 0 ? fail(r) : 0;
}

int pages_open(struct pages *pages, const struct server_options *options, const struct crew *crew,
	const struct engine_ops *engine, struct listener_list *listeners)
{
	static const struct access_entries none;
	struct listener_list echoes = listener_list_echoes(listeners);
	int r = 0;

	if (!pages_are_wanted(options))
		return 0;
	pages->crew = crew;
	pages->engine = engine;
	pages->started_ns = clock_now_ns();
	pages->started_wall_ns = clock_wall_ns();
	if (options->web_allow.count > 0)
		r = access_new(&options->web_allow, &none, &pages->access);
	if (r < 0)
		return r;
	pages->names = calloc(echoes.count + 1, sizeof(*pages->names));
	if (pages->names == NULL)
		return fail(-ENOMEM);
	for (size_t i = 0; i < echoes.count; i++)
		name_listener(pages, &echoes, i);
	r = make_server(pages, options, echoes.count);
	for (size_t i = echoes.count; r == 0 && i < listeners->count; i++) {
		struct listener *listener = &listeners->listeners[i];
		int fd;

		while (r == 0 && (fd = listener_take(listener, 0, 1)) >= 0)
			r = web_server_listen(pages->server, fd, listener->bound.scheme);
		if (r < 0)
			return fail(r);
	}
	return r;
}

void pages_set_limits(struct pages *pages, const struct figures_limits *limits)
{
	pthread_mutex_lock(&pages->lock);
	pages->limits = *limits;
	pthread_mutex_unlock(&pages->lock);
}

int pages_start(struct pages *pages)
{
	int r = pages->server != NULL ? web_server_start(pages->server) : 0;

	if (r < 0)
		log_error(_("cannot start the thread of the web pages: %s"), strerror(-r));
	return r;
}

void pages_set_ready(struct pages *pages, bool ready)
{
	if (pages->server != NULL)
		web_server_set_ready(pages->server, ready);
}

void pages_check_again(struct pages *pages)
{
	if (pages->server != NULL)
		web_server_check_again(pages->server);
}

void pages_cut(struct pages *pages)
{
	if (pages->server != NULL)
		web_server_cut(pages->server);
}

int pages_end(struct pages *pages)
{
	int r = pages->server != NULL ? web_server_end(pages->server) : 0;

	if (r < 0)
		log_error(_("the web pages failed: %s"), strerror(-r));
	return r;
}

void pages_close(struct pages *pages)
{
	web_server_free(pages->server);
	access_free(pages->access);
	free(pages->names);
	*pages = PAGES_NONE;
}
