/*
 * The socket calls, each with the hook. The trace shows what strace(1) would show of them, also
 * where ptrace is not allowed, and only the calls that a student of sockets wants to see. The text
 * is composed only if a hook is set (call_text.c).
 */
#include "net/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "net/call_text.h"

static call_hook_fn *the_hook;

#define IS_WATCHED __builtin_expect(the_hook != NULL, 0)

void call_set_hook(call_hook_fn *hook)
{
	the_hook = hook;
}

void call_trace_to_stderr(const char *name, const char *arguments, int64_t result)
{
	char line[CALL_TEXT_SIZE + 128];
	int length = call_text_line(name, arguments, result, line, sizeof(line));

	log_line(line, (size_t)length);
}

/* errno from the call itself: composing the text must not change it. */
static int64_t outcome(int64_t result)
{
	return result < 0 ? -errno : result;
}

enum call_verdict call_judge(int error)
{
	switch (error) {
	case -EAGAIN: return CALL_NOT_NOW;
	case -EINTR:
	case -ECANCELED: return CALL_AGAIN;
	case -ENOMEM:
	case -ENOBUFS:
	case -EMFILE:
	case -ENFILE:
	case -ENOSPC: return CALL_SHORT; /* ENOSPC: epoll's limit of watches */
	default: return CALL_FATAL;
	}
}

int call_socket(int domain, int type, int protocol)
{
	int r = (int)outcome(socket(domain, type | SOCK_CLOEXEC, protocol));

	if (IS_WATCHED) {
		char text[CALL_TEXT_SIZE];

		call_text_socket(domain, type, protocol, text, sizeof(text));
		the_hook("socket", text, r);
	}
	return r;
}

/* bind, connect: a descriptor and an address. */
static void report_address(
	const char *name, int fd, const struct sockaddr *address, socklen_t length, int64_t result)
{
	char text[CALL_TEXT_SIZE];

	call_text_address(fd, address, length, text, sizeof(text));
	the_hook(name, text, result);
}

int call_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int r = (int)outcome(bind(fd, address, length));

	if (IS_WATCHED)
		report_address("bind", fd, address, length, r);
	return r;
}

int call_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int r = (int)outcome(connect(fd, address, length));

	if (IS_WATCHED)
		report_address("connect", fd, address, length, r);
	return r;
}

/* listen, shutdown, close: a descriptor and at most one number. */
static void report_number(const char *name, int fd, const char *number, int64_t result)
{
	char text[96];

	if (number != NULL)
		snprintf(text, sizeof(text), "%d, %s", fd, number);
	else
		snprintf(text, sizeof(text), "%d", fd);
	the_hook(name, text, result);
}

int call_listen(int fd, int backlog)
{
	int r = (int)outcome(listen(fd, backlog));

	if (IS_WATCHED) {
		char number[16];

		snprintf(number, sizeof(number), "%d", backlog);
		report_number("listen", fd, number, r);
	}
	return r;
}

int call_shutdown(int fd, int how)
{
	int r = (int)outcome(shutdown(fd, how));

	if (IS_WATCHED)
		report_number("shutdown", fd,
			how == SHUT_WR           ? "SHUT_WR"
				: how == SHUT_RD ? "SHUT_RD"
						 : "SHUT_RDWR",
			r);
	return r;
}

int call_close(int fd)
{
	int r = (int)outcome(close(fd));

	if (IS_WATCHED)
		report_number("close", fd, NULL, r);
	return r;
}

int call_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	/* The trace names the peer, also where the caller does not want to know it. */
	struct sockaddr_storage peer;
	socklen_t peer_length = sizeof(peer);

	if (IS_WATCHED && address == NULL) {
		address = (struct sockaddr *)&peer;
		length = &peer_length;
	}

	int r = (int)outcome(accept4(fd, address, length, flags | SOCK_CLOEXEC));

	if (IS_WATCHED)
		report_address("accept", fd, r >= 0 ? address : NULL, r >= 0 ? *length : 0, r);
	return r;
}

static void report_bytes(const char *name, int fd, const void *bytes, size_t shown, size_t size,
	int flags, int64_t result)
{
	char text[CALL_TEXT_SIZE];

	call_text_bytes(fd, bytes, shown, size, flags, text, sizeof(text));
	the_hook(name, text, result);
}

ssize_t call_recv(int fd, void *bytes, size_t size, int flags)
{
	ssize_t r = (ssize_t)outcome(recv(fd, bytes, size, flags));

	if (IS_WATCHED)
		report_bytes("recv", fd, bytes, r > 0 ? (size_t)r : 0, size, flags, r);
	return r;
}

