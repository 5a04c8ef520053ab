/*
 * Waiting: one call hands over the orders and sleeps until the first answer. Two things are done before a
 * sleep, where busy polling is on (engine/spin.h):
 *
 * - Looking. Answers wait in the kernel until they are asked for, but a flag in shared memory says that
 *   there are some: so looking costs no system call.
 * - Gathering. A send is answered at once, so after a round with sends the next begins with whoever has
 *   written meanwhile: one or two connections, though hundreds are busy, and each pays for a call of its
 *   own. So a round that served several is followed by a pause half as long as it worked. Where the
 *   server has time to spare, that comes to nothing: less comes in the pause than was served before it, so the next
 *   one is shorter. Where it is the bottleneck, the rounds grow until a call serves dozens.
 */
#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "engine/uring_engine.h"

#define GATHER_MOST_NS (100 * CLOCK_NS_PER_US)

static bool is_answered(const struct uring_engine *engine)
{
	unsigned flags = IO_URING_READ_ONCE(*engine->ring.sq.kflags);

	return io_uring_cq_ready(&engine->ring) > 0 ||
		(flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static void pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static void gather(struct uring_engine *engine, uint64_t due_ns)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t rest_ns = (now_ns - engine->core.now_ns) / 2;
	uint64_t until_ns = now_ns + (rest_ns < GATHER_MOST_NS ? rest_ns : GATHER_MOST_NS);

	if (until_ns > due_ns)
		until_ns = due_ns;
	while (clock_now_ns() < until_ns)
		pause_processor();
}

/* Hands over the orders, and fetches what has been answered. */
static int exchange(struct uring_engine *engine)
{
	int r = io_uring_submit_and_get_events(&engine->ring);

	return r > 0 ? 0 : r;
}

/* Hands over sends, which are answered at once as a rule. After a round with several, see above. */
static int hand_over(struct uring_engine *engine, uint64_t due_ns)
{
	bool several = engine->received_count > 1 && engine->core.spin.limit_ns > 0 &&
		engine->core.spin.skip == 0;
	int r;

	if (!several)
		return exchange(engine);
	r = io_uring_submit(&engine->ring);
	if (r < 0)
		return r;
	gather(engine, due_ns);
	return exchange(engine);
}

/* True when an answer has come. */
static bool look(struct uring_engine *engine, uint64_t due_ns)
{
	int r = io_uring_sq_ready(&engine->ring) > 0 ? exchange(engine) : 0;

	while (r >= 0 && io_uring_cq_ready(&engine->ring) == 0) {
		if (is_answered(engine))
			r = exchange(engine);
		else if (spin_goes_on(&engine->core.spin, due_ns))
			pause_processor();
		else
			return false;
	}
	return r >= 0; /* otherwise the sleep will say the same */
}

static int sleep_until(struct uring_engine *engine, uint64_t due_ns)
{
	uint64_t now_ns, rest_ns;
	struct io_uring_cqe *cqe;

	if (due_ns == CLOCK_NEVER)
		return io_uring_submit_and_wait(&engine->ring, 1);
	now_ns = clock_now_ns();
	rest_ns = due_ns > now_ns ? due_ns - now_ns : 0;

	struct __kernel_timespec limit = {
		.tv_sec = (int64_t)(rest_ns / CLOCK_NS_PER_S),
		.tv_nsec = (int64_t)(rest_ns % CLOCK_NS_PER_S),
	};

	return io_uring_submit_and_wait_timeout(&engine->ring, &cqe, 1, &limit, NULL);
}

static bool has_answer(const struct uring_engine *engine)
{
	return io_uring_cq_ready(&engine->ring) > 0;
}

int uring_wait(struct uring_engine *engine, uint64_t due_ns)
{
	struct spin *spin = &engine->core.spin;
	bool may_wait = due_ns > engine->core.now_ns;
	int r = 0;

	if (may_wait && engine->send_count > 0)
		r = hand_over(engine, due_ns);
	if (may_wait && r >= 0 && !has_answer(engine) && spin_begins(spin))
		spin_ended(spin, look(engine, due_ns));
	if (r >= 0 && !has_answer(engine))
		r = sleep_until(engine, due_ns);
	engine->send_count = 0;
	engine->received_count = 0;
	if (io_uring_sq_ready(&engine->ring) == 0)
		engine->message_count = 0;
	if (r == -EAGAIN || r == -ENOMEM || r == -EBUSY) {
		/* The kernel has no memory for orders; those that were written stay. */
		poll(NULL, 0, 1);
		return 0;
	}
	return r < 0 && r != -ETIME && r != -EINTR ? r : 0;
}
