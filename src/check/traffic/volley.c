/*
 * The sockets are not connected, so that an answer from another address is seen; with IP_RECVERR (ip(7)) an
 * ICMP error is told to them all the same. And a datagram that is sent to a free port of this machine's
 * ephemeral range may find its own sender there, which would echo perfectly: no socket has the target's
 * port (volley_met_itself).
 */
#include "check/traffic/volley.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/call.h"
#include "net/socket.h"
#include "protocol/pattern.h"

/* At a time, so that no usual receive buffer runs over. */
#define UNDER_WAY 64
#define UNDER_WAY_BYTES (64u << 10)
/* A unix datagram socket queues as few as ten (net.unix.max_dgram_qlen). */
#define UNDER_WAY_UNIX 4
#define RETRY_NS (5 * CLOCK_NS_PER_MS)

void volley_init(
	struct volley *volley, const struct addr *target, uint64_t patience_ns, int interrupt_fd)
{
	pattern_init();
	*volley = (struct volley){
		.target = target,
		.patience_ns = patience_ns,
		.interrupt_fd = interrupt_fd,
	};
}

void volley_fini(struct volley *volley)
{
	for (size_t i = 0; i < volley->count; i++)
		call_close(volley->fds[i]);
	volley->count = 0;
}

/* ---- sockets ---- */

static bool volley_met_itself(int fd, const struct addr *target)
{
	struct addr own;

	if (socket_name(fd, target->scheme, &own) < 0)
		return false;
	return target->scheme == ADDR_UDP ? addr_port(&own) == addr_port(target)
					  : addr_equal(&own, target);
}

static int bind_any(int fd, const struct addr *target, uint16_t port)
{
	struct addr own = *target;

	if (own.generic.sa_family == AF_INET)
		own.in.sin_addr.s_addr = htonl(INADDR_ANY);
	else
		own.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	addr_set_port(&own, port);
	return call_bind(fd, &own.generic, own.length);
}

