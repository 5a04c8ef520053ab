/*
 * The life of the server, from top to bottom:
 *
 *   open ──▶ start ──▶ serve ──signal or successor──▶ drain ──done, time, or second signal──▶ end
 *
 * Everything that can fail is tried before the first thread starts, and what is opened first is
 * closed last.
 */
#include "server/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/announce.h"
#include "server/listen/activation.h"
#include "server/notify.h"
#include "server/reload.h"
#include "server/sandbox/sandbox.h"
#include "server/setup.h"
#include "server/signals.h"

/* How long to wait for memory that other programs may give back. */
#define MEMORY_RETRY_MS 10
/* What wait_for_news() polls besides the upgrade. */
#define POLLED 3
#define MOST_POLLED (POLLED + UPGRADE_MOST_POLLED + CONTROL_MOST_POLLED)

/* ---- open ---- */

static struct sandbox_options sandbox_options(struct server *server)
{
	const struct addr *at = server->options->upgrade_at;

	return (struct sandbox_options){
		.user = server->options->user,
		.engine = server->engine,
		.open = server->options->no_sandbox,
		.allow = &server->options->allow,
		.deny = &server->options->deny,
		.proxies = &server->options->proxies,
		.listeners = &server->listeners,
		.leaving = upgrade_inherited(&server->upgrade),
		.answering = control_listeners(server->control),
		.control_path = at != NULL && at->un.sun_path[0] != '\0' ? at->un.sun_path : NULL,
		.config_path = server->options->config_path,
		.tls = keys_are_needed(server->options) ? &server->options->tls : NULL,
	};
}

/* After the workers, which come first in lists of threads, too. */
static int start_helpers(void)
{
	int r = signals_watch();

	if (r == 0)
		r = log_start_writer();
	if (r < 0)
		log_error(_("cannot prepare the server: %s"), strerror(-r));
	return r;
}

/* Before anything is opened: what is open by the time that a signal comes is closed in order. */
static int await_signals(struct server *server)
{
	const struct server_options *options = server->options;
	bool lists = options->allow.count + options->deny.count + options->proxies.count > 0;
	int r = signals_open(lists || keys_can_change(options) || options->read_again != NULL ||
			notify_is_wanted(),
		&server->signal_fd);

	if (r < 0)
		log_error(_("cannot prepare the server: %s"), strerror(-r));
	return r;
}

/* ---- start ---- */

static void report_start(struct server *server, struct announce_ready *ready)
{
	announce_start(&server->listeners, server->engine->name, server->thread_count);
	keys_log_start(&server->keys, server->options);
	keys_check_again(server->options);
	fault_map_log_start(server->faults);
	pages_set_ready(&server->pages, true);
	announce_ready(ready);
	if (server->upgrade.stage == UPGRADE_TAKEN)
		notify_in_charge();
	else
		notify_ready();
}

/* ---- serve ---- */

static void log_counters(struct server *server)
{
	struct counters sum;

	fault_map_log_counters(server->faults);
	crew_sum(&server->crew, &sum);
	announce_counters(&sum);
}

/* Takes over `access`, which may be NULL: every peer. */
static void use_access(struct server *server, struct access *access)
{
	/* A thread that does not answer may still use the old ones: they are left to it. */
	if (crew_set_access(&server->crew, access))
		access_free(server->access);
	server->access = access;
}

/* Reads the lists again; as long as they cannot be read, the old ones hold. */
static int reload_lists(struct server *server)
{
	struct access *access;
	int r;

	if (server->access == NULL && keys_can_change(server->options))
		return 0;
	if (server->access == NULL) {
		LOG_EVENT(LOG_LEVEL_INFO, "reloaded", NULL, _("there are no lists to read again"));
		return 0;
	}
	r = reload_lists_only(server->options, &access);
	if (r < 0)
		return r;
	use_access(server, access);
	LOG_EVENT(LOG_LEVEL_INFO, "reloaded", NULL, _("the lists have been read again"));
	return 0;
}

