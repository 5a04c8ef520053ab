/*
 * Where the way ends a silent connection openly (FIN, RST), waiting on one of them measures the time. Where
 * it forgets in silence, only using the connection again shows it, and that makes it young: each
 * connection can be asked once. So sixteen wait at a time, each for another time between what is known to
 * live and what is known to be dead, and each round makes the gap sixteen times smaller.
 */
#include "check/idle.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/quote.h"
#include "client/channel.h"
#include "net/call.h"
#include "net/socket.h"

#define WAITING 16
/* Good enough: the gap is a thirty-second part of the time found. */
#define PRECISION 32

enum death { DEATH_NONE, DEATH_FIN, DEATH_RST, DEATH_SILENCE };

static const char *const death_names[] = { "none", "fin", "rst", "silence" };

struct idle {
	struct rule_trial *trial;
	uint64_t alive_ns, dead_ns; /* it lives so long; it does not live so long */
	enum death death;
	bool announced; /* the way ended it by itself, at dead_ns */
	bool interrupted; /* before that was found out */
	uint64_t since_ns[WAITING]; /* when each was last used */
};

static enum death death_of(const struct ending *ending)
{
	if (ending->kind == ENDING_FINE)
		return DEATH_NONE;
	if (ending->kind == ENDING_SILENT)
		return DEATH_SILENCE;
	return ending->error == 0 ? DEATH_FIN : DEATH_RST;
}

/* Uses a connection again: does it answer? */
static enum death ask(struct idle *idle, int fd)
{
	struct exchange_plan plan = exchange_plan_of(
		16, idle->trial->patience_ns, idle->trial->interrupt_fd);
	struct exchange_result result;

	exchange_run(fd, &plan, &result);
	if (result.ending.kind == ENDING_SIGNAL)
		idle->interrupted = true;
	return death_of(&result.ending);
}

/* The way has ended it, or the service has said something unasked. */
static enum death read_end(int fd)
{
	char byte;
	ssize_t n = channel_recv(fd, &byte, 1, 0);

	return n == 0 ? DEATH_FIN : n < 0 && n != -EAGAIN ? DEATH_RST : DEATH_NONE;
}

static int open_all(struct idle *idle, struct pollfd pollfds[static WAITING + 1])
{
	for (int i = 0; i < WAITING; i++) {
		struct exchange_plan plan = exchange_plan_of(
			16, idle->trial->patience_ns, idle->trial->interrupt_fd);
		int r = rule_connect(idle->trial, &pollfds[i].fd);

		pollfds[i].events = POLLIN | POLLRDHUP;
		if (r == 0 && !rule_exchange_on(idle->trial, pollfds[i].fd, &plan))
			r = -EPROTO;
		if (r < 0) {
			log_error("%s", idle->trial->evidence);
			return r;
		}
		idle->since_ns[i] = clock_now_ns();
	}
	return 0;
}

static uint64_t wait_of(uint64_t alive_ns, uint64_t dead_ns, int index)
{
	return alive_ns + (dead_ns - alive_ns) / WAITING * (uint64_t)(index + 1);
}

/* One round. True when there is no more to learn. */
static bool wait_on(struct idle *idle, struct pollfd pollfds[static WAITING + 1])
{
	uint64_t alive_ns = idle->alive_ns, dead_ns = idle->dead_ns;

	for (int next = 0; next < WAITING;) {
		uint64_t due_ns = idle->since_ns[next] + wait_of(alive_ns, dead_ns, next);
		int ready = channel_poll(
			pollfds, WAITING + 1, clock_poll_ms(clock_now_ns(), due_ns));

		if ((ready < 0 && errno != EINTR) || (ready > 0 && pollfds[WAITING].revents != 0)) {
			idle->interrupted = true;
			return true;
		}
		for (int i = next; ready > 0 && i < WAITING; i++) {
			if (pollfds[i].revents == 0)
				continue;
			idle->death = read_end(pollfds[i].fd);
			idle->dead_ns = clock_now_ns() - idle->since_ns[i];
			idle->announced = true;
			return true;
		}
		if (clock_now_ns() < due_ns)
			continue;

		enum death death = ask(idle, pollfds[next].fd);

		if (idle->interrupted)
			return true;
		if (death != DEATH_NONE) {
			idle->death = death;
			idle->dead_ns = wait_of(alive_ns, dead_ns, next);
			return false;
		}
		idle->alive_ns = wait_of(alive_ns, dead_ns, next);
		channel_close(pollfds[next].fd);
		pollfds[next++].fd = -1;
	}
	/* All of them live: the next step, which was dead before, is the answer; or nothing is. */
	return idle->death == DEATH_NONE;
}

