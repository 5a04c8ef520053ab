/*
 * The pool: its cap, the small buffers beyond it, reuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/buffer.h"

static void the_cap_holds_for_large_ones(void **state)
{
	struct buffer_pool pool;
	struct buffer *held[3];

	buffer_pool_init(&pool, 3 * BUFFER_LARGE_BYTES + 5);
	for (int i = 0; i < 3; i++) {
		held[i] = buffer_get_large(&pool);
		assert_non_null(held[i]);
	}
	assert_null(buffer_get_large(&pool));

	struct buffer *small = buffer_get_small(&pool); /* beyond the cap, always */

	assert_non_null(small);
	buffer_unref(held[1]);
	held[1] = buffer_get_large(&pool);
	assert_non_null(held[1]);
	for (int i = 0; i < 3; i++)
		buffer_unref(held[i]);
	buffer_unref(small);
	assert_int_equal(pool.large_in_use_bytes, 0);
	assert_int_equal(pool.small_in_use_bytes, 0);
	buffer_pool_fini(&pool);
}

static void the_last_one_used_comes_again_empty(void **state)
{
	struct buffer_pool pool;

	buffer_pool_init(&pool, 8 * BUFFER_LARGE_BYTES);

	struct buffer *one = buffer_get_large(&pool), *other = buffer_get_large(&pool);

	one->filled = 10;
	buffer_unref(other);
	buffer_unref(one);
	assert_ptr_equal(buffer_get_large(&pool), one);
	assert_int_equal(one->filled, 0);
	buffer_unref(one);
	buffer_pool_fini(&pool);
}

static void it_goes_back_with_its_last_reference(void **state)
{
	struct buffer_pool pool;

	buffer_pool_init(&pool, BUFFER_LARGE_BYTES);

	struct buffer *buffer = buffer_get_large(&pool);

	buffer_ref(buffer);
	buffer_unref(buffer);
	assert_null(buffer_get_large(&pool));
	buffer_unref(buffer);
	assert_ptr_equal(buffer_get_large(&pool), buffer);
	buffer_unref(buffer);
	buffer_unref(NULL);
	buffer_pool_fini(&pool);
}

/* So many are kept for the next ones; the memory of a burst is given back. */
static void only_a_few_are_kept(void **state)
{
	static struct buffer *held[300];
	struct buffer_pool pool;

	buffer_pool_init(&pool, 300 * (size_t)BUFFER_LARGE_BYTES);
	for (int i = 0; i < 300; i++)
		held[i] = buffer_get_large(&pool);
	for (int i = 0; i < 300; i++) {
		buffer_unref(held[i]);
		assert_int_equal(pool.free_large_count, i < 32 ? i + 1 : 32);
	}
	for (int i = 0; i < 300; i++)
		held[i] = buffer_get_small(&pool);
	for (int i = 0; i < 300; i++) {
		buffer_unref(held[i]);
		assert_int_equal(pool.free_small_count, i < 256 ? i + 1 : 256);
	}
	buffer_pool_fini(&pool);
	assert_int_equal(pool.free_large_count + pool.free_small_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cap_holds_for_large_ones),
		cmocka_unit_test(the_last_one_used_comes_again_empty),
		cmocka_unit_test(it_goes_back_with_its_last_reference),
		cmocka_unit_test(only_a_few_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
