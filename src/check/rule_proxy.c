/*
 * What a service does that expects a header of the PROXY protocol (--send-proxy): the header is no part of the
 * stream, however it comes, and what is none opens nothing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "check/rule.h"
#include "client/ending.h"
#include "net/call.h"
#include "protocol/pattern.h"

/* Between two pieces: longer than a service on this machine needs to be woken. */
#define PIECE_NS (2 * CLOCK_NS_PER_MS)
#define FIRST_BYTES 1000u

static bool send_all(struct rule_trial *trial, int fd, const void *bytes, size_t length)
{
	ssize_t n = call_send(fd, bytes, length, MSG_NOSIGNAL);

	if (n == (ssize_t)length)
		return true;
	rule_say(trial, RULE_FAIL, "%s", ending_server_words(n < 0 ? (int)n : -ENOBUFS));
	return false;
}

/* What follows is compared; `sent_before` bytes of it have been sent already. */
static bool goes_on(struct rule_trial *trial, int fd, uint64_t sent_before)
{
	struct exchange_plan plan = exchange_plan_of(
		20000, trial->patience_ns, trial->interrupt_fd);

	plan.sent_before = sent_before;
	plan.finish = true;
	return rule_exchange_on(trial, fd, &plan);
}

static enum rule_verdict split(struct rule_trial *trial)
{
	unsigned char header[PROXY_WRITE_SIZE];
	CLEANUP_FD int fd = -1;
	size_t length;

	if (rule_connect_bare(trial, &fd) < 0)
		return RULE_FAIL;
	length = send_proxy_write(trial->proxy, fd, trial->targets->addrs[0].scheme, header);
	/* Streams of clients have no delay (socket_tune_stream): each piece is a segment. */
	for (size_t i = 0; i < length; i++) {
		if (!send_all(trial, fd, header + i, 1) || !rule_wait(trial, PIECE_NS))
			return RULE_FAIL;
	}
	if (!goes_on(trial, fd, 0))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS,
		_("a header in %zu pieces: nothing of it came back, all behind it did"), length);
}

static enum rule_verdict joined(struct rule_trial *trial)
{
	unsigned char bytes[PROXY_WRITE_SIZE + FIRST_BYTES];
	CLEANUP_FD int fd = -1;
	size_t length;

	if (rule_connect_bare(trial, &fd) < 0)
		return RULE_FAIL;
	length = send_proxy_write(trial->proxy, fd, trial->targets->addrs[0].scheme, bytes);
	memcpy(bytes + length, pattern_at(pattern_start(0), 0), FIRST_BYTES);
	if (!send_all(trial, fd, bytes, length + FIRST_BYTES) || !goes_on(trial, fd, FIRST_BYTES))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS,
		_("header and first bytes in one piece: nothing of it came back, all behind it did"));
}

/* A header that names no client does not end the connection: health checks come so, and clients of unix sockets. */
static enum rule_verdict local(struct rule_trial *trial)
{
	unsigned char header[PROXY_WRITE_SIZE] = "PROXY UNKNOWN\r\n";
	CLEANUP_FD int fd = -1;
	size_t length = strlen((const char *)header);

	if (rule_connect_bare(trial, &fd) < 0)
		return RULE_FAIL;
	if (trial->proxy->version == PROXY_V2)
		length = proxy_write_local(header);
	if (!send_all(trial, fd, header, length) || !goes_on(trial, fd, 0))
		return RULE_FAIL;
	return rule_say(
		trial, RULE_PASS, _("a header that names no client, and all behind it came back"));
}

enum refusal { REFUSED, ECHOED, ENDLESS, LOST };

/* Sends what is no header, and sees what comes of it. */
static enum refusal try_to_open(struct rule_trial *trial, const void *bytes, size_t length)
{
	uint64_t until_ns = rule_deadline(trial, trial->patience_ns);
	unsigned char came[64];
	CLEANUP_FD int fd = -1;

	if (rule_connect_bare(trial, &fd) < 0 || !send_all(trial, fd, bytes, length))
		return LOST;
	for (;;) {
		struct pollfd pollfds[] = { { .fd = fd, .events = POLLIN },
			{ .fd = trial->interrupt_fd, .events = POLLIN } };
		int ready = poll(pollfds, 2, clock_poll_ms(clock_now_ns(), until_ns));
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0 || pollfds[1].revents != 0)
			return ENDLESS;
		n = call_recv(fd, came, sizeof(came), MSG_DONTWAIT);
		if (n > 0)
			return ECHOED;
		if (n != -EAGAIN && n != -EINTR)
			return REFUSED;
	}
}

static enum rule_verdict say_refusal(struct rule_trial *trial, enum refusal refusal)
{
	char time[DURATION_TEXT_SIZE];

	switch (refusal) {
	case REFUSED:
		return rule_say(trial, RULE_PASS,
			_("the connection was ended, and nothing of it came back"));
	case ECHOED: return rule_say(trial, RULE_FAIL, _("it came back, as if it were no header"));
	case ENDLESS:
		return rule_say(trial, RULE_FAIL, _("the connection was not ended within %s"),
			duration_format(trial->patience_ns, time, sizeof(time)));
	case LOST: break;
	}
	return RULE_FAIL;
}

static enum rule_verdict wrong(struct rule_trial *trial)
{
	static const char line[] = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 port\r\nsecret";
	unsigned char header[PROXY_WRITE_SIZE];
	size_t length;

	if (trial->proxy->version == PROXY_V1)
		return say_refusal(trial, try_to_open(trial, line, sizeof(line) - 1));
	/* A version that there is not. */
	length = proxy_write_local(header);
	header[PROXY_SIGNATURE_BYTES] = 0x51;
	return say_refusal(trial, try_to_open(trial, header, length));
}

static enum rule_verdict none(struct rule_trial *trial)
{
	static const char garbage[] = "GET / HTTP/1.1\r\nHost: none\r\n\r\n";
	enum refusal refusal = try_to_open(trial, garbage, sizeof(garbage) - 1);

	/* Such a service is not wrong, but then it has not shown either that it minds. */
	if (refusal == ECHOED)
		return rule_say(trial, RULE_SKIP,
			_("it takes connections without a header as well: what is none came back"));
	return say_refusal(trial, refusal);
}

const struct rule rule_proxy_list[] = {
	{ "proxy-split", N_("a PROXY header in many pieces is one header"), RULE_STREAMS, split,
		RULE_FULL, RULE_OF_PROXIED },
	{ "proxy-joined", N_("first bytes that come with the PROXY header are not lost"),
		RULE_STREAMS, joined, RULE_FULL, RULE_OF_PROXIED },
	{ "proxy-local", N_("a PROXY header that names no client is one, too"), RULE_STREAMS, local,
		RULE_FULL, RULE_OF_PROXIED },
	{ "proxy-wrong", N_("a wrong PROXY header opens nothing, and does not come back"),
		RULE_STREAMS, wrong, RULE_FULL, RULE_OF_PROXIED },
	{ "proxy-none", N_("what is no PROXY header opens nothing, and does not come back"),
		RULE_STREAMS, none, RULE_FULL, RULE_OF_PROXIED },
	{ 0 },
};
