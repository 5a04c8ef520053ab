/*
 * What becomes of bytes when one side ends: a half-close says "no more from me", not "forget the rest"
 * (RFC 9293 3.6).
 */
#include <stdio.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/number.h"
#include "check/rule.h"
#include "client/channel.h"
#include "net/socket.h"

#define PACE_NS (4 * CLOCK_NS_PER_MS)
#define PAUSE_NS (300 * CLOCK_NS_PER_MS)
/* So long the window stays shut behind a half-close: longer than the linger timers of usual proxies' kind. */
#define LATE_NS (3 * CLOCK_NS_PER_S)
#define LATE_COUNT 4

static struct exchange_plan finishing(const struct rule_trial *trial, uint64_t bytes)
{
	struct exchange_plan plan = exchange_plan_of(
		bytes < trial->most_bytes ? bytes : trial->most_bytes, trial->patience_ns,
		trial->interrupt_fd);

	plan.finish = true;
	return plan;
}

static enum rule_verdict half_close_at_once(struct rule_trial *trial)
{
	struct exchange_plan plan = finishing(trial, 0);

	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("finished without a byte, and so did the service"));
}

/* One client of the late kind: it has sent, and finished, and read nothing. */
struct late {
	int fd;
	uint64_t sent_bytes;
};

static bool open_late(struct rule_trial *trial, struct late *late, uint64_t bytes)
{
	if (rule_connect(trial, &late->fd) < 0)
		return false;
	rule_hold_little(late->fd);
	late->sent_bytes = exchange_stuff(late->fd,
		bytes < trial->most_bytes ? bytes : trial->most_bytes, PAUSE_NS,
		trial->interrupt_fd);
	channel_finish(late->fd);
	return true;
}

static bool wait_late(struct rule_trial *trial)
{
	return rule_wait(trial, LATE_NS < trial->patience_ns ? LATE_NS : trial->patience_ns);
}

static bool read_late(struct rule_trial *trial, const struct late *late, bool *ret_stalled)
{
	struct exchange_plan plan = finishing(trial, late->sent_bytes);
	struct exchange_result result;

	plan.sent_before = late->sent_bytes;
	rule_hold_much(late->fd);
	rule_run_plan(trial, late->fd, &plan, &result);
	*ret_stalled = result.ending.kind == ENDING_SILENT &&
		result.ending.received_bytes < result.ending.sent_bytes;
	return rule_judge(trial, &plan, &result);
}

/* Does it stand still behind full buffers without any half-close? Then that is no fault of this kind. */
static bool stalls_anyway(struct rule_trial *trial, uint64_t bytes)
{
	struct exchange_plan plan = exchange_plan_of(
		bytes, trial->patience_ns, trial->interrupt_fd);
	struct exchange_result result;
	CLEANUP_CHANNEL int fd = -1;

	if (rule_connect(trial, &fd) < 0)
		return false;
	rule_hold_little(fd);
	plan.bytes = plan.sent_before = exchange_stuff(fd, bytes, PAUSE_NS, trial->interrupt_fd);
	if (!wait_late(trial))
		return false;
	rule_hold_much(fd);
	rule_run_plan(trial, fd, &plan, &result);
	socket_set_reset_on_close(fd);
	return result.ending.kind == ENDING_SILENT;
}

static enum rule_verdict judge_late(struct rule_trial *trial, const struct late *lates)
{
	char why[RULE_EVIDENCE_SIZE], size[NUMBER_TEXT_SIZE];

	for (int i = 0; i < LATE_COUNT; i++) {
		bool stalled;

		if (read_late(trial, &lates[i], &stalled))
			continue;
		snprintf(why, sizeof(why), "%s", trial->evidence);
		if (!stalled || i == 0 || !stalls_anyway(trial, lates[i].sent_bytes))
			return rule_say(trial, RULE_FAIL,
				_("the client read late after its half-close: %s"), why);
		return rule_say(trial, RULE_PASS,
			_("all that was sent came back, and then the end; but with full buffers, from "
			  "%s on, it stands still, with a half-close or without"),
			number_format_size(lates[i].sent_bytes, size, sizeof(size)));
	}
	return rule_say(trial, RULE_PASS,
		_("all that was sent came back, and then the end, also to clients that read late"));
}

/*
 * An echo answers at once, so a service or proxy that gives its client but a moment after the half-close is found
 * only where the client's window stays shut for longer than that. How much it takes until the rest is not
 * in the kernel's buffers but held by the service depends on these buffers: hence several sizes, all at
 * once, because they wait together.
 */
static enum rule_verdict half_close_late(struct rule_trial *trial)
{
	uint64_t buffers_bytes = rule_buffers_bytes(trial->targets->addrs[0].scheme);
	const uint64_t sizes[LATE_COUNT] = { 100000, 1u << 20, 4u << 20, buffers_bytes / 2 };
	struct late lates[LATE_COUNT];
	enum rule_verdict verdict = RULE_FAIL;
	bool fine = true;

	for (int i = 0; i < LATE_COUNT; i++)
		lates[i].fd = -1;
	for (int i = 0; fine && i < LATE_COUNT; i++)
		fine = open_late(trial, &lates[i], sizes[i]);
	if (fine && wait_late(trial))
		verdict = judge_late(trial, lates);
	for (int i = 0; i < LATE_COUNT; i++) {
		if (lates[i].fd < 0)
			continue;
		socket_set_reset_on_close(lates[i].fd);
		channel_close(lates[i].fd);
	}
	return verdict;
}

static enum rule_verdict half_close(struct rule_trial *trial)
{
	static const uint64_t sizes[] = { 1, 100, 5000, 100000, 1u << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct exchange_plan plan = finishing(trial, sizes[i]);

		if (!rule_exchange(trial, &plan))
			return RULE_FAIL;
	}
	return half_close_late(trial);
}

static enum rule_verdict half_close_slow_reader(struct rule_trial *trial)
{
	struct exchange_plan plan = finishing(trial, 8u << 20);
	char size[NUMBER_TEXT_SIZE];

	plan.pause_ns = PAUSE_NS;
	plan.receive_most = 4096;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS,
		_("%s came back to a reader that paused and read little at a time, and then the end"),
		number_format_size(plan.bytes, size, sizeof(size)));
}

static enum rule_verdict no_bytes(struct rule_trial *trial)
{
	struct exchange_plan plan = exchange_plan_of(64, trial->patience_ns, trial->interrupt_fd);

	for (int i = 0; i < 50; i++) {
		CLEANUP_CHANNEL int fd = -1;

		if (rule_connect(trial, &fd) < 0)
			return RULE_FAIL;
		/* One client at a time is right for a program in a lesson, and so is a backlog of 5. */
		if (trial->until_ns != CLOCK_NEVER && !rule_wait(trial, PACE_NS))
			return RULE_FAIL;
	}
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("50 clients came and went without a byte"));
}

const struct rule rule_ending_list[] = {
	{ "half-close-at-once", N_("a client that finishes without a byte is finished with"),
		RULE_STREAMS, half_close_at_once, RULE_CHAPTER, RULE_OF_ANY },
	{ "half-close", N_("what was sent before a half-close comes back in full, then the end"),
		RULE_STREAMS, half_close, RULE_CLASS, RULE_OF_ANY },
	{ "half-close-slow-reader", N_("the same to a reader that is slow"), RULE_STREAMS,
		half_close_slow_reader, RULE_CLASS, RULE_OF_ANY },
	{ "no-bytes", N_("connecting and closing without a byte does no harm"), RULE_STREAMS,
		no_bytes, RULE_CHAPTER, RULE_OF_ANY },
	{ 0 },
};
