/*
 * The calls of sockets go through net/call.h, whose hook writes them down; what is no such call writes its
 * own line. Calls of the other processes are made with the system's own functions: a child's hook would
 * write into the child's memory.
 */
#include "tour/tour_call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/call.h"
#include "tour/tour_exercise.h"
#include "tour/tour_log.h"
#include "tour/tour_process.h"

#define BUFFER_SIZE (64 << 10)
#define CALLS_MOST 2000 /* of a loop */
#define DRAIN_AGAIN_MS 5
/* Without an end of the other side's call. */
#define DRAINED_NS (10 * CLOCK_NS_PER_S)

static const char line_bytes[] = "hello world!\n";

static struct sockaddr_in address_of(const struct tour_world *world, const struct tour_call *call)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(tour_world_port(world, call->number)),
		.sin_addr.s_addr = htonl(call->flags == 1 ? INADDR_ANY : INADDR_LOOPBACK),
	};
}

static int64_t set_option(int fd, int level, int option, long value)
{
	int number = (int)value;

	return call_setsockopt(fd, level, option, &number, sizeof(number));
}

static int64_t set_linger(int fd)
{
	struct linger none = { .l_onoff = 1, .l_linger = 0 };
	char text[64];
	int r = setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) < 0 ? -errno : 0;

	snprintf(text, sizeof(text), "setsockopt(%d, SO_LINGER, {1, 0}) = %d", fd, r);
	tour_log_say(text);
	return r;
}

static int64_t make_socket(struct tour_world *world, enum tour_slot slot)
{
	int fd = call_socket(AF_INET, SOCK_STREAM, 0);

	world->fds[slot] = fd >= 0 ? fd : -1;
	return fd;
}

static int64_t make_accept(struct tour_world *world, const struct tour_call *call)
{
	int fd = call_accept(world->fds[TOUR_LISTENER], NULL, NULL, 0);

	if (fd >= 0)
		world->fds[call->slot] = fd;
	return fd;
}

static int64_t make_send(struct tour_world *world, const struct tour_call *call)
{
	char filler[BUFFER_SIZE];
	const char *bytes = call->bytes;
	size_t length = (size_t)call->number;

	if (bytes == NULL) {
		memset(filler, 'x', sizeof(filler));
		bytes = filler;
		if (length > sizeof(filler))
			length = sizeof(filler);
	} else if (length == 0)
		length = strlen(bytes);
	return call_send(world->fds[call->slot], bytes, length, call->flags);
}

static int64_t make_recv(struct tour_world *world, const struct tour_call *call)
{
	char buffer[BUFFER_SIZE];
	size_t size = (size_t)call->number;

	return call_recv(world->fds[call->slot], buffer,
		size < sizeof(buffer) ? size : sizeof(buffer), call->flags);
}

static int64_t make_close(struct tour_world *world, enum tour_slot slot)
{
	int fd = world->fds[slot];

	world->fds[slot] = -1;
	return call_close(fd);
}

static int64_t make_getsockname(struct tour_world *world, enum tour_slot slot)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int r = call_getsockname(world->fds[slot], (struct sockaddr *)&address, &length);

	return r < 0 ? r : ntohs(address.sin_port);
}

/* ---- no calls of sockets ---- */

static int64_t show_htons(const struct tour_world *world, const struct tour_call *call)
{
	uint16_t port = tour_world_port(world, call->number), stored = htons(port);
	unsigned char bytes[2];
	char text[96];

	memcpy(bytes, &stored, sizeof(bytes));
	snprintf(text, sizeof(text), "htons(%u) = %u, %02x %02x", port, stored, bytes[0], bytes[1]);
	tour_log_say(text);
	return stored;
}

