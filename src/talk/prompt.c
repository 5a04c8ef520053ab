/*
 * One loop, two states: either the prompt stands and keys are read as they come, or a line was sent
 * and its echo is awaited.
 *
 *	            line said                     echo back, or nothing due
 *	PROMPTED ─────────────▶ AWAITING THE ECHO ─────────────────────────▶ PROMPTED
 *	                          │ keys typed ahead, 200 ms without an echo ▲
 *	                          └──────────────────────────────────────────┘
 *
 * Whatever comes while the prompt stands takes the prompt's place, and the prompt and what was
 * typed so far are drawn again below.
 */
#include "talk/prompt.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "client/channel.h"
#include "client/interrupt.h"
#include "client/state.h"
#include "net/socket.h"
#include "talk/adjust.h"
#include "talk/command.h"
#include "talk/dialogue.h"
#include "talk/keyboard.h"
#include "talk/screen.h"

struct prompt {
	const struct prompt_options *options;
	struct interrupt interrupt;
	struct dialogue dialogue;
	struct screen screen;
	struct keyboard *keyboard;
	char *received; /* RECEIVE_SIZE bytes */
	bool shown; /* the prompt stands on the screen, with perhaps something typed */
	bool awaiting; /* something was sent, and its echo is due */
	bool unanswered; /* a grace has passed in vain, and nothing has come since: no further one */
	bool leaving; /* Ctrl-D, /quit: keys are no longer read */
	bool urgent_lost; /* ... and still to be reported */
	bool over; /* `ending` is decided */
	uint64_t said_ns; /* when something was last said, or leaving began */
	uint64_t typed_ns; /* since when keys wait while `awaiting` */
	struct ending ending;
};

/* Holds the longest datagram. */
#define RECEIVE_SIZE (64u << 10)

static bool is_stream(const struct prompt *p)
{
	return addr_socket_type(p->options->scheme) == SOCK_STREAM;
}

static void decide(struct prompt *p, enum ending_kind kind, int error)
{
	if (p->over)
		return;
	p->over = true;
	p->ending.kind = kind;
	p->ending.error = error;
}

static void show(struct prompt *p)
{
	const char *text = _("Input a message");

	screen_measure(&p->screen);
	screen_say(&p->screen, text);
	p->shown = true;
	p->awaiting = false;
	p->typed_ns = 0;
	/* Where a line is being read, what is typed of it belongs below. */
	keyboard_redraw(p->keyboard);
	fflush(p->screen.out);
}

/* Clears the prompt and the typed text away, to write something else there. */
static void hide(struct prompt *p)
{
	if (!p->shown)
		return;
	screen_clear_up(&p->screen,
		keyboard_row(p->keyboard, p->screen.columns) +
			screen_rows(&p->screen, _("Input a message")));
	p->shown = false;
}

static void say(struct prompt *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct prompt *p, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (text != NULL)
		screen_say(&p->screen, text);
	free(text);
}

static void sending_failed(struct prompt *p, int error)
{
	if (error == -ESHUTDOWN)
		say(p, _("not sent: you have finished sending"));
	else if (error == -ENOBUFS)
		say(p, _("not sent: the server does not read, and %llu bytes wait already"),
			(unsigned long long)p->dialogue.queue_length);
	else if (error == -EOPNOTSUPP)
		say(p, _("not sent: there is no urgent data with such an address, only with streams"));
	else if (!is_stream(p) && error != -ECONNREFUSED)
		say(p, _("not sent: %s"), strerror(-error));
	else if (error != -ECONNRESET && error != -EPIPE)
		decide(p, ENDING_SERVER, error);
	/*
	 * After a reset there may be more to receive: the end is reported when receiving meets
	 * it.
	 */
}

static void stream_ended(struct prompt *p, int error)
{
	if (error < 0 || !p->dialogue.finished)
		decide(p, ENDING_SERVER, error);
	else if (p->dialogue.received < p->dialogue.said)
		decide(p, ENDING_SHORT, 0);
	else
		decide(p, ENDING_FINE, 0);
	if (p->ending.kind == ENDING_FINE && !p->leaving) {
		hide(p);
		say(p, _("the server finished too; everything came back"));
	}
}

static void remark(struct prompt *p, bool urgent, bool timed, uint64_t round_trip_ns)
{
	char text[100], time[DURATION_TEXT_SIZE];

	duration_format(round_trip_ns, time, sizeof(time));
	if (urgent && timed && p->options->verbose)
		snprintf(text, sizeof(text), _("urgent, %s"), time);
	else if (urgent)
		snprintf(text, sizeof(text), _("urgent"));
	else if (timed && p->options->verbose)
		snprintf(text, sizeof(text), "%s", time);
	else
		return;
	screen_remark(&p->screen, text);
}

