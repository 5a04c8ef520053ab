/*
 * A table by descriptor, because the loops of talk, ping and check know descriptors and nothing
 * else, and stay so.
 *
 * What the kernel does not take at once is kept here: a stage has no way to take back what it has
 * written.
 */
#include "client/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "net/addr.h"
#include "net/call.h"
#include "wire/tls.h"

#define RECEIVE_BYTES (32u << 10)
/* What is written at once: more would only be kept here. */
#define PIECE_BYTES (16u << 10)
#define MOST_POLLED 1024

struct channel {
	int fd;
	struct stage *stage;
	unsigned char *out; /* on its way to the wire */
	size_t out_start, out_end, out_capacity;
	int error; /* of sending: reported when nothing more can be received */
	bool wire_ended;
};

static _Thread_local struct channel **channels; /* by descriptor */
static _Thread_local int channel_count;
static _Thread_local char last_why[2 * STAGE_WHY_SIZE];

const char *channel_why(void)
{
	return last_why;
}

static struct channel *find(int fd)
{
	return fd >= 0 && fd < channel_count ? channels[fd] : NULL;
}

const struct stage *channel_stage(int fd)
{
	const struct channel *channel = find(fd);

	return channel != NULL ? channel->stage : NULL;
}

/* ---- life ---- */

static int take_wire(void *context, const unsigned char *bytes, size_t length)
{
	struct channel *channel = context;
	size_t held = channel->out_end - channel->out_start;

	if (channel->out_end + length > channel->out_capacity) {
		size_t capacity = 2 * (held + length);
		unsigned char *larger = malloc(capacity);

		if (larger == NULL)
			return -ENOMEM;
		if (held > 0)
			memcpy(larger, channel->out + channel->out_start, held);
		free(channel->out);
		channel->out = larger;
		channel->out_capacity = capacity;
		channel->out_start = 0;
		channel->out_end = held;
	}
	memcpy(channel->out + channel->out_end, bytes, length);
	channel->out_end += length;
	return 0;
}

static void detach(int fd)
{
	struct channel *channel = find(fd);

	if (channel == NULL)
		return;
	stage_free(channel->stage);
	free(channel->out);
	free(channel);
	channels[fd] = NULL;
}

static int make_room(int fd)
{
	struct channel **longer;
	int count = fd + 16;

	if (fd < channel_count)
		return 0;
	longer = reallocarray(channels, (size_t)count, sizeof(*channels));
	if (longer == NULL)
		return -ENOMEM;
	memset(longer + channel_count, 0, (size_t)(count - channel_count) * sizeof(*channels));
	channels = longer;
	channel_count = count;
	return 0;
}

int channel_attach(int fd, const struct channel_tls *tls)
{
	struct channel *channel;
	char host[ADDR_HOST_SIZE];
	int r = make_room(fd);

	if (r < 0)
		return r;
	detach(fd);
	channel = calloc(1, sizeof(*channel));
	if (channel == NULL)
		return -ENOMEM;
	/* A zone means something on this machine only: in no certificate is one. */
	snprintf(host, sizeof(host), "%s", tls->host);
	host[strcspn(host, "%")] = '\0';
	channel->fd = fd;
	channel->stage = tls_new(tls->context, host);
	if (channel->stage == NULL) {
		free(channel);
		return -ENOMEM;
	}
	channel->stage->sink = (struct stage_sink){ .take = take_wire, .context = channel };
	channels[fd] = channel;
	return 0;
}

/* ---- moving bytes ---- */

