/*
 * Names and texts come from files: they go through model_write_text().
 */
#include "report/fleet/fleet_json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/model/model_write.h"

static json_t *text_or_null(const char *text)
{
	return text != NULL ? model_write_text(text) : json_null();
}

static json_t *rank_of(const struct fleet_member *member)
{
	return member->run.fleet.rank.known ? json_integer((json_int_t)member->run.fleet.rank.count)
					    : json_null();
}

static json_t *missing(const struct fleet *fleet)
{
	json_t *array = json_array();

	for (uint32_t rank = fleet_next_missing(fleet, 0); rank != FLEET_MOST_RANKS;
		rank = fleet_next_missing(fleet, rank + 1))
		json_array_append_new(array, json_integer(rank));
	return array;
}

/* Ranks of the members, one after the other, for which `is` says so. */
static json_t *ranks_where(const struct fleet *fleet, bool (*is)(const struct fleet_member *member))
{
	json_t *array = json_array();

	for (size_t i = 0; i < fleet->member_count; i++) {
		if (is(&fleet->members[i]))
			json_array_append_new(array, rank_of(&fleet->members[i]));
	}
	return array;
}

static bool is_doubled(const struct fleet_member *member)
{
	return member->place == FLEET_DOUBLED;
}

static bool is_surplus(const struct fleet_member *member)
{
	return member->place == FLEET_SURPLUS;
}

static bool is_interrupted(const struct fleet_member *member)
{
	return member->place == FLEET_COUNTED && member->run.interrupted;
}

static bool is_late(const struct fleet_member *member)
{
	return member->late || member->early;
}

static bool is_limited(const struct fleet_member *member)
{
	return member->place == FLEET_COUNTED && member->run.trust.doubted;
}

static json_t *left_out(const struct fleet *fleet)
{
	json_t *array = json_array();

	for (size_t i = 0; i < fleet->broken_count; i++)
		json_array_append_new(array,
			json_pack("{s:o, s:o, s:s, s:o}", "file",
				text_or_null(fleet->broken[i].path), "rank", json_null(), "reason",
				"unreadable", "text",
				text_or_null(fleet->broken[i].error == -EBADMSG
						? fleet->broken[i].fault.reason
						: strerrordesc_np(-fleet->broken[i].error))));
	for (size_t i = fleet->counted; i < fleet->member_count; i++)
		json_array_append_new(array,
			json_pack("{s:o, s:o, s:s, s:n}", "file",
				text_or_null(fleet->members[i].path), "rank",
				rank_of(&fleet->members[i]), "reason",
				fleet_place_name(fleet->members[i].place), "text"));
	return array;
}

static json_t *figures_of(const struct fleet_member *member)
{
	json_t *object = json_object();

	for (size_t i = 0; i < FIGURE_COUNT; i++)
		json_object_set_new(object, figure_table[i].name,
			isnan(member->figures[i]) ? json_null() : json_real(member->figures[i]));
	return object;
}

static json_t *reasons_of(const struct fleet_member *member)
{
	const struct model_reason *reasons = member->run.trust.reasons.items;
	json_t *array = json_array();

	for (size_t i = 0; i < member->run.trust.reasons.count; i++)
		json_array_append_new(array, text_or_null(reasons[i].code));
	return array;
}

static json_t *member_object(const struct fleet_member *member)
{
	const struct model *run = &member->run;

	return json_pack("{s:o, s:o, s:o, s:I, s:o, s:b, s:b, s:o, s:f, s:I, s:o}", "rank",
		rank_of(member), "host", text_or_null(run->fleet.host), "file",
		text_or_null(member->path), "begun_unix_ns", (json_int_t)member->begun_unix_ns,
		"late_ns",
		run->fleet.late_ns.known ? json_integer((json_int_t)run->fleet.late_ns.count)
					 : json_null(),
		"interrupted", run->interrupted, "trusted", !run->trust.doubted, "reasons",
		reasons_of(member), "asked_per_s", run->rate.asked_per_s, "received",
		(json_int_t)run->counts.received, "figures", figures_of(member));
}

static json_t *rank_list(const struct fleet *fleet)
{
	json_t *array = json_array();

	for (size_t i = 0; i < fleet->counted; i++)
		json_array_append_new(array, member_object(&fleet->members[i]));
	return array;
}

static json_t *difference_list(const struct difference *differences, int count)
{
	json_t *array = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(array,
			json_pack("{s:s, s:s, s:s}", "field", differences[i].field, "first",
				differences[i].first, "other", differences[i].other));
	return array;
}

int fleet_json(const struct fleet *fleet, const struct difference *differences,
	int difference_count, bool whole, json_t **ret_object)
{
	const struct model *merged = fleet_merged(fleet);
	json_t *object, *result = json_null();

	if (whole && merged != NULL) {
		int r = model_write_json(merged, &result);

		if (r < 0)
			return r;
	}
	object = json_pack(
		"{s:s, s:i, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}",
		"format", "meari-fleet", "version", 1, "expected", (json_int_t)fleet->expected,
		"counted", (json_int_t)fleet->counted, "complete", fleet_is_complete(fleet),
		"missing", missing(fleet), "doubled", ranks_where(fleet, is_doubled), "surplus",
		ranks_where(fleet, is_surplus), "left_out", left_out(fleet), "interrupted",
		ranks_where(fleet, is_interrupted), "late", ranks_where(fleet, is_late), "limited",
		ranks_where(fleet, is_limited), "start_skew_ns", (json_int_t)fleet->skew_ns,
		"slowest",
		fleet->slowest != FLEET_NONE ? rank_of(&fleet->members[fleet->slowest])
					     : json_null(),
		"ranks", rank_list(fleet), "differences",
		difference_list(differences, difference_count));
	if (object == NULL) {
		json_decref(result);
		return -ENOMEM;
	}
	if (whole)
		json_object_set_new(object, "result", result);
	*ret_object = object;
	return 0;
}
