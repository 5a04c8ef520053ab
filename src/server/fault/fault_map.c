/*
 * Connections are numbered for each listener by itself: so its faults are the same again with the same seed,
 * whatever comes in elsewhere. Rules of --fault come first in each plan, so that what they draw does not
 * depend on what an address has of its own.
 */
#include "server/fault/fault_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/fault/fault_text.h"

/* A plan that was in force once: connections may still follow it. */
struct plan_entry {
	struct plan_entry *next;
	struct fault_plan plan;
};

struct place {
	size_t spec; /* of the options, whose faults it has beside those of all */
	bool datagrams;
	char name[ADDR_TEXT_SIZE];
};

struct fault_map {
	struct fault_plan given; /* for all listeners */
	struct plan_entry *plans;
	size_t count;
	struct fault_site *sites;
	struct place *places;
};

#define NO_SPEC SIZE_MAX

/* ---- life ---- */

static bool can_come_true(const struct fault_plan_rule *rule, bool datagrams)
{
	return datagrams ? fault_plan_is_of_datagrams(rule->kind)
			 : fault_plan_is_of_streams(rule->kind);
}

static bool can_any_come_true(const struct fault_plan *plan, bool datagrams)
{
	for (unsigned i = 0; i < plan->count; i++) {
		if (can_come_true(&plan->rules[i], datagrams))
			return true;
	}
	return false;
}

static bool is_same_plan(const struct fault_plan *one, const struct fault_plan *other)
{
	char text[FAULT_TEXT_SIZE], other_text[FAULT_TEXT_SIZE];
	unsigned same = 0;

	while (one->count == other->count && same < one->count &&
		strcmp(fault_text_write(&one->rules[same], text),
			fault_text_write(&other->rules[same], other_text)) == 0)
		same++;
	return one->count == other->count && same == one->count;
}

static const struct fault_plan *own_plan(
	const struct fault_map_plans *wanted, const struct place *place)
{
	if (place->spec == NO_SPEC || wanted->own == NULL)
		return NULL;
	return wanted->own[place->spec];
}

/* What holds on a listener under these plans: NULL where no rule can come true. -ENOMEM. */
static int find_plan(struct fault_map *map, size_t index, const struct fault_map_plans *wanted,
	const struct fault_plan **ret_plan)
{
	const struct place *place = &map->places[index];
	const struct fault_plan *own = own_plan(wanted, place);
	const struct fault_plan *before = atomic_load(&map->sites[index].plan);
	struct plan_entry *entry = malloc(sizeof(*entry));

	if (entry == NULL)
		return -ENOMEM;
	entry->plan = *wanted->all;
	if (own != NULL)
		fault_plan_append(&entry->plan, own);
	if (!can_any_come_true(&entry->plan, place->datagrams)) {
		*ret_plan = NULL;
	} else if (before != NULL && is_same_plan(&entry->plan, before)) {
		*ret_plan = before;
	} else {
		entry->next = map->plans;
		map->plans = entry;
		*ret_plan = &entry->plan;
		return 0;
	}
	free(entry);
	return 0;
}

int fault_map_set(struct fault_map *map, const struct fault_map_plans *wanted)
{
	const struct fault_plan **plans = calloc(map->count + 1, sizeof(*plans));
	int r = plans == NULL ? -ENOMEM : 0;

	for (size_t i = 0; r == 0 && i < map->count; i++)
		r = find_plan(map, i, wanted, &plans[i]);
	for (size_t i = 0; r == 0 && i < map->count; i++)
		atomic_store_explicit(&map->sites[i].plan, plans[i], memory_order_release);
	if (r == 0)
		map->given = *wanted->all;
	free(plans);
	return r;
}

static void set_up(
	struct place *place, const struct addr_spec *specs, const struct listener *listener)
{
	place->datagrams = addr_socket_type(listener->bound.scheme) == SOCK_DGRAM;
	place->spec = listener->spec != NULL ? (size_t)(listener->spec - specs) : NO_SPEC;
	addr_format(&listener->bound, place->name, sizeof(place->name));
}

static bool has_any(const struct fault_map_plans *wanted)
{
	bool any = wanted->all->count > 0;

	for (size_t i = 0; wanted->own != NULL && i < wanted->count; i++)
		any = any || wanted->own[i] != NULL;
	return any;
}

int fault_map_new(const struct fault_map_plans *wanted, bool adjustable,
	const struct listener_list *listeners, struct fault_map **ret_map)
{
	struct fault_map *map = NULL;
	int r;

	if (!adjustable && !has_any(wanted)) {
		*ret_map = NULL;
		return 0;
	}
	map = calloc(1, sizeof(*map));
	if (map == NULL)
		return -ENOMEM;
	map->sites = calloc(listeners->count, sizeof(*map->sites));
	map->places = calloc(listeners->count, sizeof(*map->places));
	r = map->sites == NULL || map->places == NULL ? -ENOMEM : 0;
	for (; r == 0 && map->count < listeners->count; map->count++)
		set_up(&map->places[map->count], wanted->specs, &listeners->listeners[map->count]);
	if (r == 0)
		r = fault_map_set(map, wanted);
	if (r < 0) {
		fault_map_free(map);
		return r;
	}
	*ret_map = map;
	return 0;
}

void fault_map_free(struct fault_map *map)
{
	if (map == NULL)
		return;
	while (map->plans != NULL) {
		struct plan_entry *entry = map->plans;

		map->plans = entry->next;
		free(entry);
	}
	free(map->places);
	free(map->sites);
	free(map);
}

