/*
 * The client gets a terminal (pty(7)), because what a program writes into a pipe stays in its buffer; its echo is off,
 * so that only what the client itself writes is seen. Each experiment starts it anew.
 */
#include "check/rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/quote.h"
#include "check/program/observation.h"
#include "net/call.h"

#define CONNECT_NS (5 * CLOCK_NS_PER_S)
#define LIFE_NS (12 * CLOCK_NS_PER_S)
#define EXTRA_NS (50 * CLOCK_NS_PER_MS)
/* Between the two parts of a letter: longer than any buffer on the way waits. */
#define PART_NS (200 * CLOCK_NS_PER_MS)
#define SCREEN_SIZE 8192

struct rehearsal {
	struct diagnosis *diagnosis;
	const char *command;
	const struct program_limits *limits;
	struct program program;
	uint16_t port;
	int listeners[2]; /* at the port, and at the one with its bytes swapped */
	int terminal_fd; /* our end */
	int fd; /* the connection */
	char screen[SCREEN_SIZE]; /* what it has written, as a string */
	size_t screen_length;
};

/* For a wait: whether the client is ready to run. */
static bool look(const void *subject, uint64_t *ret_processor_ns)
{
	const struct rehearsal *rehearsal = subject;
	struct observation seen = observation_of(rehearsal->program.pid);

	*ret_processor_ns = seen.processor_ns;
	return seen.ready;
}

/* ---- its surroundings ---- */

static int listen_at(uint16_t port, int *ret_fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, fd = call_socket(AF_INET, SOCK_STREAM, 0), r;

	if (fd < 0)
		return fd;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	call_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	r = call_bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (r == 0)
		r = call_listen(fd, 8);
	if (r < 0)
		call_close(fd);
	else
		*ret_fd = fd;
	return r;
}

/* Both ends; the client's has no echo. */
static int open_terminal(int *ret_ours, int *ret_theirs)
{
	CLEANUP_FD int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CLEANUP_FD int theirs = -1;
	struct termios settings;
	char path[64];

	if (ours < 0 || grantpt(ours) < 0 || unlockpt(ours) < 0)
		return -errno;
	if (ptsname_r(ours, path, sizeof(path)) != 0)
		return -ENOTTY;
	theirs = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (theirs < 0 || tcgetattr(theirs, &settings) < 0)
		return -errno;
	settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	settings.c_iflag |= IUTF8;
	if (tcsetattr(theirs, TCSANOW, &settings) < 0)
		return -errno;
	*ret_ours = TAKE_FD(ours);
	*ret_theirs = TAKE_FD(theirs);
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		call_close(TAKE_FD(*fd));
}

static void end(struct rehearsal *rehearsal)
{
	close_one(&rehearsal->fd);
	program_end(&rehearsal->program);
	close_one(&rehearsal->terminal_fd);
}

/* ---- seeing ---- */

/* Takes in what it writes, for so long or until `text` is there. */
static bool shows(struct rehearsal *rehearsal, const char *text, uint64_t ns)
{
	struct patience patience;

	patience_begin(&patience, rehearsal->diagnosis->trial->source, ns);
	for (;;) {
		struct pollfd one = { .fd = rehearsal->terminal_fd, .events = POLLIN };
		size_t space = sizeof(rehearsal->screen) - 1 - rehearsal->screen_length;
		int ready;
		ssize_t n;

		if (text != NULL && strstr(rehearsal->screen, text) != NULL)
			return true;
		if (space == 0)
			return false;
		ready = poll(&one, 1, clock_poll_ms(clock_now_ns(), patience.until_ns));
		if (ready == 0 && text != NULL && !patience_is_over(&patience))
			continue;
		if (ready <= 0)
			return false;
		n = read(rehearsal->terminal_fd, rehearsal->screen + rehearsal->screen_length,
			space);
		if (n <= 0)
			return false; /* EIO: the client has ended */
		for (ssize_t i = 0; i < n; i++) {
			char *c = &rehearsal->screen[rehearsal->screen_length + (size_t)i];

			*c = *c == '\0' ? ' ' : *c;
		}
		rehearsal->screen_length += (size_t)n;
		rehearsal->screen[rehearsal->screen_length] = '\0';
	}
}

