/*
 * Finds differences between the JSON forms of runs: there every value compares and prints alike.
 */
#include "report/difference.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/model/model_write.h"

static const char *const groups[] = { "environment", "target", "load" };

static bool is_known(const struct difference *differences, int count, const char *field)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(differences[i].field, field) == 0)
			return true;
	}
	return false;
}

static void show(json_t *value, char *buffer)
{
	CLEANUP_FREE char *text = json_dumps(
		value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	snprintf(buffer, DIFFERENCE_TEXT_SIZE, "%s", text != NULL ? text : "");
}

static int compare_group(const char *group, json_t *first, json_t *other, bool turned,
	struct difference *differences, int count)
{
	const char *key;
	json_t *value;

	json_object_foreach(first, key, value)
	{
		json_t *there = json_object_get(other, key);
		struct difference difference;

		if (json_equal(value, there) || count == DIFFERENCE_MOST)
			continue;
		snprintf(difference.field, sizeof(difference.field), "%s.%s", group, key);
		if (is_known(differences, count, difference.field))
			continue;
		show(turned ? there : value, difference.first);
		show(turned ? value : there, difference.other);
		differences[count++] = difference;
	}
	return count;
}

int difference_find(const struct model *const *runs, size_t count,
	struct difference differences[DIFFERENCE_MOST])
{
	json_t *first;
	int found = 0, r = model_write_summary(runs[0], &first);

	if (r < 0)
		return r;
	for (size_t i = 1; i < count; i++) {
		json_t *other;

		r = model_write_summary(runs[i], &other);
		if (r < 0)
			break;
		for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
			json_t *a = json_object_get(first, groups[g]);
			json_t *b = json_object_get(other, groups[g]);

			found = compare_group(groups[g], a, b, false, differences, found);
			found = compare_group(groups[g], b, a, true, differences, found);
		}
		json_decref(other);
	}
	json_decref(first);
	return r < 0 ? r : found;
}

static bool is_same_histogram(const struct histogram *a, const struct histogram *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->counter_count == b->counter_count && a->count == b->count && a->min == b->min &&
		a->max == b->max && a->lowest == b->lowest &&
		memcmp(a->counters, b->counters, a->counter_count * sizeof(a->counters[0])) == 0;
}

bool difference_is_same_run(const struct model *a, const struct model *b)
{
	return a->started_unix_ns == b->started_unix_ns && a->duration_ns == b->duration_ns &&
		memcmp(&a->counts, &b->counts, sizeof(a->counts)) == 0 &&
		a->rate.reached_per_s == b->rate.reached_per_s &&
		is_same_histogram(a->latency.intended, b->latency.intended) &&
		is_same_histogram(a->latency.sent, b->latency.sent) &&
		is_same_histogram(a->latency.connect, b->latency.connect);
}
