/*
 * With a time given, the rule is simple: poll as long as the last traffic is not older than that.
 *
 * "auto" is the default. It polls for no longer than a sleep with its wake-up costs; so it never
 * costs more than twice the better choice, whatever comes (the ski-rental problem). And it learns:
 * polling becomes rarer, down to once in 1,024 sleeps, in three cases. Polling found nothing: the
 * peer is slow. Another program had to take this processor from us to do its work: often that is
 * the very peer that we wait for. Something was nearly always there at once: there is no sleep to
 * save, and after a sleep there is more to do at a time.
 */
#include "engine/spin.h"

#include <sys/resource.h>

#include "base/clock.h"
#include "engine/engine.h"

/*
 * What a sleep costs: 15 to 25 microseconds of both processors' time between two cores of a virtual
 * machine (compare/run, cell tcp-64x1: CPU per echo with and without sleeping).
 */
#define AUTO_NS (20 * CLOCK_NS_PER_US)
#define MOST_FUTILE 10
/* So many searches are judged together. */
#define JUDGED 16
/* So much time passes anyway before a call that waits has gone to sleep. */
#define AWAKE_NS 500

void spin_init(struct spin *spin, uint64_t limit_ns)
{
	*spin = (struct spin){ .limit_ns = limit_ns };
}

bool spin_begins(struct spin *spin)
{
	if (spin->limit_ns == 0)
		return false;
	if (spin->limit_ns == ENGINE_BUSY_POLL_AUTO) {
		/* Only a message makes another likely: a timer does not. */
		if (!spin->fresh)
			return false;
		spin->fresh = false;
		if (spin->skip > 0) {
			spin->skip--;
			return false;
		}
	}
	spin->since_ns = 0;
	spin->last_ns = 0;
	spin->until_ns = 0;
	return true;
}

bool spin_goes_on(struct spin *spin, uint64_t due_ns)
{
	uint64_t now_ns = clock_now_ns();

	/* Read only now: if the first poll finds something, the clock is not needed. */
	if (spin->until_ns == 0) {
		spin->since_ns = now_ns;
		spin->until_ns = spin->limit_ns == ENGINE_BUSY_POLL_AUTO
			? now_ns + AUTO_NS
			: clock_after_ns(spin->traffic_ns, spin->limit_ns);
	}
	spin->last_ns = now_ns;
	return now_ns < spin->until_ns && now_ns < due_ns;
}

/* How often this thread has been preempted. */
static long preempted_count(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : usage.ru_nivcsw;
}

/*
 * False when the processor was taken from us for half of what was found, or there was little to
 * save.
 */
static bool is_worth_it(struct spin *spin)
{
	long preempted = preempted_count();
	bool worth_it = preempted - spin->preempted < JUDGED / 2 && spin->saved >= JUDGED / 4;

	spin->preempted = preempted;
	spin->found = 0;
	spin->saved = 0;
	return worth_it;
}

void spin_ended(struct spin *spin, bool found)
{
	if (found && spin->last_ns - spin->since_ns >= AWAKE_NS)
		spin->saved++;
	if (!found) {
		spin->skip = 1u << spin->futile;
		if (spin->futile < MOST_FUTILE)
			spin->futile++;
	} else if (++spin->found >= JUDGED && !is_worth_it(spin)) {
		spin->skip = 1u << MOST_FUTILE;
	} else {
		spin->futile = 0;
		spin->skip = 0;
	}
}