static int64_t show_bytes(const struct tour_world *world, const struct tour_call *call)
{
	struct sockaddr_in address = address_of(world, call);
	unsigned char bytes[8];
	char text[96];

	memcpy(bytes, &address, sizeof(bytes));
	snprintf(text, sizeof(text), "sockaddr_in = %02x %02x, %02x %02x, %02x %02x %02x %02x",
		bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
	tour_log_say(text);
	return bytes[2] << 8 | bytes[3];
}

/* The limit becomes the lowest number that is free: with `number` more, so many more can be opened. */
static int64_t set_limit(struct tour_world *world, long number)
{
	struct rlimit limit;
	char text[96];
	int lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (lowest < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	close(lowest);
	if (world->saved_limit == 0)
		world->saved_limit = (long)limit.rlim_cur;
	limit.rlim_cur = (rlim_t)(lowest + number);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	snprintf(text, sizeof(text), "setrlimit(RLIMIT_NOFILE, %ld) = 0", lowest + number);
	tour_log_say(text);
	return 0;
}

static int64_t make_poll(struct tour_world *world)
{
	int one = world->fds[TOUR_CONN], two = world->fds[TOUR_CONN_2];
	struct pollfd polled[] = { { .fd = one, .events = POLLIN },
		{ .fd = two, .events = POLLIN } };
	char text[96];
	int count = poll(polled, 2, -1);
	bool first = count > 0 && (polled[0].revents & POLLIN) != 0;

	if (count < 0)
		return -errno;
	snprintf(text, sizeof(text), "poll({%d, %d}, 2, -1) = %d, %d POLLIN", one, two, count,
		first ? one : two);
	tour_log_say(text);
	return first ? 1 : 2;
}

/* ---- loops ---- */

static int64_t make_crowd(struct tour_world *world, const struct tour_call *call)
{
	struct sockaddr_in address = address_of(
		world, &(struct tour_call){ .number = TOUR_PORT_SERVER });
	long connected = 0;

	for (size_t i = 0; i < (size_t)call->number && call->slot + i < TOUR_SLOTS; i++) {
		int64_t r = make_socket(world, (enum tour_slot)(call->slot + i));

		if (r >= 0)
			r = call_connect((int)r, (struct sockaddr *)&address, sizeof(address));
		if (r < 0)
			return r;
		connected++;
	}
	return connected;
}

/* Until it has been full for a while: what is on its way first has to arrive. */
static int64_t fill(struct tour_world *world, enum tour_slot slot)
{
	struct tour_call send = { .slot = slot, .number = BUFFER_SIZE, .flags = MSG_DONTWAIT };
	int64_t total = 0;

	for (int full = 0, calls = 0; full < 3 && calls < CALLS_MOST; calls++) {
		int64_t r = make_send(world, &send);

		if (r > 0) {
			total += r;
			full = 0;
			continue;
		}
		if (r != -EAGAIN)
			return r;
		full++;
		if (poll(&(struct pollfd){ .fd = world->fds[slot], .events = POLLOUT }, 1, 100) < 0)
			return -errno;
		tour_log_start_clock(); /* that was not the call's time */
	}
	return total;
}

static int64_t drain(struct tour_world *world, const struct tour_call *call)
{
	struct pollfd one = { .fd = world->fds[call->slot], .events = POLLIN };
	uint64_t until_ns = clock_now_ns() + DRAINED_NS;
	int64_t total = 0;

	/* All may have been read before the other side's thread gets a processor, and can say that its call returned. */
	while (!atomic_load(&world->drain_ends) && clock_now_ns() < until_ns) {
		int64_t r;

		if (poll(&one, 1, DRAIN_AGAIN_MS) <= 0)
			continue;
		tour_log_start_clock(); /* that was not the call's time */
		r = make_recv(world, call);
		if (r <= 0)
			return r;
		total += r;
	}
	return total;
}

static int64_t echo(struct tour_world *world, const struct tour_call *call)
{
	char buffer[BUFFER_SIZE];
	int fd = world->fds[call->slot];
	int64_t total = 0;

	while (total < TOUR_CALL_LINES * TOUR_CALL_LINE_BYTES) {
		ssize_t got = call_recv(fd, buffer, (size_t)call->number, 0);

		if (got <= 0)
			return got;
		got = call_send(fd, buffer, (size_t)got, MSG_NOSIGNAL);
		if (got < 0)
			return got;
		total += got;
	}
	return total;
}

/* A line at a time; each is back before the next is sent. */
static int64_t ask_for_lines(struct tour_world *world, const struct tour_call *call, bool quick)
{
	char buffer[BUFFER_SIZE];
	int fd = world->fds[call->slot];
	int64_t total = 0;

	for (int i = 0; i < TOUR_CALL_LINES; i++) {
		ssize_t got = call_send(fd, line_bytes, TOUR_CALL_LINE_BYTES, MSG_NOSIGNAL);

		for (int line = 0; got > 0 && line < TOUR_CALL_LINE_BYTES; line += (int)got) {
			/* The option does not last: the kernel turns it off again by itself (tcp(7)). */
			if (quick)
				set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
			got = call_recv(fd, buffer, (size_t)(TOUR_CALL_LINE_BYTES - line),
				quick ? 0 : MSG_WAITALL);
			total += got > 0 ? got : 0;
		}
		if (got <= 0)
			return got;
	}
	return total;
}

static int64_t receive_zeros(struct tour_world *world, const struct tour_call *call)
{
	struct tour_call recv = { .slot = call->slot, .number = 100 };
	int64_t zeros = 0;

	for (long i = 0; i < call->number; i++) {
		int64_t r = make_recv(world, &recv);

		if (r < 0)
			return r;
		zeros += r == 0;
	}
	return zeros;
}

static int64_t try_to_connect(const struct tour_world *world, const struct tour_call *call)
{
	struct sockaddr_in address = address_of(world, call);
	int fd = call_socket(AF_INET, SOCK_STREAM, 0);
	int r;

	if (fd < 0)
		return fd;
	r = call_connect(fd, (struct sockaddr *)&address, sizeof(address));
	call_close(fd);
	return r;
}

int64_t tour_call_make(struct tour_world *world, const struct tour_call *call)
{
	int fd = world->fds[call->slot];
	struct sockaddr_in address = address_of(world, call);
	const struct sockaddr *generic = (const struct sockaddr *)&address;

	tour_log_start_clock();
	switch (call->op) {
	case TOUR_OP_SOCKET: return make_socket(world, call->slot);
	case TOUR_OP_REUSE: return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	case TOUR_OP_BIND: return call_bind(fd, generic, sizeof(address));
	case TOUR_OP_LISTEN:
		world->backlog = (int)call->number;
		return call_listen(fd, (int)call->number);
	case TOUR_OP_CONNECT: return call_connect(fd, generic, sizeof(address));
	case TOUR_OP_ACCEPT: return make_accept(world, call);
	case TOUR_OP_SEND: return make_send(world, call);
	case TOUR_OP_RECV: return make_recv(world, call);
	case TOUR_OP_SHUTDOWN: return call_shutdown(fd, SHUT_WR);
	case TOUR_OP_CLOSE: return make_close(world, call->slot);
	case TOUR_OP_NAME: return make_getsockname(world, call->slot);
	case TOUR_OP_NODELAY: return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	case TOUR_OP_LINGER: return set_linger(fd);
	case TOUR_OP_SNDBUF: return set_option(fd, SOL_SOCKET, SO_SNDBUF, call->number);
	case TOUR_OP_RCVBUF: return set_option(fd, SOL_SOCKET, SO_RCVBUF, call->number);
	case TOUR_OP_POLL: return make_poll(world);
	case TOUR_OP_HTONS: return show_htons(world, call);
	case TOUR_OP_BYTES: return show_bytes(world, call);
	case TOUR_OP_LIMIT: return set_limit(world, call->number);
	case TOUR_OP_CROWD: return make_crowd(world, call);
	case TOUR_OP_FILL: return fill(world, call->slot);
	case TOUR_OP_DRAIN: return drain(world, call);
	case TOUR_OP_ECHO: return echo(world, call);
	case TOUR_OP_LINE: return ask_for_lines(world, call, false);
	case TOUR_OP_QUICK_LINE: return ask_for_lines(world, call, true);
	case TOUR_OP_RECV_LOOP: return receive_zeros(world, call);
	case TOUR_OP_TRY: return try_to_connect(world, call);
	case TOUR_OP_CHILD_CLIENT: return tour_process_client(world);
	case TOUR_OP_CHILD_KILL: return tour_process_kill(world);
	case TOUR_OP_CHILD_SEND: return tour_process_send(fd, false);
	case TOUR_OP_CHILD_HANDLER: return tour_process_send(fd, true);
	case TOUR_OP_CHILD_HOLD: return tour_process_hold(world);
	case TOUR_OP_WRITE: return tour_exercise_write(world->may_act);
	case TOUR_OP_BUILD: return tour_exercise_build(world->may_act);
	case TOUR_OP_GRADE: return tour_exercise_grade(world);
	case TOUR_OPS: break;
	}
	return -ENOSYS;
}

/* ---- before it is made ---- */

static const char *const patterns[TOUR_OPS] = {
	[TOUR_OP_SOCKET] = "socket(AF_INET, ...)",
	[TOUR_OP_REUSE] = "setsockopt(%d, SO_REUSEADDR)",
	[TOUR_OP_LISTEN] = "listen(%d, %ld)",
	[TOUR_OP_RECV] = "recv(%d, buf, %ld, ...)",
	[TOUR_OP_SHUTDOWN] = "shutdown(%d, SHUT_WR)",
	[TOUR_OP_CLOSE] = "close(%d)",
	[TOUR_OP_NAME] = "getsockname(%d, ...)",
	[TOUR_OP_NODELAY] = "setsockopt(%d, TCP_NODELAY)",
	[TOUR_OP_LINGER] = "setsockopt(%d, SO_LINGER)",
	[TOUR_OP_SNDBUF] = "setsockopt(%d, SO_SNDBUF)",
	[TOUR_OP_RCVBUF] = "setsockopt(%d, SO_RCVBUF)",
	[TOUR_OP_POLL] = "poll(...)",
	[TOUR_OP_BYTES] = "struct sockaddr_in",
	[TOUR_OP_LIMIT] = "setrlimit(RLIMIT_NOFILE)",
	[TOUR_OP_CROWD] = "connect() ...",
	[TOUR_OP_FILL] = "send(%d, ...) ...",
	[TOUR_OP_DRAIN] = "recv(%d, buf, %ld, 0) ...",
	[TOUR_OP_ECHO] = "recv(%1$d), send(%1$d) ...",
	[TOUR_OP_LINE] = "send(%1$d), recv(%1$d) ...",
	[TOUR_OP_QUICK_LINE] = "send(%1$d), recv(%1$d) ...",
	[TOUR_OP_RECV_LOOP] = "recv(%d, ...) ...",
	[TOUR_OP_CHILD_CLIENT] = "fork(), connect()",
	[TOUR_OP_CHILD_KILL] = "kill(SIGKILL)",
	[TOUR_OP_CHILD_SEND] = "fork(), send(%d)",
	[TOUR_OP_CHILD_HANDLER] = "fork(), send(%d)",
	[TOUR_OP_CHILD_HOLD] = "fork()",
	[TOUR_OP_WRITE] = "server.c",
	[TOUR_OP_BUILD] = "cc -o server server.c",
	[TOUR_OP_GRADE] = "./server {port}",
};

bool tour_call_is_of_programs(const struct tour_call *call)
{
	return call->op == TOUR_OP_BUILD || call->op == TOUR_OP_GRADE;
}

const char *tour_call_describe(
	const struct tour_world *world, const struct tour_call *call, char *text, size_t size)
{
	int fd = world->fds[call->slot];
	unsigned port = tour_world_port(world, call->number);

	text[0] = '\0';
	switch (call->op) {
	case TOUR_OP_BIND:
	case TOUR_OP_CONNECT:
		snprintf(text, size, "%s(%d, %s:%u)", call->op == TOUR_OP_BIND ? "bind" : "connect",
			fd, call->flags == 1 ? "0.0.0.0" : "127.0.0.1", port);
		break;
	case TOUR_OP_ACCEPT:
		snprintf(text, size, "accept(%d, ...)", world->fds[TOUR_LISTENER]);
		break;
	case TOUR_OP_SEND:
		snprintf(text, size, "send(%d, ..., %ld, %s)", fd,
			call->number != 0 ? call->number : (long)strlen(call->bytes),
			call->flags == 0                      ? "0"
				: call->flags == MSG_DONTWAIT ? "MSG_DONTWAIT"
							      : "MSG_NOSIGNAL");
		break;
	case TOUR_OP_HTONS: snprintf(text, size, "htons(%u)", port); break;
	case TOUR_OP_TRY: snprintf(text, size, "connect(127.0.0.1:%u)", port); break;
	default: {
		/* No pattern asks for more than these, and each for these in this order. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (call->op < TOUR_OPS && patterns[call->op] != NULL)
			snprintf(text, size, patterns[call->op], fd, call->number);
#pragma GCC diagnostic pop
	}
	}
	return text;
}
