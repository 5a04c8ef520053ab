/*
 * What a failed call means: one list for every engine, of which each entry was in some of seven lists.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/call.h"

static void each_error_has_its_verdict(void **state)
{
	static const struct {
		int error;
		enum call_verdict verdict;
	} table[] = {
		{ -EAGAIN, CALL_NOT_NOW },
		{ -EWOULDBLOCK, CALL_NOT_NOW },
		{ -EINTR, CALL_AGAIN },
		{ -ECANCELED, CALL_AGAIN },
		{ -ENOMEM, CALL_SHORT },
		{ -ENOBUFS, CALL_SHORT },
		{ -EMFILE, CALL_SHORT },
		{ -ENFILE, CALL_SHORT },
		{ -ENOSPC, CALL_SHORT },
		{ -ECONNRESET, CALL_FATAL },
		{ -EPIPE, CALL_FATAL },
		{ -ECONNREFUSED, CALL_FATAL },
		{ -EMSGSIZE, CALL_FATAL },
		{ -EBADF, CALL_FATAL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(call_judge(table[i].error), table[i].verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_error_has_its_verdict) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
