/*
 * Loops over workers. What they share is the time that is given to them: one that hangs uses up what is left of it,
 * and those that are asked after it still have a moment each (worker.c), so that they are not taken for hanging, too.
 */
#include "server/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"

/* For threads that are asked something. */
#define ANSWER_PATIENCE_NS (5 * CLOCK_NS_PER_S)
/* The same for who only looks: a page need not wait for a thread that hangs. */
#define FIGURES_PATIENCE_NS (500 * CLOCK_NS_PER_MS)
/* The same where a client of --control waits, and the main thread has more to do. */
#define ASKER_PATIENCE_NS (500 * CLOCK_NS_PER_MS)
/* For threads that were asked to end: they may have a million connections to close. */
#define END_PATIENCE_NS (20 * CLOCK_NS_PER_S)

static void complain(const struct crew *crew, unsigned which)
{
	log_error(_("thread %u of %u does not answer"), which + 1, crew->count);
}

static uint64_t answer_until_ns(void)
{
	return clock_after_ns(clock_now_ns(), ANSWER_PATIENCE_NS);
}

int crew_start(const struct crew *crew, unsigned *ret_missing)
{
	for (unsigned i = 0; i < crew->count; i++) {
		int r = worker_start(crew->workers[i]);

		if (r < 0) {
			log_error(_("cannot start thread %u of %u: %s"), i + 1, crew->count,
				strerror(-r));
			*ret_missing = crew->count - i;
			return r;
		}
	}
	*ret_missing = 0;
	for (unsigned i = 0; i < crew->count; i++) {
		int r = worker_wait_running(crew->workers[i]);

		if (r == -ETIMEDOUT)
			complain(crew, i);
		if (r < 0)
			return r; /* logged when the threads are joined */
	}
	return 0;
}

bool crew_sum(const struct crew *crew, struct counters *ret_sum)
{
	uint64_t until_ns = answer_until_ns();
	bool all = true;

	*ret_sum = (struct counters){ 0 };
	for (unsigned i = 0; i < crew->count; i++) {
		if (!worker_snapshot(crew->workers[i], until_ns, ret_sum)) {
			complain(crew, i);
			all = false;
		}
	}
	return all;
}

/* Whose turn it is to be looked at, where there are more threads than may be. */
static bool has_turn(unsigned which, unsigned first, unsigned count)
{
	return (which + count - first % count) % count < CREW_LOOKED_THREADS;
}

void crew_collect(const struct crew *crew, unsigned turn, struct figures *figures)
{
	unsigned looked = crew->count < CREW_LOOKED_THREADS ? crew->count : CREW_LOOKED_THREADS;
	uint64_t until_ns;

	for (unsigned i = 0; i < crew->count; i++) {
		bool looks = turn != CREW_NO_LOOKS &&
			has_turn(i, turn * CREW_LOOKED_THREADS, crew->count);

		worker_ask_figures(crew->workers[i], looks ? CREW_MOST_LOOKS / looked : 0);
	}
	until_ns = clock_after_ns(clock_now_ns(), FIGURES_PATIENCE_NS);
	for (unsigned i = 0; i < crew->count; i++)
		worker_add_figures(crew->workers[i], until_ns, figures->listeners, &figures->census,
			&figures->threads[i]);
}

void crew_ask(const struct crew *crew, struct counters *ret_sum, unsigned *ret_silent)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), ASKER_PATIENCE_NS);

	*ret_sum = (struct counters){ 0 };
	*ret_silent = 0;
	for (unsigned i = 0; i < crew->count; i++) {
		if (!worker_snapshot(crew->workers[i], until_ns, ret_sum))
			(*ret_silent)++;
	}
}

void crew_roster(const struct crew *crew, struct roster *ret_roster, unsigned *ret_silent)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), ASKER_PATIENCE_NS);

	*ret_roster = (struct roster){ .list = json_array() };
	*ret_silent = 0;
	for (unsigned i = 0; ret_roster->list != NULL && i < crew->count; i++) {
		struct roster one = { .most = ROSTER_MOST -
				(uint32_t)json_array_size(ret_roster->list) };

		if (!worker_roster(crew->workers[i], until_ns, &one))
			(*ret_silent)++;
		ret_roster->open += one.open;
		json_array_extend(ret_roster->list, one.list);
		json_decref(one.list);
	}
}

bool crew_set_access(const struct crew *crew, const struct access *access)
{
	uint64_t until_ns = answer_until_ns();
	bool all = true;

	for (unsigned i = 0; i < crew->count; i++) {
		if (!worker_set_access(crew->workers[i], access, until_ns)) {
			complain(crew, i);
			all = false;
		}
	}
	return all;
}

bool crew_set_own_addresses(const struct crew *crew, const struct own_addresses *own)
{
	uint64_t until_ns = answer_until_ns();
	bool all = true;

	for (unsigned i = 0; i < crew->count; i++) {
		if (!worker_set_own_addresses(crew->workers[i], own, until_ns)) {
			complain(crew, i);
			all = false;
		}
	}
	return all;
}

void crew_check_again(const struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++)
		worker_check_again(crew->workers[i]);
}

void crew_drain(const struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++)
		worker_drain(crew->workers[i]);
}

void crew_cut(const struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++)
		worker_cut(crew->workers[i]);
}

int crew_join(const struct crew *crew)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), END_PATIENCE_NS);
	int result = 0;

	for (unsigned i = 0; i < crew->count; i++) {
		int r = worker_join(crew->workers[i], until_ns);

		if (r == -ETIMEDOUT) {
			log_error(_("thread %u of %u does not end"), i + 1, crew->count);
			return -EBUSY;
		}
		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

void crew_free(struct crew *crew)
{
	for (unsigned i = 0; crew->workers != NULL && i < crew->count; i++)
		worker_free(crew->workers[i]);
	free(crew->workers);
	*crew = (struct crew){ 0 };
}