/* Sends what waits. 0, or -EAGAIN: not all has left. */
static int flush(struct channel *channel)
{
	while (channel->error == 0 && channel->out_start < channel->out_end) {
		ssize_t n = call_send(channel->fd, channel->out + channel->out_start,
			channel->out_end - channel->out_start, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return -EAGAIN;
		if (n < 0)
			channel->error = (int)n;
		else
			channel->out_start += (size_t)n;
	}
	channel->out_start = channel->out_end = 0;
	if (channel->out_capacity > RECEIVE_BYTES) {
		free(channel->out);
		channel->out = NULL;
		channel->out_capacity = 0;
	}
	return channel->error;
}

static int note(struct channel *channel, int error)
{
	if (error == -EPROTO)
		snprintf(
			last_why, sizeof(last_why), _("TLS failed: %s"), stage_why(channel->stage));
	return error;
}

/* Receives once from the wire, and lets the stage read of it. As stage_read(). */
static ssize_t receive(struct channel *channel, void *bytes, size_t size, int flags)
{
	unsigned char wire[RECEIVE_BYTES];
	ssize_t n = call_recv(channel->fd, wire, sizeof(wire), flags & MSG_DONTWAIT);

	if (n < 0)
		return n;
	if (n == 0) {
		channel->wire_ended = true;
		return -ECONNABORTED;
	}
	stage_feed(channel->stage, wire, (size_t)n);
	n = stage_read(channel->stage, bytes, size);
	if (stage_keep(channel->stage) < 0)
		return -ENOMEM;
	return n;
}

/* As stage_read(), with as much of the wire as it takes and there is. */
static ssize_t read_some(struct channel *channel, void *bytes, size_t size, int flags)
{
	for (;;) {
		bool was_open = stage_is_open(channel->stage);
		ssize_t n = stage_read(channel->stage, bytes, size);

		if (n == -EAGAIN && channel->wire_ended)
			n = -ECONNABORTED;
		else if (n == -EAGAIN && (size > 0 || !stage_is_open(channel->stage)))
			n = receive(channel, bytes, size, flags);
		flush(channel);
		if (n != -EAGAIN)
			return n < 0 ? note(channel, (int)n) : n;
		if (!was_open && stage_is_open(channel->stage) && size == 0)
			return n;
		/* Once more, until the kernel has nothing: a record may have come in two pieces. */
		if (channel->wire_ended)
			continue;

		struct pollfd one = { .fd = channel->fd, .events = POLLIN };

		if (poll(&one, 1, 0) <= 0)
			return -EAGAIN;
	}
}

ssize_t channel_recv(int fd, void *bytes, size_t size, int flags)
{
	struct channel *channel = find(fd);

	return channel == NULL ? call_recv(fd, bytes, size, flags)
			       : read_some(channel, bytes, size, flags);
}

ssize_t channel_send(int fd, const void *bytes, size_t length, int flags)
{
	struct channel *channel = find(fd);
	size_t taken = 0;

	if (channel == NULL)
		return call_send(fd, bytes, length, flags);
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	while (taken < length) {
		size_t some = length - taken < PIECE_BYTES ? length - taken : PIECE_BYTES;
		int r = flush(channel);

		if (r < 0 && r != -EAGAIN)
			return r;
		if (channel->out_end - channel->out_start >= CHANNEL_MOST_BYTES)
			break;
		r = stage_write(channel->stage, (const unsigned char *)bytes + taken, some);
		if (r < 0)
			return note(channel, r);
		taken += some;
	}
	if (taken == 0 && length > 0)
		return -EAGAIN;
	flush(channel);
	return (ssize_t)taken;
}

int channel_finish(int fd)
{
	struct channel *channel = find(fd);
	int r;

	if (channel == NULL)
		return call_shutdown(fd, SHUT_WR);
	r = stage_finish(channel->stage);
	if (r < 0)
		return note(channel, r);
	r = flush(channel);
	return r == -EAGAIN ? 0 : r;
}

int channel_close(int fd)
{
	struct channel *channel = find(fd);

	if (channel != NULL) {
		if (stage_is_open(channel->stage) && channel->error == 0 &&
			stage_finish(channel->stage) == 0)
			flush(channel);
		detach(fd);
	}
	return call_close(fd);
}

bool channel_has_unsent(int fd)
{
	const struct channel *channel = find(fd);

	return channel != NULL && channel->out_start < channel->out_end;
}

int channel_flush(int fd)
{
	struct channel *channel = find(fd);

	return channel != NULL ? flush(channel) : 0;
}

void channel_fini(void)
{
	for (int fd = 0; fd < channel_count; fd++)
		detach(fd);
	free(channels);
	channels = NULL;
	channel_count = 0;
	tls_end_thread();
}

/* ---- waiting ---- */

static bool has_plain(const struct channel *channel)
{
	return stage_is_open(channel->stage) && stage_has_more(channel->stage);
}

/* What was asked for, by what is already here. Gives how many are ready. */
static int note_ready(struct pollfd *pollfds, unsigned count)
{
	int ready = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct channel *channel = find(pollfds[i].fd);

		pollfds[i].revents = channel != NULL && has_plain(channel)
			? (short)(pollfds[i].events & POLLIN)
			: 0;
		ready += pollfds[i].revents != 0;
	}
	return ready;
}

