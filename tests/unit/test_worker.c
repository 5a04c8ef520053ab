/*
 * What a worker puts between an engine and the echo: what was asked for, and without that, nothing. The engine
 * is one of the test's own, that only looks at what it is given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/core.h"
#include "protocol/echo.h"
#include "server/fault/fault_map.h"
#include "server/reload.h"
#include "server/worker.h"

static const struct engine *seen_engine;
static unsigned seen_tag;
static unsigned looks;

static int create(const struct engine_options *options, struct engine **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	assert_non_null(engine);
	pthread_mutex_init(&engine->tasks_lock, NULL);
	engine->tasks_last = &engine->tasks_first;
	engine->wake_fd = -1;
	*ret_engine = engine;
	return 0;
}

static void destroy(struct engine *engine)
{
	pthread_mutex_destroy(&engine->tasks_lock);
	free(engine);
}

static int note_listen(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	seen_engine = engine;
	seen_tag = tag;
	return 0;
}

static void note_recheck(struct engine *engine)
{
	looks++;
}

static const struct engine_ops looking = {
	.name = "looking",
	.create = create,
	.destroy = destroy,
	.listen = note_listen,
	.recheck = note_recheck,
};

static struct worker *make(const struct guard_options *guard, const struct fault_map *faults)
{
	struct worker_options options = {
		.engine = &looking,
		.cpu = -1,
		.pending_bytes = 1000,
		.guard = guard,
		.faults = faults,
		.done_fd = -1,
	};
	struct worker *worker;

	assert_int_equal(worker_new(&options, &worker), 0);
	assert_int_equal(worker_listen(worker, -1, ADDR_UNIX, 5), 0);
	return worker;
}

/* The engine's protocol is the echo, and not one around it. */
static bool speaks_to_the_echo(void)
{
	struct counters counters;
	struct echo echo;

	echo_init(&echo, &counters, 1000, false);
	return seen_engine->protocol->handle == echo.protocol.handle;
}

static struct fault_map *make_map(const struct server_options *options)
{
	struct listener listener = { .spec = options->specs, .bound.scheme = ADDR_UNIX };
	struct listener_list list = { &listener, 1 };
	struct fault_map *map = (struct fault_map *)&list;

	const struct fault_map_plans wanted = reload_faults(options);

	assert_int_equal(fault_map_new(&wanted, false, &list, &map), 0);
	return map;
}

static void without_faults_nobody_knows_of_them(void **state)
{
	const struct addr_spec spec = { .scheme = ADDR_UNIX };
	struct fault_plan *none = NULL;
	struct server_options options = { .specs = &spec, .spec_count = 1, .spec_faults = &none };
	struct worker *worker;

	assert_null(make_map(&options));
	worker = make(NULL, NULL);
	assert_true(speaks_to_the_echo());
	assert_null(seen_engine->host->admit);
	assert_null(seen_engine->host->admit_datagram);
	assert_int_equal(seen_tag, 5);
	worker_free(worker);
}

static void what_was_asked_for_stands_around_the_echo(void **state)
{
	const struct addr_spec spec = { .scheme = ADDR_UNIX };
	struct fault_plan plan = { .count = 1, .rules = { { .kind = FAULT_PLAN_RESET } } };
	struct fault_plan *own = &plan;
	struct server_options all = { .specs = &spec, .spec_count = 1, .faults = plan };
	struct server_options one = { .specs = &spec, .spec_count = 1, .spec_faults = &own };
	const struct server_options *const cases[] = { &all, &one };
	const struct guard_options guard = {
		.idle_ns = 1, .lifetime_ns = 1, .now_ns = clock_now_ns
	};
	struct worker *worker;

	for (size_t i = 0; i < 2; i++) {
		struct fault_map *map = make_map(cases[i]);

		assert_non_null(map);
		worker = make(NULL, map);
		assert_false(speaks_to_the_echo());
		worker_free(worker);
		fault_map_free(map);
	}
	worker = make(&guard, NULL);
	assert_false(speaks_to_the_echo());
	worker_free(worker);
}

/* However often an heir parts with the sockets: each time somebody may have been told in our place. */
static void each_parting_is_worth_a_look(void **state)
{
	struct worker *worker = make(NULL, NULL);
	struct engine *engine = (struct engine *)(uintptr_t)seen_engine;

	looks = 0;
	worker_check_again(worker);
	worker_check_again(worker); /* before the first has been: one look finds both */
	assert_int_equal(looks, 0);
	engine_run_tasks(engine);
	assert_int_equal(looks, 1);
	worker_check_again(worker);
	engine_run_tasks(engine);
	assert_int_equal(looks, 2);
	worker_free(worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults_nobody_knows_of_them),
		cmocka_unit_test(what_was_asked_for_stands_around_the_echo),
		cmocka_unit_test(each_parting_is_worth_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
