/*
 * fleet.c: which results count, why the others do not, who is late and who is slow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/clock.h"
#include "report/fleet/fleet.h"

#define S CLOCK_NS_PER_S
#define MS CLOCK_NS_PER_MS

/* Ran from second `started_s` for ten, with one latency. */
static struct model ranked(uint64_t rank, uint64_t started_s, uint64_t latency_ns)
{
	struct model run = {
		.started_unix_ns = started_s * S,
		.duration_ns = 10 * S,
		.warm_up_ns = S,
		.fleet = { .rank = { rank, true }, .size = { 4, true } },
		.load = { .connections = 10, .rate_per_s = 100, .mode = MODEL_OPEN },
		.rate = { .asked_per_s = 100, .reached_per_s = 90 },
		.counts = { .sent = 1, .received = 1 },
	};

	model_set_text(&run.program, "meari bench");
	model_set_text(&run.target.scheme, "tcp");
	assert_int_equal(histogram_new(1, HISTOGRAM_HIGHEST_NS, 3, &run.latency.sent), 0);
	histogram_record(run.latency.sent, latency_ns);
	return run;
}

static void add(struct fleet *fleet, const char *path, struct model run)
{
	assert_int_equal(fleet_add(fleet, path, &run), 0);
}

static enum fleet_place place_of(const struct fleet *fleet, const char *path)
{
	for (size_t i = 0; i < fleet->member_count; i++) {
		if (strcmp(fleet->members[i].path, path) == 0)
			return fleet->members[i].place;
	}
	fail();
	return FLEET_COUNTED;
}

static void all_are_there(void **state)
{
	struct fleet fleet;
	const struct model *merged;

	fleet_init(&fleet, 3);
	add(&fleet, "c", ranked(2, 100, 3000));
	add(&fleet, "a", ranked(0, 100, 1000));
	add(&fleet, "b", ranked(1, 100, 9000));
	assert_int_equal(fleet_settle(&fleet), 0);
	assert_true(fleet_is_complete(&fleet));
	assert_int_equal(fleet_next_missing(&fleet, 0), FLEET_MOST_RANKS);
	assert_int_equal(fleet.members[1].run.fleet.rank.count, 1);
	assert_int_equal(fleet.slowest, 1);
	assert_int_equal(fleet.skew_ns, 0);
	merged = fleet_merged(&fleet);
	assert_int_equal(histogram_count(merged->latency.sent), 3);
	assert_int_equal(merged->load.connections, 30);
	assert_true(merged->rate.reached_per_s == 270);
	assert_true(merged->load.rate_per_s == 300);
	assert_false(merged->fleet.rank.known);
	fleet_fini(&fleet);
}

static void what_does_not_belong_is_told(void **state)
{
	struct model kind = ranked(3, 100, 5), unranked = ranked(3, 100, 5),
		     nothing = ranked(3, 100, 5);
	struct fleet fleet;

	kind.load.mode = MODEL_CLOSED;
	unranked.fleet.rank.known = false;
	nothing.duration_ns = 0;
	memset(&nothing.counts, 0, sizeof(nothing.counts));
	fleet_init(&fleet, 4);
	/* What an earlier run has left behind comes first, and in numbers. */
	add(&fleet, "old-3", ranked(3, 10, 5));
	add(&fleet, "old-2", ranked(2, 10, 5));
	add(&fleet, "kind", kind);
	add(&fleet, "0", ranked(0, 100, 5));
	add(&fleet, "1", ranked(1, 100, 5));
	add(&fleet, "2", ranked(2, 100, 5));
	add(&fleet, "twice", ranked(1, 100, 7));
	add(&fleet, "surplus", ranked(4, 100, 5));
	add(&fleet, "unranked", unranked);
	add(&fleet, "nothing", nothing);
	assert_int_equal(fleet_add_broken(&fleet, "broken", -ENODATA, NULL), 0);
	assert_int_equal(fleet_settle(&fleet), 0);
	assert_false(fleet_is_complete(&fleet));
	assert_int_equal(fleet.counted, 3);
	assert_int_equal(place_of(&fleet, "old-3"), FLEET_OTHER_TIME);
	assert_int_equal(place_of(&fleet, "old-2"), FLEET_OTHER_TIME);
	assert_int_equal(place_of(&fleet, "kind"), FLEET_OTHER_KIND);
	assert_int_equal(place_of(&fleet, "twice"), FLEET_DOUBLED);
	assert_int_equal(place_of(&fleet, "surplus"), FLEET_SURPLUS);
	assert_int_equal(place_of(&fleet, "unranked"), FLEET_UNRANKED);
	assert_int_equal(place_of(&fleet, "nothing"), FLEET_NOTHING);
	assert_int_equal(place_of(&fleet, "1"), FLEET_COUNTED);
	assert_int_equal(fleet_next_missing(&fleet, 0), 3);
	assert_int_equal(histogram_count(fleet_merged(&fleet)->latency.sent), 3);
	fleet_fini(&fleet);
}