/* What the way does with them; the service behind it is known to wait for ever. */
static void print_path(const struct idle *idle, const char *dead)
{
	const char *how = idle->death == DEATH_FIN ? _("by FIN")
		: idle->death == DEATH_RST         ? _("by RST")
						   : _("in silence");
	char name[ADDR_TEXT_SIZE];

	quote_text(idle->trial->through, name, sizeof(name));
	printf(idle->announced ? _("%s: idle connections end after %s %s\n")
			       : _("%s: idle connections end before %s %s\n"),
		name, dead, how);
}

static void print_text(const struct idle *idle, uint64_t bound_ns)
{
	char alive[DURATION_TEXT_SIZE], dead[DURATION_TEXT_SIZE];
	const char *how = idle->death == DEATH_FIN ? _("is finished (FIN)")
		: idle->death == DEATH_RST         ? _("is reset (RST)")
						   : _("is forgotten in silence");

	duration_format(idle->alive_ns, alive, sizeof(alive));
	duration_format(idle->dead_ns, dead, sizeof(dead));
	if (idle->trial->through != NULL && !idle->interrupted && idle->death != DEATH_NONE)
		print_path(idle, dead);
	else if (idle->interrupted && idle->alive_ns == 0)
		puts(_("interrupted: nothing is known yet of a silent connection"));
	else if (idle->interrupted)
		printf(_("interrupted: a silent connection lives for %s at least; no more is known\n"),
			alive);
	else if (idle->death == DEATH_NONE)
		printf(_("a silent connection still lives after %s\n"),
			duration_format(bound_ns, dead, sizeof(dead)));
	else if (idle->announced)
		printf(_("a silent connection %s after %s\n"), how, dead);
	else
		printf(_("a silent connection lives for %s, and %s before %s\n"), alive, how, dead);
}

static void print_json(const struct idle *idle)
{
	const char *end = idle->interrupted ? "interrupted" : death_names[idle->death];
	json_t *root = json_pack("{s:I, s:s, s:b}", "alive_ns", (json_int_t)idle->alive_ns, "end",
		end, "announced", idle->announced);

	if (idle->trial->through != NULL)
		json_object_set_new(root, "through", json_string(idle->trial->through));
	if (idle->death != DEATH_NONE)
		json_object_set_new(root, "dead_ns", json_integer((json_int_t)idle->dead_ns));
	json_text_write(root, 0, stdout);
	putchar('\n');
	json_decref(root);
}

void idle_write_error(const char *text)
{
	json_t *root = json_pack("{s:s}", "error", text);

	json_text_write(root, 0, stdout);
	putchar('\n');
	json_decref(root);
}

/* A service that has gone meanwhile ends its connections, too: that says nothing of the way. */
static int make_sure(struct idle *idle)
{
	struct exchange_plan plan = exchange_plan_of(
		16, idle->trial->patience_ns, idle->trial->interrupt_fd);

	if (idle->interrupted || rule_exchange(idle->trial, &plan))
		return 0;
	log_error(
		_("the service no longer answers, so nothing is known of a silent connection: %s"),
		idle->trial->evidence);
	return -ENOTCONN;
}

int idle_find(struct rule_trial *trial, uint64_t bound_ns, bool json)
{
	struct idle idle = { .trial = trial, .dead_ns = bound_ns };
	bool done = false;
	int r = 0;

	while (r == 0 && !done && idle.dead_ns - idle.alive_ns > idle.dead_ns / PRECISION) {
		struct pollfd pollfds[WAITING + 1];

		for (int i = 0; i < WAITING; i++)
			pollfds[i].fd = -1;
		pollfds[WAITING] = (struct pollfd){ .fd = trial->interrupt_fd, .events = POLLIN };
		r = open_all(&idle, pollfds);
		if (r == 0)
			done = wait_on(&idle, pollfds);
		for (int i = 0; i < WAITING; i++) {
			if (pollfds[i].fd >= 0)
				channel_close(pollfds[i].fd);
		}
	}
	if (r == 0)
		r = make_sure(&idle);
	if (r == 0 && json)
		print_json(&idle);
	else if (r == 0)
		print_text(&idle, bound_ns);
	else if (json)
		idle_write_error(trial->evidence);
	return r;
}
