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
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "check/rule.h"
#include "client/channel.h"
#include "net/socket.h"

#define STUCK_NS (300 * CLOCK_NS_PER_MS)
#define STUCK_BYTES (64u << 20)
#define THOUSAND 1000
/* More than the 1,024 descriptors that many a service has: if each abandoned client kept one, it would end. */
#define ABANDONED 2100
#define LEAST_ABANDONED 1025
/* Over a long way, each takes a round trip: then fewer must do. */
#define CROWD_NS (20 * CLOCK_NS_PER_S)
/* A dropped SYN is sent again after 1 s (RFC 6298). */
#define DELAYED_NS (800 * CLOCK_NS_PER_MS)
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
	CLEANUP_CHANNEL int fd = -1;
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
	CLEANUP_CHANNEL int fd = -1;

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
	uint64_t most = STUCK_BYTES < trial->most_bytes ? STUCK_BYTES : trial->most_bytes;
	uint64_t buffers_bytes = rule_buffers_bytes(trial->targets->addrs[0].scheme);
	uint64_t taken;
	char size[NUMBER_TEXT_SIZE];
	CLEANUP_CHANNEL int fd = -1;

	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	taken = exchange_stuff(fd, most, STUCK_NS, trial->interrupt_fd);
	for (uint64_t i = 0; i < 20; i++) {
		struct exchange_plan plan = short_one(trial, i);

		if (!rule_exchange(trial, &plan))
			return RULE_FAIL;
	}
	socket_set_reset_on_close(fd);
	if (taken == most && most < buffers_bytes)
		return rule_say(trial, RULE_SKIP,
			_("all of %s fit into the buffers on the way: a larger --size would tell"),
			number_format_size(most, size, sizeof(size)));
	return rule_say(
		trial, RULE_PASS, _("20 clients were served beside one that reads nothing"));
}

static enum rule_verdict abandoned(struct rule_trial *trial)
{
	uint64_t until_ns = rule_deadline(trial, CROWD_NS);
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
	if (count < LEAST_ABANDONED)
		return rule_say(trial, RULE_SKIP,
			ngettext(
				"only %d client could be abandoned in the time for all: too few to tell",
				"only %d clients could be abandoned in the time for all: too few to "
				"tell",
				(unsigned long)count),
			count);
	return rule_say(
		trial, RULE_PASS, _("%d clients were abandoned, and the next was served"), count);
}

static void close_all(int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		/* Not a thousand of them in TIME-WAIT. */
		socket_set_reset_on_close(fds[i]);
		channel_close(fds[i]);
	}
	free(fds);
}

/*
 * What came of connecting a thousand. A client that finds no place in the backlog is not refused: its SYN is
 * dropped, and sent again after a second (tcp(7)); at a unix socket it waits.
 */
struct crowd {
	int *fds;
	int count; /* connected */
	int delayed; /* of these, so many only after such a wait */
	uint64_t delayed_ns; /* all these waits */
	uint64_t quickest_ns; /* to connect */
};

/* So many as there is time for. -errno: one could not connect, the evidence says why. */
static int gather(struct rule_trial *trial, struct crowd *crowd)
{
	uint64_t now_ns = clock_now_ns(), until_ns = rule_deadline(trial, CROWD_NS);

	crowd->quickest_ns = CLOCK_NEVER;
	while (crowd->count < THOUSAND && now_ns < until_ns) {
		struct pollfd interrupt = { .fd = trial->interrupt_fd, .events = POLLIN };
		uint64_t took_ns, began_ns = now_ns;
		int r = poll(&interrupt, 1, 0) > 0 ? -EINTR
						   : rule_connect(trial, &crowd->fds[crowd->count]);

		if (r < 0)
			return r;
		now_ns = clock_now_ns();
		took_ns = now_ns - began_ns;
		if (took_ns < crowd->quickest_ns)
			crowd->quickest_ns = took_ns;
		if (took_ns > DELAYED_NS && took_ns > 2 * crowd->quickest_ns) {
			crowd->delayed++;
			crowd->delayed_ns += took_ns;
		}
		crowd->count++;
	}
	return 0;
}

/* How many of them get their own bytes, in time; -1: one got something else, or nothing. */
static int serve_all(struct rule_trial *trial, const struct crowd *crowd)
{
	uint64_t until_ns = rule_deadline(trial, CROWD_NS);
	int served = 0;

	while (served < crowd->count && clock_now_ns() < until_ns) {
		struct exchange_plan plan = short_one(trial, (uint64_t)served);

		if (!rule_exchange_on(trial, crowd->fds[served], &plan))
			return -1;
		served++;
	}
	return served;
}

