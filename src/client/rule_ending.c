/*
 * What becomes of bytes when one side ends: a half-close says "no more from me", not "forget the rest"
 * (RFC 9293 3.6).
 */
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/number.h"
#include "client/rule.h"
#include "net/call.h"

#define PAUSE_NS (300 * CLOCK_NS_PER_MS)

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

static enum rule_verdict half_close(struct rule_trial *trial)
{
	static const uint64_t sizes[] = { 1, 100, 5000, 100000, 1u << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct exchange_plan plan = finishing(trial, sizes[i]);

		if (!rule_exchange(trial, &plan))
			return RULE_FAIL;
	}
	return rule_say(trial, RULE_PASS, _("all that was sent came back, and then the end"));
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
		_("%s came back to a reader that had finished and paused, and then the end"),
		number_format_size(plan.bytes, size, sizeof(size)));
}

static enum rule_verdict no_bytes(struct rule_trial *trial)
{
	struct exchange_plan plan = exchange_plan_of(64, trial->patience_ns, trial->interrupt_fd);

	for (int i = 0; i < 50; i++) {
		CLEANUP_FD int fd = -1;

		if (rule_connect(trial, &fd) < 0)
			return RULE_FAIL;
	}
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("50 clients came and went without a byte"));
}

const struct rule rule_ending_list[] = {
	{ "half-close-at-once", N_("a client that finishes without a byte is finished with"),
		RULE_STREAMS, half_close_at_once },
	{ "half-close", N_("what was sent before a half-close comes back in full, then the end"),
		RULE_STREAMS, half_close },
	{ "half-close-slow-reader", N_("the same to a reader that is slow"), RULE_STREAMS,
		half_close_slow_reader },
	{ "no-bytes", N_("connecting and closing without a byte does no harm"), RULE_STREAMS,
		no_bytes },
	{ 0 },
};
