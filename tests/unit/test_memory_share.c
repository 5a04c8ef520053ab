/*
 * memory_share.c: what is said of --max-memory in its header, at the edges. "No limit" is 0 connections, so a limit must
 * never come out as 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "server/memory_share.h"

#define LEAST SERVER_LEAST_POOL_BYTES
#define EACH SERVER_CONNECTION_BYTES

/* The result, and on success each thread's pool and the connections. */
static void assert_share(size_t memory_bytes, size_t pool_bytes, unsigned threads, int result,
	size_t each, uint32_t connections)
{
	struct server_options options = { .memory_bytes = memory_bytes, .pool_bytes = pool_bytes };
	size_t got_each = 1;
	uint32_t got_connections = 1;

	assert_int_equal(memory_share(&options, threads, &got_each, &got_connections), result);
	assert_int_equal(got_each, each);
	assert_int_equal(got_connections, connections);
}

static void without_a_limit_the_pool_is_shared(void **state)
{
	assert_share(0, 64 * LEAST, 4, 0, 16 * LEAST, 0);
	assert_share(0, 64 * LEAST, 1, 0, 64 * LEAST, 0);
	assert_share(0, 2 * LEAST, 4, 0, LEAST, 0); /* each has the least at least */
}

static void half_is_for_the_pool_if_it_is_not_less_anyhow(void **state)
{
	assert_share(8 * LEAST, 64 * LEAST, 1, 0, 4 * LEAST, 4 * LEAST / EACH);
	assert_share(8 * LEAST, 6 * LEAST, 1, 0, 4 * LEAST, 4 * LEAST / EACH);
	assert_share(8 * LEAST, 4 * LEAST, 2, 0, 2 * LEAST, 4 * LEAST / EACH);
	assert_share(8 * LEAST, 2 * LEAST, 2, 0, LEAST, 6 * LEAST / EACH);
}

static void a_limit_is_never_none(void **state)
{
	/* 1, 1: untouched. */
	assert_share(2 * LEAST, 8 * LEAST, 2, -ENOMEM, 1, 1);
	assert_share(2 * LEAST + EACH - 1, 8 * LEAST, 2, -ENOMEM, 1, 1);
	assert_share(2 * LEAST + EACH, 2 * LEAST, 2, 0, LEAST, 1);
	assert_share(LEAST, 8 * LEAST, 2, -ENOMEM, 1, 1);
	if (sizeof(size_t) > 4)
		assert_share((size_t)1 << 50, LEAST, 1, 0, LEAST, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_the_pool_is_shared),
		cmocka_unit_test(half_is_for_the_pool_if_it_is_not_less_anyhow),
		cmocka_unit_test(a_limit_is_never_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