/* Receives and shows once. False: nothing more for now. */
static bool receive_once(struct prompt *p, bool check_urgent)
{
	struct dialogue *d = &p->dialogue;
	bool urgent = false;
	ssize_t n = dialogue_receive(d, p->received, RECEIVE_SIZE, check_urgent, &urgent);
	uint64_t round_trip_ns = 0;

	if (n == -EAGAIN)
		return false;
	if (n < 0 || (n == 0 && is_stream(p))) {
		stream_ended(p, (int)n);
		return false;
	}
	p->unanswered = false;
	hide(p);
	screen_echo(&p->screen, p->received, (size_t)n);

	char last = n > 0 ? p->received[n - 1] : '\0';
	enum dialogue_back back = dialogue_take_mark(d, last, &round_trip_ns);

	if (back == DIALOGUE_URGENT_LOST) {
		p->urgent_lost = true; /* reported below the line that is being received */
		back = dialogue_take_mark(d, last, &round_trip_ns);
	}
	remark(p, urgent, back == DIALOGUE_BACK, round_trip_ns);
	if (back == DIALOGUE_BACK || urgent || !is_stream(p))
		screen_fresh_line(&p->screen);
	if (p->urgent_lost && last == '\n') {
		say(p, _("the urgent byte did not come back in its place"));
		p->urgent_lost = false;
	}
	/* A service that is no echo answers with lines of its own length. */
	if (d->mark_count == 0 || last == '\n')
		p->awaiting = false;
	return true;
}

static void receive_all(struct prompt *p, short events)
{
	/*
	 * Bounded, so that a server that never stops sending does not keep the keys from being
	 * read.
	 */
	for (int i = 0; i < 64 && receive_once(p, events & POLLPRI); i++)
		;
	fflush(p->screen.out);
}

static void take_signal(struct prompt *p)
{
	int number = interrupt_take(&p->interrupt);

	switch (number) {
	case 0: break;
	case SIGINT:
		/* The kernel shows a plain terminal's ^C by itself. */
		if (keyboard_edits(p->keyboard) && !p->leaving)
			fputs("^C", p->screen.out);
		screen_cursor_at(&p->screen, 2);
		decide(p, ENDING_FINE, 0);
		break;
	case SIGWINCH:
		screen_measure(&p->screen);
		keyboard_resize(p->keyboard);
		if (p->shown)
			hide(p);
		break;
	case SIGTSTP:
		keyboard_release(p->keyboard);
		kill(getpid(), SIGSTOP);
		/* Continued by SIGCONT. */
		keyboard_take(p->keyboard);
		break;
	case SIGCONT:
		screen_cursor_at(&p->screen, 0);
		p->shown = false;
		break;
	default: decide(p, ENDING_SIGNAL, number); break;
	}
}

/* When to stop waiting for what is due. */
static uint64_t due_ends_ns(const struct prompt *p)
{
	if (p->leaving || (!is_stream(p) && p->awaiting))
		return clock_after_ns(p->said_ns, p->options->timeout_ns);
	return CLOCK_NEVER;
}

static void due_is_over(struct prompt *p)
{
	char text[DURATION_TEXT_SIZE];

	if (is_stream(p)) {
		decide(p, ENDING_SILENT, 0);
		return;
	}
	say(p, _("no echo within %s: the datagram or its echo is lost"),
		duration_format(p->options->timeout_ns, text, sizeof(text)));
	p->dialogue.mark_count = 0;
	p->awaiting = false;
}

/* Waits once for anything to happen, and lets it happen; for keys only while they are wanted. */
static void turn(struct prompt *p, bool want_keys, uint64_t until_ns)
{
	struct pollfd pollfds[] = {
		{ .fd = p->options->socket, .events = dialogue_events(&p->dialogue) },
		{ .fd = p->interrupt.fd, .events = POLLIN },
		{ .fd = want_keys ? STDIN_FILENO : -1, .events = POLLIN },
	};
	uint64_t due_ns = due_ends_ns(p), now_ns = clock_now_ns();
	int ready = channel_poll(
		pollfds, 3, clock_poll_ms(now_ns, due_ns < until_ns ? due_ns : until_ns));

	if (ready < 0)
		return;
	if (pollfds[1].revents != 0)
		take_signal(p);
	if (!p->over && pollfds[0].revents & POLLOUT) {
		int r = dialogue_flush(&p->dialogue);

		if (r < 0)
			sending_failed(p, r);
	}
	if (!p->over && pollfds[0].revents & ~POLLOUT) {
		/* Even while paused, poll(2) says at once that both directions have ended. */
		p->dialogue.paused = false;
		receive_all(p, pollfds[0].revents);
	}
	if (!p->over && pollfds[2].revents != 0 && !keyboard_fill(p->keyboard))
		p->leaving = true;
	if (!p->over && ready == 0 && clock_now_ns() >= due_ns)
		due_is_over(p);
}

