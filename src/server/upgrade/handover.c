/*
 * Messages are read as soon as they are there and answered at once. The sockets may be more than fit
 * into the kernel's queue (some 6,000 do): the rest follows as the other reads. Any other answer that the
 * queue has no room for is a failed upgrade.
 */
#include "server/upgrade/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "net/call.h"
#include "net/socket.h"
#include "server/upgrade/handover_message.h"

/* What a new server says is short; longer is nonsense. */
#define MOST_SAID_BYTES 256
#define ACCEPTS_A_TURN 16
/* Without descriptors no peer can be accepted, and the pending connection stays pending. */
#define SHORTAGE_PAUSE_NS (1 * CLOCK_NS_PER_S)

/*
 *   SILENT ──take──▶ GIVING ──all are sent──▶ READYING ──ready──▶ the successor
 *      │                │                        │
 *      └────────────────┴── gone, nonsense, too late ──▶ closed (logged, unless it was silent)
 */
enum stage {
	SILENT, /* it has not asked for the sockets, and has none */
	GIVING, /* some are on their way: one peer at most, from here on */
	READYING, /* it has them all */
};

/* How far a peer's sockets have been given: the first that has not. */
struct progress {
	bool control_given;
	size_t listener;
	unsigned socket;
};

struct peer {
	int fd; /* -1: none */
	pid_t pid;
	uint64_t due_ns;
	enum stage stage;
	struct progress progress; /* while GIVING */
};

struct handover {
	struct addr at;
	int fd;
	dev_t file_device; /* of the file that is ours to remove; inode 0: none */
	ino_t file_inode;
	bool file_theirs;
	bool peer_gone; /* one that had our sockets has gone: not reported yet */
	const struct listener_list *listeners, *given_too;
	uint64_t watchdog_ns;
	struct peer peers[HANDOVER_MOST_PEERS];
	struct peer successor;
	struct log_limit foreign_users;
	uint64_t paused_until_ns; /* CLOCK_NEVER: not paused */
};

/* ---- life ---- */

static void note_file(struct handover *handover)
{
	struct stat status;

	if (handover->at.un.sun_path[0] == '\0' || lstat(handover->at.un.sun_path, &status) < 0)
		return;
	handover->file_device = status.st_dev;
	handover->file_inode = status.st_ino;
}

static int open_control(struct handover *handover)
{
	struct socket_failure failure = { .call = "" };
	char text[ADDR_TEXT_SIZE];
	int r = socket_open_control(&handover->at, SOCK_SEQPACKET, &handover->fd, &failure);
	const char *hint = "";

	if (r == 0) {
		note_file(handover);
		return 0;
	}
	switch (-r) {
	case EADDRINUSE: hint = _(" (another program answers there; take another path)"); break;
	case EEXIST:
		hint = _(" (it is not a socket, so it is not removed; take another path)");
		break;
	case ENOENT: hint = _(" (its folder must exist)"); break;
	case EACCES: hint = _(" (the folder must be writable for you)"); break;
	}
	log_error(_("cannot be upgraded at '%s' (--upgrade): %s: %s%s"),
		addr_format(&handover->at, text, sizeof(text)), failure.call, strerror(-r), hint);
	return r;
}

int handover_new(const struct handover_options *options, struct handover **ret_handover)
{
	struct handover *handover = calloc(1, sizeof(*handover));
	int r = 0;

	if (handover == NULL) {
		if (options->inherited_fd >= 0)
			call_close(options->inherited_fd);
		log_error(_("cannot prepare the server: %s"), strerror(ENOMEM));
		return -ENOMEM;
	}
	handover->at = *options->at;
	handover->listeners = options->listeners;
	handover->given_too = options->given_too;
	handover->watchdog_ns = options->watchdog_ns;
	handover->successor.fd = -1;
	handover->paused_until_ns = CLOCK_NEVER;
	for (unsigned i = 0; i < HANDOVER_MOST_PEERS; i++)
		handover->peers[i].fd = -1;
	handover->fd = options->inherited_fd;
	if (options->inherited_fd >= 0) {
		handover->file_device = options->file_device;
		handover->file_inode = options->file_inode;
		handover->file_theirs = true;
	} else {
		r = open_control(handover);
	}
	if (r < 0) {
		free(handover);
		return r;
	}
	*ret_handover = handover;
	return 0;
}

