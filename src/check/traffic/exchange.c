/*
 * A poll loop of one socket. Sending and receiving take turns in small steps, so that neither side's
 * buffers decide the result: a service that reads only while it can write is as good as any.
 */
#include "check/traffic/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "client/channel.h"
#include "protocol/pattern.h"

#define RECEIVE_BYTES (64u << 10)
/* How long to wait for the bytes behind a difference: they show what it is. */
#define BEHIND_NS (300 * CLOCK_NS_PER_MS)

struct exchange {
	int fd;
	const struct exchange_plan *plan;
	struct exchange_result *result;
	struct ending *ending; /* of the result */
	uint32_t start; /* of the pattern */
	uint64_t random;
	uint64_t piece_end; /* offset behind the piece being sent */
	uint64_t bytes; /* to be sent: the plan's, or fewer where those are enough */
	uint64_t started_ns, progress_ns;
	struct patience patience; /* since then, while it does not pause */
	bool pausing, done;
};

struct exchange_plan exchange_plan_of(uint64_t bytes, uint64_t patience_ns, int interrupt_fd)
{
	return (struct exchange_plan){
		.bytes = bytes,
		.urgent_at = EXCHANGE_NOWHERE,
		.patience_ns = patience_ns,
		.interrupt_fd = interrupt_fd,
	};
}

static void end(struct exchange *exchange, enum ending_kind kind, int error)
{
	exchange->ending->kind = kind;
	exchange->ending->error = error;
	exchange->done = true;
}

static void note_progress(struct exchange *exchange)
{
	exchange->progress_ns = clock_now_ns();
	patience_renew(&exchange->patience);
}

/* ---- sending ---- */

