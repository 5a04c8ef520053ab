/*
 * Options that are read again while the server runs: some can change then, of the others is said that they
 * need a restart. Main thread.
 */
#pragma once

#include "protocol/guard.h"
#include "server/admission/access.h"
#include "server/admission/limits.h"
#include "server/fault/fault_map.h"
#include "server/keys.h"
#include "server/server.h"

/* What options mean for the parts that can change; `memory_connections` as in limits_options. */
struct limits_options reload_limits(
	const struct server_options *options, uint32_t memory_connections);
struct guard_options reload_guard(const struct server_options *options);
/* Points into the options. */
struct fault_map_plans reload_faults(const struct server_options *options);

/* The lists that the options name; NULL: none. Speaks when it fails: -errno. */
int reload_access(const struct server_options *options, struct access **ret_access);

/*
 * Reads the lists alone again. On failure the old ones stay in force, and it has been said why. The new ones are the
 * caller's.
 */
int reload_lists_only(const struct server_options *options, struct access **ret_access);

/* What is in force, all the caller's. */
struct reload {
	struct server_options *current;
	struct limits *limits;
	uint32_t memory_connections;
	struct guard_options *guard;
	struct fault_map *faults;
	struct keys *keys;
};

/*
 * Reads the options again (current->read_again). What can change does: limits, faults, the time to drain, how
 * much is logged; of all others that differ it is said that they do. The new lists are given to the caller,
 * who must have the workers use them, and their guards check again (worker_set_access); NULL: every peer may
 * connect. On failure nothing has changed, and it has been said why.
 */
int reload_options(const struct reload *reload, struct access **ret_access);
