/*
 * Whole messages: one in, the same one out, to whom it came from and from where it was sent to. A datagram may
 * be lost on the way, so each is tried three times before it is said that it does not come back.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "client/rule.h"
#include "net/call.h"
#include "net/socket.h"
#include "protocol/pattern.h"

#define TRIES 3
/* Silence is what is expected: then nobody waits for long. */
#define SILENCE_NS (300 * CLOCK_NS_PER_MS)

enum reply { REPLY_RIGHT, REPLY_WRONG, REPLY_CUT, REPLY_NONE, REPLY_UNSENT };

struct ask {
	int fd;
	const struct addr *target;
	size_t length;
	uint64_t patience_ns;
	int interrupt_fd;
	struct addr from; /* who answered */
	int error;
};

/* Waits for one datagram that is as long as what was sent, or for the end of patience. */
static enum reply await(struct ask *ask)
{
	static unsigned char bytes[1 << 16];
	uint64_t until_ns = clock_after_ns(clock_now_ns(), ask->patience_ns);
	struct pollfd pollfds[] = {
		{ .fd = ask->fd, .events = POLLIN },
		{ .fd = ask->interrupt_fd, .events = POLLIN },
	};

	while (poll(pollfds, 2, clock_poll_ms(clock_now_ns(), until_ns)) > 0) {
		struct iovec vector = { .iov_base = bytes, .iov_len = sizeof(bytes) };
		struct msghdr message = {
			.msg_name = &ask->from.storage,
			.msg_namelen = sizeof(ask->from.storage),
			.msg_iov = &vector,
			.msg_iovlen = 1,
		};
		ssize_t n;

		if (pollfds[1].revents != 0)
			return REPLY_NONE;
		n = call_recvmsg(ask->fd, &message, 0);
		if (n < 0)
			continue; /* an ICMP error: told by what does not come */
		ask->from.scheme = ask->target->scheme;
		ask->from.length = message.msg_namelen;
		if ((size_t)n < ask->length)
			return REPLY_CUT;
		return (size_t)n == ask->length &&
				pattern_match(bytes, (size_t)n, pattern_start(ask->length), 0) ==
					(size_t)n
			? REPLY_RIGHT
			: REPLY_WRONG;
	}
	return REPLY_NONE;
}

static enum reply try_once(struct ask *ask)
{
	struct iovec vector = {
		.iov_base = (void *)pattern_at(pattern_start(ask->length), 0),
		.iov_len = ask->length,
	};
	struct msghdr message = {
		.msg_name = (void *)&ask->target->storage,
		.msg_namelen = ask->target->length,
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};
	ssize_t n = call_sendmsg(ask->fd, &message, MSG_NOSIGNAL);

	if (n < 0) {
		ask->error = (int)n;
		return REPLY_UNSENT;
	}
	return await(ask);
}

static enum reply try_thrice(struct ask *ask)
{
	enum reply reply = REPLY_NONE;

	for (int i = 0; i < TRIES && reply == REPLY_NONE; i++)
		reply = try_once(ask);
	return reply;
}

/* The socket is the caller's to close. */
static bool open_socket(struct rule_trial *trial, struct ask *ask, int *ret_fd)
{
	const struct addr *target = &trial->targets->addrs[0];
	struct addr any = { .scheme = target->scheme, .length = target->length };
	char text[ADDR_TEXT_SIZE];
	int r;

	pattern_init();
	*ask = (struct ask){
		.fd = -1,
		.target = target,
		.patience_ns = trial->patience_ns / TRIES,
		.interrupt_fd = trial->interrupt_fd,
	};
	any.generic.sa_family = target->generic.sa_family;
	r = socket_open_client(target, target->scheme == ADDR_UDP ? &any : NULL, ret_fd, NULL);
	ask->fd = *ret_fd;
	if (r < 0) {
		rule_say(trial, RULE_FAIL, _("cannot open a socket: %s"), strerror(-r));
		return false;
	}
	/* The service's port was free for us: nobody is there, and we would answer ourselves. */
	if (socket_would_meet_itself(ask->fd, target)) {
		rule_say(trial, RULE_FAIL, _("cannot connect to '%s': %s"),
			addr_format(target, text, sizeof(text)), strerror(ECONNREFUSED));
		return false;
	}
	return true;
}

static enum rule_verdict say_reply(
	struct rule_trial *trial, const struct ask *ask, enum reply reply)
{
	switch (reply) {
	case REPLY_RIGHT: return RULE_PASS;
	case REPLY_WRONG:
		return rule_say(trial, RULE_FAIL, _("other bytes came back for a datagram of %zu"),
			ask->length);
	case REPLY_CUT:
		return rule_say(trial, RULE_FAIL,
			_("a datagram of %zu bytes came back shorter than it was"), ask->length);
	case REPLY_UNSENT:
		return rule_say(trial, RULE_SKIP, _("a datagram of %zu bytes cannot be sent: %s"),
			ask->length, strerror(-ask->error));
	default:
		return rule_say(trial, RULE_FAIL,
			_("a datagram of %zu bytes did not come back (sent %d times)"), ask->length,
			TRIES);
	}
}