static enum rule_verdict say_backlog(struct rule_trial *trial, const struct crowd *crowd)
{
	return rule_say(trial, RULE_FAIL,
		_("only %d of 1,000 clients could connect at once; the next had to wait: its "
		  "backlog (listen(2)) is small, or it accepts slowly"),
		crowd->count - crowd->delayed);
}

static enum rule_verdict say_crowd(struct rule_trial *trial, const struct crowd *crowd, int served)
{
	char each[DURATION_TEXT_SIZE];

	if (served < crowd->count)
		return rule_say(trial, RULE_FAIL,
			_("only %d of 1,000 clients were served in the time for all"), served);
	if (crowd->count == THOUSAND)
		return rule_say(
			trial, RULE_PASS, _("1,000 clients at once, each got its own bytes"));
	/* A lost packet delays one of them, a short backlog most of those that find it full. */
	if (crowd->delayed_ns > CROWD_NS / 2)
		return say_backlog(trial, crowd);
	return rule_say(trial, RULE_SKIP,
		_("only %d clients could connect in the time for all: each takes %s on this path"),
		crowd->count, duration_format(crowd->quickest_ns, each, sizeof(each)));
}

static enum rule_verdict thousand(struct rule_trial *trial)
{
	struct crowd crowd = { .fds = malloc(THOUSAND * sizeof(int)) };
	enum rule_verdict verdict = RULE_FAIL;
	int served, r;

	if (crowd.fds == NULL)
		return rule_say(trial, RULE_SKIP, "%s", strerror(ENOMEM));
	r = gather(trial, &crowd);
	if (r == -EMFILE) {
		verdict = rule_say(trial, RULE_SKIP,
			_("only %d descriptors may be open here ('ulimit -n')"), crowd.count);
	} else if (r == -ETIMEDOUT && crowd.count > 0) {
		verdict = say_backlog(trial, &crowd);
	} else if (r == 0) {
		served = serve_all(trial, &crowd);
		if (served >= 0)
			verdict = say_crowd(trial, &crowd, served);
	}
	close_all(crowd.fds, crowd.count);
	return verdict;
}

/* Nothing is said for a while; and then something is. */
static enum rule_verdict silence(struct rule_trial *trial)
{
	struct exchange_plan plan = short_one(trial, 4);
	CLEANUP_CHANNEL int fd = -1;

	if (rule_connect(trial, &fd) < 0 || !rule_exchange_on(trial, fd, &plan))
		return RULE_FAIL;

	struct pollfd pollfds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = trial->interrupt_fd, .events = POLLIN },
	};

	trial->waited_ns += 2 * CLOCK_NS_PER_S;
	if (channel_poll(pollfds, 2, 2000) > 0 && pollfds[1].revents != 0)
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
		CLEANUP_CHANNEL int fd = -1;

		if (other->generic.sa_family == first->generic.sa_family)
			continue;
		if (!rule_exchange(trial, &plan))
			return RULE_FAIL;
		if (rule_connect_to(trial, other, &fd) < 0 || !rule_exchange_on(trial, fd, &plan))
			return RULE_FAIL;
		return rule_say(trial, RULE_PASS, _("IPv4 and IPv6 are both answered"));
	}
	return rule_say(trial, RULE_SKIP, _("the address is of one family only"));
}

const struct rule rule_others_list[] = {
	{ "reset", N_("a client that dies costs only its own connection"), RULE_STREAMS, reset,
		RULE_CLASS, RULE_OF_ANY },
	{ "stuck", N_("a client that never reads does not stop the others"), RULE_STREAMS, stuck,
		RULE_CLASS, RULE_OF_ANY },
	{ "abandoned", N_("what an abandoned client held is given back"), RULE_STREAMS, abandoned,
		RULE_FULL, RULE_OF_ANY, true },
	{ "thousand", N_("1,000 clients are served at once"), RULE_STREAMS, thousand, RULE_FULL,
		RULE_OF_ANY },
	{ "silence", N_("silence does not end a conversation"), RULE_STREAMS, silence, RULE_CHAPTER,
		RULE_OF_ANY },
	{ "families", N_("the name's other address family answers, too"),
		RULE_OF(ADDR_TCP) | RULE_OF(ADDR_TLS), families, RULE_FULL, RULE_OF_ANY, true },
	{ 0 },
};
