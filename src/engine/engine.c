/*
 * The list of engines, the choice between them, and the calls that are the same for all.
 */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "config.h"
#include "engine/core.h"
#include "engine/outgoing.h"

/* epoll first: uring is used on request only, until it is ahead everywhere. */
const struct engine_ops *const engine_list[] = {
	&epoll_engine_ops,
#if MEARI_HAVE_URING
	&uring_engine_ops,
#endif
	NULL,
};

/*
 * The rule of "auto", here and nowhere else. Measured with compare/run on Linux 6.18, on two
 * machines; processor time for an echo, uring to epoll: 0.98 and 1.06 with one connection (and a
 * round trip of 7.2 us to 6.8), 0.87 to 0.98 with 50, 0.88 to 0.99 with 1,000, 0.95 and 1.0 with
 * 10,000, 1.04 for 16 KiB, 1.0 and 1.2 in bulk, 1.0 for datagrams. The load is
 * not known beforehand; epoll is ahead in bulk and in round trips, and works everywhere.
 */
const struct engine_ops *engine_favourite(const char **ret_reason)
{
	*ret_reason = _("bulk and single round trips cost it least, and it works everywhere");
	return &epoll_engine_ops;
}

static const struct engine_ops *find(const struct engine_ops *const *list, const char *name)
{
	for (size_t i = 0; list[i] != NULL; i++) {
		if (strcmp(list[i]->name, name) == 0)
			return list[i];
	}
	return NULL;
}

/* The first engine that can work here, other than the favourite, which cannot. */
static const struct engine_ops *find_substitute(
	const struct engine_ops *const *list, const struct engine_ops *favourite)
{
	char ignored[1];

	for (size_t i = 0; list[i] != NULL; i++) {
		if (list[i] != favourite && list[i]->probe(ignored, sizeof(ignored)) == 0)
			return list[i];
	}
	return NULL;
}

int engine_choose_among(const struct engine_ops *const *list, const struct engine_ops *favourite,
	const char *name, const struct engine_ops **ret_ops, char *reterr_why, size_t size)
{
	bool automatic = strcmp(name, "auto") == 0;
	const struct engine_ops *ops = automatic ? favourite : find(list, name);
	int r;

	if (ops == NULL) {
		snprintf(reterr_why, size, "%s", _("no such engine"));
		return -ENOENT;
	}
	r = ops->probe(reterr_why, size);
	if (r == 0)
		reterr_why[0] = '\0';
	else if (automatic)
		ops = find_substitute(list, favourite);
	if (ops == NULL || (r < 0 && !automatic))
		return r;
	*ret_ops = ops;
	return 0;
}

int engine_choose(
	const char *name, const struct engine_ops **ret_ops, char *reterr_why, size_t size)
{
	const char *reason;

	return engine_choose_among(
		engine_list, engine_favourite(&reason), name, ret_ops, reterr_why, size);
}

int engine_new(const struct engine_ops *ops, const struct engine_options *options,
	struct protocol *protocol, const struct engine_host *host, void *context,
	struct engine **ret_engine)
{
	struct engine *engine;
	int r = ops->create(options, &engine);

	if (r < 0)
		return r;
	engine->ops = ops;
	engine->protocol = protocol;
	engine->host = host;
	engine->context = context;
	*ret_engine = engine;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (engine != NULL)
		engine->ops->destroy(engine);
}

int engine_listen(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	return engine->ops->listen(engine, fd, scheme, tag);
}

int engine_adopt(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag)
{
	return engine->ops->adopt(engine, fd, scheme, tag);
}

int engine_connect(
	struct engine *engine, const struct engine_connect_options *options, uint64_t *ret_name)
{
	struct conn *conn;
	int r = engine->draining ? -ESHUTDOWN : outgoing_begin(engine, options, &conn);

	if (r < 0)
		return r;
	*ret_name = conn_token(conn);
	engine->ops->connect(engine, conn);
	return 0;
}

void engine_pace_by(struct engine *engine, uint64_t when_ns)
{
	if (when_ns < engine->pace_ns)
		engine->pace_ns = when_ns;
}

bool engine_nudge(struct engine *engine, uint64_t name)
{
	struct conn *conn = conn_from_token(&engine->conns, name);

	if (conn == NULL || conn->flags & CONN_UNTOLD)
		return false;
	engine->ops->nudge(engine, conn);
	return true;
}

void engine_nudge_all(struct engine *engine)
{
	for (uint32_t slot = 0; slot < engine->conns.used_slots; slot++) {
		struct conn *conn = conn_at(&engine->conns, slot);

		if (conn != NULL && !(conn->flags & CONN_UNTOLD))
			engine->ops->nudge(engine, conn);
	}
}

uint32_t engine_look(struct engine *engine, uint32_t from, uint32_t most_slots,
	engine_look_fn *look, void *context)
{
	uint32_t used = engine->conns.used_slots, slot = from;
	bool more = true;

	for (; more && slot < used && slot - from < most_slots; slot++) {
		struct conn *conn = conn_at(&engine->conns, slot);

		if (conn != NULL && !(conn->flags & CONN_UNTOLD) && !conn_must_end(conn)) {
			struct engine_conn view = conn_view(conn);

			more = look(context, &view);
		}
	}
	return slot < used ? slot : 0;
}

int engine_run(struct engine *engine)
{
	core_block_sigpipe(engine);
	return engine->ops->run(engine);
}

void engine_post(struct engine *engine, struct engine_task *task)
{
	task->next = NULL;
	pthread_mutex_lock(&engine->tasks_lock);
	*engine->tasks_last = task;
	engine->tasks_last = &task->next;
	pthread_mutex_unlock(&engine->tasks_lock);
	core_wake(engine);
}

void engine_run_tasks(struct engine *engine)
{
	core_run_tasks(engine);
}

void engine_drain(struct engine *engine)
{
	if (engine->draining)
		return;
	engine->draining = true;
	engine->ops->stop_listening(engine);
}

void engine_recheck(struct engine *engine)
{
	if (engine->ops->recheck != NULL && !engine->draining)
		engine->ops->recheck(engine);
}

unsigned engine_cut(struct engine *engine)
{
	engine_drain(engine);
	return engine->ops->cut(engine, NULL, NULL);
}

void engine_visit(struct engine *engine,
	bool (*visit)(void *context, const struct engine_conn *conn), void *context)
{
	bool more = true;

	for (uint32_t slot = 0; more && slot < engine->conns.used_slots; slot++) {
		const struct conn *conn = conn_at(&engine->conns, slot);

		if (conn != NULL && !(conn->flags & CONN_UNTOLD)) {
			struct engine_conn view = conn_view(conn);

			more = visit(context, &view);
		}
	}
}

uint32_t engine_count(const struct engine *engine)
{
	return engine->conns.open_count;
}

unsigned engine_cut_some(struct engine *engine, engine_condemn_fn *condemned, void *context)
{
	return engine->ops->cut(engine, condemned, context);
}
