/*
 * From options to what goes wrong on each listener.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/fault_map.h"

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
	struct server_options options;
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
	f->options.specs = f->specs;
	f->options.spec_count = 2;
	f->options.spec_faults = f->spec_faults;
	if (all)
		f->options.faults = plan_of(FAULT_PLAN_CLOSE, FAULT_PLAN_CHOP);
	f->listeners[0] = (struct listener){ .spec = &f->specs[0], .bound.scheme = ADDR_TCP };
	f->listeners[1] = (struct listener){ .spec = &f->specs[1], .bound.scheme = ADDR_TCP };
	f->listeners[2] = (struct listener){ .spec = &f->specs[1], .bound.scheme = ADDR_UDP };
	/* Handed over. */
	f->listeners[3] = (struct listener){ .bound.scheme = ADDR_UDP };
	f->listeners[4] = (struct listener){ .bound.scheme = ADDR_UNIX };
	f->list = (struct listener_list){ f->listeners, 5 };
	assert_int_equal(fault_map_new(&f->options, &f->list, &f->map), 0);
	f->sites = f->map != NULL ? fault_map_sites(f->map) : NULL;
}

static void nothing_of_nothing(void **state)
{
	struct fixture f;

	make(&f, false, false);
	assert_null(f.map);
	fault_map_tell_start(f.map);
	fault_map_tell_counters(f.map);
	fault_map_free(f.map);
}

static void an_address_has_its_own(void **state)
{
	struct fixture f;

	make(&f, false, true);
	assert_null(f.sites[0].plan);
	assert_ptr_equal(f.sites[1].plan, &f.own);
	assert_ptr_equal(f.sites[2].plan, &f.own);
	assert_null(f.sites[3].plan);
	assert_null(f.sites[4].plan);
	fault_map_free(f.map);
}

static void what_is_for_all_comes_first(void **state)
{
	struct fixture f;

	make(&f, true, true);
	assert_ptr_equal(f.sites[0].plan, &f.options.faults);
	assert_int_equal(f.sites[1].plan->count, 4);
	assert_int_equal(f.sites[1].plan->rules[0].kind, FAULT_PLAN_CLOSE);
	assert_int_equal(f.sites[1].plan->rules[1].kind, FAULT_PLAN_CHOP);
	assert_int_equal(f.sites[1].plan->rules[2].kind, FAULT_PLAN_RESET);
	assert_int_equal(f.sites[2].plan->count, 4);
	assert_null(f.sites[3].plan); /* nothing of that can happen to datagrams */
	assert_ptr_equal(f.sites[4].plan, &f.options.faults);
	fault_map_free(f.map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_nothing),
		cmocka_unit_test(an_address_has_its_own),
		cmocka_unit_test(what_is_for_all_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
