/*
 * The web pages of a server (--web), from its options to a thread that serves them (server/web/web_server.h). Main
 * thread. Without --web each of these does nothing. Logs one line when it fails.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "server/crew.h"
#include "server/server.h"
#include "server/upgrade/upgrade.h"
#include "server/web/web_server.h"

struct pages {
	const struct crew *crew;
	const struct engine_ops *engine; /* of the workers */
	struct web_server *server; /* NULL: there are none */
	struct access *access; /* NULL: only peers of this machine */
	char (*names)[FIGURES_NAME_SIZE]; /* of the listeners for the echo */
	pthread_mutex_t lock; /* for the limits, which the main thread may change */
	struct figures_limits limits;
	uint64_t started_ns, started_wall_ns;
	unsigned turns; /* connections were looked at so often; the pages' thread alone */
};

#define PAGES_NONE ((struct pages){ .lock = PTHREAD_MUTEX_INITIALIZER })

bool pages_are_wanted(const struct server_options *options);

/*
 * Takes the service manager's sockets: those that --activated asks for, and those of `--web fd:NAME`, apart. -errno:
 * nothing was taken.
 */
int pages_take_activation(const struct server_options *options, struct activation *ret_echo,
	struct activation *ret_web);

/*
 * Opens the listeners of --web behind those that are in the list: those of `activation`, which are taken out of it, or
 * of the other server; and addresses. Afterwards the list does not grow any more.
 */
int pages_listen(const struct server_options *options, struct upgrade *upgrade,
	struct activation *activation, struct listener_list *listeners);

/* The rest, up to a thread that waits to be started; `pages` is PAGES_NONE before. The list stays the caller's. */
int pages_open(struct pages *pages, const struct server_options *options, const struct crew *crew,
	const struct engine_ops *engine, struct listener_list *listeners);
/* What the limits are, at the start and when they have changed. */
void pages_set_limits(struct pages *pages, const struct figures_limits *limits);

int pages_start(struct pages *pages);
void pages_set_ready(struct pages *pages, bool ready);
void pages_check_again(struct pages *pages);
/* Serves no more: another server has the sockets. */
void pages_cut(struct pages *pages);
/* Waits for the end of the thread. -EBUSY: it goes on, and what it uses must stay. */
int pages_end(struct pages *pages);
void pages_close(struct pages *pages);
