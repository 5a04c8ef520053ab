/*
 * Both clocks are slewed alike, so the distance between them changes only when the wall clock is
 * set: a change of more than a millisecond is that, and less does no harm.
 */
#include "ping/stamp.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "net/call.h"

#define SET_LEAST_NS ((int64_t)CLOCK_NS_PER_MS)
#define APART_MOST_NS (50 * CLOCK_NS_PER_US)
#define READINGS_MOST 4

/* Both clocks at one moment, or nearly: we may lose the processor between the two. */
static void read_clocks(uint64_t *ret_now_ns, uint64_t *ret_wall_ns)
{
	for (int i = 0; i < READINGS_MOST; i++) {
		*ret_now_ns = clock_now_ns();
		*ret_wall_ns = clock_wall_ns();
		if (clock_now_ns() - *ret_now_ns < APART_MOST_NS)
			return;
	}
}

void stamp_init(struct stamp *stamp)
{
	uint64_t now_ns, wall_ns;

	read_clocks(&now_ns, &wall_ns);
	stamp->offset_ns = (int64_t)(wall_ns - now_ns);
}

void stamp_enable(int fd)
{
	int on = 1;

	call_setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
}

bool stamp_translate(struct stamp *stamp, uint64_t stamp_wall_ns, uint64_t before_ns,
	uint64_t now_ns, uint64_t wall_ns, uint64_t *ret_when_ns)
{
	int64_t offset_ns = (int64_t)(wall_ns - now_ns);
	int64_t change_ns = offset_ns - stamp->offset_ns;
	uint64_t when_ns = stamp_wall_ns - (uint64_t)offset_ns;

	stamp->offset_ns = offset_ns;
	if (llabs(change_ns) > SET_LEAST_NS || when_ns >= before_ns)
		return false;
	*ret_when_ns = when_ns;
	return true;
}

/* The kernel's time among what came along; false: there is none. */
static bool find_stamp(struct msghdr *message, uint64_t *ret_wall_ns)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL;
		control = CMSG_NXTHDR(message, control)) {
		struct timespec time;

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS ||
			control->cmsg_len < CMSG_LEN(sizeof(time)))
			continue;
		memcpy(&time, CMSG_DATA(control), sizeof(time));
		*ret_wall_ns = (uint64_t)time.tv_sec * CLOCK_NS_PER_S + (uint64_t)time.tv_nsec;
		return true;
	}
	return false;
}

ssize_t stamp_receive(struct stamp *stamp, int fd, void *bytes, size_t size, uint64_t *ret_when_ns,
	bool *ret_exact)
{
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(sizeof(struct timespec)) * 2];
	} control;
	struct iovec place = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &place,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	uint64_t before_ns = clock_now_ns(), now_ns, wall_ns, stamp_wall_ns;
	ssize_t n = call_recvmsg(fd, &message, 0);

	*ret_when_ns = clock_now_ns();
	*ret_exact = false;
	if (n < 0 || !find_stamp(&message, &stamp_wall_ns))
		return n;
	read_clocks(&now_ns, &wall_ns);
	*ret_exact = stamp_translate(stamp, stamp_wall_ns, before_ns, now_ns, wall_ns, ret_when_ns);
	return n;
}
