/*
 * What a server consists of, from its options to workers that wait to be started. Main thread. Logs one line when it
 * fails.
 */
#pragma once

#include "server/control/control.h"
#include "server/control_answer.h"
#include "server/crew.h"
#include "server/keys.h"
#include "server/pages.h"
#include "server/peer_watch.h"
#include "server/server.h"
#include "server/upgrade/upgrade.h"

struct server {
	const struct server_options *options; /* `current` */
	struct server_options current; /* as given, and then as far as they could change */
	const struct engine_ops *engine;
	unsigned thread_count;
	struct listener_list listeners; /* those for web pages last */
	struct listener_list echoes; /* the others: a view */
	struct upgrade upgrade; /* what --upgrade asks for */
	struct control *control; /* NULL: none */
	struct control_answer answers; /* what is told there */
	size_t pool_bytes; /* of each thread */
	struct limits *limits; /* NULL: none */
	uint32_t memory_connections; /* for which there is memory; 0: no limit */
	struct access *access; /* NULL: every peer */
	struct guard_options guard;
	struct proxied_options proxied; /* its modes: NULL where no listener has a proxy */
	enum listener_proxy *proxy_modes; /* the same, to be freed */
	struct fault_map *faults; /* NULL: none */
	struct keys keys; /* for addresses of tls:// */
	struct peer_watch peers; /* for datagrams */
	_Atomic unsigned *listeners_logged; /* for each listener; see worker_options */
	struct crew crew;
	struct pages pages;
	unsigned ended_count; /* threads whose end has been noticed */
	int signal_fd, done_fd;
	uint64_t watchdog_ns, watchdog_due_ns; /* CLOCK_NEVER: no watchdog */
	bool status_reported; /* the manager knows of a reload that failed */
};

/*
 * Opens and prepares everything but threads and the sandbox. The caller has set `current`, `options`, both
 * descriptors and the watchdog. -errno: setup_close() frees what there is.
 */
int setup_open(struct server *server);

/* What the pages show of the limits: at the start, and when they have changed. */
void setup_tell_limits(struct server *server);

/* When no thread of it runs any more. The descriptor of the signals stays open: their thread goes on to the very end. */
void setup_close(struct server *server);
