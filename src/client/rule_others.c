/*
 * That one client's fate is not another's: clients that die, that never read, that come by the thousand.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "client/rule.h"
#include "net/call.h"
#include "net/socket.h"

#define STUCK_NS (300 * CLOCK_NS_PER_MS)
#define STUCK_BYTES (64u << 20)
#define THOUSAND 1000
/* More than the 1,024 descriptors that many a service has: if each abandoned client kept one, it would end. */
#define ABANDONED 2100
/* Over a long way, each takes a round trip: then fewer must do. */
#define CROWD_NS (20 * CLOCK_NS_PER_S)
/* A service with a process for each of them may have to work that off first: slow is no sin. */
#define AFTER_CROWD_NS (30 * CLOCK_NS_PER_S)

static struct exchange_plan short_one(const struct rule_trial *trial, uint64_t stream)
{
	struct exchange_plan plan = exchange_plan_of(64, trial->patience_ns, trial->interrupt_fd);

	plan.stream = stream;
	return plan;
}

/* A client that sends and is gone, without a farewell, perhaps with an answer on the way. */
static int abandon(struct rule_trial *trial, size_t bytes)
{
	CLEANUP_FD int fd = -1;
	int r = rule_connect(trial, &fd);

	if (r < 0)
		return r;
	exchange_stuff(fd, bytes, CLOCK_NS_PER_MS, -1);
	socket_set_reset_on_close(fd);
	return 0;
}

static enum rule_verdict reset(struct rule_trial *trial)
{
	struct exchange_plan plan = short_one(trial, 1);
	CLEANUP_FD int fd = -1;

	if (rule_connect(trial, &fd) < 0 || !rule_exchange_on(trial, fd, &plan))
		return RULE_FAIL;
	for (size_t i = 0; i < 20; i++) {
		if (abandon(trial, i % 2 == 0 ? 100 : 1u << 20) < 0)
			return RULE_FAIL;
	}
	plan.stream = 2;
	if (!rule_exchange_on(trial, fd, &plan) || !rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS,
		_("20 clients died in the middle; one that was there and one that came were served"));
}

static enum rule_verdict stuck(struct rule_trial *trial)
{
	CLEANUP_FD int fd = -1;

	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	exchange_stuff(fd, STUCK_BYTES < trial->most_bytes ? STUCK_BYTES : trial->most_bytes,
		STUCK_NS, trial->interrupt_fd);
	for (uint64_t i = 0; i < 20; i++) {
		struct exchange_plan plan = short_one(trial, i);

		if (!rule_exchange(trial, &plan))
			return RULE_FAIL;
	}
	socket_set_reset_on_close(fd);
	return rule_say(
		trial, RULE_PASS, _("20 clients were served beside one that reads nothing"));
}

static enum rule_verdict abandoned(struct rule_trial *trial)
{
	uint64_t until_ns = clock_now_ns() + CROWD_NS;
	struct exchange_plan plan = short_one(trial, 3);
	int count = 0;

	while (count < ABANDONED && clock_now_ns() < until_ns) {
		struct pollfd interrupt = { .fd = trial->interrupt_fd, .events = POLLIN };

		if (poll(&interrupt, 1, 0) > 0 || abandon(trial, 1) < 0)
			return RULE_FAIL;
		count++;
	}
	if (plan.patience_ns < AFTER_CROWD_NS)
		plan.patience_ns = AFTER_CROWD_NS;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(
		trial, RULE_PASS, _("%d clients were abandoned, and the next was served"), count);
}

static void close_all(int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		/* Not a thousand of them in TIME-WAIT. */
		socket_set_reset_on_close(fds[i]);
		call_close(fds[i]);
	}
	free(fds);
}

/* So many as there is time for. -errno: one could not connect, the evidence says why. */
static int gather(struct rule_trial *trial, int *fds, int *ret_count)
{
	uint64_t until_ns = clock_now_ns() + CROWD_NS;

	for (*ret_count = 0; *ret_count < THOUSAND && clock_now_ns() < until_ns; ++*ret_count) {
		int r = rule_connect(trial, &fds[*ret_count]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* How many of them get their own bytes, in time; -1: one got something else, or nothing. */
static int serve_all(struct rule_trial *trial, const int *fds, int count)
{
	uint64_t until_ns = clock_now_ns() + CROWD_NS;
	int served = 0;

	while (served < count && clock_now_ns() < until_ns) {
		struct exchange_plan plan = short_one(trial, (uint64_t)served);

		if (!rule_exchange_on(trial, fds[served], &plan))
			return -1;
		served++;
	}
	return served;
}

static enum rule_verdict thousand(struct rule_trial *trial)
{
	int *fds = malloc(THOUSAND * sizeof(int));
	int count, served, r;

	if (fds == NULL)
		return rule_say(trial, RULE_SKIP, "%s", strerror(ENOMEM));
	r = gather(trial, fds, &count);
	if (r < 0) {
		close_all(fds, count);
		if (r == -EMFILE)
			return rule_say(trial, RULE_SKIP,
				_("only %d descriptors may be open here ('ulimit -n')"), count);
		return RULE_FAIL;
	}
	served = serve_all(trial, fds, count);
	close_all(fds, count);
	if (served < 0)
		return RULE_FAIL;
	if (served < THOUSAND)
		return rule_say(trial, RULE_FAIL,
			_("only %d of 1,000 clients were served in the time for all"), served);
	return rule_say(trial, RULE_PASS, _("1,000 clients at once, each got its own bytes"));
}

/* Nothing is said for a while; and then something is. */
static enum rule_verdict silence(struct rule_trial *trial)
{
	struct exchange_plan plan = short_one(trial, 4);
	CLEANUP_FD int fd = -1;

	if (rule_connect(trial, &fd) < 0 || !rule_exchange_on(trial, fd, &plan))
		return RULE_FAIL;

	struct pollfd pollfds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = trial->interrupt_fd, .events = POLLIN },
	};

	if (poll(pollfds, 2, 2000) > 0 && pollfds[1].revents != 0)
		return RULE_FAIL;
	if (!rule_exchange_on(trial, fd, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("after 2 s of silence the conversation went on"));
}

static enum rule_verdict families(struct rule_trial *trial)
{
	const struct addr *first = &trial->targets->addrs[0];

	for (size_t i = 1; i < trial->targets->count; i++) {
		const struct addr *other = &trial->targets->addrs[i];
		struct exchange_plan plan = short_one(trial, 5);
		CLEANUP_FD int fd = -1;

		if (other->generic.sa_family == first->generic.sa_family)
			continue;
		if (rule_connect_to(trial, other, &fd) < 0 || !rule_exchange_on(trial, fd, &plan))
			return RULE_FAIL;
		return rule_say(trial, RULE_PASS, _("IPv4 and IPv6 are both answered"));
	}
	return rule_say(trial, RULE_SKIP, _("the address is of one family only"));
}

const struct rule rule_others_list[] = {
	{ "reset", N_("a client that dies costs only its own connection"), RULE_STREAMS, reset },
	{ "stuck", N_("a client that never reads does not stop the others"), RULE_STREAMS, stuck },
	{ "abandoned", N_("what an abandoned client held is given back"), RULE_STREAMS, abandoned },
	{ "thousand", N_("1,000 clients are served at once"), RULE_STREAMS, thousand },
	{ "silence", N_("silence does not end a conversation"), RULE_STREAMS, silence },
	{ "families", N_("the name's other address family answers, too"), RULE_OF(ADDR_TCP),
		families },
	{ 0 },
};
