/*
 * The conversation is handover_message.h's. Whatever ends it before "ready" has been said leaves the other
 * server as it was.
 */
#include "server/upgrade/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "net/call.h"
#include "net/socket.h"
#include "server/listen/inheritance.h"
#include "server/upgrade/handover_message.h"
#include "server/upgrade/process.h"

/* Its main thread answers at once, or is stuck. */
#define ANSWER_NS (10 * CLOCK_NS_PER_S)
/* How long it may take from the end of a conversation until the end of the process can be seen. */
#define DEATH_NS (3 * CLOCK_NS_PER_S)
/* One that dies just then may still seem to answer once. */
#define MOST_ATTEMPTS 3

struct said {
	struct handover_message message;
	pid_t pid; /* of the process that said it; 0: not known */
	int fds[HANDOVER_MESSAGE_MOST_SOCKETS]; /* socket_count of them, the caller's */
};

/* ---- hearing and speaking ---- */

/*
 * `until_ns` is when an answer must be there. One that has gone may have said why before: that is there already,
 * and nothing else comes.
 */
static int say(int fd, enum handover_message_kind kind, uint64_t *until_ns)
{
	char text[HANDOVER_MESSAGE_MOST_BYTES];
	size_t length = handover_message_write(&(struct handover_message){ .kind = kind }, text);
	ssize_t n = call_send(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	*until_ns = clock_now_ns();
	if (n == -EPIPE)
		return 0;
	*until_ns = clock_after_ns(*until_ns, ANSWER_NS);
	return n < 0 ? (int)n : 0;
}

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		call_close(fds[i]);
}

/* The number by which the kernel names the sender (SO_PASSCRED, unix(7)). */
static pid_t take_pid(const struct cmsghdr *one)
{
	struct ucred who;

	if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_CREDENTIALS ||
		one->cmsg_len != CMSG_LEN(sizeof(who)))
		return 0;
	memcpy(&who, CMSG_DATA(one), sizeof(who));
	return who.pid;
}

/* All that came along, however much it is. The control buffer holds no more than there is room for. */
static size_t take_fds(struct msghdr *header, int *fds, pid_t *ret_pid)
{
	size_t count = 0;

	*ret_pid = 0;
	for (struct cmsghdr *one = CMSG_FIRSTHDR(header); one != NULL;
		one = CMSG_NXTHDR(header, one)) {
		if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) {
			*ret_pid = take_pid(one);
			continue;
		}
		size_t more = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		memcpy(fds + count, CMSG_DATA(one), more * sizeof(int));
		count += more;
	}
	return count;
}

/* The message that is there; -EAGAIN: none yet. -EPIPE: the other has gone. */
static int hear_now(int fd, struct said *ret_said)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct ucred)) +
			CMSG_SPACE(HANDOVER_MESSAGE_MOST_SOCKETS * sizeof(int))];
	} control;
	char text[HANDOVER_MESSAGE_MOST_BYTES];
	struct iovec vector = { text, sizeof(text) };
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n = call_recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	size_t fd_count;
	int r;

	/* It has closed before it had read all: reported once, and ahead of what it may have said. */
	if (n == -ECONNRESET)
		n = call_recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n == 0 ? -EPIPE : (int)n;
	fd_count = take_fds(&header, ret_said->fds, &ret_said->pid);
	r = handover_message_read(text, (size_t)n, &ret_said->message);
	if (r == 0 && header.msg_flags & MSG_CTRUNC)
		r = -EMFILE; /* the kernel closes those that it finds no number for */
	else if (r == 0 &&
		(header.msg_flags & MSG_TRUNC || fd_count != ret_said->message.socket_count))
		r = -EPROTO;
	if (r < 0)
		close_fds(ret_said->fds, fd_count);
	return r;
}

static int hear(int fd, uint64_t until_ns, struct said *ret_said)
{
	for (;;) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		uint64_t now_ns = clock_now_ns();
		int r = hear_now(fd, ret_said);

		if (r != -EAGAIN && r != -EINTR)
			return r;
		if (now_ns >= until_ns)
			return -ETIMEDOUT;
		if (poll(&polled, 1, clock_poll_ms(now_ns, until_ns)) < 0 && errno != EINTR)
			return -errno;
	}
}

const char *takeover_strerror(int error)
{
	switch (-error) {
	case EPIPE: return _("it has gone");
	case ECONNABORTED:
		return _("it has closed the connection, but its process still seems to run");
	case ETIMEDOUT:
	case EAGAIN: return _("it does not answer");
	case EPERM: return _("it belongs to another user");
	case EBUSY: return _("another upgrade is under way; try again when that is over");
	case ECANCELED: return _("it is ending, too; start again when it has ended");
	case ETIME: return _("it has waited too long, and continues to serve");
	case EPROTO: return _("it sends messages that cannot be understood");
	case EPROTONOSUPPORT:
		return _(
			"it speaks another version of the upgrade protocol; stop it, then start this one");
	case EPROTOTYPE: return _("it is no meari with --upgrade; take another path");
	case EMFILE: return _("too few descriptors; raise the limit, 'ulimit -n'");
	default: return strerror(-error);
	}
}

