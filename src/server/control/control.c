/*
 * Each client is tried in its turn; none has a thread, and no call waits. A question makes work for the server's
 * threads, too, so all of it is paced: after so much work there are nine times as much without. A client that asks
 * now and then is answered at once.
 */
#include "server/control/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "net/call.h"
#include "net/socket.h"
#include "server/listen/inheritance.h"

#define ACCEPTS_A_TURN 16
#define READ_BYTES 512
/* Without descriptors no client can be accepted, and the pending connection stays pending. */
#define SHORTAGE_PAUSE_NS (1 * CLOCK_NS_PER_S)
/* The shortest rest: poll(2) goes by milliseconds. */
#define LEAST_REST_NS (200 * CLOCK_NS_PER_US)

/*
 *   READING ──a line──▶ ANSWERING ──all is sent──▶ READING ... ──its end──▶ closed
 */
struct client {
	int fd; /* -1: none */
	uint64_t heard_ns; /* when it last sent something, or was accepted */
	struct control_input input;
	char read[READ_BYTES]; /* received, and not yet looked at */
	size_t read_from, read_to;
	bool ended; /* it sends no more */
	char *answer; /* NULL: none under way */
	size_t answer_length, answer_sent;
};

struct control {
	struct control_options options;
	struct addr at;
	struct listener_list listeners; /* one; none after control_stop_listening() */
	struct client clients[CONTROL_MOST_CLIENTS];
	unsigned next; /* whose turn it is */
	struct log_limit foreign_users;
	uint64_t resting_until_ns; /* 0: not resting */
	uint64_t no_accept_until_ns; /* the same for new clients */
};

/* ---- life ---- */

static int complain(const struct control *control, const char *call, int error)
{
	char text[ADDR_TEXT_SIZE];
	const char *hint = "";

	switch (-error) {
	case EADDRINUSE: hint = _(" (another program answers there; take another path)"); break;
	case EEXIST:
		hint = _(" (it is not a socket, so it is not removed; take another path)");
		break;
	case ENOENT: hint = _(" (its folder must exist)"); break;
	case EACCES: hint = _(" (the folder must be writable for you)"); break;
	case EMFILE: hint = _(" (raise the limit, 'ulimit -n')"); break;
	}
	log_error(_("cannot answer at '%s' (--control): %s: %s%s"),
		addr_format(&control->at, text, sizeof(text)), call, strerror(-error), hint);
	return error;
}

static int open_listener(struct control *control, struct listener *listener)
{
	struct socket_failure failure = { .call = "malloc" };
	struct stat status;
	int r;

	*listener = (struct listener){ .fds = malloc(sizeof(int)), .bound = control->at };
	if (listener->fds == NULL)
		return complain(control, failure.call, -ENOMEM);
	r = socket_open_control(&control->at, SOCK_STREAM, &listener->fds[0], &failure);
	if (r < 0) {
		free(listener->fds);
		return complain(control, failure.call, r);
	}
	listener->fd_count = listener->socket_count = 1;
	if (control->at.un.sun_path[0] != '\0' && lstat(control->at.un.sun_path, &status) == 0) {
		listener->file_device = status.st_dev;
		listener->file_inode = status.st_ino;
	}
	return 0;
}

int control_new(const struct control_options *options, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	struct listener *listener;
	int r = 0;

	if (control == NULL) {
		log_error(_("cannot prepare the server: %s"), strerror(ENOMEM));
		return -ENOMEM;
	}
	control->options = *options;
	control->at = *options->at;
	for (unsigned i = 0; i < CONTROL_MOST_CLIENTS; i++)
		control->clients[i].fd = -1;
	listener = listener_list_append(&control->listeners);
	if (listener == NULL)
		r = complain(control, "malloc", -ENOMEM);
	else if (options->inherited == NULL ||
		!inheritance_claim(options->inherited, &control->at, 1, listener))
		r = open_listener(control, listener);
	if (r < 0) {
		control_free(control);
		return r;
	}
	control->listeners.count = 1;
	*ret_control = control;
	return 0;
}

static void drop(struct client *client)
{
	call_close(client->fd);
	free(client->answer);
	*client = (struct client){ .fd = -1 };
}

void control_stop_listening(struct control *control)
{
	if (control != NULL)
		listener_list_close_all(&control->listeners);
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	for (unsigned i = 0; i < CONTROL_MOST_CLIENTS; i++) {
		if (control->clients[i].fd >= 0)
			drop(&control->clients[i]);
	}
	listener_list_close_all(&control->listeners);
	free(control);
}

struct listener_list *control_listeners(struct control *control)
{
	return control != NULL ? &control->listeners : NULL;
}

/* ---- clients ---- */

static bool is_welcome(struct control *control, int fd)
{
	struct ucred who;
	socklen_t length = sizeof(who);
	uint64_t left_out;

	if (call_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0)
		return false;
	if (who.uid == geteuid() || who.uid == 0)
		return true;
	if (log_limit_is_due(&control->foreign_users, clock_now_ns(), &left_out))
		LOG_EVENT(LOG_LEVEL_WARNING, "control_refused",
			json_pack("{s:i, s:i, s:i}", "pid", (int)who.pid, "uid", (int)who.uid,
				"untold", (int)left_out),
			_("process %d may not ask this server: it belongs to the user %u"),
			(int)who.pid, who.uid);
	return false;
}

/* A free place; or that of the client that has been silent for longest. */
static struct client *find_place(struct control *control)
{
	struct client *oldest = &control->clients[0];

