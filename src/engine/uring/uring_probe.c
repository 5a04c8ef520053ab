/*
 * Each feature is tried on a small ring of its own. Three are not in any list of features:
 * - a multishot receive can be bounded (older kernels refuse the field that carries the total);
 * - it reports the end of stream also when bytes and end have come together (kernels before 7.0
 *   without the fix of 2026 lose that wake-up on unix sockets, and wait for ever);
 * - a send without a completion for success has one all the same if it fails or comes up short.
 * Without one of the first two, receives are ordered one by one: slower, and as exact; without the
 * third, each send has a completion.
 */
#include "engine/uring/uring_probe.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "engine/uring/uring_ring.h"

#define GROUP 1
#define BUFFERS 8
#define BUFFER_BYTES 16
#define MUCH_BYTES (256 * 1024)

/* ---- what cannot be done without ---- */

static bool has_operations(struct io_uring *ring)
{
	static const int needed[] = { IORING_OP_ACCEPT, IORING_OP_ASYNC_CANCEL, IORING_OP_POLL_ADD,
		IORING_OP_READ, IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG };
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool all = probe != NULL;

	for (size_t i = 0; all && i < sizeof(needed) / sizeof(needed[0]); i++)
		all = io_uring_opcode_supported(probe, needed[i]);
	if (probe != NULL)
		io_uring_free_probe(probe);
	return all;
}

static const char *missing(struct io_uring *ring)
{
	unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL |
		IORING_FEAT_EXT_ARG;

	if ((ring->features & needed) != needed || !has_operations(ring))
		return _("this kernel's io_uring is too old");
	return NULL;
}

static const char *words_for(int error)
{
	switch (error) {
	case -ENOSYS: return _("this kernel has no io_uring");
	case -EPERM:
	case -EACCES:
		return _("io_uring is forbidden here (by a seccomp filter, or by the sysctl "
			 "kernel.io_uring_disabled)");
	case -ENOMEM: return _("not enough memory for io_uring (see 'ulimit -l' on older kernels)");
	default: return strerror(-error);
	}
}

/* ---- a multishot receive ---- */

struct trial {
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	unsigned char memory[BUFFERS][BUFFER_BYTES];
	unsigned char much[MUCH_BYTES]; /* more than a small socket takes */
	int ends[2]; /* ours, the peer's */
};

static int provide(struct trial *trial)
{
	struct io_uring_buf_reg registration = { .ring_entries = BUFFERS, .bgid = GROUP };
	int r = -posix_memalign((void **)&trial->buffers, (size_t)sysconf(_SC_PAGESIZE),
		BUFFERS * sizeof(struct io_uring_buf));

	if (r < 0)
		return r;
	registration.ring_addr = (uintptr_t)trial->buffers;
	r = io_uring_register_buf_ring(&trial->ring, &registration, 0);
	if (r < 0)
		return r;
	io_uring_buf_ring_init(trial->buffers);
	for (unsigned i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(trial->buffers, trial->memory[i], BUFFER_BYTES,
			(unsigned short)i, io_uring_buf_ring_mask(BUFFERS), (int)i);
	io_uring_buf_ring_advance(trial->buffers, BUFFERS);
	return 0;
}

/* The next completion's result; -ETIME if there is none. Never waits long: all has happened. */
static int next_result(struct trial *trial, bool *ret_more)
{
	struct __kernel_timespec limit = { .tv_nsec = 20 * 1000 * 1000 };
	struct io_uring_cqe *cqe = NULL;
	int r = io_uring_submit_and_wait_timeout(&trial->ring, &cqe, 1, &limit, NULL);

	if (cqe == NULL)
		return r < 0 ? r : -ETIME;
	r = cqe->res;
	*ret_more = (cqe->flags & IORING_CQE_F_MORE) != 0;
	io_uring_cqe_seen(&trial->ring, cqe);
	return r;
}

static bool order_receive(struct trial *trial, uint32_t once, uint32_t total)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&trial->ring);

	if (sqe == NULL)
		return false;
	io_uring_prep_recv_multishot(sqe, trial->ends[0], NULL, once, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	uring_abi_set_receive_total(sqe, total);
	io_uring_sqe_set_data64(sqe, 0);
	/* It must wait already when the bytes come. */
	return io_uring_submit(&trial->ring) == 1 && io_uring_get_events(&trial->ring) >= 0;
}