static int complain(const struct addr *at, int error)
{
	char text[ADDR_TEXT_SIZE];

	log_error(_("cannot take over from the server at '%s' (--upgrade): %s"),
		addr_format(at, text, sizeof(text)), takeover_strerror(error));
	return error;
}

/* What an answer of the wrong kind means. */
static int refusal(const struct handover_message *message)
{
	switch (message->kind) {
	case HANDOVER_MESSAGE_BUSY: return -EBUSY;
	case HANDOVER_MESSAGE_ENDING: return -ECANCELED;
	case HANDOVER_MESSAGE_FOREIGN_USER: return -EPERM;
	case HANDOVER_MESSAGE_LATE: return -ETIME;
	case HANDOVER_MESSAGE_UNKNOWN: return -EPROTONOSUPPORT;
	default: return -EPROTO;
	}
}

/* ---- the sockets ---- */

/* -ENOENT: no server answers. `ret_pid`: of the process that began to listen there. */
static int connect_to(const struct addr *at, int *ret_fd, pid_t *ret_pid)
{
	CLEANUP_FD int fd = call_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	struct ucred who;
	socklen_t length = sizeof(who);
	int r, on = 1;

	if (fd < 0)
		return fd;
	r = call_connect(fd, &at->generic, at->length);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return -ENOENT; /* stale, or no socket: opening it will show */
	if (r == 0)
		r = call_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
	if (r == 0 && who.uid != geteuid() && who.uid != 0)
		r = -EPERM;
	if (r < 0)
		return r;
	/* Without it, that the other has died cannot be known, and is not believed. */
	call_setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	*ret_fd = TAKE_FD(fd);
	*ret_pid = who.pid;
	return 0;
}

/* Watches this process instead of the one before; that the old number is known does no harm. */
static void watch(struct takeover *takeover, pid_t pid)
{
	int fd;

	if (pid <= 0 || process_watch(pid, &fd) < 0)
		return;
	if (takeover->process_fd >= 0)
		call_close(takeover->process_fd);
	takeover->process_fd = fd;
}

static int take_control(
	struct takeover *takeover, int fd, const struct handover_message_socket *about)
{
	int type = 0, listens = 0;
	socklen_t length = sizeof(int);
	int r = call_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);

	if (r == 0)
		r = call_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
	if (r == 0 && (type != SOCK_SEQPACKET || !listens || takeover->control_fd >= 0))
		r = -EPROTO;
	/* Whatever the other has made of it: the main thread must never wait in accept. */
	if (r == 0 && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		r = -errno;
	if (r < 0) {
		call_close(fd);
		return r;
	}
	socket_refuse_descriptors(fd); /* it may be an older meari's */
	takeover->control_fd = fd;
	takeover->control_device = (dev_t)about->file_device;
	takeover->control_inode = (ino_t)about->file_inode;
	return 0;
}

static enum inheritance_origin origin_of(enum handover_message_role role)
{
	switch (role) {
	case HANDOVER_MESSAGE_ACTIVATED: return INHERITANCE_ACTIVATED;
	case HANDOVER_MESSAGE_ACTIVATED_WEB: return INHERITANCE_ACTIVATED_WEB;
	default: return INHERITANCE_OPENED;
	}
}

static int take_socket(
	struct takeover *takeover, int fd, const struct handover_message_socket *about)
{
	if (about->role == HANDOVER_MESSAGE_CONTROL)
		return take_control(takeover, fd, about);
	return inheritance_add(&takeover->inherited, fd, origin_of(about->role),
		(dev_t)about->file_device, (ino_t)about->file_inode);
}

static int take_sockets(struct takeover *takeover)
{
	uint64_t until_ns, taken = 0, total = 1;
	struct said said;
	int r = say(takeover->fd, HANDOVER_MESSAGE_TAKE, &until_ns);

	while (r == 0 && taken < total) {
		const struct handover_message *message = &said.message;

		r = hear(takeover->fd, until_ns, &said);
		if (r < 0)
			break;
		if (message->kind != HANDOVER_MESSAGE_SOCKETS)
			return refusal(message);
		if (taken == 0)
			watch(takeover, said.pid);
		total = message->total;
		taken += message->socket_count;
		takeover->pid = (pid_t)message->pid;
		takeover->watchdog_ns = message->watchdog_ns > 0 ? message->watchdog_ns
								 : CLOCK_NEVER;
		for (unsigned i = 0; i < message->socket_count; i++) {
			if (r == 0)
				r = take_socket(takeover, said.fds[i], &message->sockets[i]);
			else
				call_close(said.fds[i]);
		}
	}
	return r == 0 && takeover->control_fd < 0 ? -EPROTO : r;
}

