/*
 * The timing wheel against a plain model: never early, at most two ticks late, each fired once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/timer.h"

#define TICK_NS (1ull << TIMER_TICK_SHIFT)
#define MANY 2000

struct entry {
	struct timer timer; /* first: a timer's address is its entry's */
	bool set;
	unsigned fired;
};

struct run {
	struct timer_wheel wheel;
	struct entry entries[MANY];
	uint64_t now_ns;
};

static void fire(void *context, struct timer *timer)
{
	struct run *run = context;
	struct entry *entry = (struct entry *)timer;

	assert_true(entry->set);
	assert_true(run->now_ns >= timer->due_ns);
	entry->set = false;
	entry->fired++;
}

static struct run *start(uint64_t now_ns)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->now_ns = now_ns;
	timer_wheel_init(&run->wheel, now_ns);
	return run;
}

static void advance(struct run *run, uint64_t to_ns)
{
	run->now_ns = to_ns;
	timer_advance(&run->wheel, to_ns, fire, run);
}

static void set(struct run *run, size_t index, uint64_t due_ns)
{
	timer_set(&run->wheel, &run->entries[index].timer, due_ns);
	run->entries[index].set = due_ns != CLOCK_NEVER;
}

static void it_fires_in_time_and_once(void **state)
{
	struct run *run = start(123456789);
	static const uint64_t delays_ms[] = { 0, 1, 2, 60, 63, 64, 65, 100, 4000, 4096, 5000,
		300000, 3600000, 20000000 };

	for (size_t i = 0; i < sizeof(delays_ms) / sizeof(delays_ms[0]); i++) {
		uint64_t due_ns = run->now_ns + delays_ms[i] * CLOCK_NS_PER_MS;
		unsigned before = run->entries[i].fired;

		set(run, i, due_ns);
		if (due_ns > run->now_ns) {
			advance(run, due_ns - 1);
			assert_int_equal(run->entries[i].fired, before);
		}
		advance(run, due_ns + 2 * TICK_NS);
		assert_int_equal(run->entries[i].fired, before + 1);
		assert_true(run->wheel.count == 0);
	}
	free(run);
}

static void next_is_never_later_than_needed(void **state)
{
	struct run *run = start(5000 * TICK_NS);

	assert_true(timer_next_ns(&run->wheel) == CLOCK_NEVER);
	for (uint64_t delay = 1; delay < 3ull * 3600 * CLOCK_NS_PER_S; delay = delay * 3 + 7) {
		uint64_t due_ns = run->now_ns + delay;
		unsigned rounds = 0;

		set(run, 0, due_ns);
		/* Sleeping until `next` each time must reach the deadline in a few steps. */
		while (run->entries[0].set) {
			uint64_t next_ns = timer_next_ns(&run->wheel);

			assert_true(next_ns != CLOCK_NEVER);
			assert_true(next_ns <= due_ns + 2 * TICK_NS);
			advance(run, next_ns > run->now_ns ? next_ns : run->now_ns + TICK_NS);
			assert_true(++rounds < 10);
		}
	}
	free(run);
}

static void it_agrees_with_a_model(void **state)
{
	struct run *run = start(77 * TICK_NS);
	unsigned seed = 4711;

	for (unsigned step = 0; step < 20000; step++) {
		size_t i = (size_t)rand_r(&seed) % MANY;
		unsigned scale = (unsigned)rand_r(&seed) % 34;
		uint64_t delay = ((uint64_t)rand_r(&seed) << 8) >> (33 - scale);

		switch ((unsigned)rand_r(&seed) % 4) {
		case 0: set(run, i, CLOCK_NEVER); break;
		case 1: advance(run, run->now_ns + delay / 64); break;
		default: set(run, i, run->now_ns + delay); break;
		}
		if (step % 64 != 0)
			continue;
		for (size_t j = 0; j < MANY; j++) {
			const struct entry *entry = &run->entries[j];

			assert_int_equal(entry->set, timer_is_set(&entry->timer));
			if (entry->set)
				assert_true(entry->timer.due_ns + 2 * TICK_NS > run->now_ns);
		}
	}
	advance(run, run->now_ns + 24ull * 3600 * CLOCK_NS_PER_S);
	assert_true(run->wheel.count == 0);
	free(run);
}

static struct timer_wheel *chained_wheel;
static struct timer chained[2];
static unsigned chained_count;

static void fire_chained(void *context, struct timer *timer)
{
	chained_count++;
	timer_clear(chained_wheel, &chained[0]);
	timer_clear(chained_wheel, &chained[1]);
	if (chained_count < 3)
		timer_set(chained_wheel, timer, timer->due_ns + TICK_NS);
}

static void a_callback_may_clear_and_set(void **state)
{
	static struct timer_wheel wheel;

	chained_wheel = &wheel;
	timer_wheel_init(&wheel, 0);
	timer_set(&wheel, &chained[0], TICK_NS);
	timer_set(&wheel, &chained[1], TICK_NS);
	timer_advance(&wheel, 100 * TICK_NS, fire_chained, NULL);
	assert_int_equal(chained_count, 3); /* the other one was cleared before its turn */
	assert_true(wheel.count == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_fires_in_time_and_once),
		cmocka_unit_test(next_is_never_later_than_needed),
		cmocka_unit_test(it_agrees_with_a_model),
		cmocka_unit_test(a_callback_may_clear_and_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