static bool types(struct rehearsal *rehearsal, const char *text)
{
	return write(rehearsal->terminal_fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* What it sends, up to `most`; false: it has ended the connection, or nothing came. */
static size_t hear(struct rehearsal *rehearsal, char *buffer, size_t least, size_t most,
	uint64_t ns, bool *ret_ended)
{
	struct patience patience;
	size_t length = 0;

	patience_begin(&patience, rehearsal->diagnosis->trial->source, ns);
	*ret_ended = false;
	while (length < least) {
		struct pollfd one = { .fd = rehearsal->fd, .events = POLLIN };
		ssize_t n;
		int ready = poll(&one, 1, clock_poll_ms(clock_now_ns(), patience.until_ns));

		if (ready == 0 && !patience_is_over(&patience))
			continue;
		if (ready == 0)
			return length;
		n = call_recv(rehearsal->fd, buffer + length, most - length, MSG_DONTWAIT);
		if (n > 0) {
			length += (size_t)n;
		} else if (n != -EAGAIN && n != -EINTR) {
			*ret_ended = true;
			return length;
		}
	}
	return length;
}

/* Whether it ends by itself, within the patience. */
static bool ends(struct rehearsal *rehearsal)
{
	const struct rule_trial *trial = rehearsal->diagnosis->trial;
	struct patience patience;

	patience_begin(&patience, trial->source, trial->patience_ns);
	while (!program_ends_within(&rehearsal->program, EXTRA_NS)) {
		if (patience_is_over(&patience))
			return false;
	}
	return true;
}

/* The last line that it has written, to show. */
static const char *last_line(const struct rehearsal *rehearsal, char *buffer, size_t size)
{
	const char *finish = rehearsal->screen + rehearsal->screen_length, *start;

	while (finish > rehearsal->screen && (finish[-1] == '\n' || finish[-1] == '\r'))
		finish--;
	for (start = finish; start > rehearsal->screen && start[-1] != '\n'; start--)
		;
	return quote_bytes(start, (size_t)(finish - start), buffer, size);
}

/* ---- starting ---- */

static int start(struct rehearsal *rehearsal)
{
	struct program_place place = { .host = "127.0.0.1", .port = rehearsal->port };
	int theirs = -1, r = open_terminal(&rehearsal->terminal_fd, &theirs);

	if (r < 0)
		return r;
	rehearsal->screen_length = 0;
	rehearsal->screen[0] = '\0';
	r = program_start(&rehearsal->program, rehearsal->command, &place, rehearsal->limits,
		clock_after_ns(clock_now_ns(), LIFE_NS), theirs);
	call_close(theirs);
	if (r < 0)
		close_one(&rehearsal->terminal_fd);
	return r;
}

/* Which of the two listeners it connects to: 0 or 1; -1: none. The connection is rehearsal->fd. */
static int accept_one(struct rehearsal *rehearsal)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), CONNECT_NS);

	while (clock_now_ns() < until_ns) {
		struct pollfd pollfds[] = {
			{ .fd = rehearsal->listeners[0], .events = POLLIN },
			{ .fd = rehearsal->listeners[1], .events = POLLIN },
			{ .fd = rehearsal->diagnosis->trial->interrupt_fd, .events = POLLIN },
		};

		if (poll(pollfds, 3, 20) < 0 || pollfds[2].revents != 0)
			return -1;
		for (int i = 0; i < 2; i++) {
			if (pollfds[i].revents == 0)
				continue;
			rehearsal->fd = call_accept(rehearsal->listeners[i], NULL, NULL, 0);
			return rehearsal->fd < 0 ? -1 : i;
		}
		shows(rehearsal, NULL, 0);
		if (program_has_ended(&rehearsal->program))
			return -1;
	}
	return -1;
}

