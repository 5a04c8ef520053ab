/*
 * Every byte, in order, once: in pieces of any size, at any pace of the reader (RFC 862).
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "check/rule.h"
#include "client/channel.h"
#include "net/socket.h"

/* Longer than any service should wait before it sends; shorter than any client's patience. */
#define PAUSE_NS (300 * CLOCK_NS_PER_MS)
/* With less a rule would pass without having tried what it is about: pieces, several messages, every byte. */
#define LEAST_BYTES 100
#define LEAST_MESSAGES_BYTES (16u << 10)
#define LEAST_NOISE_BYTES (8u << 10)
/* Of turns that each take a round trip: a service that is far, or slow, need not make all of them. */
#define ENOUGH_NS (20 * CLOCK_NS_PER_S)
/* A way that stands still for so long has full buffers; a slow one may pause for less. */
#define FULL_NS CLOCK_NS_PER_S

/* A program that check runs gets less: it is near. */
static uint64_t enough_ns(const struct rule_trial *trial)
{
	uint64_t now_ns = clock_now_ns();

	return trial->until_ns == CLOCK_NEVER ? ENOUGH_NS
		: trial->until_ns > now_ns    ? (trial->until_ns - now_ns) / 3
					      : 1;
}

static uint64_t bounded(const struct rule_trial *trial, uint64_t bytes)
{
	return bytes < trial->most_bytes ? bytes : trial->most_bytes;
}

static struct exchange_plan plan_of(const struct rule_trial *trial, uint64_t bytes)
{
	return exchange_plan_of(bounded(trial, bytes), trial->patience_ns, trial->interrupt_fd);
}

static enum rule_verdict say_size(struct rule_trial *trial, uint64_t bytes, const char *how)
{
	char size[NUMBER_TEXT_SIZE];

	return rule_say(trial, RULE_PASS, how, number_format_size(bytes, size, sizeof(size)));
}

/* The way has one byte, and gives nothing: perhaps it does once there is more. */
static void say_held_back(struct rule_trial *trial, int fd)
{
	struct exchange_plan plan = plan_of(trial, 64u << 10);
	struct exchange_result result;
	char size[NUMBER_TEXT_SIZE];

	plan.sent_before = 1;
	plan.finish = true;
	exchange_run(fd, &plan, &result);
	if (result.ending.received_bytes > 0)
		rule_say(trial, RULE_FAIL,
			_("held back until more came: one byte did not come back before %s were sent"),
			number_format_size(result.ending.sent_bytes, size, sizeof(size)));
}

static enum rule_verdict one_byte(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 1);
	struct exchange_result result;
	CLEANUP_FD int fd = -1;

	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	/* No more is sent until it is back: a service that waits for a full buffer or a line is found. */
	exchange_run(fd, &plan, &result);
	if (!rule_judge(trial, &plan, &result)) {
		if (trial->through != NULL && result.ending.kind == ENDING_SILENT)
			say_held_back(trial, fd);
		return RULE_FAIL;
	}
	return rule_say(trial, RULE_PASS, _("one byte came back before another was sent"));
}

static enum rule_verdict byte_by_byte(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 1000);
	struct exchange_result result;
	CLEANUP_CHANNEL int fd = -1;

	if (!rule_allows_size(trial, LEAST_BYTES))
		return RULE_SKIP;
	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	plan.piece_most = 1;
	plan.in_turn = true;
	plan.enough_ns = enough_ns(trial);
	rule_run_plan(trial, fd, &plan, &result);
	if (!rule_judge(trial, &plan, &result))
		return RULE_FAIL;
	if (result.ending.sent_bytes < 1000)
		return rule_say(trial, RULE_PASS, _("%llu single bytes, each back before the next"),
			(unsigned long long)result.ending.sent_bytes);
	return rule_say(trial, RULE_PASS, _("1,000 single bytes, each back before the next"));
}

static enum rule_verdict exact(struct rule_trial *trial)
{
	/* Around the sizes of buffers, and of what one call takes. */
	static const uint64_t sizes[] = { 2, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 16384,
		65535, 65536, 65537, 1u << 20, (1u << 20) + 1, 64u << 20 };
	uint64_t largest = 0;

