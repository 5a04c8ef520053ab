/*
 * Making sockets: opening, binding, listening, and the options that every socket of meari gets.
 * All sockets are non-blocking and close-on-exec. The caller owns what is returned. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "net/addr.h"

/* What failed, for a message: the name of the system call, "bind". */
struct socket_failure {
	const char *call;
};

struct socket_listen_options {
	int backlog; /* of listen(2); streams only */
	bool share_port; /* more sockets will be bound to the same address (SO_REUSEPORT) */
	bool join_shared; /* ... and this one is not the first of them */
};

/*
 * Opens a socket for serving `addr` (listening, or bound where datagrams) and writes the address
 * that it really got, with the port that the kernel chose, to `ret_bound`. A stream's backlog is
 * open at return. For unix paths: a stale file (no process serves on it) is removed first; a live
 * one gives -EADDRINUSE, a file that is no socket -EEXIST. If several processes want the same path
 * at the same time, one gets it. -errno of the call that failed; `reterr_failure` (may be NULL)
 * names it.
 */
int socket_open_server(const struct addr *addr, const struct socket_listen_options *options,
	int *ret_fd, struct addr *ret_bound, struct socket_failure *reterr_failure);

/*
 * Opens a listening socket of this type (SOCK_STREAM, or SOCK_SEQPACKET for messages) on a unix address, for its owner
 * only (mode 0600). Stale files and errors as above.
 */
int socket_open_control(
	const struct addr *addr, int type, int *ret_fd, struct socket_failure *reterr_failure);

/*
 * Makes a socket that another process has bound (socket activation) into one as above, except that
 * it does not share its port; it stays the caller's. -ENOTSOCK: no socket at all; -EPROTONOSUPPORT:
 * not one of meari's kinds; -EDESTADDRREQ: not bound; -ENOTCONN: a stream that does not listen;
 * -EISCONN: connected.
 */
int socket_adopt_server(int fd, struct addr *ret_bound, struct socket_failure *reterr_failure);

/*
 * Opens a socket for a conversation with `addr`, bound to `source` unless that is NULL; does not
 * connect it. A stale unix file at the path of `source` is removed first. A unix datagram socket is
 * bound to a name that the kernel chooses, so that it can be answered.
 */
int socket_open_client(const struct addr *addr, const struct addr *source, int *ret_fd,
	struct socket_failure *reterr_failure);

/*
 * Removes the file of a unix address whose socket has been closed: only if it is a socket and no
 * process serves on it. 0 also for addresses that have no file.
 */
int socket_remove_stale(const struct addr *addr);

/*
 * Options for a stream, on either end: urgent data kept inline (-errno of that: otherwise it would
 * be missing from the stream); no delay, and keep-alive: best effort. Nothing for datagrams.
 */
int socket_tune_stream(int fd, enum addr_scheme scheme);

/*
 * Hints; what the kernel does not know or does not allow stays as it is.
 * - Calls on the socket, and on those that it accepts, may ask the network card itself for so many
 *   microseconds (SO_BUSY_POLL, socket(7)). Nothing for loopback.
 * - Of the sockets that share its port, this one is for what comes in on that processor (SO_INCOMING_CPU).
 */
void socket_set_busy_poll(int fd, unsigned busy_poll_us);
void socket_set_incoming_cpu(int fd, int cpu);

/*
 * O_NONBLOCK belongs to the open file description, and each process that shares it can clear it.
 * accept(2) has no flag of its own against waiting. So the socket gets a time limit of its own
 * (SO_RCVTIMEO), by which accept(2) waits for a moment only, and the flag is set. Best effort.
 */
void socket_limit_accept(int fd);
/* Sets O_NONBLOCK again. True: it was not set. */
bool socket_mend_blocking(int fd);

/*
 * Whether reading was shut down, by a process that shares the socket (shutdown(2)): it is ready for ever then. For listeners
 * of streams on unix, and for datagrams; a TCP listener stops listening, and accept(2) gives EINVAL.
 */
bool socket_is_shut_down(int fd);

/*
 * Of a unix socket: a peer that sends descriptors to it gets EPERM (SO_PASSRIGHTS). Those that are received and not taken
 * are closed by the kernel in the receiving thread, and closing one may take as long as its sender likes
 * (SO_LINGER). What was sent before is received. Nothing where the kernel cannot (before Linux 6.16).
 * Every socket that is opened or adopted here refuses them, and so does what it accepts.
 */
void socket_refuse_descriptors(int fd);

/* Makes the next close send RST instead of FIN (SO_LINGER of 0). */
void socket_set_reset_on_close(int fd);

/* The peer's or the own address of a socket, v4-mapped ones unmapped. */
int socket_peer(int fd, enum addr_scheme scheme, struct addr *ret_addr);
int socket_name(int fd, enum addr_scheme scheme, struct addr *ret_addr);

/*
 * True if a connected socket is its own peer: no service has answered, and everything would come
 * back. It happens to TCP (RFC 9293 3.5, simultaneous open) and UDP when the kernel chooses the
 * service's port, which is free, for the client; to unixgram when the client is bound to the
 * service's name.
 */
bool socket_met_itself(int fd, enum addr_scheme scheme);

/*
 * The same for a datagram socket that is bound, but not connected: true if what it sends to
 * `target` comes back to itself. The socket must have its port already: from bind(2) or from the
 * first send.
 */
bool socket_would_meet_itself(int fd, const struct addr *target);

/* Takes the pending error of a socket (SO_ERROR) as 0 or -errno. */
int socket_take_error(int fd);
