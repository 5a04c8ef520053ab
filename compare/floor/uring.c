/*
 * The limit of completion loops (io_uring), tcp and unix streams: multishot accept into the ring's own
 * table of files, multishot receive from a ring of provided buffers, one send for what was received from the
 * very same buffer, and one system call for everything that has gathered.
 *
 * Left out: two sends of one connection may be under way, and when a socket's buffer is full they may
 * overtake one another; a peer that does not read keeps its buffers until there are none for anybody;
 * a close before the last send completes loses it. It is a limit, not a server.
 */
#include "floor.h"
#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <sys/resource.h>

enum { ENTRIES = 4096, BUFFERS = 4096, BUFFER = 16 * 1024, GROUP = 0 };
enum { ACCEPT, RECEIVE, SEND, CLOSE };

static struct io_uring ring;
static struct io_uring_buf_ring *pool;
static char *buffers;
static int listener;

/* What the kernel carries for us: the operation, the connection's place, the buffer. */
static struct io_uring_sqe *prepare(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (sqe == NULL) {
		io_uring_submit(&ring);
		sqe = io_uring_get_sqe(&ring);
	}
	return sqe;
}

static void tag(struct io_uring_sqe *sqe, unsigned operation, unsigned file, unsigned buffer)
{
	sqe->user_data = (uint64_t)operation << 56 | (uint64_t)buffer << 32 | file;
}

static void give_back(unsigned buffer)
{
	io_uring_buf_ring_add(pool, buffers + (size_t)buffer * BUFFER, BUFFER,
		(unsigned short)buffer, io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(pool, 1);
}

static void start_accept(void)
{
	struct io_uring_sqe *sqe = prepare();

	io_uring_prep_multishot_accept_direct(sqe, listener, NULL, NULL, 0);
	tag(sqe, ACCEPT, 0, 0);
}

static void start_receive(unsigned file)
{
	struct io_uring_sqe *sqe = prepare();

	io_uring_prep_recv_multishot(sqe, (int)file, NULL, 0, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	tag(sqe, RECEIVE, file, 0);
}

static void on_receive(const struct io_uring_cqe *cqe, unsigned file)
{
	struct io_uring_sqe *sqe;
	unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

	if (cqe->res > 0) {
		sqe = prepare();
		io_uring_prep_send(sqe, (int)file, buffers + (size_t)buffer * BUFFER,
			(size_t)cqe->res, MSG_WAITALL);
		sqe->flags |= IOSQE_FIXED_FILE;
		tag(sqe, SEND, file, buffer);
	}
	if (cqe->flags & IORING_CQE_F_MORE)
		return;
	if (cqe->res > 0 || cqe->res == -ENOBUFS) {
		start_receive(file);
	} else {
		sqe = prepare();
		io_uring_prep_close_direct(sqe, file);
		tag(sqe, CLOSE, file, 0);
	}
}

static void on_completion(const struct io_uring_cqe *cqe)
{
	unsigned file = (unsigned)cqe->user_data, buffer = (cqe->user_data >> 32) & 0xffff;

	switch (cqe->user_data >> 56) {
	case ACCEPT:
		if (cqe->res >= 0)
			start_receive((unsigned)cqe->res);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			start_accept();
		break;
	case RECEIVE: on_receive(cqe, file); break;
	case SEND: give_back(buffer); break;
	}
}

static void set_up(void)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_CQSIZE,
		.cq_entries = 4 * ENTRIES,
	};
	struct rlimit files;
	struct io_uring_buf_reg registration = { .ring_entries = BUFFERS, .bgid = GROUP };

	errno = -io_uring_queue_init_params(ENTRIES, &ring, &params);
	floor_must(-errno, "io_uring");
	errno = -io_uring_register_ring_fd(&ring);
	getrlimit(RLIMIT_NOFILE, &files); /* which also limits the table */
	errno = -io_uring_register_files_sparse(
		&ring, files.rlim_cur < 65536 ? (unsigned)files.rlim_cur : 65536);
	floor_must(-errno, "the table of files");
	pool = aligned_alloc(4096, BUFFERS * sizeof(struct io_uring_buf));
	buffers = aligned_alloc(4096, (size_t)BUFFERS * BUFFER);
	if (pool == NULL || buffers == NULL)
		exit(1);
	io_uring_buf_ring_init(pool);
	registration.ring_addr = (uint64_t)(uintptr_t)pool;
	errno = -io_uring_register_buf_ring(&ring, &registration, 0);
	floor_must(-errno, "the ring of buffers");
	for (unsigned i = 0; i < BUFFERS; i++)
		give_back(i);
}

int main(int argc, char **argv)
{
	listener = floor_socket(argc, argv);
	set_up();
	start_accept();
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, count = 0;

		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			on_completion(cqe);
			count++;
		}
		io_uring_cq_advance(&ring, count);
	}
}
