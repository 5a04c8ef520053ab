/*
 * The kernel maps a ring's memory where it finds room: often where the ring of another thread has just been.
 * That is in order, for nobody has a place before it was given back. liburing maps by system calls of its
 * own, though, which no tool sees that watches a program's threads (ThreadSanitizer): to it, the new
 * thread writes where the old one wrote, and nothing lies between. The lock is what lies between.
 */
#include "engine/uring/uring_ring.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t the_maps = PTHREAD_MUTEX_INITIALIZER;

int uring_ring_open(unsigned entries, struct io_uring *ret_ring, bool *ret_deferred)
{
	/* Best first; a kernel that does not know a flag says -EINVAL. */
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
		0,
	};
	int r = -EINVAL;

	pthread_mutex_lock(&the_maps);
	for (size_t i = 0; r == -EINVAL && i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct io_uring_params params = {
			.flags = flags[i] | IORING_SETUP_CQSIZE,
			/* Room for the answers to several rounds; what is more, the kernel keeps. */
			.cq_entries = entries * 8,
		};

		r = io_uring_queue_init_params(entries, ret_ring, &params);
		*ret_deferred = (flags[i] & IORING_SETUP_DEFER_TASKRUN) != 0;
	}
	pthread_mutex_unlock(&the_maps);
	return r;
}

void uring_ring_close(struct io_uring *ring)
{
	pthread_mutex_lock(&the_maps);
	io_uring_queue_exit(ring);
	pthread_mutex_unlock(&the_maps);
}