static int reload_all(struct server *server)
{
	const struct reload reload = {
		.current = &server->current,
		.limits = server->limits,
		.memory_connections = server->memory_connections,
		.guard = &server->guard,
		.faults = server->faults,
		.keys = &server->keys,
	};
	struct access *access;
	int r = reload_options(&reload, &access);

	if (r < 0)
		return r;
	use_access(server, access);
	setup_tell_limits(server);
	fault_map_log_start(server->faults);
	LOG_EVENT(LOG_LEVEL_INFO, "reloaded", NULL, _("the options in '%s' have been read again"),
		server->options->config_path);
	return 0;
}

/* The one may be wrong, and the other right. */
static int reload_without_file(struct server *server)
{
	int lists = reload_lists(server), keys = keys_reload(&server->keys, server->options);

	return lists < 0 ? lists : keys;
}

static void reload(struct server *server)
{
	bool reports = upgrade_is_in_charge(&server->upgrade);
	char why[500];
	int r;

	if (reports)
		notify_reloading();
	log_keep_errors(why, sizeof(why));
	r = server->options->read_again != NULL ? reload_all(server) : reload_without_file(server);
	log_keep_errors(NULL, 0);
	if (reports && (r < 0 || server->status_reported))
		notify_status(r < 0 ? why : "");
	server->status_reported = r < 0;
	if (reports)
		notify_ready();
}

/*
 * Says that all is well, where and when that is waited for; gives the time of the next. It is said
 * only when every thread has answered: otherwise the manager acts.
 */
static uint64_t feed_watchdog(struct server *server)
{
	uint64_t now_ns = clock_now_ns();

	struct counters ignored;

	if (now_ns < server->watchdog_due_ns)
		return server->watchdog_due_ns;
	if (crew_sum(&server->crew, &ignored))
		notify_alive();
	server->watchdog_due_ns = clock_after_ns(now_ns, server->watchdog_ns);
	return server->watchdog_due_ns;
}

static uint64_t earlier(uint64_t one_ns, uint64_t other_ns)
{
	return one_ns < other_ns ? one_ns : other_ns;
}

/* One of these has something, or it is time. */
static bool is_due(const struct pollfd *polled, unsigned count, uint64_t due_ns)
{
	for (unsigned i = 0; i < count; i++) {
		if (polled[i].revents != 0)
			return true;
	}
	return due_ns != CLOCK_NEVER && clock_now_ns() >= due_ns;
}

/* True: another server is in charge now. */
static bool work_on_upgrade(struct server *server)
{
	enum upgrade_news news = upgrade_work(&server->upgrade, &server->listeners);

	if (news == UPGRADE_PEER_GONE) {
		crew_check_again(&server->crew);
		pages_check_again(&server->pages);
	}
	return news == UPGRADE_GONE;
}

/*
 * Waits for a signal, the end of so many threads, or the time. Returns what was wished for;
 * SIGNALS_NONE for the other two. That another server has taken over is a wish for the end.
 */