	if (!rule_allows_size(trial, LEAST_BYTES))
		return RULE_SKIP;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct exchange_plan plan = plan_of(trial, sizes[i]);

		plan.stream = i;
		plan.piece_most = sizes[i] > 65536 ? 128 << 10 : 0;
		if (!rule_exchange(trial, &plan))
			return RULE_FAIL;
		largest = plan.bytes;
	}
	return say_size(trial, largest, _("2 bytes to %s: all came back, as they were"));
}

static enum rule_verdict many_small_writes(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 1u << 20);

	if (!rule_allows_size(trial, LEAST_BYTES))
		return RULE_SKIP;
	plan.piece_most = 40;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return say_size(trial, plan.bytes, _("%s in pieces of 1 to 40 bytes"));
}

static enum rule_verdict order(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 16u << 20);

	if (!rule_allows_size(trial, LEAST_MESSAGES_BYTES))
		return RULE_SKIP;
	plan.piece_most = 3000;
	plan.receive_most = 777;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return say_size(trial, plan.bytes, _("%s of messages under way at once, in order"));
}

static enum rule_verdict say_swallowed(
	struct rule_trial *trial, uint64_t bytes, uint64_t buffers_bytes)
{
	char size[NUMBER_TEXT_SIZE], buffers[NUMBER_TEXT_SIZE];

	return rule_say(trial, RULE_SKIP,
		_("all of %s fit into the buffers on the way, which may hold %s: a larger --size "
		  "would tell"),
		number_format_size(bytes, size, sizeof(size)),
		number_format_size(buffers_bytes, buffers, sizeof(buffers)));
}

static enum rule_verdict slow_reader(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 32u << 20);
	struct exchange_result result;
	CLEANUP_CHANNEL int fd = -1;

	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	plan.pause_ns = PAUSE_NS;
	rule_run_plan(trial, fd, &plan, &result);
	if (!rule_judge(trial, &plan, &result))
		return RULE_FAIL;
	if (!result.was_stuck)
		return say_swallowed(
			trial, plan.bytes, rule_buffers_bytes(trial->targets->addrs[0].scheme));
	return say_size(trial, plan.bytes,
		_("%s; nothing was read until all buffers on the way were full"));
}

static enum rule_verdict garbage(struct rule_trial *trial)
{
	/* The pattern is noise: it has telnet's 0xff, NUL, Ctrl-D, line ends of every kind. */
	struct exchange_plan plan = plan_of(trial, 256u << 10);
	struct exchange_result result;
	char size[NUMBER_TEXT_SIZE];
	CLEANUP_CHANNEL int fd = -1;

	if (!rule_allows_size(trial, LEAST_NOISE_BYTES))
		return RULE_SKIP;
	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	plan.piece_most = 512;
	plan.in_turn = true;
	plan.enough_ns = enough_ns(trial);
	rule_run_plan(trial, fd, &plan, &result);
	if (!rule_judge(trial, &plan, &result))
		return RULE_FAIL;
	if (result.ending.sent_bytes < LEAST_NOISE_BYTES)
		return rule_say(trial, RULE_SKIP,
			_("only %s came back in the time for all: too little to tell"),
			number_format_size(result.ending.sent_bytes, size, sizeof(size)));
	return rule_say(trial, RULE_PASS,
		_("control characters, NUL, 0xff and line ends came back as they were"));
}

/* Two ends of it are worth words of their own: the byte is not there, and nothing moves any more. */
static enum rule_verdict say_urgent(struct rule_trial *trial, const struct exchange_plan *plan,
	const struct exchange_result *result)
{
	const struct ending *ending = &result->ending;
	const struct deviation *deviation = &result->deviation;
	char timeout[DURATION_TEXT_SIZE];

	if (ending->kind == ENDING_DIFFERENT && deviation->kind == DEVIATION_MISSING &&
		deviation->bytes == 1 && deviation->at <= plan->urgent_at)
		return rule_say(trial, RULE_FAIL,
			_("the urgent byte was lost; the bytes behind it came back"));
	if (ending->kind == ENDING_SILENT && ending->received_bytes <= plan->urgent_at)
		return rule_say(trial, RULE_FAIL,
			_("the connection stalled at the urgent byte: %llu of %llu bytes came back, "
			  "then nothing for %s"),
			(unsigned long long)ending->received_bytes, (unsigned long long)plan->bytes,
			duration_format(ending->timeout_ns, timeout, sizeof(timeout)));
	return rule_judge(trial, plan, result) ? RULE_PASS : RULE_FAIL;
}

