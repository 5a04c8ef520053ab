/*
 * Slots and generations: a late event of a closed connection must not reach its successor.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/conn.h"

static void a_token_dies_with_its_connection(void **state)
{
	struct conn_table table;
	struct conn *one, *next;

	conn_table_init(&table);
	assert_int_equal(conn_acquire(&table, 5, ADDR_TCP, &one), 0);

	uint64_t token = conn_token(one);
	uint32_t slot = one->slot;

	assert_ptr_equal(conn_from_token(&table, token), one);
	conn_release(&table, one);
	assert_null(conn_from_token(&table, token));
	assert_null(conn_at(&table, slot));

	assert_int_equal(conn_acquire(&table, 6, ADDR_TCP, &next), 0);
	assert_int_equal(next->slot, slot); /* the same place */
	assert_null(conn_from_token(&table, token)); /* not the same connection */
	assert_ptr_equal(conn_from_token(&table, conn_token(next)), next);
	conn_release(&table, next);
	conn_table_fini(&table);
}

static void tokens_leave_the_top_bits_free(void **state)
{
	struct conn_table table;
	struct conn *conn;

	conn_table_init(&table);
	conn_acquire(&table, 5, ADDR_TCP, &conn);
	conn->generation = UINT32_MAX;
	assert_int_equal(conn_token(conn) >> CONN_TOKEN_KIND_SHIFT, 0);
	assert_ptr_equal(conn_from_token(&table, conn_token(conn)), conn);
	assert_ptr_equal(
		conn_from_token(&table, conn_token(conn) | 3ull << CONN_TOKEN_KIND_SHIFT), conn);
	conn_release(&table, conn);
	conn_table_fini(&table);
}

static void connections_never_move(void **state)
{
	struct conn_table table;
	struct conn *first, *conn;

	conn_table_init(&table);
	conn_acquire(&table, 0, ADDR_TCP, &first);
	for (int i = 1; i < 5 * CONN_CHUNK_SLOTS; i++)
		assert_int_equal(conn_acquire(&table, i, ADDR_TCP, &conn), 0);
	assert_int_equal(table.open_count, 5 * CONN_CHUNK_SLOTS);
	assert_ptr_equal(conn_at(&table, 0), first);
	assert_null(conn_at(&table, 5 * CONN_CHUNK_SLOTS));
	assert_null(conn_at(&table, CONN_NO_SLOT));
	for (uint32_t slot = 0; slot < 5 * CONN_CHUNK_SLOTS; slot++)
		conn_release(&table, conn_at(&table, slot));
	assert_int_equal(table.open_count, 0);
	conn_table_fini(&table);
}

static void the_queue_has_each_once_and_in_order(void **state)
{
	struct conn_table table;
	struct conn *conns[3];

	conn_table_init(&table);
	assert_true(conn_queue_is_empty(&table));
	for (int i = 0; i < 3; i++)
		assert_int_equal(conn_acquire(&table, i, ADDR_TCP, &conns[i]), 0);
	conn_enqueue(&table, conns[2]);
	conn_enqueue(&table, conns[0]);
	conn_enqueue(&table, conns[2]); /* is there already */
	assert_int_equal(conn_take_queue(&table), conns[2]->slot);
	assert_true(conn_queue_is_empty(&table));
	assert_int_equal(conns[2]->next_slot, conns[0]->slot);
	assert_int_equal(conns[0]->next_slot, CONN_NO_SLOT);
	assert_int_equal(conn_take_queue(&table), CONN_NO_SLOT);
	for (int i = 0; i < 3; i++)
		conn_release(&table, conns[i]);
	conn_table_fini(&table);
}

static void the_first_reason_for_a_loss_counts(void **state)
{
	struct conn conn = { .flags = CONN_IN_USE };

	assert_false(conn_must_end(&conn));
	assert_int_equal(conn_close_reason(&conn), ENGINE_CLOSE_DONE);
	conn_lose(&conn, 0);
	assert_false(conn_must_end(&conn));
	conn_lose(&conn, -ECONNRESET);
	conn_lose(&conn, -EPIPE);
	assert_int_equal(conn.error, -ECONNRESET);
	assert_true(conn_must_end(&conn));
	assert_int_equal(conn_close_reason(&conn), ENGINE_CLOSE_LOST);
	conn.flags |= CONN_CUT; /* what is lost stays lost */
	assert_int_equal(conn_close_reason(&conn), ENGINE_CLOSE_LOST);
}

static void a_cut_connection_ends_though_it_is_to_close_later(void **state)
{
	struct conn conn = { .flags = CONN_IN_USE | CONN_CLOSE_WANTED };

	assert_false(conn_must_end(&conn));
	conn.flags |= CONN_CUT;
	assert_true(conn_must_end(&conn));
	assert_int_equal(conn_close_reason(&conn), ENGINE_CLOSE_CUT);
	conn_clear(&conn, CONN_CUT | CONN_QUEUED);
	assert_int_equal(conn.flags, CONN_IN_USE | CONN_CLOSE_WANTED);
}

static void all_are_cut_without_an_error(void **state)
{
	struct conn_table table;
	struct conn *one, *other;

	conn_table_init(&table);
	assert_int_equal(conn_acquire(&table, 5, ADDR_TCP, &one), 0);
	assert_int_equal(conn_acquire(&table, 6, ADDR_TCP, &other), 0);
	conn_lose(one, -ECONNRESET);
	conn_release(&table, other);
	conn_cut_all(&table);
	assert_int_equal(conn_close_reason(one), ENGINE_CLOSE_CUT);
	assert_int_equal(other->flags, 0); /* a free slot stays free */
	conn_release(&table, one);
	conn_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_dies_with_its_connection),
		cmocka_unit_test(tokens_leave_the_top_bits_free),
		cmocka_unit_test(connections_never_move),
		cmocka_unit_test(the_queue_has_each_once_and_in_order),
		cmocka_unit_test(the_first_reason_for_a_loss_counts),
		cmocka_unit_test(a_cut_connection_ends_though_it_is_to_close_later),
		cmocka_unit_test(all_are_cut_without_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
