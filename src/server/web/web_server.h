/*
 * The server's own pages (--web): metrics, health, and a live page, served by a thread and an engine of their own
 * beside the workers. It asks for figures when a request comes, and no more often than WEB_SERVER_FRESH_NS; so a
 * server whose pages are not asked for pays nothing.
 *
 * Peers: those of this machine; others only where options.access admits them. Names: see http_host.h. There is no
 * authentication, and nothing can be changed. Limits: http.h's, and WEB_SERVER_MOST_STREAMS live pages.
 *
 * Main thread, but for the thread that it starts. Ownership: what options point to stays the caller's and must outlive
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "net/addr.h"
#include "server/admission/access.h"
#include "server/web/figures.h"

#define WEB_SERVER_MOST_STREAMS 32u
#define WEB_SERVER_FRESH_NS (100 * CLOCK_NS_PER_MS)
#define WEB_SERVER_TICK_NS CLOCK_NS_PER_S

struct web_server;

struct web_server_options {
	const struct access *access; /* NULL: only peers of this machine */
	const char *const *names; /* under which requests come, beside addresses and localhost */
	size_t name_count;
	unsigned listener_count, thread_count; /* of what is shown */
	/*
	 * Called on the thread of the pages: asks the workers for their figures, for a limited time. With `looks`, some
	 * of the connections are looked at, too.
	 */
	void (*collect)(void *context, struct figures *figures, bool looks);
	void *context;
};

/* -errno. */
int web_server_new(const struct web_server_options *options, struct web_server **ret_server);
/* NULL is fine. Not while the thread runs. */
void web_server_free(struct web_server *server);

/* Takes over `fd`, also on failure. Before it is started. */
int web_server_listen(struct web_server *server, int fd, enum addr_scheme scheme);
/* Starts the thread, and waits until its engine works: -errno of what failed. */
int web_server_start(struct web_server *server);

/* What /readyz says; not so at the start. Any thread. */
void web_server_set_ready(struct web_server *server, bool ready);
/* Another process that served on the same sockets has gone. */
void web_server_check_again(struct web_server *server);
/* Ends every connection and accepts no more; the thread ends soon. Fine if it has ended or was never started. */
void web_server_cut(struct web_server *server);
/* The same, and waits for the end. 0, the engine's error, or -EBUSY: the thread goes on, and uses what it has. */
int web_server_end(struct web_server *server);
