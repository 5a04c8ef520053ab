/*
 * A snapshot is never changed once it is shown: an answer that is sent slowly keeps the one it began with.
 */
#include "server/web/figures.h"

#include <errno.h>
#include <stdlib.h>

int figures_new(unsigned listeners, unsigned threads, struct figures **ret_figures)
{
	struct figures *figures = calloc(1, sizeof(*figures));

	if (figures == NULL)
		return -ENOMEM;
	figures->users = 1;
	figures->listener_count = listeners;
	figures->thread_count = threads;
	figures->listeners = calloc(listeners, sizeof(*figures->listeners));
	figures->threads = calloc(threads, sizeof(*figures->threads));
	if (figures->listeners == NULL || figures->threads == NULL) {
		figures_leave(figures);
		return -ENOMEM;
	}
	*ret_figures = figures;
	return 0;
}

struct figures *figures_use(struct figures *figures)
{
	figures->users++;
	return figures;
}

void figures_leave(struct figures *figures)
{
	if (figures == NULL || --figures->users > 0)
		return;
	free(figures->listeners);
	free(figures->threads);
	free(figures);
}

struct counters figures_sum(const struct figures *figures)
{
	struct counters sum = { 0 };

	for (unsigned i = 0; i < figures->listener_count; i++)
		counters_add(&sum, &figures->listeners[i].counters);
	return sum;
}