static enum signals_wish wait_for_news(
	struct server *server, uint64_t until_ns, unsigned ended_enough)
{
	for (;;) {
		struct pollfd polled[MOST_POLLED] = {
			{ .fd = server->signal_fd, .events = POLLIN },
			{ .fd = server->done_fd, .events = POLLIN },
			{ .fd = own_addresses_watch_fd(server->peers.watch), .events = POLLIN },
		};
		unsigned count = POLLED + upgrade_poll(&server->upgrade, polled + POLLED);
		unsigned control_count = control_poll(server->control, polled + count);
		uint64_t wake_ns = earlier(feed_watchdog(server), until_ns);
		uint64_t ended;
		enum signals_wish wish;

		if (server->ended_count >= ended_enough)
			return SIGNALS_NONE;
		wake_ns = earlier(wake_ns, upgrade_due_ns(&server->upgrade));
		wake_ns = earlier(wake_ns, control_due_ns(server->control));
		wake_ns = earlier(wake_ns, own_addresses_watch_due_ns(server->peers.watch));
		if (poll(polled, count + control_count, clock_poll_ms(clock_now_ns(), wake_ns)) <
				0 &&
			errno != EINTR) {
			if (errno != ENOMEM)
				return SIGNALS_END;
			poll(NULL, 0, MEMORY_RETRY_MS);
		}
		if (read(server->done_fd, &ended, sizeof(ended)) == sizeof(ended))
			server->ended_count += (unsigned)ended;
		if (is_due(polled + POLLED, count - POLLED, upgrade_due_ns(&server->upgrade)) &&
			work_on_upgrade(server))
			return SIGNALS_END;
		if (is_due(polled + count, control_count, control_due_ns(server->control)))
			control_work(server->control);
		peer_watch_follow(&server->peers, &server->crew);
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
		case SIGNALS_COUNTERS: log_counters(server); break;
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
	struct counters sum;

	pages_set_ready(&server->pages, false);
	if (upgrade_is_in_charge(&server->upgrade))
		notify_stopping();
	else
		server->watchdog_ns = server->watchdog_due_ns = CLOCK_NEVER;
	listener_list_remove_files(&server->listeners);
	control_stop_listening(server->control);
	upgrade_end(&server->upgrade, &server->listeners);
	crew_drain(&server->crew);
	if (!upgrade_is_in_charge(&server->upgrade))
		pages_cut(&server->pages);
	/* Each thread answers behind its drain: by now none uses a listener. */
	crew_sum(&server->crew, &sum);
	upgrade_release(&server->upgrade);
	announce_draining(&sum, drain_ns);
	for (;;) {
		enum signals_wish wish = wait_for_news(server, until_ns, server->thread_count);

		if (wish == SIGNALS_COUNTERS)
			log_counters(server);
		else if (wish == SIGNALS_RELOAD)
			reload(server);
		else
			break;
	}
	crew_cut(&server->crew);
}

static int join_workers(struct server *server)
{
	int web = pages_end(&server->pages); /* it asks the workers */
	int r = crew_join(&server->crew);

	if (r == -EBUSY || web == -EBUSY) {
		/* It uses what would be freed: nothing is, and the process ends as it is. */
		log_stop_writer();
		_exit(EXIT_FAILURE);
	}
	return r;
}

/*
 * A server that cannot be sealed takes over nothing and was never ready. No thread can be started behind the seal: so
 * that of --ready-fd is started before.
 */
static int seal_and_take_over(struct server *server, const struct sandbox_options *walls)
{
	struct announce_ready *ready = announce_prepare_ready(
		&server->listeners, server->options->ready_fd);
	int r = sandbox_seal(walls);

	if (r == 0)
		r = upgrade_commit(&server->upgrade, &server->listeners);
	if (r == 0)
		report_start(server, ready);
	else
		announce_cancel_ready(ready);
	return r;
}

/* From the first thread to the last. */
static int run_threads(struct server *server, const struct sandbox_options *walls)
{
	int r = crew_start(&server->crew, &server->ended_count); /* those are not waited for */
	int helpers = start_helpers();

	if (r == 0)
		r = helpers;
	if (r == 0)
		r = pages_start(&server->pages);
	if (r == 0)
		r = seal_and_take_over(server, walls);
	if (r == 0)
		r = serve(server);
	drain(server);

	int failure = join_workers(server);

	if (failure < 0) {
		log_error(_("the engine failed: %s"), strerror(-failure));
		r = failure;
	}
	return r;
}

int server_run(const struct server_options *options)
{
	struct server server = {
		.current = *options,
		.pages = PAGES_NONE,
		.signal_fd = -1,
		.done_fd = -1,
	};
	int r = activation_check();

	if (r < 0)
		return r;
	server.options = &server.current;
	upgrade_init(&server.upgrade, options->upgrade_at);
	log_never_wait();
	notify_open(); /* whether there is a manager decides what SIGHUP means */
	r = await_signals(&server);
	server.watchdog_ns = notify_watchdog_ns();
	server.watchdog_due_ns = clock_after_ns(clock_now_ns(), server.watchdog_ns);
	if (r == 0)
		r = setup_open(&server);

	const struct sandbox_options walls = sandbox_options(&server);

	if (r == 0) {
		/* The sandbox is for the threads that come after it: until then there is only this one. */
		signals_stop();
		r = sandbox_enter(&walls);
	}
	if (r == 0)
		r = run_threads(&server, &walls);
	if (r == 0) {
		struct counters sum;

		crew_sum(&server.crew, &sum);
		announce_end(&sum);
	}
	setup_close(&server);
	log_stop_writer();
	return r;
}