/* The same pieces in every run, so that a failure can be repeated (splitmix64). */
static uint64_t next_random(struct exchange *exchange)
{
	uint64_t z = exchange->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void begin_piece(struct exchange *exchange)
{
	const struct exchange_plan *plan = exchange->plan;
	uint64_t at = exchange->ending->sent_bytes, length = PATTERN_CHUNK_BYTES;

	if (plan->piece_most > 0)
		length = 1 + next_random(exchange) % plan->piece_most;
	if (at == plan->urgent_at)
		length = 1;
	else if (at < plan->urgent_at && length > plan->urgent_at - at)
		length = plan->urgent_at - at;
	if (length > exchange->bytes - at)
		length = exchange->bytes - at;
	exchange->piece_end = at + length;
}

static bool may_send(const struct exchange *exchange)
{
	const struct ending *so_far = exchange->ending;

	if (so_far->sent_bytes == exchange->bytes)
		return false;
	return !exchange->plan->in_turn || so_far->sent_bytes < exchange->piece_end ||
		so_far->received_bytes == so_far->sent_bytes;
}

static void send_some(struct exchange *exchange)
{
	struct ending *so_far = exchange->ending;
	uint64_t at = so_far->sent_bytes;
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT;

	if (at == exchange->piece_end)
		begin_piece(exchange);
	if (at == exchange->plan->urgent_at)
		flags |= MSG_OOB;

	ssize_t n = channel_send(
		exchange->fd, pattern_at(exchange->start, at), exchange->piece_end - at, flags);

	if (n > 0) {
		so_far->sent_bytes += (uint64_t)n;
		note_progress(exchange);
	} else if (n < 0 && n != -EAGAIN && n != -EINTR) {
		end(exchange, ENDING_SERVER, (int)n);
	}
}

static void finish_if_sent(struct exchange *exchange)
{
	if (!exchange->plan->finish || exchange->result->finished ||
		exchange->ending->sent_bytes < exchange->bytes)
		return;
	channel_finish(exchange->fd);
	exchange->result->finished = true;
}

/* ---- receiving ---- */

static void note_end(struct exchange *exchange)
{
	struct ending *so_far = exchange->ending;

	if (!exchange->result->finished)
		end(exchange, ENDING_SERVER, 0);
	else if (so_far->received_bytes < so_far->sent_bytes)
		end(exchange, ENDING_SHORT, 0);
	else
		end(exchange, ENDING_FINE, 0);
}

/* `seen` is what came instead, from the first byte that differs on. */
static void note_difference(struct exchange *exchange, const unsigned char *seen, size_t length)
{
	struct ending *so_far = exchange->ending;
	unsigned char window[DEVIATION_WINDOW_BYTES];
	uint64_t until_ns = clock_after_ns(clock_now_ns(), BEHIND_NS);
	size_t have = length < sizeof(window) ? length : sizeof(window);
	struct pollfd one = { .fd = exchange->fd, .events = POLLIN };

	memcpy(window, seen, have);
	while (have < sizeof(window) &&
		channel_poll(&one, 1, clock_poll_ms(clock_now_ns(), until_ns)) > 0) {
		ssize_t n = channel_recv(
			exchange->fd, window + have, sizeof(window) - have, MSG_DONTWAIT);

		if (n <= 0)
			break;
		have += (size_t)n;
		so_far->received_bytes += (uint64_t)n;
	}
	exchange->result->deviation = deviation_find(
		window, have, exchange->start, so_far->differs_at, so_far->sent_bytes);
	end(exchange, ENDING_DIFFERENT, 0);
}

static void receive_some(struct exchange *exchange)
{
	static _Thread_local unsigned char bytes[RECEIVE_BYTES];
	struct ending *so_far = exchange->ending;
	size_t most = exchange->plan->receive_most;
	ssize_t n = channel_recv(exchange->fd, bytes,
		most > 0 && most < sizeof(bytes) ? most : sizeof(bytes), MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0) {
		end(exchange, ENDING_SERVER, (int)n);
		return;
	}
	if (n == 0) {
		note_end(exchange);
		return;
	}

	size_t right = pattern_match(bytes, (size_t)n, exchange->start, so_far->received_bytes);

	note_progress(exchange);
	so_far->differs_at = so_far->received_bytes + right;
	so_far->received_bytes += (uint64_t)n;
	if (exchange->plan->enough_ns > 0 && so_far->received_bytes == exchange->piece_end &&
		exchange->progress_ns - exchange->started_ns > exchange->plan->enough_ns)
		exchange->bytes = so_far->received_bytes;
	if (right < (size_t)n && so_far->differs_at < so_far->sent_bytes)
		note_difference(exchange, bytes + right, (size_t)n - right);
	else if (so_far->received_bytes > so_far->sent_bytes)
		end(exchange, ENDING_MORE, 0);
	else if (!exchange->plan->finish && so_far->received_bytes == exchange->bytes)
		end(exchange, ENDING_FINE, 0);
}

/* ---- waiting ---- */

/* Nothing moved for as long as it may. */
static void note_stillness(struct exchange *exchange)
{
	if (exchange->pausing) {
		exchange->pausing = false;
		exchange->result->was_stuck = exchange->ending->sent_bytes < exchange->bytes;
		note_progress(exchange);
		return;
	}
	if (!patience_is_over(&exchange->patience))
		return;
	exchange->ending->timeout_ns = exchange->plan->patience_ns;
	end(exchange, ENDING_SILENT, 0);
}

static void step(struct exchange *exchange)
{
	const struct exchange_plan *plan = exchange->plan;
	short events = (short)((exchange->pausing ? 0 : POLLIN) |
		(may_send(exchange) ? POLLOUT : 0));
	struct pollfd pollfds[] = {
		/* Without events an error would still be reported, again and again: while pausing, too. */
		{ .fd = events != 0 ? exchange->fd : -1, .events = events },
		{ .fd = plan->interrupt_fd, .events = POLLIN },
	};
	uint64_t until_ns = exchange->pausing
		? clock_after_ns(exchange->progress_ns, plan->pause_ns)
		: exchange->patience.until_ns;
	int ready = channel_poll(pollfds, 2, clock_poll_ms(clock_now_ns(), until_ns));

	if (ready < 0 && errno != EINTR) {
		end(exchange, ENDING_LOCAL, -errno);
		return;
	}
	if (ready > 0 && pollfds[1].revents != 0) {
		end(exchange, ENDING_SIGNAL, 0);
		return;
	}
	if (ready > 0 && pollfds[0].revents & ~POLLOUT && !exchange->pausing)
		receive_some(exchange);
	if (ready > 0 && !exchange->done && pollfds[0].revents & (POLLOUT | POLLERR | POLLHUP) &&
		may_send(exchange))
		send_some(exchange);
	if (!exchange->done)
		finish_if_sent(exchange);
	if (ready == 0 && clock_now_ns() >= until_ns)
		note_stillness(exchange);
}

void exchange_run(int fd, const struct exchange_plan *plan, struct exchange_result *ret_result)
{
	struct exchange exchange = {
		.fd = fd,
		.plan = plan,
		.result = ret_result,
		.ending = &ret_result->ending,
		.start = pattern_start(plan->stream),
		.random = plan->stream,
		.bytes = plan->bytes,
		.started_ns = clock_now_ns(),
		.progress_ns = clock_now_ns(),
		.pausing = plan->pause_ns > 0,
	};

	pattern_init();
	patience_begin(&exchange.patience, plan->source, plan->patience_ns);
	*ret_result = (struct exchange_result){
		.ending = { .kind = ENDING_FINE, .sent_bytes = plan->sent_before },
	};
	exchange.piece_end = plan->sent_before;
	finish_if_sent(&exchange);
	if (plan->bytes == 0 && !plan->finish)
		return;
	while (!exchange.done)
		step(&exchange);
}

/* ---- in words ---- */

typedef unsigned long long count;

static void format_deviation(const struct deviation *deviation, char *buffer, size_t size)
{
	count at = deviation->at, bytes = deviation->bytes;

	switch (deviation->kind) {
	case DEVIATION_CHANGED:
		snprintf(buffer, size,
			ngettext("%llu byte came back changed, at offset %llu",
				"%llu bytes came back changed, from offset %llu on", bytes),
			bytes, at);
		break;
	case DEVIATION_MISSING:
		snprintf(buffer, size,
			ngettext(
				"%llu byte is missing at offset %llu; what was behind it came back",
				"%llu bytes are missing from offset %llu on; what was behind them "
				"came back",
				bytes),
			bytes, at);
		break;
	case DEVIATION_REPEATED:
		snprintf(buffer, size,
			_("at offset %llu came what had been sent %llu bytes before: bytes came back "
			  "twice or out of order"),
			at, bytes);
		break;
	case DEVIATION_ADDED:
		snprintf(buffer, size,
			ngettext("%llu byte that was never sent came at offset %llu",
				"%llu bytes that were never sent came at offset %llu", bytes),
			bytes, at);
		break;
	case DEVIATION_OTHER:
		snprintf(buffer, size, _("other bytes came back, from offset %llu on"), at);
		break;
	}
}

const char *exchange_format(const struct exchange_result *result, char *buffer, size_t size)
{
	const struct ending *ending = &result->ending;
	char timeout[DURATION_TEXT_SIZE];
	bool all_back = ending->received_bytes == ending->sent_bytes;

	if (ending->kind == ENDING_DIFFERENT) {
		format_deviation(&result->deviation, buffer, size);
		return buffer;
	}
	if (ending->kind == ENDING_SILENT && result->finished && all_back) {
		duration_format(ending->timeout_ns, timeout, sizeof(timeout));
		if (ending->sent_bytes == 0)
			snprintf(buffer, size,
				_("the client finished without a byte, but the service did not: no FIN for "
				  "%s"),
				timeout);
		else
			snprintf(buffer, size,
				_("all that was sent came back (%llu bytes), but the service did not finish: no FIN for %s"),
				(count)ending->sent_bytes, timeout);
		return buffer;
	}
	return ending_format(ending, buffer, size);
}

/* ---- one way only ---- */

uint64_t exchange_stuff(int fd, uint64_t most_bytes, uint64_t stuck_ns, int interrupt_fd)
{
	uint64_t taken = 0;

	pattern_init();
	while (taken < most_bytes) {
		uint64_t length = most_bytes - taken;
		ssize_t n = channel_send(fd, pattern_at(0, taken),
			length < PATTERN_CHUNK_BYTES ? length : PATTERN_CHUNK_BYTES,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd pollfds[] = {
			{ .fd = fd, .events = POLLOUT },
			{ .fd = interrupt_fd, .events = POLLIN },
		};

		if (n > 0)
			taken += (uint64_t)n;
		else if (n != -EAGAIN && n != -EINTR)
			return taken;
		else if (channel_poll(pollfds, 2, clock_poll_ms(0, stuck_ns)) == 0 ||
			pollfds[1].revents)
			return taken;
	}
	return taken;
}
