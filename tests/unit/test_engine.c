/*
 * engine.c: the choice between engines, with engines that can or cannot work as the test likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"

static int can(char *why, size_t size)
{
	return 0;
}

static int is_forbidden(char *why, size_t size)
{
	snprintf(why, size, "it is forbidden here");
	return -EPERM;
}

static const struct engine_ops plain = { .name = "plain", .probe = can };
static const struct engine_ops fast = { .name = "fast", .probe = can };
static const struct engine_ops forbidden = { .name = "forbidden", .probe = is_forbidden };
static const struct engine_ops *const list[] = { &forbidden, &plain, &fast, NULL };
static const struct engine_ops *const forbidden_only[] = { &forbidden, NULL };

static const struct engine_ops *ops;
static char why[100];

static int choose(const struct engine_ops *favourite, const char *name)
{
	ops = NULL;
	strcpy(why, "as it was");
	return engine_choose_among(list, favourite, name, &ops, why, sizeof(why));
}

static void auto_is_the_favourite(void **state)
{
	assert_int_equal(choose(&fast, "auto"), 0);
	assert_ptr_equal(ops, &fast);
	assert_string_equal(why, "");
}

static void auto_without_its_favourite_takes_the_first_that_can_and_says_why(void **state)
{
	assert_int_equal(choose(&forbidden, "auto"), 0);
	assert_ptr_equal(ops, &plain);
	assert_string_equal(why, "it is forbidden here");
}

static void auto_fails_only_without_any(void **state)
{
	assert_int_equal(
		engine_choose_among(forbidden_only, &forbidden, "auto", &ops, why, sizeof(why)),
		-EPERM);
	assert_string_equal(why, "it is forbidden here");
}

static void by_name_nothing_else_is_taken(void **state)
{
	assert_int_equal(choose(&fast, "plain"), 0);
	assert_ptr_equal(ops, &plain);
	assert_string_equal(why, "");
	assert_int_equal(choose(&fast, "forbidden"), -EPERM);
	assert_null(ops);
	assert_string_equal(why, "it is forbidden here");
}

static void a_name_that_no_engine_has(void **state)
{
	assert_int_equal(choose(&fast, "steam"), -ENOENT);
	assert_null(ops);
	assert_true(why[0] != '\0');
}

static void the_real_favourite_is_built_in_and_has_a_reason(void **state)
{
	const char *reason = NULL;
	const struct engine_ops *favourite = engine_favourite(&reason);
	size_t i = 0;

	while (engine_list[i] != NULL && engine_list[i] != favourite)
		i++;
	assert_non_null(engine_list[i]);
	assert_true(reason[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_is_the_favourite),
		cmocka_unit_test(auto_without_its_favourite_takes_the_first_that_can_and_says_why),
		cmocka_unit_test(auto_fails_only_without_any),
		cmocka_unit_test(by_name_nothing_else_is_taken),
		cmocka_unit_test(a_name_that_no_engine_has),
		cmocka_unit_test(the_real_favourite_is_built_in_and_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
