/*
 * Waiting: one call hands over the orders and sleeps until the first answer. Where busy polling is on
 * (engine/spin.h), it looks first: answers wait in the kernel until they are asked for, but a flag in shared
 * memory says that there are some, so looking costs no system call.
 *
 * What it does not do is to wait for more answers than one, to share a call between more connections. That
 * was tried (a pause half as long as the last round had worked): a third of the calls an echo at 50
 * connections, and a quarter more processor time, because the peers stood still meanwhile.
 */
#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "engine/uring/uring_engine.h"

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
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
	__asm__ volatile("yield");
#endif
}

/* Hands over the orders, and fetches what has been answered. */
static int exchange(struct uring_engine *engine)
{
	int r = io_uring_submit_and_get_events(&engine->ring);

	return r > 0 ? 0 : r;
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
		r = exchange(engine); /* sends are answered at once, as a rule */
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