static int open_one(const struct addr *target, uint16_t port, int *ret_fd)
{
	int fd, one = 1, r = socket_open_client(target, NULL, &fd, NULL);

	if (r < 0)
		return r;
	if (target->scheme == ADDR_UDP) {
		bool is_4 = target->generic.sa_family == AF_INET;

		/* Best effort: without it a refusal is silence. */
		call_setsockopt(fd, is_4 ? IPPROTO_IP : IPPROTO_IPV6,
			is_4 ? IP_RECVERR : IPV6_RECVERR, &one, sizeof(one));
		r = bind_any(fd, target, port);
	}
	if (r < 0) {
		call_close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int open_socket(struct volley *volley, struct volley_shot *shot)
{
	int fd, other = -1, r;

	if (volley->count == VOLLEY_MOST)
		return -EMFILE;
	r = open_one(volley->target, shot->own_port, &fd);
	if (r == 0 && volley_met_itself(fd, volley->target)) {
		/* While this one has the port, the next one gets another. */
		r = shot->own_port != 0 ? -EADDRINUSE : open_one(volley->target, 0, &other);
		call_close(fd);
		fd = other;
	}
	if (r < 0)
		return r;
	volley->fds[volley->count++] = fd;
	shot->fd = fd;
	return 0;
}

/* ---- sending ---- */

static bool is_refusal(int error)
{
	return error == -ECONNREFUSED || error == -ENOENT || error == -EHOSTUNREACH ||
		error == -ENETUNREACH;
}

/* False: not now, the peer's queue is full. */
static bool send_one(struct volley *volley, struct volley_shot *shot)
{
	struct iovec vector = { .iov_len = shot->length };
	struct msghdr message = {
		.msg_name = (void *)&volley->target->storage,
		.msg_namelen = volley->target->length,
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};
	ssize_t n;

	if (shot->fd < 0) {
		shot->stream = volley->sent + 1;
		shot->error = open_socket(volley, shot);
		shot->sent_ns = clock_now_ns(); /* from when on a full queue is waited for */
		if (shot->error < 0) {
			shot->reply = VOLLEY_UNSENT;
			return true;
		}
	}
	vector.iov_base = (void *)pattern_at(pattern_start(shot->stream), 0);
	n = call_sendmsg(shot->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if ((n == -EAGAIN || n == -EINTR || n == -ENOBUFS) &&
		clock_now_ns() - shot->sent_ns < volley->patience_ns)
		return false;
	shot->sent_ns = clock_now_ns();
	volley->sent++;
	if (n < 0) {
		shot->error = (int)n;
		shot->reply = is_refusal((int)n) ? VOLLEY_REFUSED : VOLLEY_UNSENT;
	}
	return true;
}

/* ---- receiving ---- */

/* An ICMP error stays in a queue of its own, and the socket readable, until it is fetched. */
static void take_errors(struct volley_shot *shot)
{
	char control[256];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	int error = socket_take_error(shot->fd);

	while (call_recvmsg(shot->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
		message = (struct msghdr){
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
	if (error < 0 && is_refusal(error) && shot->reply == VOLLEY_NONE) {
		shot->reply = VOLLEY_REFUSED;
		shot->error = error;
	}
}

static void note_answer(struct volley *volley, struct volley_shot *shot, const unsigned char *bytes,
	size_t length, const struct addr *from)
{
	uint32_t start = pattern_start(shot->stream);
	size_t same = pattern_match(bytes, length, start, 0);
	bool is_right = length == shot->length && same == length;
	/* Names of unix sockets are what they were bound by, perhaps from another folder. */
	bool is_ours = volley->target->scheme != ADDR_UDP || addr_equal(volley->target, from);

	if (!is_ours) {
		if (is_right && shot->reply == VOLLEY_NONE) {
			shot->reply = VOLLEY_ELSEWHERE;
			shot->from = *from;
		}
		return;
	}
	volley->heard++;
	shot->from = *from;
	shot->took_ns = clock_now_ns() - shot->sent_ns;
	if (!is_right) {
		shot->reply = length < shot->length && same == length ? VOLLEY_SHORTER
								      : VOLLEY_WRONG;
		return;
	}
	if (shot->right_count++ == 0 && shot->took_ns > volley->longest_ns)
		volley->longest_ns = shot->took_ns;
	if (shot->reply == VOLLEY_NONE || shot->reply == VOLLEY_ELSEWHERE)
		shot->reply = VOLLEY_RIGHT;
}

static void receive(struct volley *volley, struct volley_shot *shot)
{
	static _Thread_local unsigned char bytes[1 << 16];
	struct addr from = { .scheme = volley->target->scheme };
	struct iovec vector = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = {
		.msg_name = &from.storage,
		.msg_namelen = sizeof(from.storage),
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};
	ssize_t n = call_recvmsg(shot->fd, &message, MSG_DONTWAIT);

	if (n < 0) {
		if (is_refusal((int)n) && shot->reply == VOLLEY_NONE) {
			shot->reply = VOLLEY_REFUSED;
			shot->error = (int)n;
		}
		return;
	}
	from.length = message.msg_namelen;
	note_answer(volley, shot, bytes, (size_t)n, &from);
}

/* Waits for what comes, up to a time. False: interrupted. */
static bool wait_once(
	struct volley *volley, struct volley_shot *shots, size_t count, uint64_t until_ns)
{
	struct pollfd pollfds[VOLLEY_MOST + 1];
	int ready;

	if (count > VOLLEY_MOST)
		count = VOLLEY_MOST;
	for (size_t i = 0; i < count; i++)
		pollfds[i] = (struct pollfd){ .fd = shots[i].fd, .events = POLLIN };
	pollfds[count] = (struct pollfd){ .fd = volley->interrupt_fd, .events = POLLIN };
	ready = poll(pollfds, count + 1, clock_poll_ms(clock_now_ns(), until_ns));
	if (ready > 0 && pollfds[count].revents != 0)
		return false;
	for (size_t i = 0; ready > 0 && i < count; i++) {
		if (pollfds[i].revents & POLLERR)
			take_errors(&shots[i]);
		if (pollfds[i].revents & POLLIN)
			receive(volley, &shots[i]);
	}
	return true;
}

/* ---- all of them ---- */

struct waiting {
	size_t count, bytes;
	uint64_t until_ns; /* the first end of patience */
};

static struct waiting count_waiting(
	const struct volley *volley, const struct volley_shot *shots, size_t count)
{
	struct waiting waiting = { .until_ns = CLOCK_NEVER };
	uint64_t now_ns = clock_now_ns();

	for (size_t i = 0; i < count; i++) {
		uint64_t until_ns = clock_after_ns(shots[i].sent_ns, volley->patience_ns);
		bool is_open = shots[i].reply == VOLLEY_NONE || shots[i].reply == VOLLEY_ELSEWHERE;

		if (!is_open || until_ns <= now_ns)
			continue;
		waiting.count++;
		waiting.bytes += shots[i].length;
		if (until_ns < waiting.until_ns)
			waiting.until_ns = until_ns;
	}
	return waiting;
}

static bool may_send(const struct volley *volley, const struct waiting *waiting, size_t length)
{
	if (volley->target->scheme == ADDR_UNIXGRAM)
		return waiting->count < UNDER_WAY_UNIX;
	return waiting->count == 0 ||
		(waiting->count < UNDER_WAY && waiting->bytes + length <= UNDER_WAY_BYTES);
}

bool volley_fire(struct volley *volley, struct volley_shot *shots, size_t count)
{
	size_t sent = 0;

	for (size_t i = 0; i < count; i++)
		shots[i] = (struct volley_shot){
			.length = shots[i].length,
			.own_port = shots[i].own_port,
			.fd = -1,
		};
	for (;;) {
		struct waiting waiting = count_waiting(volley, shots, sent);

		if (sent == count && waiting.count == 0)
			return true;
		if (sent < count && may_send(volley, &waiting, shots[sent].length)) {
			if (send_one(volley, &shots[sent])) {
				sent++;
				continue;
			}
			waiting.until_ns = clock_now_ns() + RETRY_NS;
		}
		if (!wait_once(volley, shots, sent, waiting.until_ns))
			return false;
	}
}

bool volley_listen(struct volley *volley, struct volley_shot *shots, size_t count, uint64_t ns)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), ns);

	while (clock_now_ns() < until_ns) {
		if (!wait_once(volley, shots, count, until_ns))
			return false;
	}
	return true;
}
