/*
 * The kernel maps a ring's memory at a free address: often where another thread's ring has just
 * been unmapped. That is sound. But liburing maps by system calls of its own, which ThreadSanitizer
 * does not see: to it, the new thread writes where the old one wrote, without any order between the
 * two. The lock gives them an order.
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
			/*
			 * For the completions of several rounds; the kernel keeps those beyond it.
			 */
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
