/*
 * Which faults are done where: of --fault on every listener, of an address on those that were opened for it.
 * What is done is counted for each listener, and told. A listener's tag is its place in the list.
 */
#pragma once

#include "protocol/fault.h"
#include "server/listen/listener.h"
#include "server/server.h"

struct fault_map;

/*
 * NULL in `ret_map`: no faults were asked for, and none can be later (read_again). Takes nothing over, and
 * needs neither afterwards. Main thread. -ENOMEM.
 */
int fault_map_new(const struct server_options *options, const struct listener_list *listeners,
	struct fault_map **ret_map);
/*
 * Other faults from now on, for whoever comes from now on: those of --fault, and those of the same addresses as
 * before. -ENOMEM: nothing has changed. Main thread.
 */
int fault_map_set(struct fault_map *map, const struct server_options *options);
/* NULL is fine. When no worker runs any more. */
void fault_map_free(struct fault_map *map);

/* For struct fault_options. */
struct fault_site *fault_map_sites(const struct fault_map *map);

/* Any thread: logs a deed (-v). */
void fault_map_tell_deed(const struct fault_map *map, const struct fault_event *deed);

/* Main thread; NULL is fine. At the start: that, and where. On request: what was done on each listener. */
void fault_map_tell_start(const struct fault_map *map);
void fault_map_tell_counters(const struct fault_map *map);
