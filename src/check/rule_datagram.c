/*
 * Whole messages: one in, the same one out, once, to whom it came from and from where it was sent to. A datagram
 * may be lost on the way, so each is tried three times before it is said that it does not come back, and
 * each time waits as long as --timeout says.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "check/rule.h"

#define TRIES 3
/* Where silence is expected, or a second answer: what comes later than this behind the first is not seen. */
#define SILENCE_NS (300 * CLOCK_NS_PER_MS)
/* With 3 % of the answers doubled, all of them pass once in 440 times. */
#define ONCE_COUNT 200
#define FEW_COUNT 8
#define ORDINARY_BYTES 64

static enum rule_verdict say_unsent(struct rule_trial *trial, const struct volley_shot *shot)
{
	trial->local_trouble = shot->error != -EMSGSIZE;
	return rule_say(trial, RULE_SKIP, _("a datagram of %zu bytes cannot be sent: %s"),
		shot->length, strerror(-shot->error));
}

static enum rule_verdict say_reply(struct rule_trial *trial, const struct volley_shot *shot)
{
	char asked[ADDR_TEXT_SIZE], answered[ADDR_TEXT_SIZE], timeout[DURATION_TEXT_SIZE];

	switch (shot->reply) {
	case VOLLEY_RIGHT: return RULE_PASS;
	case VOLLEY_WRONG:
		return rule_say(trial, RULE_FAIL, _("other bytes came back for a datagram of %zu"),
			shot->length);
	case VOLLEY_SHORTER:
		return rule_say(trial, RULE_FAIL,
			_("a datagram of %zu bytes came back shorter than it was"), shot->length);
	case VOLLEY_ELSEWHERE:
		addr_format(trial->volley.target, asked, sizeof(asked));
		addr_format(&shot->from, answered, sizeof(answered));
		return rule_say(
			trial, RULE_FAIL, _("'%s' was asked, and '%s' answered"), asked, answered);
	case VOLLEY_REFUSED:
		return rule_say(trial, RULE_FAIL, _("a datagram of %zu bytes was refused: %s"),
			shot->length, strerror(-shot->error));
	case VOLLEY_UNSENT: return say_unsent(trial, shot);
	default:
		return rule_say(trial, RULE_FAIL,
			_("a datagram of %zu bytes did not come back within %s"), shot->length,
			duration_format(trial->patience_ns, timeout, sizeof(timeout)));
	}
}

/* All of them at first; what has not come is tried again alone, where no queue can be too short for it. */
static enum rule_verdict try_sizes(struct rule_trial *trial, const size_t *sizes, size_t count)
{
	struct volley_shot shots[32] = { 0 };
	const struct volley_shot *unsent = NULL;

	for (size_t i = 0; i < count; i++)
		shots[i].length = sizes[i];
	if (!volley_fire(&trial->volley, shots, count))
		return RULE_FAIL;
	/* Where nothing has ever answered, nothing is gained by trying each size again. */
	bool hopeless = trial->volley.heard == 0 && count > 1;

	for (size_t i = 0; i < count; i++) {
		for (int tries = hopeless ? TRIES : 1; tries < TRIES; tries++) {
			if (shots[i].reply != VOLLEY_NONE && shots[i].reply != VOLLEY_REFUSED)
				break;
			if (!volley_fire(&trial->volley, &shots[i], 1))
				return RULE_FAIL;
		}
		if (shots[i].reply == VOLLEY_UNSENT)
			unsent = &shots[i];
		else if (say_reply(trial, &shots[i]) != RULE_PASS)
			return RULE_FAIL;
	}
	return unsent != NULL ? say_unsent(trial, unsent) : RULE_PASS;
}

static enum rule_verdict empty(struct rule_trial *trial)
{
	static const size_t sizes[] = { 0 };
	enum rule_verdict verdict;

	if (trial->targets->addrs[0].scheme == ADDR_UNIXGRAM)
		return rule_say(
			trial, RULE_SKIP, _("not every unix service can tell it from nothing"));
	verdict = try_sizes(trial, sizes, 1);
	if (verdict != RULE_PASS)
		return verdict;
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

/* How long to listen for what should not come: as long as an answer takes, and then some. */
static uint64_t silence_ns(const struct rule_trial *trial)
{
	return SILENCE_NS + trial->volley.longest_ns;
}

/* Some may be lost; but none comes twice. */
static enum rule_verdict once(struct rule_trial *trial)
{
	static struct volley_shot shots[ONCE_COUNT];
	unsigned sent = 0, answered = 0, twice = 0;

