/*
 * The submission queue. What is written into it is submitted with the round's wait, or here when it
 * is full.
 */
#include "engine/uring/uring_core.h"

#include "base/clock.h"

/* The kernel had no memory for one connection: so long it has no turn, and the others go on. */
#define SHORT_RETRY_NS (1 * CLOCK_NS_PER_MS)

/* True when the kernel has taken all that was written. */
static bool submit(struct uring_engine *engine)
{
	io_uring_submit(&engine->ring);
	if (io_uring_sq_ready(&engine->ring) > 0)
		return false;
	engine->message_count = 0;
	return true;
}

struct io_uring_sqe *uring_core_place(struct uring_engine *engine)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&engine->ring);

	if (sqe == NULL && submit(engine))
		sqe = io_uring_get_sqe(&engine->ring);
	if (sqe == NULL)
		engine->memory_short = true;
	return sqe;
}

bool uring_core_has_places(struct uring_engine *engine, unsigned count)
{
	return io_uring_sq_space_left(&engine->ring) >= count ||
		(submit(engine) && io_uring_sq_space_left(&engine->ring) >= count);
}

void uring_core_order(struct uring_engine *engine, struct io_uring_sqe *sqe, uint64_t token)
{
	io_uring_sqe_set_data64(sqe, token);
	engine->ordered_count++;
}

struct io_uring_sqe *uring_core_place_message(
	struct uring_engine *engine, struct uring_message **reterr_message)
{
	struct io_uring_sqe *sqe = NULL;

	if (engine->message_count < URING_CORE_MESSAGES || submit(engine))
		sqe = uring_core_place(engine);
	else
		engine->memory_short = true;
	/* Only now: to find a place, all may have been submitted. */
	*reterr_message = &engine->messages[engine->message_count];
	return sqe;
}

uint64_t uring_core_receive_token(const struct conn *conn, bool large)
{
	return uring_core_token(
		large ? URING_CORE_RECEIVE_LARGE : URING_CORE_RECEIVE_SMALL, conn_token(conn));
}

void uring_core_order_receive(
	struct uring_engine *engine, struct conn *conn, struct io_uring_sqe *sqe, bool large)
{
	if (large)
		conn->flags |= CONN_RECEIVING_LARGE;
	else
		conn_clear(conn, CONN_RECEIVING_LARGE);
	uring_core_order(engine, sqe, uring_core_receive_token(conn, large));
	conn->flags |= CONN_RECEIVING;
}

void uring_core_note_short(struct uring_engine *engine, struct conn *conn)
{
	conn->flags |= CONN_SHORT;
	engine->short_until_ns = engine->core.now_ns + SHORT_RETRY_NS;
}