/* No proxy is asked to keep it; what it does instead is worth knowing. */
static enum rule_verdict tell_urgent(struct rule_trial *trial)
{
	char seen[RULE_EVIDENCE_SIZE];

	snprintf(seen, sizeof(seen), "%s", trial->evidence);
	return rule_say(trial, RULE_SKIP, _("no way is asked to keep it, but: %s"), seen);
}

static enum rule_verdict urgent(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 20000);
	struct exchange_result result;
	CLEANUP_CHANNEL int fd = -1;

	if (!rule_allows_size(trial, LEAST_BYTES))
		return RULE_SKIP;
	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	plan.urgent_at = plan.bytes / 2;
	rule_run_plan(trial, fd, &plan, &result);
	if (say_urgent(trial, &plan, &result) != RULE_PASS)
		return trial->through != NULL ? tell_urgent(trial) : RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("the urgent byte came back in its place"));
}

/*
 * That it takes no more is seen by a client that writes and does not read. That it does so because it waits for its
 * client, and not because it hangs, is seen when the client reads: everything comes back.
 */
static enum rule_verdict bounded_memory(struct rule_trial *trial)
{
	uint64_t buffers_bytes = rule_buffers_bytes(trial->targets->addrs[0].scheme);
	uint64_t full_ns = trial->patience_ns < FULL_NS ? trial->patience_ns : FULL_NS;
	char size[NUMBER_TEXT_SIZE];
	CLEANUP_CHANNEL int fd = -1;

	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;
	rule_hold_little(fd);

	uint64_t taken = exchange_stuff(fd, trial->most_bytes, full_ns, trial->interrupt_fd);
	/* Where nothing was taken at all, one byte shows why. */
	struct exchange_plan plan = plan_of(trial, taken > 0 ? taken : 1);

	number_format_size(taken, size, sizeof(size));
	if (taken >= trial->most_bytes) {
		socket_set_reset_on_close(fd);
		if (taken < buffers_bytes)
			return say_swallowed(trial, taken, buffers_bytes);
		return rule_say(trial, RULE_FAIL,
			_("it took all of %s from a client that reads nothing: its memory has no bound"),
			size);
	}
	plan.sent_before = taken;
	rule_hold_much(fd);
	if (!rule_exchange_on(trial, fd, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS,
		_("it stopped reading after %s from a client that does not read; all came back when the client read"),
		size);
}

const struct rule rule_bytes_list[] = {
	{ "one-byte", N_("one byte comes back at once"), RULE_STREAMS, one_byte, RULE_CHAPTER,
		RULE_OF_ANY },
	{ "byte-by-byte", N_("bytes sent one at a time come back one at a time"), RULE_STREAMS,
		byte_by_byte, RULE_CHAPTER, RULE_OF_ANY },
	{ "exact", N_("every byte comes back, from 1 byte to 64 MiB"), RULE_STREAMS, exact,
		RULE_CHAPTER, RULE_OF_ANY },
	{ "small-writes", N_("many small writes lose nothing"), RULE_STREAMS, many_small_writes,
		RULE_CHAPTER, RULE_OF_ANY },
	{ "order", N_("what is sent without waiting comes back in order"), RULE_STREAMS, order,
		RULE_CHAPTER, RULE_OF_ANY },
	{ "slow-reader", N_("a reader that pauses longer than any buffer gets everything"),
		RULE_STREAMS, slow_reader, RULE_CLASS, RULE_OF_ANY },
	{ "garbage", N_("no byte has a meaning to it"), RULE_STREAMS, garbage, RULE_CHAPTER,
		RULE_OF_ANY },
	{ "urgent", N_("an urgent byte keeps its place (RFC 6093)"), RULE_OF(ADDR_TCP), urgent,
		RULE_FULL, RULE_OF_ANY },
	{ "bounded-memory",
		N_("a client that does not read is not read from for ever, and gets all when it reads"),
		RULE_STREAMS, bounded_memory, RULE_FULL, RULE_OF_ANY },
	{ 0 },
};