static void each_fault_alone_is_enough(void **state)
{
	for (int which = 0; which < 6; which++) {
		struct model last = ranked(which == 0 ? 0 : 1, 100, 5);
		struct fleet fleet;

		fleet_init(&fleet, 2);
		add(&fleet, "0", ranked(0, 100, 5));
		last.interrupted = which == 1;
		add(&fleet, "1", last);
		if (which == 2)
			add(&fleet, "surplus", ranked(2, 100, 5));
		if (which == 3)
			add(&fleet, "again", ranked(1, 100, 5));
		if (which == 4)
			assert_int_equal(fleet_add_broken(&fleet, "broken", -EIO, NULL), 0);
		assert_int_equal(fleet_settle(&fleet), 0);
		assert_int_equal(fleet_is_complete(&fleet), which == 5);
		fleet_fini(&fleet);
	}
}

static void of_two_as_large_the_later_counts(void **state)
{
	struct fleet fleet;

	fleet_init(&fleet, 2);
	add(&fleet, "today", ranked(0, 1000, 5));
	add(&fleet, "yesterday", ranked(1, 10, 5));
	assert_int_equal(fleet_settle(&fleet), 0);
	assert_int_equal(place_of(&fleet, "today"), FLEET_COUNTED);
	assert_int_equal(place_of(&fleet, "yesterday"), FLEET_OTHER_TIME);
	assert_int_equal(fleet_next_missing(&fleet, 0), 1);
	fleet_fini(&fleet);
}

static void who_begins_late_is_told(void **state)
{
	struct model late = ranked(1, 100, 5), early = ranked(2, 100, 5);
	struct fleet fleet;

	late.fleet.start_unix_ns = (struct model_known){ 99 * S, true };
	late.fleet.late_ns = (struct model_known){ 150 * MS, true };
	early.started_unix_ns -= 101 * MS;
	fleet_init(&fleet, 5);
	add(&fleet, "0", ranked(0, 100, 5));
	add(&fleet, "late", late);
	add(&fleet, "early", early);
	add(&fleet, "3", ranked(3, 100, 5));
	add(&fleet, "4", ranked(4, 100, 5));
	assert_int_equal(fleet_settle(&fleet), 0);
	assert_int_equal(fleet.skew_ns, 251 * MS);
	assert_int_equal(fleet.late_count, 2);
	assert_true(fleet.members[1].late);
	assert_int_equal(fleet.members[1].apart_ns, 150 * MS);
	assert_true(fleet.members[2].early);
	assert_int_equal(fleet.members[2].apart_ns, 101 * MS);
	assert_true(fleet_is_complete(&fleet));
	fleet_fini(&fleet);
}

static void nobody_is_there(void **state)
{
	struct fleet fleet;

	fleet_init(&fleet, 2);
	assert_int_equal(fleet_settle(&fleet), 0);
	assert_false(fleet_is_complete(&fleet));
	assert_null(fleet_merged(&fleet));
	assert_int_equal(fleet_next_missing(&fleet, 1), 1);
	fleet_fini(&fleet);
}

/* Whatever stands in the files: memory for a few sums, and every result has its place. */
static void the_cap_on_groups_holds(void **state)
{
	struct fleet fleet;

	fleet_init(&fleet, 100);
	for (uint64_t i = 0; i < 3 * FLEET_MOST_GROUPS; i++)
		add(&fleet, "file", ranked(i, 100 * (i + 1), 5));
	assert_int_equal(fleet_settle(&fleet), 0);
	assert_int_equal(fleet.group_count, FLEET_MOST_GROUPS);
	assert_int_equal(fleet.counted, 1);
	for (size_t i = 1; i < fleet.member_count; i++)
		assert_int_equal(fleet.members[i].place, FLEET_OTHER_TIME);
	fleet_fini(&fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_there),
		cmocka_unit_test(what_does_not_belong_is_told),
		cmocka_unit_test(each_fault_alone_is_enough),
		cmocka_unit_test(of_two_as_large_the_later_counts),
		cmocka_unit_test(who_begins_late_is_told),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(the_cap_on_groups_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