/* Asked by the keyboard for keys; shows the prompt when its time has come. */
static bool wait_for_keys(void *context)
{
	struct prompt *p = context;

	for (;;) {
		bool typed = keyboard_has_keys(p->keyboard);
		uint64_t now_ns = clock_now_ns(), until_ns = CLOCK_NEVER;

		if (p->over || (p->leaving && !typed))
			return false;
		if (typed && p->typed_ns == 0)
			p->typed_ns = now_ns;
		if (typed && p->awaiting)
			until_ns = clock_after_ns(p->typed_ns, p->unanswered ? 0 : PROMPT_GRACE_NS);
		if (!p->shown && (!p->awaiting || now_ns >= until_ns)) {
			p->unanswered = p->awaiting;
			show(p);
		}
		if (typed && p->shown)
			return true;
		turn(p, !typed, until_ns);
	}
}

static void say_line(struct prompt *p, const char *text, size_t length)
{
	char *line = malloc(length + 1);
	int r = -ENOMEM;

	if (line != NULL) {
		memcpy(line, text, length);
		line[length] = '\n';
		r = dialogue_say(&p->dialogue, line, length + 1);
	}
	free(line);
	p->awaiting = r == 0 && !p->dialogue.paused;
	p->said_ns = clock_now_ns();
	if (r < 0)
		sending_failed(p, r);
}

static void leave(struct prompt *p)
{
	int r = dialogue_finish(&p->dialogue);

	p->leaving = true;
	p->dialogue.paused = false; /* the rest is received */
	p->said_ns = clock_now_ns();
	if (r < 0)
		sending_failed(p, r);
}

static void say_urgent(struct prompt *p, char byte)
{
	int r = dialogue_say_urgent(&p->dialogue, byte);

	p->awaiting = r == 0 && !p->dialogue.paused;
	p->said_ns = clock_now_ns();
	if (r < 0)
		sending_failed(p, r);
}

static void half_close(struct prompt *p)
{
	if (!is_stream(p)) {
		say(p, _("there is nothing to half-close: datagrams have no end"));
		return;
	}

	int r = dialogue_finish(&p->dialogue);

	if (r < 0)
		sending_failed(p, r);
	else
		say(p,
			p->options->scheme == ADDR_TLS
				? _("finished sending (close_notify); the server may go on")
				: _("finished sending (FIN); the server may go on"));
}

static void reset(struct prompt *p)
{
	if (!addr_is_tcp(p->options->scheme)) {
		say(p, _("there is nothing to reset, only with tcp"));
		return;
	}
	socket_set_reset_on_close(p->options->socket);
	say(p, _("connection reset (RST)"));
	decide(p, ENDING_FINE, 0);
}

static void unknown(struct prompt *p, const struct command *command)
{
	const char *nearest = command_nearest(command);

	if (nearest != NULL)
		say(p, _("unknown command '%.*s'; did you mean '%s'? (/help lists them; // sends a slash)"),
			(int)command->length, command->text, nearest);
	else
		say(p, _("unknown command '%.*s' (/help lists them; // sends a slash)"),
			(int)command->length, command->text);
}

static void obey(struct prompt *p, const char *line, size_t length)
{
	struct command command = command_parse(line, length);
	char state[STATE_TEXT_SIZE], usage[COMMAND_USAGE_SIZE], adjusted[ADJUST_TEXT_SIZE];

	switch (command.kind) {
	case COMMAND_SAY: say_line(p, command.text, command.length); break;
	case COMMAND_HELP: say(p, "%s", command_help()); break;
	case COMMAND_URGENT: say_urgent(p, *command.text); break;
	case COMMAND_HALF_CLOSE: half_close(p); break;
	case COMMAND_RESET: reset(p); break;
	case COMMAND_STATE:
		say(p, "%s",
			state_describe(
				p->options->socket, p->options->scheme, state, sizeof(state)));
		break;
	case COMMAND_PAUSE:
	case COMMAND_READ:
	case COMMAND_PIECES:
	case COMMAND_RCVBUF:
	case COMMAND_SNDBUF:
	case COMMAND_LINGER:
		say(p, "%s", adjust(&p->dialogue, &command, adjusted, sizeof(adjusted)));
		break;
	case COMMAND_QUIT: leave(p); break;
	case COMMAND_UNKNOWN: unknown(p, &command); break;
	case COMMAND_WRONG: say(p, "%s", command_usage(command.meant, usage, sizeof(usage))); break;
	}
	/* Nothing is awaited that cannot be received. */
	if (p->dialogue.paused)
		p->awaiting = false;
}

