/*
 * slot_table.c: what is set is found, whatever the order; what was not set is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/admission/slot_table.h"

static void nothing_is_there_at_first(void **state)
{
	struct slot_table table = { 0 };

	assert_null(slot_table_get(&table, 0));
	assert_null(slot_table_get(&table, UINT32_MAX));
	assert_null(slot_table_take(&table, 7));
	slot_table_fini(&table);
}

static void what_is_set_is_found_and_taken_once(void **state)
{
	struct slot_table table = { 0 };
	static char items[1000];

	for (unsigned i = 0; i < 1000; i++)
		*slot_table_place(&table, i * 7 % 1000) = &items[i * 7 % 1000];
	for (unsigned i = 0; i < 1000; i++)
		assert_ptr_equal(slot_table_get(&table, i), &items[i]);
	assert_ptr_equal(slot_table_take(&table, 999), &items[999]);
	assert_null(slot_table_take(&table, 999));
	assert_ptr_equal(slot_table_get(&table, 998), &items[998]);
	slot_table_fini(&table);
	assert_null(slot_table_get(&table, 0));
}

static void growing_leaves_gaps_empty(void **state)
{
	struct slot_table table = { 0 };

	assert_null(*slot_table_place(&table, 100));
	*slot_table_place(&table, 100) = &table;
	for (uint32_t i = 0; i < table.count; i++)
		assert_ptr_equal(slot_table_get(&table, i), i == 100 ? &table : NULL);
	assert_non_null(slot_table_place(&table, 5000));
	assert_ptr_equal(slot_table_get(&table, 100), &table);
	slot_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_there_at_first),
		cmocka_unit_test(what_is_set_is_found_and_taken_once),
		cmocka_unit_test(growing_leaves_gaps_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