	for (size_t i = 0; i < ONCE_COUNT; i++)
		shots[i].length = ORDINARY_BYTES;
	/* A few first: where no service is, the others need not wait. */
	if (!volley_fire(&trial->volley, shots, FEW_COUNT))
		return RULE_FAIL;
	if (trial->volley.heard == 0)
		return say_reply(trial, &shots[0]);
	if (!volley_fire(&trial->volley, shots + FEW_COUNT, ONCE_COUNT - FEW_COUNT) ||
		!volley_listen(&trial->volley, shots, ONCE_COUNT, silence_ns(trial)))
		return RULE_FAIL;
	for (size_t i = 0; i < ONCE_COUNT; i++) {
		sent += shots[i].reply != VOLLEY_UNSENT;
		answered += shots[i].right_count > 0;
		twice += shots[i].right_count > 1;
	}
	if (sent == 0)
		return say_unsent(trial, &shots[0]);
	if (answered == 0)
		return say_reply(trial, &shots[0]);
	if (twice > 0)
		return rule_say(trial, RULE_FAIL,
			_("%u of %u answers came twice or more often (the service repeats them, or "
			  "the path does)"),
			twice, answered);
	return rule_say(trial, RULE_PASS, _("%u of %u datagrams were answered, none of them twice"),
		answered, sent);
}

static enum rule_verdict source(struct rule_trial *trial)
{
	static const size_t sizes[] = { ORDINARY_BYTES };
	char asked[ADDR_TEXT_SIZE];
	enum rule_verdict verdict = try_sizes(trial, sizes, 1);

	if (verdict != RULE_PASS)
		return verdict;
	return rule_say(trial, RULE_PASS, _("'%s' answered itself"),
		addr_format(trial->volley.target, asked, sizeof(asked)));
}

/*
 * Two services that answer each other never stop (CERT CA-1996-01): a datagram from port 7 is not answered. That
 * says something only where other ports are answered, before and after.
 */
static enum rule_verdict loop(struct rule_trial *trial)
{
	static const uint16_t ports[] = { 7, 13, 17, 19, 37 };
	static const size_t sizes[] = { ORDINARY_BYTES };
	enum { COUNT = sizeof(ports) / sizeof(ports[0]) };
	struct volley_shot shots[COUNT] = { 0 };
	enum rule_verdict verdict = try_sizes(trial, sizes, 1);
	unsigned tried = 0;

	if (verdict != RULE_PASS)
		return verdict;
	for (size_t i = 0; i < COUNT; i++)
		shots[i] = (struct volley_shot){ .length = ORDINARY_BYTES, .own_port = ports[i] };

	uint64_t patience_ns = trial->volley.patience_ns;
	bool done;

	trial->volley.patience_ns = silence_ns(trial);
	done = volley_fire(&trial->volley, shots, COUNT);
	trial->volley.patience_ns = patience_ns;
	if (!done)
		return RULE_FAIL;
	for (size_t i = 0; i < COUNT; i++) {
		if (shots[i].reply == VOLLEY_UNSENT)
			continue; /* not ours to have, or in use */
		tried++;
		if (shots[i].reply != VOLLEY_NONE && shots[i].reply != VOLLEY_REFUSED)
			return rule_say(trial, RULE_FAIL,
				_("it answers port %u, where another echo may be: the two would never stop"),
				ports[i]);
	}
	if (tried == 0)
		return rule_say(
			trial, RULE_SKIP, _("ports below 1024 need root or CAP_NET_BIND_SERVICE"));
	verdict = try_sizes(trial, sizes, 1);
	if (verdict != RULE_PASS)
		return verdict;
	return rule_say(trial, RULE_PASS, _("nothing goes to the ports of echo-like services"));
}

const struct rule rule_datagram_list[] = {
	{ "datagram-whole", N_("a datagram comes back as it was"), RULE_DATAGRAMS, whole, RULE_FULL,
		RULE_OF_ANY },
	{ "datagram-once", N_("a datagram is answered once"), RULE_DATAGRAMS, once, RULE_FULL,
		RULE_OF_ANY },
	{ "datagram-empty", N_("an empty datagram is answered"), RULE_DATAGRAMS, empty, RULE_FULL,
		RULE_OF_ANY },
	{ "datagram-largest", N_("the largest datagram comes back whole"), RULE_DATAGRAMS, largest,
		RULE_FULL, RULE_OF_ANY },
	{ "datagram-source", N_("the answer comes from the address that was asked"),
		RULE_OF(ADDR_UDP), source, RULE_FULL, RULE_OF_ANY },
	{ "datagram-loop", N_("no answer goes to a port of echo-like services"), RULE_OF(ADDR_UDP),
		loop, RULE_FULL, RULE_OF_ANY },
	{ 0 },
};