static void remove_file(const struct handover *handover)
{
	struct stat status;

	if (handover->file_inode != 0 && !handover->file_theirs &&
		lstat(handover->at.un.sun_path, &status) == 0 &&
		status.st_dev == handover->file_device && status.st_ino == handover->file_inode)
		unlink(handover->at.un.sun_path);
}

void handover_claim(struct handover *handover)
{
	handover->file_theirs = false;
}

/* ---- speaking ---- */

static int speak(int fd, const struct handover_message *message, const int *fds, unsigned fd_count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(HANDOVER_MESSAGE_MOST_SOCKETS * sizeof(int))];
	} control = { 0 };
	char text[HANDOVER_MESSAGE_MOST_BYTES];
	struct iovec vector = { text, handover_message_write(message, text) };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t n;

	if (fd_count > 0) {
		header.msg_control = control.room;
		header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));

		struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
	}
	n = call_sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? (int)n : 0;
}

static int say(int fd, enum handover_message_kind kind)
{
	return speak(fd, &(struct handover_message){ .kind = kind }, NULL, 0);
}

static size_t count_sockets(const struct handover *handover)
{
	return listener_list_count_sockets(handover->listeners) +
		(handover->given_too != NULL ? handover->given_too->count : 0);
}

/* In one row; NULL behind the last. */
static const struct listener *listener_at(const struct handover *handover, size_t index)
{
	const struct listener_list *own = handover->listeners, *too = handover->given_too;

	if (index < own->count)
		return &own->listeners[index];
	return too != NULL && index - own->count < too->count ? &too->listeners[index - own->count]
							      : NULL;
}

static struct handover_message introduce(
	const struct handover *handover, enum handover_message_kind kind)
{
	return (struct handover_message){
		.kind = kind,
		.pid = (uint64_t)getpid(),
		.total = count_sockets(handover) + 1,
		.watchdog_ns = handover->watchdog_ns == CLOCK_NEVER ? 0 : handover->watchdog_ns,
	};
}

/* What was opened here is found by its address, whatever it is for. */
static enum handover_message_role role_of(const struct listener *listener)
{
	if (!listener->activated)
		return HANDOVER_MESSAGE_OPENED;
	return listener->web ? HANDOVER_MESSAGE_ACTIVATED_WEB : HANDOVER_MESSAGE_ACTIVATED;
}

/* The next socket and what is said of it; false: there is none left. */
static bool next_socket(const struct handover *handover, struct progress *progress, int *ret_fd,
	struct handover_message_socket *ret_about)
{
	const struct listener *listener;

	if (!progress->control_given) {
		progress->control_given = true;
		*ret_fd = handover->fd;
		*ret_about = (struct handover_message_socket){
			.role = HANDOVER_MESSAGE_CONTROL,
			.file_device = handover->file_inode != 0 ? handover->file_device : 0,
			.file_inode = handover->file_inode,
		};
		return true;
	}
	while ((listener = listener_at(handover, progress->listener)) != NULL) {
		if (progress->socket < listener->socket_count) {
			*ret_fd = listener->kept_fds[progress->socket++];
			*ret_about = (struct handover_message_socket){
				.role = role_of(listener),
				.file_device = listener->file_inode != 0 ? listener->file_device
									 : 0,
				.file_inode = listener->file_inode,
			};
			return true;
		}
		progress->listener++;
		progress->socket = 0;
	}
	return false;
}

/* As many of the sockets as there is room for. 0: all are given; -EAGAIN: when there is more room. */
static int give(const struct handover *handover, struct peer *peer)
{
	struct handover_message message = introduce(handover, HANDOVER_MESSAGE_SOCKETS);
	int fds[HANDOVER_MESSAGE_MOST_SOCKETS];

	for (;;) {
		struct progress behind = peer->progress;
		unsigned count = 0;
		int r;

		while (count < HANDOVER_MESSAGE_MOST_SOCKETS &&
			next_socket(handover, &behind, &fds[count], &message.sockets[count]))
			count++;
		if (count == 0)
			return 0;
		message.socket_count = count;
		r = speak(peer->fd, &message, fds, count);
		if (r < 0)
			return r;
		peer->progress = behind;
	}
}

/* ---- peers ---- */

static void drop(struct peer *peer)
{
	call_close(peer->fd);
	*peer = (struct peer){ .fd = -1 };
}

