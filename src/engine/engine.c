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
#include "engine/epoll_engine.h"
#if MEARI_HAVE_URING
#include "engine/uring_engine.h"
#endif

/* epoll first: uring is for those who ask for it, until it is ahead everywhere. */
const struct engine_ops *const engine_list[] = {
	&epoll_engine_ops,
#if MEARI_HAVE_URING
	&uring_engine_ops,
#endif
	NULL,
};

int engine_choose(const char *name, const struct engine_ops **ret_ops, char *why, size_t size)
{
	bool automatic = strcmp(name, "auto") == 0;
	int r = -ENOENT;

	snprintf(why, size, "%s", _("no such engine"));
	for (size_t i = 0; engine_list[i] != NULL; i++) {
		if (!automatic && strcmp(engine_list[i]->name, name) != 0)
			continue;
		r = engine_list[i]->probe(why, size);
		if (r == 0) {
			*ret_ops = engine_list[i];
			return 0;
		}
	}
	return r;
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

int engine_listen(struct engine *engine, int fd, enum addr_scheme scheme)
{
	return engine->ops->listen(engine, fd, scheme);
}

int engine_adopt(struct engine *engine, int fd, enum addr_scheme scheme)
{
	return engine->ops->adopt(engine, fd, scheme);
}

int engine_run(struct engine *engine)
{
	return engine->ops->run(engine);
}

void engine_post(struct engine *engine, struct engine_task *task)
{
	task->next = NULL;
	pthread_mutex_lock(&engine->tasks_lock);
	*engine->tasks_last = task;
	engine->tasks_last = &task->next;
	pthread_mutex_unlock(&engine->tasks_lock);
	engine->ops->wake(engine);
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

unsigned engine_cut(struct engine *engine)
{
	engine_drain(engine);
	return engine->ops->cut(engine);
}
