/*
 * Deadlines of one engine: a hierarchical timing wheel (Varghese and Lauck, 1987). Setting, moving
 * and clearing one cost a few pointer writes, whatever their number; a tick is about a millisecond.
 * A timer never fires early, and at most a tick late (plus the time of the engine's round). Limits:
 * none; it allocates nothing. One thread. Ownership: a timer is part of its owner's struct, and
 * must be cleared before that is freed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_TICK_SHIFT 20 /* 2^20 ns: 1.05 ms */
#define TIMER_LEVELS 4
#define TIMER_SLOT_BITS 6
#define TIMER_SLOTS (1u << TIMER_SLOT_BITS)

/* Lives inside the thing that waits; zeroed means not set. */
struct timer {
	struct timer *next;
	struct timer **link; /* what points to this one; NULL while not set */
	uint64_t due_ns;
};

typedef void timer_fire_fn(void *context, struct timer *timer);

struct timer_wheel {
	uint64_t tick; /* every timer up to this tick has fired */
	size_t count;
	uint64_t occupied[TIMER_LEVELS]; /* a bit for each slot that is not empty */
	struct timer *slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns);

/* Sets or moves; CLOCK_NEVER clears. */
void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ns);
void timer_clear(struct timer_wheel *wheel, struct timer *timer);
static inline bool timer_is_set(const struct timer *timer)
{
	return timer->link != NULL;
}

/*
 * Fires every timer whose deadline has come; a timer is cleared before it fires, and may be set
 * again.
 */
void timer_advance(struct timer_wheel *wheel, uint64_t now_ns, timer_fire_fn *fire, void *context);

/*
 * When to call timer_advance next: no later than the next deadline needs; CLOCK_NEVER: none is set.
 */
uint64_t timer_next_ns(const struct timer_wheel *wheel);