/* Its sockets were ours all the time: nothing has to be undone. `why` is translated. */
static void abandon(struct handover *handover, struct peer *peer, const char *why)
{
	bool had_sockets = peer->stage != SILENT;

	if (had_sockets)
		LOG_EVENT(LOG_LEVEL_WARNING, "upgrade_abandoned",
			json_pack("{s:i, s:s}", "pid", (int)peer->pid, "reason", why),
			_("the upgrade by process %d has failed: %s; this server continues"),
			(int)peer->pid, why);
	handover->peer_gone = handover->peer_gone || had_sockets;
	drop(peer);
}

static const char *reason_of(int error)
{
	return error == -EPIPE || error == -ECONNRESET ? _("it ended before it was ready")
						       : strerror(-error);
}

static bool is_under_way(const struct handover *handover)
{
	for (unsigned i = 0; i < HANDOVER_MOST_PEERS; i++) {
		if (handover->peers[i].fd >= 0 && handover->peers[i].stage != SILENT)
			return true;
	}
	return false;
}

static void log_foreign_user(struct handover *handover, const struct ucred *who)
{
	uint64_t left_out;

	if (!log_limit_is_due(&handover->foreign_users, clock_now_ns(), &left_out))
		return;
	LOG_EVENT(LOG_LEVEL_WARNING, "upgrade_refused",
		json_pack("{s:i, s:i, s:i}", "pid", (int)who->pid, "uid", (int)who->uid, "untold",
			(int)left_out),
		_("process %d may not upgrade this server: it belongs to the user %u"),
		(int)who->pid, who->uid);
}

static bool is_welcome(struct handover *handover, int fd, struct ucred *ret_who)
{
	socklen_t length = sizeof(*ret_who);

	if (call_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_who, &length) < 0)
		return false;
	if (ret_who->uid == geteuid() || ret_who->uid == 0)
		return true;
	say(fd, HANDOVER_MESSAGE_FOREIGN_USER);
	log_foreign_user(handover, ret_who);
	return false;
}

/* A free place; or that of the peer that is silent for longest, and has been given nothing. */
static struct peer *find_place(struct handover *handover)
{
	struct peer *oldest = NULL;

	for (unsigned i = 0; i < HANDOVER_MOST_PEERS; i++) {
		struct peer *peer = &handover->peers[i];

		if (peer->fd < 0)
			return peer;
		if (peer->stage == SILENT && (oldest == NULL || peer->due_ns < oldest->due_ns))
			oldest = peer;
	}
	if (oldest != NULL)
		drop(oldest);
	return oldest; /* one at most has sockets: there is always one that has none */
}

static void let_in(struct handover *handover)
{
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		struct ucred who = { 0 };
		int fd = call_accept(handover->fd, NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0) {
			if (fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED)
				handover->paused_until_ns = clock_after_ns(
					clock_now_ns(), SHORTAGE_PAUSE_NS);
			return;
		}
		if (!is_welcome(handover, fd, &who)) {
			call_close(fd);
			continue;
		}
		*find_place(handover) = (struct peer){
			.fd = fd,
			.pid = who.pid,
			.due_ns = clock_after_ns(clock_now_ns(), HANDOVER_GREETING_NS),
		};
	}
}

static void go_on_giving(struct handover *handover, struct peer *peer)
{
	int r = give(handover, peer);

	if (r == 0)
		peer->stage = READYING;
	else if (r != -EAGAIN && r != -EINTR)
		abandon(handover, peer, reason_of(r));
}

static void on_take(struct handover *handover, struct peer *peer)
{
	if (is_under_way(handover)) {
		say(peer->fd, HANDOVER_MESSAGE_BUSY);
		drop(peer);
		return;
	}
	peer->stage = GIVING;
	peer->due_ns = clock_after_ns(clock_now_ns(), HANDOVER_READY_NS);
	go_on_giving(handover, peer);
}

/* True: it is in charge. */
static bool on_ready(struct handover *handover, struct peer *peer)
{
	int r = say(peer->fd, HANDOVER_MESSAGE_YOURS);

	if (r < 0) {
		abandon(handover, peer, reason_of(r));
		return false;
	}
	handover->successor = *peer;
	*peer = (struct peer){ .fd = -1 };
	handover->file_inode = 0;
	return true;
}

static void on_ask(const struct handover *handover, struct peer *peer)
{
	struct handover_message answer = introduce(handover, HANDOVER_MESSAGE_HERE);

	speak(peer->fd, &answer, NULL, 0);
	drop(peer);
}

