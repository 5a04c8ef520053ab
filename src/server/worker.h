/*
 * One thread of the server: an engine, an echo, its own sockets and counters by listener. Threads share nothing;
 * what the main thread wants of one is posted to its engine.
 */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"
#include "protocol/guard.h"
#include "server/admission/access.h"
#include "server/admission/limits.h"
#include "server/admission/peer_rule.h"
#include "server/admission/proxied.h"
#include "server/fault/fault_map.h"
#include "server/roster.h"
#include "server/secure.h"
#include "server/web/record.h"
#include "stats/counters.h"

struct worker;

struct worker_options {
	const struct engine_ops *engine;
	size_t pool_bytes; /* of this worker alone */
	uint64_t busy_poll_ns; /* as in engine_options */
	int cpu; /* the processor that it keeps to; -1: any */
	uint32_t pending_bytes;
	bool return_urgent;
	bool splice; /* as in engine_options */
	/* For these: NULL where there is no such limit; the caller's, to outlive the worker. */
	struct limits *limits;
	const struct access *access;
	const struct guard_options *guard;
	const struct proxied_options *proxied; /* with `access`, which knows the proxies */
	const struct fault_map *faults;
	const struct peer_rule_options *peer_rule;
	const struct own_addresses *own; /* for peer_rule; NULL: not known */
	/* Of all workers; a tag of worker_listen() is a place in the list. NULL: nothing of listeners is logged. */
	struct secure_options secure; /* without keys: no address is of tls:// */
	const struct listener_list *listeners;
	_Atomic unsigned
		*listeners_logged; /* for each tag: which of its troubles has been logged */
	bool shown; /* figures are asked for by worker_add_figures() */
	int done_fd; /* eventfd(2), the caller's: written when the thread has ended */
};

/* Main thread, all of them. -errno of what failed. */
int worker_new(const struct worker_options *options, struct worker **ret_worker);
/* Takes over `fd`, also on failure. Before worker_start(). `tag`: the listener, as of fault_map.h. */
int worker_listen(struct worker *worker, int fd, enum addr_scheme scheme, unsigned tag);
int worker_start(struct worker *worker);
/* Waits until the engine works, or has failed: then its -errno. -ETIMEDOUT: it does neither. */
int worker_wait_running(struct worker *worker);

/* Takes no new connections; the thread ends when the last one has. */
void worker_drain(struct worker *worker);
/* Ends every connection now, and then the thread. */
void worker_cut(struct worker *worker);

/* Another process that served on the same sockets has gone. */
void worker_check_again(struct worker *worker);

/*
 * Adds the counters of all listeners, as they are between two events, to `sum`; waits for the thread to come to that,
 * until `until_ns`, and for a tenth of a second at least, as all who ask here. False: it has not, and the counters are
 * those of the last time.
 */
bool worker_snapshot(struct worker *worker, uint64_t until_ns, struct counters *sum);

/*
 * With options.shown, from any thread: asks for figures, and for a look at so many connections (census.h; 0: none);
 * and adds them up, by listener, when they are there, or those of the last time (`ret_thread` says so). Between the
 * two, others can be asked.
 */
void worker_ask_figures(struct worker *worker, unsigned looks);
void worker_add_figures(struct worker *worker, uint64_t until_ns, struct figures_listener *sums,
	struct census *census, struct figures_thread *ret_thread);

/*
 * The connections that are open, at most roster->most of them; sets the rest, whose list is the caller's then (NULL: no
 * memory, or no thread). False: the thread has not come to it in time.
 */
bool worker_roster(struct worker *worker, uint64_t until_ns, struct roster *roster);

/*
 * New lists, where the worker was made with lists or limits: a connection whose peer is not allowed any more is
 * cut. What options.guard points to may have changed before, and holds from now on. At return the old
 * lists are not used any more; false: the thread has not come to it until then, and
 * may still use the old ones.
 */
bool worker_set_access(struct worker *worker, const struct access *access, uint64_t until_ns);

/* The same for the addresses of this machine, where the worker was made with a rule for peers. */
bool worker_set_own_addresses(
	struct worker *worker, const struct own_addresses *own, uint64_t until_ns);

/* Waits for the end of a started thread, until then. Its engine's error, or 0; -ETIMEDOUT: it goes on. */
int worker_join(struct worker *worker, uint64_t until_ns);
/* NULL is fine. Not while the thread runs. */
void worker_free(struct worker *worker);