/* What the kernel has said, as the caller asked for it. False: it is nothing to the caller. */
static bool settle(struct pollfd *one, short asked, bool here)
{
	struct channel *channel = find(one->fd);
	bool left = true;

	one->events = asked;
	if (channel != NULL && one->revents & POLLOUT) {
		left = flush(channel) != -EAGAIN;
		if (!(asked & POLLOUT) || !left)
			one->revents &= ~POLLOUT;
	}
	if (here)
		one->revents |= asked & POLLIN;
	return one->revents != 0;
}

int channel_poll(struct pollfd *pollfds, unsigned count, int timeout_ms)
{
	uint64_t until_ns = timeout_ms < 0
		? CLOCK_NEVER
		: clock_after_ns(clock_now_ns(), (uint64_t)timeout_ms * CLOCK_NS_PER_MS);
	short asked[MOST_POLLED];
	bool here[MOST_POLLED];

	if (channel_count == 0 || count > MOST_POLLED)
		return poll(pollfds, count, timeout_ms);
	for (;;) {
		int at_once = note_ready(pollfds, count), ready = 0;

		for (unsigned i = 0; i < count; i++) {
			const struct channel *channel = find(pollfds[i].fd);

			asked[i] = pollfds[i].events;
			here[i] = pollfds[i].revents != 0;
			if (channel != NULL && channel->out_start < channel->out_end)
				pollfds[i].events |= POLLOUT;
		}

		int r = poll(
			pollfds, count, at_once > 0 ? 0 : clock_poll_ms(clock_now_ns(), until_ns));
		int error = errno;

		for (unsigned i = 0; i < count; i++)
			ready += settle(&pollfds[i], asked[i], here[i]);
		if (r < 0)
			errno = error;
		if (r < 0 || ready > 0)
			return r < 0 ? r : ready;
		if (clock_now_ns() >= until_ns)
			return 0;
	}
}

/* ---- the handshake ---- */

int channel_open(int fd)
{
	struct channel *channel = find(fd);
	ssize_t n = read_some(channel, NULL, 0, MSG_DONTWAIT);

	if (stage_is_open(channel->stage))
		return 0;
	return n >= 0 ? -EPROTO : (int)n;
}

/* The next step, in brackets, or nothing. */
static const char *advice(const struct stage *stage)
{
	switch (stage->failure) {
	case STAGE_MIRRORED:
	case STAGE_NOT_SPOKEN: return _(" (try tcp:// instead of tls://)");
	case STAGE_UNTRUSTED:
		return _(" (--ca FILE trusts its issuer, --insecure does not verify it)");
	default: return "";
	}
}

const char *channel_explain(int fd, int error, char *buffer, size_t size)
{
	const struct channel *channel = find(fd);
	const struct stage *stage = channel != NULL ? channel->stage : NULL;

	if (stage != NULL && stage->failure == STAGE_UNTRUSTED)
		snprintf(buffer, size, _("its certificate is not trusted: %s%s"), stage->why,
			advice(stage));
	else if (stage != NULL && stage->failure == STAGE_REFUSED)
		snprintf(buffer, size, _("the service refuses: %s"), stage->why);
	else if (stage != NULL && stage->failure != STAGE_FINE)
		snprintf(buffer, size, "%s%s", stage->why, advice(stage));
	else if (error == -ECONNABORTED)
		snprintf(buffer, size, _("the service left during the handshake"));
	else if (error == -ETIMEDOUT)
		snprintf(buffer, size,
			_("the handshake has not ended in time (does the service speak TLS? --timeout "
			  "waits longer)"));
	else
		snprintf(buffer, size, "%s", strerror(-error));
	return buffer;
}

int channel_secure(int fd, const struct channel_tls *tls, uint64_t until_ns, int interrupt_fd,
	char *reterr_why, size_t size)
{
	int r = channel_attach(fd, tls);

	while (r == 0) {
		struct pollfd pollfds[] = {
			{ .fd = fd, .events = POLLIN },
			{ .fd = interrupt_fd, .events = POLLIN },
		};
		uint64_t now_ns = clock_now_ns();

		r = channel_open(fd);
		if (r != -EAGAIN)
			break;
		r = now_ns >= until_ns ? -ETIMEDOUT : 0;
		if (r == 0 && channel_poll(pollfds, 2, clock_poll_ms(now_ns, until_ns)) > 0 &&
			pollfds[1].revents != 0)
			r = -EINTR;
	}
	if (r < 0)
		channel_explain(fd, r, reterr_why, size);
	return r;
}
