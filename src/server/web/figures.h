/*
 * Everything that a server shows of itself at one moment: a snapshot, made on request. It belongs to the thread of
 * the web pages, and is counted there by its users; the workers only copy their own figures, between two events.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"
#include "server/web/census.h"
#include "server/web/lives.h"
#include "stats/counters.h"

/* An address, and "#2" where it is the second with it. */
#define FIGURES_NAME_SIZE (ADDR_TEXT_SIZE + 8)

/* Of one listener, over all threads. */
struct figures_listener {
	struct counters counters;
	struct lives_sum lives;
};

struct figures_thread {
	uint64_t user_ns, system_ns; /* processor time */
	uint64_t sleeps, preemptions; /* voluntary context switches, and others */
	bool answered; /* or it is as it was the last time */
};

/* Limits that the server was given; 0: none. */
struct figures_limits {
	uint64_t connections, per_source, connects_per_s, datagrams_per_s, descriptors;
	uint64_t pending_bytes; /* --pending-total, or the share of --max-memory */
	uint64_t memory_connections;
};

struct figures {
	unsigned users;
	uint64_t taken_ns, started_wall_ns, up_ns;
	bool ready;
	unsigned listener_count, thread_count;
	struct figures_listener *listeners;
	struct figures_thread *threads;
	const char (*names)[FIGURES_NAME_SIZE]; /* of the listeners; not owned */
	const char *engine;
	struct figures_limits limits;
	struct census census;
	uint64_t process_user_ns, process_system_ns, process_most_bytes; /* most memory so far */
	/* Of the web pages themselves. */
	uint64_t web_connections, web_answers, web_refusals, web_refused_peers, web_displaced;
};

/* Zeroed, with one user. -ENOMEM. */
int figures_new(unsigned listeners, unsigned threads, struct figures **ret_figures);
struct figures *figures_use(struct figures *figures);
/* Frees it behind its last user. NULL is fine. */
void figures_leave(struct figures *figures);

/* The counters of all listeners together. */
struct counters figures_sum(const struct figures *figures);
