/*
 * Four wheels of 64 slots. Level 0 turns once a tick; a slot of level n spans 64^n ticks. A
 * deadline sits in the level whose span it needs, and moves down when its slot comes up
 * ("cascading"). What lies beyond the last level (five hours) waits in its last slot and is placed
 * again from there.
 */
#include "engine/timer.h"

#include "base/clock.h"

#define SLOT_MASK (TIMER_SLOTS - 1)
#define SPAN_TICKS(level) (1ull << (TIMER_SLOT_BITS * (level)))
#define LAST_REACH_TICKS (SPAN_TICKS(TIMER_LEVELS) - SPAN_TICKS(TIMER_LEVELS - 1))

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns)
{
	*wheel = (struct timer_wheel){ .tick = now_ns >> TIMER_TICK_SHIFT };
}

/* The tick in which a deadline is surely past: rounded up. */
static uint64_t due_tick(uint64_t due_ns)
{
	return (due_ns >> TIMER_TICK_SHIFT) + 1;
}

/* `least_tick` is the first tick that has not fired yet. */
static void link_in(struct timer_wheel *wheel, struct timer *timer, uint64_t least_tick)
{
	uint64_t tick = due_tick(timer->due_ns);

	if (tick < least_tick)
		tick = least_tick;
	if (tick - wheel->tick > LAST_REACH_TICKS)
		tick = wheel->tick + LAST_REACH_TICKS;

	/* The lowest level that reaches as far as that. */
	unsigned level = 0;

	while (level < TIMER_LEVELS - 1 && tick - wheel->tick >= SPAN_TICKS(level + 1))
		level++;

	unsigned slot = (unsigned)(tick >> (TIMER_SLOT_BITS * level)) & SLOT_MASK;
	struct timer **head = &wheel->slots[level][slot];

	timer->next = *head;
	timer->link = head;
	if (*head != NULL)
		(*head)->link = &timer->next;
	*head = timer;
	wheel->occupied[level] |= 1ull << slot;
}

static void unlink_from(struct timer_wheel *wheel, struct timer *timer)
{
	*timer->link = timer->next;
	if (timer->next != NULL)
		timer->next->link = timer->link;
	timer->link = NULL;
	timer->next = NULL;
}

void timer_clear(struct timer_wheel *wheel, struct timer *timer)
{
	if (!timer_is_set(timer))
		return;
	unlink_from(
		wheel, timer); /* its slot's bit may stay: that costs one visit to an empty slot */
	wheel->count--;
}

void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ns)
{
	timer_clear(wheel, timer);
	if (due_ns == CLOCK_NEVER)
		return;
	timer->due_ns = due_ns;
	link_in(wheel, timer, wheel->tick + 1);
	wheel->count++;
}

/* Takes a slot's whole list out, to be fired or moved down. */
static struct timer *take_slot(struct timer_wheel *wheel, unsigned level, unsigned slot)
{
	struct timer *list = wheel->slots[level][slot];

	wheel->slots[level][slot] = NULL;
	wheel->occupied[level] &= ~(1ull << slot);
	return list;
}

static void cascade(struct timer_wheel *wheel, unsigned level)
{
	unsigned slot = (unsigned)(wheel->tick >> (TIMER_SLOT_BITS * level)) & SLOT_MASK;
	struct timer *list = take_slot(wheel, level, slot);

	while (list != NULL) {
		struct timer *timer = list;

		list = timer->next;
		timer->next = NULL;
		link_in(wheel, timer, wheel->tick);
	}
}

static void fire_slot(struct timer_wheel *wheel, timer_fire_fn *fire, void *context)
{
	unsigned slot = (unsigned)wheel->tick & SLOT_MASK;
	struct timer *list = take_slot(wheel, 0, slot);

	/* `fire` may clear others of this list: they stay linked to it until they are taken. */
	if (list != NULL)
		list->link = &list;
	while (list != NULL) {
		struct timer *timer = list;

		unlink_from(wheel, timer);
		wheel->count--;
		fire(context, timer);
	}
}

/* The next tick at which something has to be done; what is empty is skipped in one step. */
static uint64_t next_busy_tick(const struct timer_wheel *wheel)
{
	uint64_t best = UINT64_MAX;

	for (unsigned level = 0; level < TIMER_LEVELS; level++) {
		if (wheel->occupied[level] == 0)
			continue;
		unsigned shift = TIMER_SLOT_BITS * level;
		uint64_t position = (wheel->tick >> shift) + 1;
		unsigned turn = (unsigned)position & SLOT_MASK;
		uint64_t rotated = wheel->occupied[level] >> turn |
			(turn > 0 ? wheel->occupied[level] << (TIMER_SLOTS - turn) : 0);
		uint64_t tick = (position + (unsigned)__builtin_ctzll(rotated)) << shift;

		if (tick < best)
			best = tick;
	}
	return best;
}

void timer_advance(struct timer_wheel *wheel, uint64_t now_ns, timer_fire_fn *fire, void *context)
{
	uint64_t now_tick = now_ns >> TIMER_TICK_SHIFT;

	while (wheel->tick < now_tick) {
		uint64_t next = wheel->count > 0 ? next_busy_tick(wheel) : UINT64_MAX;

		if (next > now_tick) {
			wheel->tick = now_tick;
			break;
		}
		wheel->tick = next;
		/* From the top: what comes down from one level may belong into the next at once. */
		for (unsigned level = TIMER_LEVELS - 1; level > 0; level--) {
			if ((next & (SPAN_TICKS(level) - 1)) == 0)
				cascade(wheel, level);
		}
		fire_slot(wheel, fire, context);
	}
}

uint64_t timer_next_ns(const struct timer_wheel *wheel)
{
	if (wheel->count == 0)
		return CLOCK_NEVER;

	uint64_t tick = next_busy_tick(wheel);

	return tick == UINT64_MAX ? CLOCK_NEVER : tick << TIMER_TICK_SHIFT;
}