ssize_t call_send(int fd, const void *bytes, size_t length, int flags)
{
	ssize_t r = (ssize_t)outcome(send(fd, bytes, length, flags));

	if (IS_WATCHED)
		report_bytes("send", fd, bytes, length, length, flags, r);
	return r;
}

static void report_message(
	const char *name, int fd, const struct msghdr *message, size_t shown, int flags, int64_t r)
{
	char text[CALL_TEXT_SIZE];

	call_text_message(fd, message, shown, flags, text, sizeof(text));
	the_hook(name, text, r);
}

ssize_t call_recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t r = (ssize_t)outcome(recvmsg(fd, message, flags));

	if (IS_WATCHED)
		report_message(
			"recvmsg", fd, r >= 0 ? message : NULL, r > 0 ? (size_t)r : 0, flags, r);
	return r;
}

ssize_t call_sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t r = (ssize_t)outcome(sendmsg(fd, message, flags));

	if (IS_WATCHED)
		report_message("sendmsg", fd, message, SIZE_MAX, flags, r);
	return r;
}

int call_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	int r = (int)outcome(recvmmsg(fd, messages, count, flags, NULL));

	if (IS_WATCHED) {
		char text[CALL_TEXT_SIZE];

		call_text_messages(fd, messages, r > 0 ? (unsigned)r : 0, true, count, flags, text,
			sizeof(text));
		the_hook("recvmmsg", text, r);
	}
	return r;
}

int call_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	int r = (int)outcome(sendmmsg(fd, messages, count, flags));

	if (IS_WATCHED) {
		char text[CALL_TEXT_SIZE];

		/* A failure is about the first. */
		call_text_messages(fd, messages, r > 0 ? (unsigned)r : 1, false, count, flags, text,
			sizeof(text));
		the_hook("sendmmsg", text, r);
	}
	return r;
}

static void report_option(const char *name, int fd, int level, int option, const void *value,
	socklen_t length, int64_t result)
{
	char text[CALL_TEXT_SIZE];

	call_text_option(fd, level, option, value, length, text, sizeof(text));
	the_hook(name, text, result);
}

int call_setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	int r = (int)outcome(setsockopt(fd, level, option, value, length));

	if (IS_WATCHED)
		report_option("setsockopt", fd, level, option, value, length, r);
	return r;
}

int call_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	int r = (int)outcome(getsockopt(fd, level, option, value, length));

	if (IS_WATCHED)
		report_option("getsockopt", fd, level, option, value, r < 0 ? 0 : *length, r);
	return r;
}

int call_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	int r = (int)outcome(getsockname(fd, address, length));

	if (IS_WATCHED)
		report_address("getsockname", fd, r < 0 ? NULL : address, r < 0 ? 0 : *length, r);
	return r;
}

int call_getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	int r = (int)outcome(getpeername(fd, address, length));

	if (IS_WATCHED)
		report_address("getpeername", fd, r < 0 ? NULL : address, r < 0 ? 0 : *length, r);
	return r;
}

ssize_t call_splice(int from, int to, size_t length)
{
	ssize_t r = (ssize_t)outcome(
		splice(from, NULL, to, NULL, length, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));

	if (IS_WATCHED) {
		char numbers[64];

		snprintf(numbers, sizeof(numbers), "NULL, %d, NULL, %zu", to, length);
		report_number("splice", from, numbers, r);
	}
	return r;
}

int call_sockatmark(int fd)
{
	int at_mark = 0;
	int r = (int)outcome(ioctl(fd, SIOCATMARK, &at_mark));

	if (r == 0)
		r = at_mark != 0;
	if (IS_WATCHED)
		report_number("ioctl", fd, "SIOCATMARK", r);
	return r;
}

/* ---- what the kernel did on order ---- */

bool call_is_watched(void)
{
	return IS_WATCHED;
}

void call_report_recv(int fd, const void *bytes, size_t size, int flags, ssize_t result)
{
	if (IS_WATCHED)
		report_bytes(
			"recv", fd, bytes, result > 0 ? (size_t)result : 0, size, flags, result);
}

void call_report_send(int fd, const void *bytes, size_t length, int flags, ssize_t result)
{
	if (IS_WATCHED)
		report_bytes("send", fd, bytes, length, length, flags, result);
}

void call_report_sendmsg(int fd, const struct msghdr *message, int flags, ssize_t result)
{
	if (IS_WATCHED)
		report_message("sendmsg", fd, message, SIZE_MAX, flags, result);
}
