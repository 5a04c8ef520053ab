/*
 * Which faults are done where: of --fault on every listener, of an address on those that were opened for it.
 * What is done is counted for each listener, and logged. A listener's tag is its place in the list.
 */
#pragma once

#include <jansson.h>

#include "protocol/fault.h"
#include "server/listen/listener_list.h"

struct fault_map;

/* What was asked for. */
struct fault_map_plans {
	const struct fault_plan *all; /* for every listener; no rules: none */
	/* For each address of the options, by its place there, the rules of its listeners alone, or NULL. NULL: there are none. */
	struct fault_plan *const *own;
	const struct addr_spec
		*specs; /* the addresses of the options, `count` of them: listeners point into it */
	size_t count;
};

/*
 * NULL in `ret_map`: no faults were asked for, and none can be later (`adjustable` false). Takes nothing over, and
 * needs none of them afterwards. Main thread. -ENOMEM.
 */
int fault_map_new(const struct fault_map_plans *wanted, bool adjustable,
	const struct listener_list *listeners, struct fault_map **ret_map);
/*
 * Other faults from now on, for new connections: those of --fault, and those of the same addresses as
 * before. -ENOMEM: nothing has changed. Main thread.
 */
int fault_map_set(struct fault_map *map, const struct fault_map_plans *wanted);
/* NULL is fine. When no worker runs any more. */
void fault_map_free(struct fault_map *map);

/* For struct fault_options. */
struct fault_site *fault_map_sites(const struct fault_map *map);

/* Any thread: logs a fault that was injected (-v). */
void fault_map_log_event(const struct fault_map *map, const struct fault_event *event);

/* Main thread; NULL is fine. At the start: that, and where. On request: what was done on each listener. */
void fault_map_log_start(const struct fault_map *map);
/*
 * What holds on a listener and what was done there, for clients of --control: "faults", the rules as they are written, and
 * "done", of each of their kinds how often, by the key of its counter. Adds both to `ret_fields`; nothing where there are
 * no faults. NULL is fine.
 */
void fault_map_describe(const struct fault_map *map, size_t index, json_t *ret_fields);

void fault_map_log_counters(const struct fault_map *map);
