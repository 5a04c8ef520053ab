/*
 * Waiting: one call submits the requests and sleeps until the first completion. With busy polling
 * (engine/spin.h), it polls first: completions wait in the kernel until they are fetched, but a
 * flag in shared memory shows that there are some, so a poll costs no system call.
 *
 * It does not wait for more than one completion, to share a call between more connections. That was
 * tried (a pause half as long as the last round had worked): a third of the calls an echo at 50
 * connections, and a quarter more processor time, because the peers stood still meanwhile.
 */
#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "engine/uring/uring_wait.h"

static bool is_completed(const struct uring_engine *engine)
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

/* Submits the requests, and fetches completions. */
static int exchange(struct uring_engine *engine)
{
	int r = io_uring_submit_and_get_events(&engine->ring);

	return r > 0 ? 0 : r;
}

/* Polls. True when a completion has come. */
static bool poll_completions(struct uring_engine *engine, uint64_t due_ns)
{
	int r = io_uring_sq_ready(&engine->ring) > 0 ? exchange(engine) : 0;

	while (r >= 0 && io_uring_cq_ready(&engine->ring) == 0) {
		if (is_completed(engine))
			r = exchange(engine);
		else if (spin_goes_on(&engine->core.spin, due_ns))
			pause_processor();
		else
			return false;
	}
	return r >= 0; /* otherwise the sleep returns the same error */
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

static bool has_completion(const struct uring_engine *engine)
{
	return io_uring_cq_ready(&engine->ring) > 0;
}

int uring_wait(struct uring_engine *engine, uint64_t due_ns)
{
	struct spin *spin = &engine->core.spin;
	bool may_wait = due_ns > engine->core.now_ns;
	int r = 0;

	if (may_wait && engine->send_count > 0)
		r = exchange(engine); /* sends complete at once, as a rule */
	if (may_wait && r >= 0 && !has_completion(engine) && spin_begins(spin))
		spin_ended(spin, poll_completions(engine, due_ns));
	if (r >= 0 && !has_completion(engine))
		r = sleep_until(engine, due_ns);
	engine->send_count = 0;
	engine->received_count = 0;
	if (io_uring_sq_ready(&engine->ring) == 0)
		engine->message_count = 0;
	if (r == -EAGAIN || r == -ENOMEM || r == -EBUSY) {
		/* The kernel has no memory for requests; those that were written stay. */
		poll(NULL, 0, 1);
		return 0;
	}
	return r < 0 && r != -ETIME && r != -EINTR ? r : 0;
}
