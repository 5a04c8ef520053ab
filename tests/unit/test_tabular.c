/*
 * ping/tabular: cells as wide on the screen as they should be, in any script.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ping/tabular.h"

static void test_right(void **state)
{
	char cell[TABULAR_CELL_SIZE];

	assert_string_equal(tabular_right("12", 5, cell, sizeof(cell)), "   12");
	assert_string_equal(tabular_right("손실", 6, cell, sizeof(cell)), "  손실");
	assert_string_equal(tabular_right("too long", 3, cell, sizeof(cell)), "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
