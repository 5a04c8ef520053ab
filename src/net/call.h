/*
 * Every socket call that meari makes, in one place: the arguments of the system call, the result as
 * 0 or a count, errors as -errno. EINTR is not hidden: the caller decides.
 *
 * One hook is called after each of them (`--trace`); while it is not set, a call costs one
 * predictable branch more than the system call. Any thread; set the hook before threads are
 * started.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Called after each call: its name, its arguments as text, and its result (0 or more, or -errno).
 * May be called from several threads at once.
 */
typedef void call_hook_fn(const char *name, const char *arguments, int64_t result);

void call_set_hook(call_hook_fn *hook);

/* A hook to be set: one line a call to standard error, `recv(7, "hello", 65536, 0) = 5`. */
call_hook_fn call_trace_to_stderr;

/* What a failed call means for what is to be done next. */
enum call_verdict {
	CALL_NOT_NOW, /* there is nothing to receive, or no space to send: wait until the socket is ready */
	CALL_AGAIN, /* nothing has happened (a signal, a cancelled request): call again */
	CALL_SHORT, /* this machine lacks memory or descriptors: call again a little later */
	CALL_FATAL, /* anything else: it concerns this connection, or this datagram */
};

/* Judges a result below 0 (-errno). */
enum call_verdict call_judge(int error);

int call_socket(int domain, int type, int protocol); /* returns the descriptor; always CLOEXEC */
int call_bind(int fd, const struct sockaddr *address, socklen_t length);
int call_listen(int fd, int backlog);
/* `length` is the size of `address`, and then the length of what is there; both may be NULL. */
int call_accept(int fd, struct sockaddr *address, socklen_t *length, int flags);
int call_connect(int fd, const struct sockaddr *address, socklen_t length);
int call_shutdown(int fd, int how);
int call_close(int fd);
ssize_t call_recv(int fd, void *bytes, size_t size, int flags);
ssize_t call_send(int fd, const void *bytes, size_t length, int flags);
ssize_t call_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t call_sendmsg(int fd, const struct msghdr *message, int flags);
/* How many messages were moved; no time limit. */
int call_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int call_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int call_setsockopt(int fd, int level, int option, const void *value, socklen_t length);
int call_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int call_getsockname(int fd, struct sockaddr *address, socklen_t *length);
int call_getpeername(int fd, struct sockaddr *address, socklen_t *length);
/*
 * splice(2) between a socket and a pipe, either way, of what is there now: the socket must be
 * O_NONBLOCK. It may raise SIGPIPE in this thread.
 */
ssize_t call_splice(int from, int to, size_t length);
/* 1: the next byte to be received is the urgent one (SIOCATMARK); 0: it is not. */
int call_sockatmark(int fd);

/*
 * For what the kernel does on request (io_uring): its result is reported to the hook as that of a
 * call. Check call_is_watched() first: without a hook, there is no need to compose the arguments.
 */
bool call_is_watched(void);
void call_report_recv(int fd, const void *bytes, size_t size, int flags, ssize_t result);
void call_report_send(int fd, const void *bytes, size_t length, int flags, ssize_t result);
void call_report_sendmsg(int fd, const struct msghdr *message, int flags, ssize_t result);
