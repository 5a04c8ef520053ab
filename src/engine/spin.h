/*
 * Busy polling: polling before sleeping. A thread that sleeps must be woken, and if that means
 * waking another processor, it costs both sides far more than a message does; a thread that polls
 * finds the next message at once, but keeps its processor busy. This file decides between the two;
 * how to poll is the engine's own part. It reads only the monotonic clock and allocates nothing.
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct spin {
	uint64_t
		limit_ns; /* 0: never; ENGINE_BUSY_POLL_AUTO; else so long after the last traffic */
	uint64_t traffic_ns; /* when something last came */
	/* Of the search under way; 0 until the clock has been read. */
	uint64_t since_ns, last_ns, until_ns;
	uint32_t futile; /* searches in a row that found nothing, as a power of two */
	uint32_t skip; /* so many sleeps come without a search */
	/* Since searches were last judged: how many found something, and after a wait. */
	uint32_t found, saved;
	long preempted; /* how often the thread had lost its processor by then */
	bool fresh; /* something has come since the last sleep */
};

void spin_init(struct spin *spin, uint64_t limit_ns);

/* Something came from a peer. */
static inline void spin_note_traffic(struct spin *spin, uint64_t now_ns)
{
	spin->traffic_ns = now_ns;
	spin->fresh = true;
}

/* Before a sleep: true if it is worth polling first. Polls follow, then spin_ended(). */
bool spin_begins(struct spin *spin);
/*
 * After a poll that found nothing: whether to poll again. Never past `due_ns`, when something else
 * is due.
 */
bool spin_goes_on(struct spin *spin, uint64_t due_ns);
void spin_ended(struct spin *spin, bool found);