static enum rule_verdict try_sizes(struct rule_trial *trial, const size_t *sizes, size_t count)
{
	enum rule_verdict verdict = RULE_PASS;
	struct ask ask;
	CLEANUP_FD int fd = -1;

	if (!open_socket(trial, &ask, &fd))
		return RULE_FAIL;
	for (size_t i = 0; i < count && verdict == RULE_PASS; i++) {
		ask.length = sizes[i];
		verdict = say_reply(trial, &ask, try_thrice(&ask));
	}
	return verdict;
}

static enum rule_verdict empty(struct rule_trial *trial)
{
	static const size_t sizes[] = { 0 };

	if (trial->targets->addrs[0].scheme == ADDR_UNIXGRAM)
		return rule_say(
			trial, RULE_SKIP, _("not every unix service can tell it from nothing"));
	if (try_sizes(trial, sizes, 1) != RULE_PASS)
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("an empty datagram was answered by an empty one"));
}

static enum rule_verdict whole(struct rule_trial *trial)
{
	/* Around what fits a frame: 1,500 less IP and UDP headers, for IPv4 and IPv6, and jumbo frames. */
	static const size_t sizes[] = { 1, 2, 64, 512, 513, 1023, 1024, 1025, 1232, 1452, 1453,
		1472, 1473, 4096, 8192, 8193, 8972, 8973 };
	enum rule_verdict verdict = try_sizes(trial, sizes, sizeof(sizes) / sizeof(sizes[0]));

	if (verdict != RULE_PASS)
		return verdict;
	return rule_say(trial, RULE_PASS, _("18 sizes from 1 to 8,973 bytes came back whole"));
}

static enum rule_verdict largest(struct rule_trial *trial)
{
	static const size_t sizes[] = { 65507 };
	enum rule_verdict verdict = try_sizes(trial, sizes, 1);

	if (verdict != RULE_PASS)
		return verdict;
	return rule_say(trial, RULE_PASS, _("a datagram of 65,507 bytes came back whole"));
}

static enum rule_verdict source(struct rule_trial *trial)
{
	char asked[ADDR_TEXT_SIZE], answered[ADDR_TEXT_SIZE];
	struct ask ask;
	CLEANUP_FD int fd = -1;

	if (!open_socket(trial, &ask, &fd))
		return RULE_FAIL;
	ask.length = 64;

	enum rule_verdict verdict = say_reply(trial, &ask, try_thrice(&ask));

	if (verdict != RULE_PASS)
		return verdict;
	addr_format(ask.target, asked, sizeof(asked));
	addr_format(&ask.from, answered, sizeof(answered));
	if (!addr_equal(ask.target, &ask.from))
		return rule_say(
			trial, RULE_FAIL, _("'%s' was asked, and '%s' answered"), asked, answered);
	return rule_say(trial, RULE_PASS, _("'%s' answered itself"), asked);
}

/* Two services that answer each other never stop (CERT CA-1996-01): who sends from port 7 gets nothing. */
static enum rule_verdict loop(struct rule_trial *trial)
{
	static const uint16_t ports[] = { 7, 13, 17, 19, 37 };
	unsigned tried = 0;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct ask ask;
		struct addr own;
		CLEANUP_FD int fd = -1;

		if (!open_socket(trial, &ask, &fd))
			return RULE_FAIL;
		own = *ask.target;
		addr_set_port(&own, ports[i]);
		if (own.generic.sa_family == AF_INET)
			own.in.sin_addr.s_addr = htonl(INADDR_ANY);
		else
			own.in6.sin6_addr = in6addr_any;
		if (call_bind(fd, &own.generic, own.length) < 0)
			continue; /* not ours to have, or somebody's */
		tried++;
		ask.length = 64;
		ask.patience_ns = SILENCE_NS;
		if (try_once(&ask) != REPLY_NONE)
			return rule_say(trial, RULE_FAIL,
				_("it answers port %u, where another echo may be: the two would never stop"),
				ports[i]);
	}
	if (tried == 0)
		return rule_say(
			trial, RULE_SKIP, _("ports below 1024 need root or CAP_NET_BIND_SERVICE"));
	return rule_say(trial, RULE_PASS, _("nothing goes to the ports of echo-like services"));
}

const struct rule rule_datagram_list[] = {
	{ "datagram-whole", N_("a datagram comes back as it was"), RULE_DATAGRAMS, whole },
	{ "datagram-empty", N_("an empty datagram is answered"), RULE_DATAGRAMS, empty },
	{ "datagram-largest", N_("the largest datagram comes back whole"), RULE_DATAGRAMS,
		largest },
	{ "datagram-source", N_("the answer comes from the address that was asked"),
		RULE_OF(ADDR_UDP), source },
	{ "datagram-loop", N_("no answer goes to a port of echo-like services"), RULE_OF(ADDR_UDP),
		loop },
	{ 0 },
};
