/*
 * From options to what goes wrong on each listener.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/fault/fault_map.h"

static struct fault_plan plan_of(enum fault_plan_kind first, enum fault_plan_kind second)
{
	struct fault_plan plan = { .count = 2 };

	plan.rules[0].kind = first;
	plan.rules[1].kind = second;
	return plan;
}

/* Two addresses, and what the second has of its own; five listeners. */
struct fixture {
	struct addr_spec specs[2];
	struct fault_plan own, *spec_faults[2];
	struct fault_plan all;
	struct fault_map_plans wanted;
	struct listener listeners[5];
	struct listener_list list;
	struct fault_map *map;
	struct fault_site *sites;
};

static void make(struct fixture *f, bool all, bool own)
{
	memset(f, 0, sizeof(*f));
	f->own = plan_of(FAULT_PLAN_RESET, FAULT_PLAN_DROP);
	f->spec_faults[1] = own ? &f->own : NULL;
	f->wanted = (struct fault_map_plans){
		.all = &f->all,
		.own = f->spec_faults,
		.specs = f->specs,
		.count = 2,
	};
	if (all)
		f->all = plan_of(FAULT_PLAN_CLOSE, FAULT_PLAN_CHOP);
	f->listeners[0] = (struct listener){ .spec = &f->specs[0], .bound.scheme = ADDR_TCP };
	f->listeners[1] = (struct listener){ .spec = &f->specs[1], .bound.scheme = ADDR_TCP };
	f->listeners[2] = (struct listener){ .spec = &f->specs[1], .bound.scheme = ADDR_UDP };
	/* Handed over. */
	f->listeners[3] = (struct listener){ .bound.scheme = ADDR_UDP };
	f->listeners[4] = (struct listener){ .bound.scheme = ADDR_UNIX };
	f->list = (struct listener_list){ f->listeners, 5 };
	assert_int_equal(fault_map_new(&f->wanted, false, &f->list, &f->map), 0);
	f->sites = f->map != NULL ? fault_map_sites(f->map) : NULL;
}

static void nothing_of_nothing(void **state)
{
	struct fixture f;

	make(&f, false, false);
	assert_null(f.map);
	fault_map_log_start(f.map);
	fault_map_log_counters(f.map);
	fault_map_free(f.map);
}

static void an_address_has_its_own(void **state)
{
	struct fixture f;

	make(&f, false, true);
	assert_null(f.sites[0].plan);
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(f.sites[i].plan->count, 2);
		assert_int_equal(f.sites[i].plan->rules[0].kind, FAULT_PLAN_RESET);
		assert_int_equal(f.sites[i].plan->rules[1].kind, FAULT_PLAN_DROP);
	}
	assert_null(f.sites[3].plan);
	assert_null(f.sites[4].plan);
	fault_map_free(f.map);
}

static void what_is_for_all_comes_first(void **state)
{
	struct fixture f;

	make(&f, true, true);
	assert_int_equal(f.sites[0].plan->count, 2);
	assert_int_equal(f.sites[0].plan->rules[0].kind, FAULT_PLAN_CLOSE);
	assert_int_equal(f.sites[1].plan->count, 4);
	assert_int_equal(f.sites[1].plan->rules[0].kind, FAULT_PLAN_CLOSE);
	assert_int_equal(f.sites[1].plan->rules[1].kind, FAULT_PLAN_CHOP);
	assert_int_equal(f.sites[1].plan->rules[2].kind, FAULT_PLAN_RESET);
	assert_int_equal(f.sites[2].plan->count, 4);
	assert_null(f.sites[3].plan); /* nothing of that can happen to datagrams */
	assert_int_equal(f.sites[4].plan->count, 2);
	fault_map_free(f.map);
}

/* A connection may still follow an old plan: it stays what it was, until the end. */
static void other_faults_take_their_place(void **state)
{
	const struct fault_plan *before;
	struct fixture f;

	make(&f, true, true);
	before = f.sites[1].plan;
	assert_int_equal(fault_map_set(f.map, &f.wanted), 0);
	assert_ptr_equal(f.sites[1].plan, before); /* nothing is other: nothing grows */
	f.all = plan_of(FAULT_PLAN_STALL, FAULT_PLAN_CHOP);
	assert_int_equal(fault_map_set(f.map, &f.wanted), 0);
	assert_int_equal(f.sites[0].plan->rules[0].kind, FAULT_PLAN_STALL);
	assert_int_equal(f.sites[1].plan->rules[0].kind, FAULT_PLAN_STALL);
	assert_int_equal(before->rules[0].kind, FAULT_PLAN_CLOSE);
	f.all.count = 0;
	f.spec_faults[1] = NULL;
	assert_int_equal(fault_map_set(f.map, &f.wanted), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_null(f.sites[i].plan);
	fault_map_free(f.map);
}

static void where_there_may_be_some_later_there_is_a_map(void **state)
{
	struct fixture f;

	memset(&f, 0, sizeof(f));
	f.wanted.all = &f.all;
	f.listeners[0].bound.scheme = ADDR_TCP;
	f.list = (struct listener_list){ f.listeners, 1 };
	assert_int_equal(fault_map_new(&f.wanted, true, &f.list, &f.map), 0);
	assert_non_null(f.map);
	assert_null(fault_map_sites(f.map)[0].plan);
	fault_map_free(f.map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_nothing),
		cmocka_unit_test(an_address_has_its_own),
		cmocka_unit_test(what_is_for_all_comes_first),
		cmocka_unit_test(other_faults_take_their_place),
		cmocka_unit_test(where_there_may_be_some_later_there_is_a_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