/* Never more than 4 at once and done once 5 are reached: 4 and 4 of 12, and nothing after. */
static bool is_bounded(struct trial *trial)
{
	bool more = false;

	if (!order_receive(trial, 4, 5) ||
		send(trial->ends[1], "abcdefghijkl", 12, MSG_NOSIGNAL) != 12)
		return false;
	return next_result(trial, &more) == 4 && more && next_result(trial, &more) == 4 && !more;
}

/* Leftover bytes, then bytes and end at once: the end must be reported. */
static bool reports_the_end(struct trial *trial)
{
	bool more = false;

	if (!order_receive(trial, BUFFER_BYTES, 1000) || next_result(trial, &more) != 4 || !more ||
		send(trial->ends[1], "xyz", 3, MSG_NOSIGNAL) != 3 ||
		shutdown(trial->ends[1], SHUT_WR) < 0)
		return false;
	return next_result(trial, &more) == 3 && more && next_result(trial, &more) == 0 && !more;
}

/* ---- a send that is answered only where it is not complete at once ---- */

static bool order_send(struct trial *trial, const void *bytes, size_t length)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&trial->ring);

	if (sqe == NULL)
		return false;
	io_uring_prep_send(
		sqe, trial->ends[0], bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, 0);
	return io_uring_submit(&trial->ring) == 1;
}

static bool is_answered(struct trial *trial)
{
	return io_uring_get_events(&trial->ring) < 0 || io_uring_cq_ready(&trial->ring) > 0;
}

/*
 * One that is done says nothing; of one that is too much, what has left; of one that cannot be,
 * why.
 */
static bool is_quiet(struct trial *trial)
{
	int small = 0; /* the least that there can be */
	bool more;
	int r;

	if (setsockopt(trial->ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) < 0 ||
		!order_send(trial, "x", 1) || is_answered(trial) ||
		recv(trial->ends[1], trial->memory, 1, MSG_DONTWAIT) != 1 ||
		!order_send(trial, trial->much, sizeof(trial->much)))
		return false;
	r = next_result(trial, &more);
	return r > 0 && r < (int)sizeof(trial->much) &&
		recv(trial->ends[1], trial->much, sizeof(trial->much), MSG_DONTWAIT) == r &&
		shutdown(trial->ends[0], SHUT_WR) == 0 && order_send(trial, "x", 1) &&
		next_result(trial, &more) == -EPIPE;
}

static void try_sends(struct trial *trial, struct uring_probe *ret_probe)
{
	if (!(trial->ring.features & IORING_FEAT_CQE_SKIP) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, trial->ends) < 0)
		return;
	ret_probe->send_quiet = is_quiet(trial);
	close(trial->ends[0]);
	close(trial->ends[1]);
}

static void try_multishot(struct trial *trial, struct uring_probe *ret_probe)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, trial->ends) < 0)
		return;
	ret_probe->receive_bounded = is_bounded(trial);
	ret_probe->receive_multishot = ret_probe->receive_bounded && reports_the_end(trial);
	close(trial->ends[0]);
	close(trial->ends[1]);
}

/* ---- all of it ---- */

static int find_out(struct uring_probe *ret_probe, const char **ret_words)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	int r = trial == NULL
		? -ENOMEM
		: uring_ring_open(BUFFERS, &trial->ring, &ret_probe->task_work_deferred);

	if (r < 0) {
		*ret_words = words_for(r);
		free(trial);
		return r;
	}
	*ret_words = missing(&trial->ring);
	if (*ret_words == NULL && provide(trial) < 0)
		*ret_words = _("this kernel's io_uring has no rings of buffers (Linux 5.19 has)");
	if (*ret_words == NULL) {
		try_multishot(trial, ret_probe);
		try_sends(trial, ret_probe);
	} else
		r = -EOPNOTSUPP;
	uring_ring_close(&trial->ring);
	free(trial->buffers);
	free(trial);
	return r;
}

struct errand {
	struct uring_probe probe;
	const char *words;
	int result;
};

static void *run_errand(void *data)
{
	struct errand *errand = data;

	errand->result = find_out(&errand->probe, &errand->words);
	return NULL;
}

int uring_probe_all(struct uring_probe *ret_probe, char *why, size_t size)
{
	struct errand errand = { 0 };
	pthread_t thread;
	/* A ring that goes interrupts whatever its maker does then: so its maker goes before. */
	int r = -pthread_create(&thread, NULL, run_errand, &errand);

	if (r < 0) {
		snprintf(why, size, "pthread_create: %s", strerror(-r));
		return r;
	}
	pthread_join(thread, NULL);
	if (errand.result < 0)
		snprintf(why, size, "%s", errand.words);
	else
		*ret_probe = errand.probe;
	return errand.result;
}