struct fault_site *fault_map_sites(const struct fault_map *map)
{
	return map->sites;
}

/* ---- the log ---- */

void fault_map_log_event(const struct fault_map *map, const struct fault_event *event)
{
	unsigned long long number = event->number, bytes = event->after_bytes;
	const char *key = fault_plan_key(event->kind), *address = map->places[event->tag].name;

	if (event->to_datagram)
		LOG_EVENT(LOG_LEVEL_DEBUG, "fault",
			json_pack("{s:s, s:s, s:I, s:I}", "fault", key, "address", address,
				"datagram", (json_int_t)number, "length", (json_int_t)bytes),
			_("fault %s on %s: datagram %llu, of %llu bytes"), key, address, number,
			bytes);
	else
		LOG_EVENT(LOG_LEVEL_DEBUG, "fault",
			json_pack("{s:s, s:s, s:I, s:I}", "fault", key, "address", address,
				"connection", (json_int_t)number, "after_bytes", (json_int_t)bytes),
			_("fault %s on %s: connection %llu, after %llu bytes"), key, address,
			number, bytes);
}

/* The rules of a listener's plan that can come true there, as text (NULL: not) and as a list. */
static void write_faults(
	const struct fault_plan *plan, bool datagrams, FILE *stream, json_t *ret_list)
{
	char text[FAULT_TEXT_SIZE];
	bool first = true;

	for (unsigned i = 0; i < plan->count; i++) {
		if (!can_come_true(&plan->rules[i], datagrams))
			continue;
		fault_text_write(&plan->rules[i], text);
		if (stream != NULL)
			fprintf(stream, "%s%s", first ? "" : "; ", text);
		json_array_append_new(ret_list, json_string(text));
		first = false;
	}
}

static void log_faults(const struct fault_map *map, size_t index)
{
	const struct place *place = &map->places[index];
	CLEANUP_FREE char *text = NULL;
	json_t *list = json_array();
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (stream != NULL) {
		write_faults(map->sites[index].plan, place->datagrams, stream, list);
		fclose(stream);
	}
	/* Without memory for their names: that there are some, at least. */
	LOG_EVENT(LOG_LEVEL_INFO, "faulty",
		json_pack("{s:O, s:s}", "faults", list, "address", place->name),
		_("injecting faults: %s on '%s'"), text != NULL ? text : "...", place->name);
	json_decref(list);
}

/* One that was given for all addresses, and is none of any. */
static void log_idle(const struct fault_map *map, const struct fault_plan_rule *rule)
{
	char text[FAULT_TEXT_SIZE];

	for (size_t i = 0; i < map->count; i++) {
		if (can_come_true(rule, map->places[i].datagrams))
			return;
	}
	fault_text_write(rule, text);
	LOG_EVENT(LOG_LEVEL_WARNING, "fault_idle", json_pack("{s:s}", "fault", text),
		fault_plan_is_of_streams(rule->kind)
			? _("the fault '%s' is for streams, and no address serves streams")
			: _("the fault '%s' is for datagrams, and no address serves datagrams"),
		text);
}

void fault_map_log_start(const struct fault_map *map)
{
	if (map == NULL)
		return;
	for (size_t i = 0; i < map->count; i++) {
		if (map->sites[i].plan != NULL)
			log_faults(map, i);
	}
	for (unsigned i = 0; i < map->given.count; i++)
		log_idle(map, &map->given.rules[i]);
}

/* Those kinds that the listener's plan has, as text (NULL: not) and as fields. */
static void write_counters(const struct fault_site *site, FILE *stream, json_t *fields)
{
	static const char *const keys[] = {
#define KEY(kind, counter, key) "faults_" #counter,
		FAULT_PLAN_EACH(KEY)
#undef KEY
	};
	bool written[FAULT_PLAN_KINDS] = { false };

	const struct fault_plan *plan = atomic_load(&site->plan);

	for (unsigned i = 0; i < plan->count; i++) {
		enum fault_plan_kind kind = plan->rules[i].kind;
		unsigned long long done = atomic_load_explicit(
			&site->done[kind], memory_order_relaxed);

		if (written[kind])
			continue;
		written[kind] = true;
		if (stream != NULL)
			fprintf(stream, " %s=%llu", keys[kind], done);
		json_object_set_new(fields, keys[kind], json_integer((json_int_t)done));
	}
}

static void log_counters(const char *name, const struct fault_site *site)
{
	json_t *fields = json_pack("{s:s}", "address", name);
	CLEANUP_FREE char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (stream != NULL) {
		write_counters(site, stream, fields);
		fclose(stream);
		log_write(LOG_LEVEL_INFO, "fault_counters",
			log_is_json() ? json_incref(fields) : NULL, _("faults on %s:%s"), name,
			text);
	}
	json_decref(fields);
}

void fault_map_log_counters(const struct fault_map *map)
{
	for (size_t i = 0; map != NULL && i < map->count; i++) {
		if (map->sites[i].plan != NULL)
			log_counters(map->places[i].name, &map->sites[i]);
	}
}

void fault_map_describe(const struct fault_map *map, size_t index, json_t *ret_fields)
{
	json_t *faults = json_array(), *done = json_object();
	const struct fault_plan *plan = map != NULL ? atomic_load(&map->sites[index].plan) : NULL;

	if (plan != NULL) {
		write_faults(plan, map->places[index].datagrams, NULL, faults);
		write_counters(&map->sites[index], NULL, done);
	}
	json_object_set_new(ret_fields, "faults", faults);
	json_object_set_new(ret_fields, "done", done);
}
