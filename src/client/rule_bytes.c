/*
 * Every byte, in order, once: in pieces of any size, at any pace of the reader (RFC 862).
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/number.h"
#include "client/rule.h"
#include "net/call.h"
#include "net/socket.h"

/* Longer than any service should wait before it sends; shorter than anybody's patience. */
#define PAUSE_NS (300 * CLOCK_NS_PER_MS)

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

static enum rule_verdict one_byte(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 1);

	/* No more is sent until it is back: a service that waits for a full buffer or a line is found. */
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("one byte came back before another was sent"));
}

static enum rule_verdict byte_by_byte(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 1000);

	plan.piece_most = 1;
	plan.in_turn = true;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("1,000 single bytes, each back before the next"));
}

static enum rule_verdict exact(struct rule_trial *trial)
{
	/* Around the sizes of buffers, and of what one call takes. */
	static const uint64_t sizes[] = { 2, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 16384,
		65535, 65536, 65537, 1u << 20, (1u << 20) + 1, 64u << 20 };
	uint64_t largest = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct exchange_plan plan = plan_of(trial, sizes[i]);

		plan.stream = i;
		plan.piece_most = sizes[i] > 65536 ? 128 << 10 : 0;
		if (!rule_exchange(trial, &plan))
			return RULE_FAIL;
		largest = plan.bytes;
	}
	return say_size(trial, largest, _("2 bytes to %s, every value of a byte: all came back"));
}

static enum rule_verdict many_small_writes(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 1u << 20);

	plan.piece_most = 40;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return say_size(trial, plan.bytes, _("%s in pieces of 1 to 40 bytes"));
}

static enum rule_verdict order(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 16u << 20);

	plan.piece_most = 3000;
	plan.receive_most = 777;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return say_size(trial, plan.bytes, _("%s of messages under way at once, in order"));
}

static enum rule_verdict slow_reader(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 32u << 20);

	plan.pause_ns = PAUSE_NS;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return say_size(trial, plan.bytes,
		_("%s; nothing was read until all buffers on the way were full"));
}

static enum rule_verdict garbage(struct rule_trial *trial)
{
	/* The pattern is noise: it has telnet's 0xff, NUL, Ctrl-D, line ends of every kind. */
	struct exchange_plan plan = plan_of(trial, 256u << 10);

	plan.piece_most = 512;
	plan.in_turn = true;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS,
		_("control characters, NUL, 0xff and line ends came back as they were"));
}

static enum rule_verdict urgent(struct rule_trial *trial)
{
	struct exchange_plan plan = plan_of(trial, 20000);

	plan.urgent_at = plan.bytes / 2;
	if (!rule_exchange(trial, &plan))
		return RULE_FAIL;
	return rule_say(trial, RULE_PASS, _("the urgent byte came back in its place"));
}

static enum rule_verdict bounded_memory(struct rule_trial *trial)
{
	uint64_t most = trial->most_bytes;
	char size[NUMBER_TEXT_SIZE];
	CLEANUP_FD int fd = -1;

	if (rule_connect(trial, &fd) < 0)
		return RULE_FAIL;

	uint64_t taken = exchange_stuff(fd, most, PAUSE_NS, trial->interrupt_fd);

	socket_set_reset_on_close(fd);
	number_format_size(taken, size, sizeof(size));
	if (taken >= most)
		return rule_say(trial, RULE_FAIL,
			_("it took all of %s from a client that reads nothing: its memory has no bound"),
			size);
	return rule_say(trial, RULE_PASS,
		_("it stopped reading from a client that reads nothing after %s"), size);
}

const struct rule rule_bytes_list[] = {
	{ "one-byte", N_("one byte comes back at once"), RULE_STREAMS, one_byte },
	{ "byte-by-byte", N_("bytes sent one at a time come back one at a time"), RULE_STREAMS,
		byte_by_byte },
	{ "exact", N_("every byte comes back, from 1 byte to 64 MiB"), RULE_STREAMS, exact },
	{ "small-writes", N_("many small writes lose nothing"), RULE_STREAMS, many_small_writes },
	{ "order", N_("what is sent without waiting comes back in order"), RULE_STREAMS, order },
	{ "slow-reader", N_("a reader that pauses longer than any buffer gets everything"),
		RULE_STREAMS, slow_reader },
	{ "garbage", N_("no byte has a meaning to it"), RULE_STREAMS, garbage },
	{ "urgent", N_("an urgent byte keeps its place (RFC 6093)"), RULE_OF(ADDR_TCP), urgent },
	{ "bounded-memory", N_("a client that reads nothing is not read from for ever"),
		RULE_STREAMS, bounded_memory },
	{ 0 },
};