	for (unsigned i = 0; i < CONTROL_MOST_CLIENTS; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0)
			return client;
		if (client->heard_ns < oldest->heard_ns)
			oldest = client;
	}
	drop(oldest);
	return oldest;
}

static void let_in(struct control *control, uint64_t now_ns)
{
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = call_accept(
			control->listeners.listeners[0].fds[0], NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0) {
			if (fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED)
				control->no_accept_until_ns = now_ns + SHORTAGE_PAUSE_NS;
			return;
		}
		if (!is_welcome(control, fd)) {
			call_close(fd);
			continue;
		}
		socket_refuse_descriptors(fd);
		*find_place(control) = (struct client){ .fd = fd, .heard_ns = now_ns };
	}
}

/* False: it has gone, or takes no more. */
static bool go_on_sending(struct client *client)
{
	while (client->answer_sent < client->answer_length) {
		ssize_t n = call_send(client->fd, client->answer + client->answer_sent,
			client->answer_length - client->answer_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return n == -EAGAIN || n == -EINTR;
		client->answer_sent += (size_t)n;
	}
	free(client->answer);
	client->answer = NULL;
	return true;
}

/* False: it is to be dropped. */
static bool answer(struct control *control, struct client *client, enum control_request request)
{
	client->answer = control->options.answer(control->options.context, request);
	if (client->answer == NULL)
		return false;
	client->answer_length = strlen(client->answer);
	client->answer_sent = 0;
	return go_on_sending(client);
}

/* False: it has gone. */
static bool receive(struct client *client, uint64_t now_ns)
{
	ssize_t n;

	if (client->ended || client->read_from < client->read_to)
		return true;
	/* Descriptors that come along are closed by the kernel. */
	n = call_recv(client->fd, client->read, sizeof(client->read), MSG_DONTWAIT);
	if (n < 0)
		return n == -EAGAIN || n == -EINTR;
	client->ended = n == 0;
	client->heard_ns = now_ns;
	client->read_from = 0;
	client->read_to = (size_t)n;
	return true;
}

/* The next question that is there. */
static bool next_request(struct client *client, enum control_request *ret_request)
{
	bool complete = false;

	client->read_from += control_input_read(&client->input, client->read + client->read_from,
		client->read_to - client->read_from, &complete, ret_request);
	return complete || (client->ended && control_input_end(&client->input, ret_request));
}

/* True: it has been answered. */
static bool serve(struct control *control, struct client *client, uint64_t now_ns)
{
	enum control_request request;
	bool stays = true, answered = false;

	if (client->answer != NULL)
		stays = go_on_sending(client);
	if (stays && client->answer == NULL)
		stays = receive(client, now_ns);
	if (stays && client->answer == NULL && next_request(client, &request)) {
		stays = answer(control, client, request);
		answered = true;
	} else if (client->answer == NULL && client->ended) {
		stays = false;
	}
	if (!stays)
		drop(client);
	return answered;
}

/* ---- the main thread's loop ---- */

static bool is_resting(const struct control *control)
{
	return control->resting_until_ns > 0;
}

/* Something that it has sent is here, and has not been looked at: nothing announces that. */
static bool has_more(const struct client *client)
{
	return client->fd >= 0 && client->answer == NULL &&
		(client->read_from < client->read_to || client->ended);
}

unsigned control_poll(const struct control *control, struct pollfd *ret_polled)
{
	unsigned count = 0;

	if (control == NULL || is_resting(control))
		return 0;
	if (control->listeners.count > 0 && control->no_accept_until_ns == 0)
		ret_polled[count++] = (struct pollfd){ .fd = control->listeners.listeners[0].fds[0],
			.events = POLLIN };
	for (unsigned i = 0; i < CONTROL_MOST_CLIENTS; i++) {
		const struct client *client = &control->clients[i];

		if (client->fd >= 0)
			ret_polled[count++] = (struct pollfd){
				.fd = client->fd,
				.events = client->answer != NULL ? POLLOUT : POLLIN,
			};
	}
	return count;
}

uint64_t control_due_ns(const struct control *control)
{
	uint64_t due_ns = CLOCK_NEVER;

	if (control == NULL)
		return due_ns;
	if (is_resting(control))
		return control->resting_until_ns;
	if (control->no_accept_until_ns > 0)
		due_ns = control->no_accept_until_ns;
	for (unsigned i = 0; i < CONTROL_MOST_CLIENTS; i++) {
		if (has_more(&control->clients[i]))
			due_ns = 0;
	}
	return due_ns;
}

void control_work(struct control *control)
{
	uint64_t begin_ns = clock_now_ns(), spent_ns;
	bool answered = false;

	if (is_resting(control)) {
		/* At its end what is ready is polled first: a turn without work would be a rest, too. */
		if (begin_ns >= control->resting_until_ns)
			control->resting_until_ns = 0;
		return;
	}
	if (control->no_accept_until_ns <= begin_ns)
		control->no_accept_until_ns = 0;
	if (control->listeners.count > 0 && control->no_accept_until_ns == 0)
		let_in(control, begin_ns);
	for (unsigned i = 0; !answered && i < CONTROL_MOST_CLIENTS; i++) {
		struct client *client = &control->clients[control->next];

		control->next = (control->next + 1) % CONTROL_MOST_CLIENTS;
		answered = client->fd >= 0 && serve(control, client, begin_ns);
	}
	spent_ns = clock_now_ns() - begin_ns;
	if (spent_ns * CONTROL_REST < LEAST_REST_NS)
		spent_ns = LEAST_REST_NS / CONTROL_REST;
	control->resting_until_ns = begin_ns + spent_ns * (1 + CONTROL_REST);
}