/* 0: it is there; 1: it is at fault. */
static int judge_connecting(struct rehearsal *rehearsal, int which)
{
	char line[256], how[128];
	struct cause_found *found;

	if (which == 0)
		return 0;
	found = diagnosis_add_cause(rehearsal->diagnosis);
	if (which == 1) {
		cause_note(found, CAUSE_CLIENT_NO_HTONS,
			_("it connected to port %u instead of %u: the two bytes are swapped"),
			service_swap_port(rehearsal->port), rehearsal->port);
		cause_add_fact(found, "port", rehearsal->port);
		cause_add_fact(found, "connected_port", service_swap_port(rehearsal->port));
		return 1;
	}
	last_line(rehearsal, line, sizeof(line));
	if (program_has_ended(&rehearsal->program))
		cause_note(found, CAUSE_CLIENT_NOT_CONNECTED,
			_("before it connected to port %u, it %s ('%s')"), rehearsal->port,
			program_format_end(&rehearsal->program, how, sizeof(how)), line);
	else
		cause_note(found, CAUSE_CLIENT_NOT_CONNECTED,
			_("after 5 s it has not connected to port %u"), rehearsal->port);
	cause_add_fact(found, "port", rehearsal->port);
	return 1;
}

/* ---- experiments ---- */

static void try_line(struct rehearsal *rehearsal)
{
	uint64_t patience_ns = rehearsal->diagnosis->trial->patience_ns;
	char buffer[8192];
	bool ended;
	size_t length;

	if (!types(rehearsal, "hello\n"))
		return;
	length = hear(rehearsal, buffer, 5, sizeof(buffer), patience_ns, &ended);
	length += hear(rehearsal, buffer + length, 1, sizeof(buffer) - length, EXTRA_NS, &ended);
	if (length < 5 || memcmp(buffer, "hello", 5) != 0) {
		diagnosis_add_note(rehearsal->diagnosis, "client-line", RULE_FAIL,
			_("'hello' was typed, and the server did not receive it"));
		return;
	}
	if (length > 7) {
		struct cause_found *found = diagnosis_add_cause(rehearsal->diagnosis);

		cause_note(found, CAUSE_CLIENT_SENDS_WHOLE_BUFFER,
			_("'hello' was typed, and the server received at least %zu bytes"), length);
		cause_add_fact(found, "received_bytes", (int64_t)length);
		return;
	}
	call_send(rehearsal->fd, buffer, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (shows(rehearsal, "hello", patience_ns))
		diagnosis_add_note(rehearsal->diagnosis, "client-line", RULE_PASS,
			_("'hello' was typed, sent, and shown when it came back"));
	else
		diagnosis_add_note(rehearsal->diagnosis, "client-line", RULE_FAIL,
			_("'hello' came back from the server, and the client did not show it"));
}

static void try_letter(struct rehearsal *rehearsal)
{
	static const char letter[] = "\xed\x95\x9c"; /* U+D55C */
	uint64_t patience_ns = rehearsal->diagnosis->trial->patience_ns;
	char buffer[64];
	bool ended;
	size_t length;

	if (!types(rehearsal, "\xed\x95\x9c\n"))
		return;
	length = hear(rehearsal, buffer, 3, sizeof(buffer), patience_ns, &ended);
	length += hear(rehearsal, buffer + length, 1, sizeof(buffer) - length, EXTRA_NS, &ended);
	if (length < 3 || length > 5 || memcmp(buffer, letter, 3) != 0)
		return;
	call_send(rehearsal->fd, buffer, 2, MSG_NOSIGNAL | MSG_DONTWAIT);
	shows(rehearsal, NULL, PART_NS);
	call_send(rehearsal->fd, buffer + 2, length - 2, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (shows(rehearsal, letter, patience_ns))
		diagnosis_add_note(rehearsal->diagnosis, "client-letter", RULE_PASS,
			_("the three bytes of a letter came in two parts, and the letter was shown"));
	else
		cause_note(diagnosis_add_cause(rehearsal->diagnosis), CAUSE_CLIENT_CUTS_REPLIES,
			_("the three bytes of a letter came back in two parts, and the letter was not "
			  "shown"));
}

static void try_input_end(struct rehearsal *rehearsal)
{
	uint64_t patience_ns = rehearsal->diagnosis->trial->patience_ns;
	char buffer[64], time[DURATION_TEXT_SIZE];
	bool ended = false;

	/* A client that changes the terminal must have done that. */
	shows(rehearsal, NULL, PART_NS);
	if (!types(rehearsal, "\x04"))
		return;
	hear(rehearsal, buffer, sizeof(buffer), sizeof(buffer), patience_ns, &ended);
	if (ended)
		close_one(&rehearsal->fd);
	if (ended && ends(rehearsal)) {
		diagnosis_add_note(rehearsal->diagnosis, "client-end", RULE_PASS,
			_("after Ctrl-D it closed the connection and ended"));
		return;
	}
	duration_format(patience_ns, time, sizeof(time));
	cause_note(diagnosis_add_cause(rehearsal->diagnosis), CAUSE_CLIENT_IGNORES_INPUT_END,
		ended ? _("after Ctrl-D it closed the connection, but still runs after %s")
		      : _("after Ctrl-D the connection is still open after %s"),
		time);
}

/* A client that waits for the keyboard may need two lines to notice. */
static void try_server_gone(struct rehearsal *rehearsal)
{
	struct program *program = &rehearsal->program;
	char how[128];

	close_one(&rehearsal->fd);
	for (int i = 0; i < 2 && !program_ends_within(program, PART_NS); i++)
		types(rehearsal, i == 0 ? "one\n" : "two\n");
	if (!ends(rehearsal)) {
		cause_note(diagnosis_add_cause(rehearsal->diagnosis), CAUSE_CLIENT_NO_EOF,
			_("the server ended the connection, two more lines were typed, and the client "
			  "still runs"));
		return;
	}
	program_format_end(program, how, sizeof(how));
	if (WIFSIGNALED(program->status) && WTERMSIG(program->status) == SIGPIPE) {
		cause_note(diagnosis_add_cause(rehearsal->diagnosis), CAUSE_CLIENT_DIES_OF_SIGPIPE,
			_("the server ended the connection, and the client %s"), how);
		return;
	}
	diagnosis_add_note(rehearsal->diagnosis, "client-server-gone",
		WIFSIGNALED(program->status) ? RULE_FAIL : RULE_PASS,
		_("the server ended the connection, and the client %s"), how);
}

static void (*const experiments[])(struct rehearsal *rehearsal) = {
	try_line,
	try_letter,
	try_input_end,
	try_server_gone,
};

/* 0: go on; 1: it was at fault from the start; -errno. */
static int try_one(struct rehearsal *rehearsal, size_t number)
{
	int which, r = start(rehearsal);

	if (r == -ENOENT || r == -EACCES || r == -ENOEXEC || r == -ENOTDIR) {
		cause_note(diagnosis_add_cause(rehearsal->diagnosis), CAUSE_CLIENT_CANNOT_RUN,
			_("'%s' cannot be run: %s"), rehearsal->command, strerror(-r));
		return 1;
	}
	if (r < 0)
		return r;
	which = accept_one(rehearsal);
	if (number == 0)
		r = judge_connecting(rehearsal, which);
	if (number == 0 && r == 0)
		diagnosis_add_note(
			rehearsal->diagnosis, "client-connects", RULE_PASS, _("it connected"));
	if (which == 0)
		experiments[number](rehearsal);
	end(rehearsal);
	return r;
}

int rehearsal_run(
	struct diagnosis *diagnosis, const char *command, const struct program_limits *limits)
{
	struct rehearsal rehearsal = {
		.diagnosis = diagnosis,
		.command = command,
		.limits = limits,
		.port = service_choose_port(),
		.listeners = { -1, -1 },
		.terminal_fd = -1,
		.fd = -1,
	};
	diagnosis->trial->source = (struct patience_source){ look, &rehearsal };

	int r = rehearsal.port == 0 ? -EADDRNOTAVAIL
				    : listen_at(rehearsal.port, &rehearsal.listeners[0]);

	if (r == 0)
		r = listen_at(service_swap_port(rehearsal.port), &rehearsal.listeners[1]);
	for (size_t i = 0; r == 0 && i < sizeof(experiments) / sizeof(experiments[0]); i++) {
		struct pollfd interrupt = { .fd = diagnosis->trial->interrupt_fd,
			.events = POLLIN };

		if (poll(&interrupt, 1, 0) > 0)
			break;
		r = try_one(&rehearsal, i);
	}
	close_one(&rehearsal.listeners[0]);
	close_one(&rehearsal.listeners[1]);
	diagnosis->trial->source = (struct patience_source){ 0 };
	return r < 0 ? r : 0;
}