static bool listen_to(struct handover *handover, struct peer *peer)
{
	char text[MOST_SAID_BYTES];
	struct handover_message message;
	/* MSG_TRUNC: the true length. Descriptors that come along are closed by the kernel. */
	ssize_t n = call_recv(peer->fd, text, sizeof(text), MSG_DONTWAIT | MSG_TRUNC);

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n <= 0) {
		abandon(handover, peer, reason_of(n == 0 ? -EPIPE : (int)n));
		return false;
	}
	if (n <= MOST_SAID_BYTES && handover_message_read(text, (size_t)n, &message) == 0) {
		if (message.kind == HANDOVER_MESSAGE_READY && peer->stage == READYING)
			return on_ready(handover, peer);
		if (message.kind == HANDOVER_MESSAGE_TAKE && peer->stage == SILENT) {
			on_take(handover, peer);
			return false;
		}
		if (message.kind == HANDOVER_MESSAGE_ASK && peer->stage == SILENT) {
			on_ask(handover, peer);
			return false;
		}
	}
	say(peer->fd, HANDOVER_MESSAGE_UNKNOWN);
	abandon(handover, peer, _("it sent a message that cannot be understood"));
	return false;
}

/* ---- the main thread's loop ---- */

unsigned handover_prepare(const struct handover *handover, struct pollfd *ret_polled)
{
	unsigned count = 0;

	if (handover->paused_until_ns == CLOCK_NEVER)
		ret_polled[count++] = (struct pollfd){ .fd = handover->fd, .events = POLLIN };
	for (unsigned i = 0; i < HANDOVER_MOST_PEERS; i++) {
		if (handover->peers[i].fd >= 0)
			ret_polled[count++] = (struct pollfd){
				.fd = handover->peers[i].fd,
				.events = handover->peers[i].stage == GIVING ? POLLIN | POLLOUT
									     : POLLIN,
			};
	}
	return count;
}

uint64_t handover_due_ns(const struct handover *handover)
{
	uint64_t due_ns = handover->paused_until_ns;

	for (unsigned i = 0; i < HANDOVER_MOST_PEERS; i++) {
		if (handover->peers[i].fd >= 0 && handover->peers[i].due_ns < due_ns)
			due_ns = handover->peers[i].due_ns;
	}
	return due_ns;
}

/* Few, and rarely: each is simply tried. */
bool handover_work(struct handover *handover, bool *ret_peer_gone)
{
	uint64_t now_ns = clock_now_ns();

	for (unsigned i = 0; i < HANDOVER_MOST_PEERS; i++) {
		struct peer *peer = &handover->peers[i];

		if (peer->fd >= 0 && listen_to(handover, peer))
			return true;
		if (peer->fd >= 0 && peer->stage == GIVING)
			go_on_giving(handover, peer);
		if (peer->fd >= 0 && now_ns >= peer->due_ns) {
			say(peer->fd, HANDOVER_MESSAGE_LATE);
			abandon(handover, peer, _("it was not ready in time"));
		}
	}
	*ret_peer_gone = handover->peer_gone;
	handover->peer_gone = false;
	if (handover->paused_until_ns <= now_ns)
		handover->paused_until_ns = CLOCK_NEVER;
	if (handover->paused_until_ns == CLOCK_NEVER)
		let_in(handover);
	return false;
}

pid_t handover_successor(const struct handover *handover)
{
	return handover->successor.pid;
}

void handover_release(struct handover *handover)
{
	say(handover->successor.fd, HANDOVER_MESSAGE_RELEASED);
	drop(&handover->successor);
	/* Should the successor die while we drain, no server must seem to answer there. */
	call_close(TAKE_FD(handover->fd));
}

void handover_free(struct handover *handover)
{
	if (handover == NULL)
		return;
	remove_file(handover);
	for (unsigned i = 0; i < HANDOVER_MOST_PEERS; i++) {
		struct peer *peer = &handover->peers[i];

		if (peer->fd < 0)
			continue;
		if (peer->stage != SILENT)
			say(peer->fd, HANDOVER_MESSAGE_ENDING);
		drop(peer);
	}
	if (handover->successor.fd >= 0)
		drop(&handover->successor);
	if (handover->fd >= 0)
		call_close(handover->fd);
	free(handover);
}
