/*
 * fleet_files.c: a broken piece is named, and what stands behind it is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "report/fleet/fleet_files.h"

#define RESULT(rank)                                                                               \
	"{\"format\":\"meari-result\",\"version\":1,\"started_unix_ns\":9000,\"duration_ns\":100," \
	"\"fleet\":{\"rank\":" #rank "},\"counts\":{\"sent\":1}}\n"
#define CUT "{\"format\":\"meari-result\",\"version\":1,\"star"

static void check(const char *text, size_t members, size_t broken)
{
	struct fleet fleet;

	fleet_init(&fleet, 4);
	assert_int_equal(fleet_files_parse(&fleet, "file", text, strlen(text)), 0);
	if (fleet.member_count != members || fleet.broken_count != broken)
		print_error("%s: %zu, %zu\n", text, fleet.member_count, fleet.broken_count);
	assert_int_equal(fleet.member_count, members);
	assert_int_equal(fleet.broken_count, broken);
	fleet_fini(&fleet);
}

static void pieces(void **state)
{
	check(RESULT(0), 1, 0);
	check(" \n\t" RESULT(0) RESULT(1) "\n\n", 2, 0);
	check("", 0, 1);
	check(" \n ", 0, 1);
	check(CUT, 0, 1);
	check(CUT "\n" RESULT(0), 1, 1);
	check(CUT RESULT(0) RESULT(1), 2, 1);
	check(RESULT(0) CUT, 1, 1);
	check(RESULT(0) "Killed\n" RESULT(1), 2, 1);
	check("meari: a warning\n" RESULT(0), 1, 1);
	check("Segmentation fault\n", 0, 1);
	check("{\"format\":\"other\"}\n" RESULT(2), 1, 1);
	check("{\"format\":\"meari-result\",\"version\":2}\n" RESULT(2), 1, 1);
	check("{\"interval\":{}}\n" RESULT(2), 1, 0);
	check("{\"interval\":{}}\n", 0, 1);
	check("{\"interval\":{}}\n{\"interval\":{\"sta", 0, 1);
	check("{\n \"format\": \"meari-result\",\n \"version\": 1\n}\n" RESULT(1), 2, 0);
}

static void the_line_is_the_files(void **state)
{
	static const char text[] = RESULT(0)
		RESULT(1) "{\"format\":\"meari-result\",\"version\":1,\n\"label\":7}\n";
	struct fleet fleet;

	fleet_init(&fleet, 4);
	assert_int_equal(fleet_files_parse(&fleet, "file", text, strlen(text)), 0);
	assert_int_equal(fleet.broken_count, 1);
	assert_int_equal(fleet.broken[0].fault.line, 3);
	assert_string_equal(fleet.broken[0].fault.place, "label");
	fleet_fini(&fleet);
}

static void a_file_that_is_not_there(void **state)
{
	struct fleet fleet;

	fleet_init(&fleet, 4);
	assert_int_equal(fleet_files_read(&fleet, "/nowhere/at/all"), 0);
	assert_int_equal(fleet.broken_count, 1);
	assert_int_equal(fleet.broken[0].error, -ENOENT);
	assert_string_equal(fleet.broken[0].path, "/nowhere/at/all");
	fleet_fini(&fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),
		cmocka_unit_test(the_line_is_the_files),
		cmocka_unit_test(a_file_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
