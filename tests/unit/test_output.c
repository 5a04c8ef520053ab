/*
 * The queue of what waits to be sent: order, references, batches, urgent bytes on their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/bulk_pipe.h"
#include "engine/output.h"

struct fixture {
	struct buffer_pool pool;
	struct output *output;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	buffer_pool_init(&fixture.pool, 64 * BUFFER_LARGE_BYTES);
	if (output_new(&fixture.output) < 0)
		return -1;
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	output_free(f->output);
	/* Every reference that the queue took, it has given back. */
	int left = f->pool.large_in_use_bytes != 0 || f->pool.small_in_use_bytes != 0;

	buffer_pool_fini(&f->pool);
	return left;
}

static struct protocol_span fill(struct buffer *buffer, uint32_t length)
{
	struct protocol_span span = {
		.bytes = buffer->bytes + buffer->filled, .length = length, .buffer = buffer
	};

	buffer->filled += length;
	return span;
}

static void what_follows_in_the_same_buffer_is_one_entry(void **state)
{
	struct fixture *f = *state;
	struct buffer *buffer = buffer_get_small(&f->pool);
	struct protocol_span one = fill(buffer, 10), two = fill(buffer, 20);
	struct iovec vectors[OUTPUT_BATCH];
	bool urgent;

	assert_int_equal(output_push(f->output, &one, false), 0);
	assert_ptr_equal(output_tail(f->output), NULL); /* 20 bytes are filled behind it */
	assert_int_equal(output_push(f->output, &two, false), 0);
	assert_ptr_equal(output_tail(f->output), buffer);
	buffer_unref(buffer);
	assert_int_equal(output_peek(f->output, vectors, &urgent), 1);
	assert_int_equal(vectors[0].iov_len, 30);
	output_advance(f->output, 29);
	assert_int_equal(output_peek(f->output, vectors, &urgent), 1);
	assert_int_equal(vectors[0].iov_len, 1);
	assert_int_equal(f->pool.small_in_use_bytes, BUFFER_SMALL_BYTES);
	output_advance(f->output, 1);
	assert_true(output_is_empty(f->output));
	assert_int_equal(f->pool.small_in_use_bytes, 0);
}

static void urgent_bytes_travel_alone(void **state)
{
	struct fixture *f = *state;
	struct buffer *buffer = buffer_get_large(&f->pool);
	struct protocol_span before = fill(buffer, 5), mark = fill(buffer, 1),
			     after = fill(buffer, 7);
	struct iovec vectors[OUTPUT_BATCH];
	bool urgent;

	output_push(f->output, &before, false);
	output_push(f->output, &mark, true);
	output_push(f->output, &after, false);
	buffer_unref(buffer);

	assert_int_equal(output_peek(f->output, vectors, &urgent), 1);
	assert_false(urgent);
	assert_int_equal(vectors[0].iov_len, 5);
	output_advance(f->output, 5);
	assert_int_equal(output_peek(f->output, vectors, &urgent), 1);
	assert_true(urgent);
	assert_int_equal(vectors[0].iov_len, 1);
	output_advance(f->output, 1);
	assert_int_equal(output_peek(f->output, vectors, &urgent), 1);
	assert_false(urgent);
	assert_int_equal(vectors[0].iov_len, 7);
}

static void the_ring_grows_and_wraps(void **state)
{
	struct fixture *f = *state;
	static unsigned char eternal[3000];
	uint32_t pushed = 0, sent = 0;
	struct iovec vectors[OUTPUT_BATCH];
	bool urgent;

	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 7; i++, pushed++) {
			/* Two apart, so that no span continues the one before. */
			struct protocol_span span = { .bytes = &eternal[pushed * 2], .length = 1 };

			assert_int_equal(output_push(f->output, &span, false), 0);
		}
		unsigned count = output_peek(f->output, vectors, &urgent);

		for (unsigned i = 0; i < count && i < 6; i++, sent++) {
			assert_ptr_equal(vectors[i].iov_base, &eternal[sent * 2]);
			output_advance(f->output, 1);
		}
	}
	assert_int_equal(f->output->count, pushed - sent);
}

static void what_is_in_a_pipe_waits_in_its_place(void **state)
{
	struct fixture *f = *state;
	struct bulk_pipe_pool pipes;
	struct iovec vectors[OUTPUT_BATCH];
	bool urgent;

	bulk_pipe_pool_init(&pipes, &f->pool, true);

	struct bulk_pipe *pipe = bulk_pipe_get(&pipes);
	struct buffer *buffer = buffer_get_small(&f->pool);
	struct protocol_span unseen = { .length = 70000, .buffer = pipe };
	struct protocol_span copied = fill(buffer, 10);

	assert_non_null(pipe);
	assert_int_equal(output_push(f->output, &unseen, false), 0);
	assert_int_equal(output_push(f->output, &unseen, false), 0);
	assert_int_equal(f->output->count, 1); /* it went on in the same pipe */
	assert_ptr_equal(output_last_pipe(f->output), pipe);
	assert_null(output_tail(f->output));
	assert_int_equal(output_push(f->output, &copied, false), 0);
	assert_null(output_last_pipe(f->output));
	bulk_pipe_unref(pipe);
	buffer_unref(buffer);
	assert_true(output_starts_unseen(f->output));
	assert_int_equal(output_peek(f->output, vectors, &urgent), 0);
	output_advance(f->output, 139999);
	assert_true(output_starts_unseen(f->output));
	assert_int_equal(pipes.free_count, 0);
	output_advance(f->output, 1);
	assert_int_equal(pipes.free_count, 1); /* the queue's reference was the last */
	assert_false(output_starts_unseen(f->output));
	assert_int_equal(output_peek(f->output, vectors, &urgent), 1);
	output_advance(f->output, 10);
	bulk_pipe_pool_fini(&pipes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_in_a_pipe_waits_in_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_follows_in_the_same_buffer_is_one_entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(urgent_bytes_travel_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_ring_grows_and_wraps, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
