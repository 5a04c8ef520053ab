/*
 * The one place where the protocol is called about connections, and where its answers are read.
 */
#include "engine/drive.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"

static void apply(struct engine *engine, struct conn *conn, const struct protocol_answer *answer)
{
	conn->credit = answer->credit;
	switch (answer->end) {
	case PROTOCOL_GO_ON: break;
	case PROTOCOL_FINISH: conn->flags |= CONN_FINISH_WANTED; break;
	case PROTOCOL_CLOSE: conn->flags |= CONN_CLOSE_WANTED; break;
	case PROTOCOL_RESET: conn->flags |= CONN_CUT | CONN_RESET; break;
	}
	if (answer->wake_ns != 0)
		timer_set(&engine->timers, &conn->timer, answer->wake_ns);
}

void drive_report(struct engine *engine, struct conn *conn, const struct protocol_event *event,
	struct protocol_answer *ret_answer)
{
	*ret_answer = (struct protocol_answer){ .credit = conn->credit };
	engine->protocol->handle(engine->protocol, &conn->protocol, event, ret_answer);
	apply(engine, conn, ret_answer);
}

void drive_open(
	struct engine *engine, struct conn *conn, unsigned tag, struct protocol_answer *ret_answer)
{
	struct protocol_event event = {
		.kind = PROTOCOL_OPENED,
		.tag = tag,
	};

	assert(conn->flags & CONN_IN_USE && !conn_must_end(conn));
	if (conn->flags & CONN_CONNECTING) {
		conn_clear(conn, CONN_CONNECTING);
		timer_clear(&engine->timers, &conn->timer); /* the time limit of connecting */
	}
	if (engine->host->opened != NULL) {
		struct engine_conn view = conn_view(conn);

		view.tag = tag;
		engine->host->opened(engine->context, &view);
	}
	drive_report(engine, conn, &event, ret_answer);
}

struct timer_round {
	struct engine *engine;
	void (*touched)(struct engine *engine, struct conn *conn, struct protocol_answer *answer);
};

static void fire(void *context, struct timer *timer)
{
	struct timer_round *round = context;
	struct conn *conn = (struct conn *)((char *)timer - __builtin_offsetof(struct conn, timer));
	struct protocol_event event = { .kind = PROTOCOL_DEADLINE };
	struct protocol_answer answer = { 0 };

	if (timer == &round->engine->postponed.timer) {
		postponed_send_due(round->engine);
		return;
	}
	if (conn->flags & CONN_CONNECTING)
		conn_lose(conn, -ETIMEDOUT);
	else if (!(conn->flags & CONN_PREFACE)) /* which sees it by itself, in its turn */
		drive_report(round->engine, conn, &event, &answer);
	round->touched(round->engine, conn, &answer);
}

void drive_timers(struct engine *engine,
	void (*touched)(struct engine *engine, struct conn *conn, struct protocol_answer *answer))
{
	struct timer_round round = { .engine = engine, .touched = touched };

	timer_advance(&engine->timers, engine->now_ns, fire, &round);
}

bool drive_is_condemned(const struct conn *conn, engine_condemn_fn *condemned, void *context)
{
	struct engine_conn view = conn_view(conn);

	return condemned == NULL || condemned(context, &view);
}

static bool has_unsent_bytes(const struct engine *engine, const struct conn *conn)
{
	const struct protocol *protocol = engine->protocol;

	return !output_is_empty(conn->output) ||
		(protocol->holds_bytes != NULL && !(conn->flags & CONN_UNTOLD) &&
			protocol->holds_bytes(protocol, &conn->protocol));
}

bool drive_ends_with_reset(const struct engine *engine, const struct conn *conn)
{
	switch (conn_close_reason(conn)) {
	case ENGINE_CLOSE_DONE: return false;
	case ENGINE_CLOSE_LOST: return true;
	case ENGINE_CLOSE_CUT: break;
	}
	return conn->flags & CONN_RESET || has_unsent_bytes(engine, conn);
}

void drive_close(struct engine *engine, struct conn *conn)
{
	enum engine_close_reason reason = conn_close_reason(conn);

	assert(conn->flags & CONN_IN_USE);
	if (reason == ENGINE_CLOSE_LOST && !(conn->flags & CONN_PREFACE)) {
		struct protocol_event event = { .kind = PROTOCOL_LOST, .error = conn->error };
		struct protocol_answer ignored;

		drive_report(engine, conn, &event, &ignored);
	}
	if (conn->flags & CONN_PREFACE)
		conn->protocol = (struct protocol_conn){ 0 }; /* it was the preface's */
	if (engine->host->closed != NULL) {
		struct engine_conn view = conn_view(conn);

		engine->host->closed(engine->context, &view, reason, conn->error);
	}
	timer_clear(&engine->timers, &conn->timer);
	output_free(conn->output);
	conn->output = NULL;
	output_free(conn->held);
	conn->held = NULL;
	if (__builtin_expect(conn->flags & CONN_BULK_ONCE, 0))
		bulk_pipe_pool_leave(&engine->pipes);
	conn_release(&engine->conns, conn);
}