/* -EPIPE: it answered, and has ended the conversation. */
static int attempt(const struct addr *at, struct takeover *ret_takeover)
{
	struct takeover takeover = {
		.fd = -1,
		.process_fd = -1,
		.control_fd = -1,
		.watchdog_ns = CLOCK_NEVER,
	};
	pid_t pid = 0;
	int r = connect_to(at, &takeover.fd, &pid);

	if (r < 0)
		return r;
	watch(&takeover, pid);
	r = take_sockets(&takeover);
	if (r == 0) {
		*ret_takeover = takeover;
		return 0;
	}
	/* One that is dying has the addresses until it is dead. */
	if (r == -EPIPE)
		process_wait_ended(takeover.process_fd, clock_after_ns(clock_now_ns(), DEATH_NS));
	takeover_fini(&takeover);
	return r;
}

int takeover_begin(const struct addr *at, struct takeover *ret_takeover)
{
	int r = -EPIPE;

	/* One that has gone is asked once more: if it has died, no server answers, and we start normally. */
	for (unsigned i = 0; r == -EPIPE && i < MOST_ATTEMPTS; i++)
		r = attempt(at, ret_takeover);
	return r == 0 || r == -ENOENT ? r : complain(at, r);
}

/* ---- its place ---- */

/*
 * From the moment of the shutdown on, the other cannot say "yours" any more: its send fails, and it
 * goes on. If it has said so before, it is heard here. So both always know the same.
 */
static int give_up(const struct takeover *takeover, int error, struct said *ret_said)
{
	call_shutdown(takeover->fd, SHUT_RDWR);
	return hear_now(takeover->fd, ret_said) == 0 ? 0 : error;
}

int takeover_commit(struct takeover *takeover)
{
	struct said said = { .message.kind = HANDOVER_MESSAGE_YOURS };
	uint64_t until_ns;
	int r = say(takeover->fd, HANDOVER_MESSAGE_READY, &until_ns);

	if (r == 0)
		r = hear(takeover->fd, until_ns, &said);
	if (r < 0 && r != -EPIPE)
		r = give_up(takeover, r, &said);
	/*
	 * One that ends in order says so, since it removes its socket files. One that has just gone has
	 * crashed, or was killed, and then there is no other server; or it could not say what it
	 * wanted to, and serves on.
	 */
	if (r == -EPIPE) {
		r = process_wait_ended(
			    takeover->process_fd, clock_after_ns(clock_now_ns(), DEATH_NS))
			? 0
			: -ECONNABORTED;
	} else if (r == 0) {
		close_fds(said.fds, said.message.socket_count);
		if (said.message.kind != HANDOVER_MESSAGE_YOURS)
			r = refusal(&said.message);
	}
	if (takeover->process_fd >= 0)
		call_close(TAKE_FD(takeover->process_fd));
	if (r < 0) {
		call_close(TAKE_FD(takeover->fd));
		log_error(_("cannot take over from process %d (--upgrade): %s"), (int)takeover->pid,
			takeover_strerror(r));
	}
	return r;
}

bool takeover_is_released(struct takeover *takeover)
{
	struct said said;
	int r = hear_now(takeover->fd, &said);

	if (r == -EAGAIN || r == -EINTR)
		return false;
	if (r == 0)
		close_fds(said.fds, said.message.socket_count);
	call_close(TAKE_FD(takeover->fd)); /* whatever else it says */
	return true;
}

void takeover_fini(struct takeover *takeover)
{
	if (takeover->fd >= 0)
		call_close(TAKE_FD(takeover->fd));
	if (takeover->process_fd >= 0)
		call_close(TAKE_FD(takeover->process_fd));
	if (takeover->control_fd >= 0)
		call_close(TAKE_FD(takeover->control_fd));
	listener_list_close_all(&takeover->inherited);
}

int takeover_ask(const struct addr *at, pid_t *ret_pid, unsigned *ret_sockets)
{
	CLEANUP_FD int fd = -1;
	struct said said;
	pid_t listening;
	uint64_t until_ns;
	int r = connect_to(at, &fd, &listening);

	if (r == 0)
		r = say(fd, HANDOVER_MESSAGE_ASK, &until_ns);
	if (r == 0)
		r = hear(fd, until_ns, &said);
	if (r < 0)
		return r;
	if (said.message.kind != HANDOVER_MESSAGE_HERE) {
		close_fds(said.fds, said.message.socket_count);
		return refusal(&said.message);
	}
	*ret_pid = (pid_t)said.message.pid;
	*ret_sockets = (unsigned)said.message.total - 1; /* without that for upgrades */
	return 0;
}
