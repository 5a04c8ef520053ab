/*
 * io_uring. Its calls fail like any other. What the kernel does on order is no call of ours: there the order
 * itself is changed, before the kernel sees it, into one that does nothing, and its answer into the failure. So it is
 * as if the order had failed: nothing was received, nothing sent, no buffer taken, and it is over.
 *
 * Orders are called order_recv, order_send, ... Cancelling is left alone: it fails only where nothing is to be
 * cancelled, which would be a lie.
 */
#include "config.h"
#include "shim.h"

#if MEARI_HAVE_URING

#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MOST_STRUCK 64

/* Orders that were changed and not answered yet: of one thread, as its ring is. */
static _Thread_local struct {
	uint64_t token;
	int error;
} struck[MOST_STRUCK];
static _Thread_local unsigned struck_count;

static const char *name_of(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_RECV: return "order_recv";
	case IORING_OP_SEND: return "order_send";
	case IORING_OP_SENDMSG: return "order_sendmsg";
	case IORING_OP_POLL_ADD: return "order_poll_add";
	case IORING_OP_READ: return "order_read";
	default: return NULL;
	}
}

/* One byte and not the last, which is the urgent one where there is one. */
static void shorten(struct io_uring_sqe *sqe)
{
	static _Thread_local struct iovec vector;
	static _Thread_local struct msghdr message;
	size_t length = sqe->len;

	if (sqe->opcode == IORING_OP_SENDMSG) {
		/* The kernel copies both when it takes the order, which is before the next. */
		const struct msghdr *whole = (const struct msghdr *)(uintptr_t)sqe->addr;

		length = whole->msg_iov->iov_len;
		vector = (struct iovec){ .iov_base = whole->msg_iov->iov_base, .iov_len = 1 };
		message = (struct msghdr){ .msg_iov = &vector, .msg_iovlen = 1 };
		sqe->addr = (uintptr_t)&message;
	} else {
		sqe->len = 1;
	}
	if (length > 1)
		sqe->msg_flags &= ~(uint32_t)MSG_OOB;
	/* The kernel would take it for the whole, and a whole one may be silent. */
	sqe->flags &= (uint8_t)~IOSQE_CQE_SKIP_SUCCESS;
}

static void change(struct io_uring_sqe *sqe, int error)
{
	uint64_t token = sqe->user_data;

	if (error == SHIM_SHORT) {
		shorten(sqe);
		return;
	}
	if (struck_count == MOST_STRUCK)
		abort();
	struck[struck_count].token = token;
	struck[struck_count++].error = error;
	io_uring_prep_nop(sqe);
	sqe->user_data = token;
}

/* What is linked to a silent order (IOSQE_CQE_SKIP_SUCCESS) that fails is neither done nor answered. */
static void silence(struct io_uring_sqe *sqe)
{
	io_uring_prep_nop(sqe);
	sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

/* Those that are handed over now and have not been looked at: the kernel may have refused some before. */
static void look_at_orders(struct io_uring *ring)
{
	struct io_uring_sq *sq = &ring->sq;

	for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[i & *sq->kring_mask];
		const char *name = name_of(sqe);
		bool linked = sqe->flags & IOSQE_IO_LINK;
		int error = name != NULL ? shim_strike_order(name) : 0;

		if (error != 0)
			change(sqe, error);
		if (error != 0 && linked)
			silence(&sq->sqes[++i & *sq->kring_mask]);
	}
}

static bool is_struck(uint64_t token, int *ret_error)
{
	for (unsigned i = 0; i < struck_count; i++) {
		if (struck[i].token == token) {
			*ret_error = struck[i].error;
			struck[i] = struck[--struck_count];
			return true;
		}
	}
	return false;
}

/* Only the answers to what was changed: a token may have been another order's, long ago. */
static void look_at_answers(struct io_uring *ring)
{
	unsigned tail = io_uring_smp_load_acquire(ring->cq.ktail);

	for (unsigned i = *ring->cq.khead; struck_count > 0 && i != tail; i++) {
		struct io_uring_cqe *cqe = &ring->cq.cqes[i & *ring->cq.kring_mask];
		int error;

		if (cqe->res == 0 && cqe->flags == 0 && is_struck(cqe->user_data, &error))
			cqe->res = -error;
	}
}

#define WRAP(name, parameters, arguments)                                                          \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		int error = shim_strike(#name);                                                    \
                                                                                                   \
		return error != 0 ? -error : __real_##name arguments;                              \
	}
/* Those that hand orders over, or bring answers. */
#define WRAP_EXCHANGE(name, parameters, arguments)                                                 \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		int error = shim_strike(#name), r;                                                 \
                                                                                                   \
		if (error != 0)                                                                    \
			return -error;                                                             \
		look_at_orders(ring);                                                              \
		r = __real_##name arguments;                                                       \
		look_at_answers(ring);                                                             \
		return r;                                                                          \
	}

WRAP(io_uring_queue_init_params,
	(unsigned entries, struct io_uring *ring, struct io_uring_params *parameters),
	(entries, ring, parameters))
WRAP(io_uring_register_buf_ring,
	(struct io_uring * ring, struct io_uring_buf_reg *registration, unsigned flags),
	(ring, registration, flags))
WRAP(io_uring_register_ring_fd, (struct io_uring * ring), (ring))
WRAP(io_uring_register_sync_cancel,
	(struct io_uring * ring, struct io_uring_sync_cancel_reg *registration),
	(ring, registration))
WRAP_EXCHANGE(io_uring_submit, (struct io_uring * ring), (ring))
WRAP_EXCHANGE(io_uring_submit_and_get_events, (struct io_uring * ring), (ring))
WRAP_EXCHANGE(io_uring_submit_and_wait, (struct io_uring * ring, unsigned count), (ring, count))
WRAP_EXCHANGE(io_uring_submit_and_wait_timeout,
	(struct io_uring * ring, struct io_uring_cqe **ret, unsigned count,
		struct __kernel_timespec *limit, sigset_t *set),
	(ring, ret, count, limit, set))
WRAP_EXCHANGE(io_uring_get_events, (struct io_uring * ring), (ring))

struct io_uring_probe *__real_io_uring_get_probe_ring(struct io_uring *ring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring);

struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring)
{
	return shim_strike("io_uring_get_probe_ring") != 0 ? NULL
							   : __real_io_uring_get_probe_ring(ring);
}

#endif