/* Asked by the keyboard at a Tab. */
static enum keyboard_completion complete(
	void *context, const char *typed, size_t length, char *added, size_t size)
{
	struct prompt *p = context;

	if (length == 0 || typed[0] != '/' || memchr(typed, ' ', length) != NULL ||
		(length > 1 && typed[1] == '/'))
		return KEYBOARD_LITERAL;

	struct command_completion completion = command_complete(typed, length);

	if (completion.count == 0)
		return KEYBOARD_NO_MATCH;
	snprintf(added, size, "%s", completion.added);
	if (completion.count > 1 && *added == '\0') {
		hide(p);
		say(p, "%s", completion.names);
	}
	return KEYBOARD_COMPLETED;
}

/* Reads lines and obeys them until the user leaves, then waits for the rest. */
static void converse(struct prompt *p)
{
	while (!p->over && !p->leaving) {
		const char *line;
		size_t length;
		enum keyboard_line what = keyboard_read(p->keyboard, &line, &length);

		p->typed_ns = 0;
		if (what == KEYBOARD_LINE) {
			p->shown = false;
			screen_cursor_at(&p->screen, 0);
			obey(p, line, length);
			fflush(p->screen.out);
		} else if (!p->over) {
			/* Ctrl-D leaves the cursor behind what libedit shows for it. */
			screen_cursor_at(&p->screen, 2);
			p->shown = false;
			screen_fresh_line(&p->screen);
			leave(p);
		}
	}
	while (!p->over && (is_stream(p) || p->awaiting))
		turn(p, false, CLOCK_NEVER);
	decide(p, ENDING_FINE, 0);
	/* A plain terminal shows keys by itself, also those typed ahead of the prompt. */
	bool typing = p->shown || (!keyboard_edits(p->keyboard) && !p->leaving);

	if (typing && keyboard_has_typed(p->keyboard))
		screen_cursor_at(&p->screen, 1);
	screen_fresh_line(&p->screen);
	fflush(p->screen.out);
}

/* Where no locale is set, UTF-8 it is: it is what the messages are written in, too. */
static void want_utf8(void)
{
	const char *locale = setlocale(LC_CTYPE, NULL);

	if (locale != NULL && (strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0))
		setlocale(LC_CTYPE, "C.UTF-8");
}

static bool terminal_is_dumb(void)
{
	const char *term = getenv("TERM");

	return term == NULL || *term == '\0' || strcmp(term, "dumb") == 0;
}

static int prompt_init(struct prompt *p)
{
	static const int editing[] = { SIGWINCH, SIGTSTP, SIGCONT, 0 };
	int r = dialogue_init(&p->dialogue, p->options->socket, p->options->scheme);

	if (r < 0)
		return r;
	r = -ENOMEM;
	p->received = malloc(RECEIVE_SIZE);
	if (p->received == NULL)
		goto fail_dialogue;
	r = keyboard_new(
		STDIN_FILENO, terminal_is_dumb(), wait_for_keys, complete, p, &p->keyboard);
	if (r < 0)
		goto fail_received;
	/* A plain terminal is the kernel's business, stopping included. */
	r = interrupt_init(&p->interrupt, keyboard_edits(p->keyboard) ? editing : NULL);
	if (r < 0)
		goto fail_keyboard;
	screen_init(&p->screen, stdout, keyboard_edits(p->keyboard));
	return 0;

fail_keyboard:
	keyboard_free(p->keyboard);
fail_received:
	free(p->received);
fail_dialogue:
	dialogue_fini(&p->dialogue);
	return r;
}

int prompt_run(const struct prompt_options *options, struct ending *ret_ending)
{
	struct prompt p = { .options = options };

	want_utf8();

	int r = prompt_init(&p);

	if (r < 0)
		return r;
	converse(&p);
	interrupt_fini(&p.interrupt);
	keyboard_free(p.keyboard);
	free(p.received);
	p.ending.sent_bytes = p.dialogue.sent;
	p.ending.received_bytes = p.dialogue.received;
	p.ending.timeout_ns = options->timeout_ns;
	dialogue_fini(&p.dialogue);
	*ret_ending = p.ending;
	return 0;
}
