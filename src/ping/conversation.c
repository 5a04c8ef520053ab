/*
 * The socket of one flow. A reply on a stream is cut out by counting bytes, for an echo has no other
 * marks. When more than half of a reply is wrong the count itself must be off (bytes were lost or
 * added): the stream is out of step for good, and only a new connection helps.
 */
#include "ping/conversation.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "net/call.h"
#include "net/socket.h"

#define BACKLOG_RETRY_NS (10 * CLOCK_NS_PER_MS)
/* Receives in one turn, so that a flood from a peer cannot keep us from sending. */
#define RECEIVES_MOST 64

void conversation_init(
	struct conversation *flow, struct conversation_settings *settings, size_t lane)
{
	*flow = (struct conversation){ .settings = settings, .lane = lane, .fd = -1 };
}

static bool is_stream(const struct conversation *flow)
{
	return addr_socket_type(flow->settings->target.scheme) == SOCK_STREAM;
}

bool conversation_unanswered(const struct conversation *flow)
{
	return flow->receive_number < flow->end_number;
}

void conversation_close(struct conversation *flow, bool reset)
{
	if (flow->fd >= 0) {
		if (reset)
			socket_set_reset_on_close(flow->fd);
		call_close(flow->fd);
	}
	flow->fd = -1;
	flow->state = CONVERSATION_CLOSED;
	flow->blocked = false;
	flow->receive_number = flow->send_number = flow->end_number;
	flow->received_bytes = flow->sent_bytes = 0;
	flow->damage.count = 0;
}

void conversation_conclude(struct conversation *flow, uint64_t now_ns)
{
	const struct conversation_settings *settings = flow->settings;
	struct probe_damage damage = flow->damage;
	uint64_t number = flow->receive_number;
	size_t length = flow->received_bytes;

	if (damage.count == 0)
		return;
	damage.count += settings->probe->size - length;
	flow->damage.count = 0;
	flow->received_bytes = 0;
	flow->receive_number += settings->step;
	settings->host->cut_short(settings->context, flow, number, length, &damage, now_ns);
}

static void end(struct conversation *flow, int error, uint64_t now_ns)
{
	const struct conversation_settings *settings = flow->settings;

	conversation_conclude(flow, now_ns);
	settings->host->ended(settings->context, flow, error, now_ns);
	conversation_close(flow, error == -ETIMEDOUT);
}

static const unsigned char *fill(struct conversation_settings *settings, unsigned char *bytes,
	uint64_t *holds_number, uint64_t number)
{
	uint64_t sent_ns = 0;

	if (*holds_number != number) {
		flight_sent_at(settings->flight, number, &sent_ns);
		probe_fill(settings->probe, number, sent_ns, bytes);
		*holds_number = number;
	}
	return bytes;
}

/* ---- sending ---- */

static void send_stream(struct conversation *flow, uint64_t now_ns)
{
	struct conversation_settings *settings = flow->settings;

	flow->blocked = false;
	while (flow->send_number < flow->end_number) {
		const unsigned char *bytes = fill(settings, settings->outgoing,
			&settings->outgoing_number, flow->send_number);
		ssize_t n = call_send(flow->fd, bytes + flow->sent_bytes,
			settings->probe->size - flow->sent_bytes, MSG_NOSIGNAL);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			flow->blocked = true;
			return;
		}
		if (n < 0) {
			end(flow, (int)n, now_ns);
			return;
		}
		flow->sent_bytes += (size_t)n;
		if (flow->sent_bytes == settings->probe->size) {
			flow->sent_bytes = 0;
			flow->send_number += settings->step;
		}
	}
}

/* An error of one datagram. A unix peer that has gone never comes back to the same socket. */
static void trouble(struct conversation *flow, uint64_t number, int error, uint64_t now_ns)
{
	const struct conversation_settings *settings = flow->settings;

	if (settings->target.scheme == ADDR_UNIXGRAM)
		end(flow, error, now_ns);
	else
		settings->host->troubled(settings->context, flow, number, error, now_ns);
}

static void send_datagrams(struct conversation *flow, uint64_t now_ns)
{
	struct conversation_settings *settings = flow->settings;

	while (flow->send_number < flow->end_number) {
		const unsigned char *bytes = fill(settings, settings->outgoing,
			&settings->outgoing_number, flow->send_number);
		ssize_t n = call_send(flow->fd, bytes, settings->probe->size, MSG_NOSIGNAL);

		/* The error of an earlier datagram is told here, and this one was not sent. */
		if (n == -ECONNREFUSED && settings->target.scheme == ADDR_UDP) {
			trouble(flow, 0, (int)n, now_ns);
			n = call_send(flow->fd, bytes, settings->probe->size, MSG_NOSIGNAL);
		}
		/* A queue that is full loses the datagram; that no reply comes will tell. */
		if (n < 0 && n != -EAGAIN && n != -ENOBUFS && n != -EINTR)
			trouble(flow, flow->send_number, (int)n, now_ns);
		if (flow->state != CONVERSATION_OPEN)
			return;
		flow->send_number += settings->step;
		flow->receive_number = flow->send_number;
	}
}

static void send_waiting(struct conversation *flow, uint64_t now_ns)
{
	if (is_stream(flow))
		send_stream(flow, now_ns);
	else
		send_datagrams(flow, now_ns);
}

/* ---- connecting ---- */

static void open_now(struct conversation *flow, uint64_t now_ns)
{
	const struct conversation_settings *settings = flow->settings;

	flow->state = CONVERSATION_OPEN;
	flow->connect_ns = now_ns - flow->opened_ns;
	flow->connect_untimed = settings->host->stops(settings->context) != flow->opened_stops;
	flow->heard_ns = now_ns;
	if (settings->keep_port)
		socket_name(flow->fd, settings->target.scheme, &flow->own);
	settings->host->connected(settings->context, flow, now_ns);
	/* Their time begins with the conversation: what connecting took is told by itself. */
	for (uint64_t number = flow->send_number; is_stream(flow) && number < flow->end_number;
		number += settings->step)
		flight_restart(settings->flight, number, now_ns);
	flow->settings->outgoing_number = 0; /* its time is no longer the one inside */
	send_waiting(flow, now_ns);
}

static bool keeps_port(const struct conversation *flow)
{
	return flow->settings->keep_port && flow->own.length > 0;
}

/*
 * A port of the kernel's choice that is this socket's alone from bind(2) on. One that connect(2)
 * chooses may be others' too, towards other services, and could then not be bound again.
 */
static int open_with_own_port(struct conversation *flow)
{
	const struct conversation_settings *settings = flow->settings;
	int fd;
	int r = socket_open_client(&settings->target, NULL, &fd, NULL);

	if (r < 0)
		return r;
	r = call_bind(fd, &settings->source->generic, settings->source->length);
	if (r < 0) {
		call_close(fd);
		return r;
	}
	flow->fd = fd;
	return 0;
}

/* Opens the socket, bound to what was asked for. */
static int open_socket(struct conversation *flow)
{
	const struct conversation_settings *settings = flow->settings;
	struct addr source;

	if (keeps_port(flow)) {
		int r = socket_open_client(&settings->target, &flow->own, &flow->fd, NULL);

		/* Somebody else has taken the port meanwhile: another tells more than none. */
		if (r != -EADDRINUSE)
			return r;
	}
	if (settings->source == NULL)
		return socket_open_client(&settings->target, NULL, &flow->fd, NULL);
	if (settings->keep_port && addr_port(settings->source) == 0)
		return open_with_own_port(flow);
	source = *settings->source;
	/* From a port that was given on, one for each flow. */
	if (addr_port(&source) != 0)
		addr_set_port(&source, (uint16_t)(addr_port(&source) + flow->lane));
	return socket_open_client(&settings->target, &source, &flow->fd, NULL);
}

static void begin(struct conversation *flow, uint64_t now_ns)
{
	const struct conversation_settings *settings = flow->settings;
	const struct addr *target = &settings->target;
	int r = open_socket(flow);

	if (r == 0)
		stamp_enable(flow->fd);
	if (r == 0 && settings->device != NULL)
		r = call_setsockopt(flow->fd, SOL_SOCKET, SO_BINDTODEVICE, settings->device,
			(socklen_t)strlen(settings->device));
	if (r == 0)
		r = call_connect(flow->fd, &target->generic, target->length);
	if (r == -EINPROGRESS || r == -EINTR) {
		flow->state = CONVERSATION_CONNECTING;
		return;
	}
	/* A unix service whose backlog is full: there is nothing to poll for. */
	if (r == -EAGAIN && target->scheme == ADDR_UNIX) {
		call_close(flow->fd);
		flow->fd = -1;
		flow->state = CONVERSATION_RETRYING;
		flow->retry_ns = now_ns + BACKLOG_RETRY_NS;
		return;
	}
	if (r == 0 && socket_met_itself(flow->fd, target->scheme))
		r = -ECONNREFUSED;
	if (r < 0)
		end(flow, r, now_ns);
	else
		open_now(flow, clock_now_ns());
}

void conversation_adopt(struct conversation *flow, int fd, uint64_t connect_ns, uint64_t now_ns)
{
	stamp_enable(fd);
	flow->fd = fd;
	flow->opened_ns = now_ns - connect_ns;
	flow->opened_stops = flow->settings->host->stops(flow->settings->context);
	open_now(flow, now_ns);
}

void conversation_prepare(struct conversation *flow, uint64_t number)
{
	struct conversation_settings *settings = flow->settings;

	probe_fill(settings->probe, number, 0, settings->outgoing);
	settings->outgoing_number = number;
}

void conversation_submit(struct conversation *flow, uint64_t number, uint64_t now_ns)
{
	struct conversation_settings *settings = flow->settings;

	if (settings->outgoing_number == number)
		probe_stamp(settings->probe, now_ns, settings->outgoing);
	if (!conversation_unanswered(flow))
		flow->receive_number = flow->send_number = number;
	flow->end_number = number + settings->step;
	if (flow->state == CONVERSATION_CLOSED) {
		flow->opened_ns = now_ns;
		flow->opened_stops = settings->host->stops(settings->context);
		begin(flow, now_ns);
	} else if (flow->state == CONVERSATION_OPEN && !flow->blocked) {
		send_waiting(flow, now_ns);
	}
	/* While it is away there is time to make what its reply is compared with. */
	if (is_stream(flow) && flow->state == CONVERSATION_OPEN && conversation_unanswered(flow))
		fill(settings, settings->expected, &settings->expected_number,
			flow->receive_number);
}

/* ---- receiving ---- */

static void note_damage(struct conversation *flow, const struct probe_damage *piece)
{
	struct probe_damage *damage = &flow->damage;

	if (damage->count == 0) {
		*damage = *piece;
		damage->offset += flow->received_bytes;
	} else {
		damage->count += piece->count;
	}
}

/* Compares as much as belongs to one reply. Gives how much that was. */
static size_t take_piece(
	struct conversation *flow, const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	struct conversation_settings *settings = flow->settings;
	size_t size = settings->probe->size;
	uint64_t number = flow->receive_number;
	const unsigned char *expected = fill(
		settings, settings->expected, &settings->expected_number, number);
	size_t left = size - flow->received_bytes;
	size_t count = length < left ? length : left;
	struct probe_damage piece;

	if (!probe_compare(expected + flow->received_bytes, count, bytes, count, &piece))
		note_damage(flow, &piece);
	if (flow->received_bytes < CONVERSATION_HEAD_SIZE) {
		size_t room = CONVERSATION_HEAD_SIZE - flow->received_bytes;

		memcpy(flow->head + flow->received_bytes, bytes, count < room ? count : room);
	}
	flow->received_bytes += count;
	if (flow->received_bytes < size)
		return count;

	struct probe_damage damage = flow->damage;

	flow->received_bytes = 0;
	flow->damage.count = 0;
	flow->receive_number += settings->step;
	settings->host->replied(
		settings->context, flow, number, damage.count > 0 ? &damage : NULL, now_ns);
	if (damage.count * 2 > size && flow->state == CONVERSATION_OPEN) {
		settings->host->out_of_step(settings->context, flow, NULL, 0, now_ns);
		conversation_close(flow, true);
	}
	return count;
}

static void take_stream(
	struct conversation *flow, const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	const struct conversation_settings *settings = flow->settings;
	int fd = flow->fd;

	flow->heard_ns = now_ns;
	while (length > 0 && flow->fd == fd) {
		/* What has not been sent yet cannot come back. */
		if (flow->receive_number > flow->send_number ||
			(flow->receive_number == flow->send_number && flow->sent_bytes == 0)) {
			settings->host->out_of_step(settings->context, flow, bytes, length, now_ns);
			conversation_close(flow, true);
			return;
		}

		size_t taken = take_piece(flow, bytes, length, now_ns);

		bytes += taken;
		length -= taken;
	}
}

void conversation_receive(struct conversation *flow)
{
	struct conversation_settings *settings = flow->settings;
	bool stream = is_stream(flow);

	for (int i = 0; i < RECEIVES_MOST && flow->state == CONVERSATION_OPEN; i++) {
		uint64_t now_ns;
		bool exact;
		ssize_t n = stamp_receive(&settings->stamp, flow->fd, settings->receive,
			CONVERSATION_RECEIVE_SIZE, &now_ns, &exact);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return;
		flow->untimed = n >= 0 && !exact &&
			settings->host->stops(settings->context) != settings->waited_stops;
		if (n < 0 && !stream) {
			trouble(flow, 0, (int)n, now_ns);
		} else if (n <= 0 && stream) {
			end(flow, (int)n, now_ns);
		} else if (stream) {
			take_stream(flow, settings->receive, (size_t)n, now_ns);
			if (n < (ssize_t)CONVERSATION_RECEIVE_SIZE)
				return;
		} else {
			settings->host->datagram(
				settings->context, flow, settings->receive, (size_t)n, now_ns);
		}
	}
}

/* ---- being polled ---- */

short conversation_events(const struct conversation *flow)
{
	switch (flow->state) {
	case CONVERSATION_CONNECTING: return POLLOUT;
	case CONVERSATION_OPEN: return (short)(POLLIN | (flow->blocked ? POLLOUT : 0));
	case CONVERSATION_CLOSED:
	case CONVERSATION_RETRYING: break;
	}
	return 0;
}

void conversation_ready(struct conversation *flow, short events, uint64_t now_ns)
{
	if (flow->state == CONVERSATION_CONNECTING && events != 0) {
		int r = socket_take_error(flow->fd);

		if (r == 0 && socket_met_itself(flow->fd, flow->settings->target.scheme))
			r = -ECONNREFUSED;
		if (r < 0)
			end(flow, r, now_ns);
		else
			open_now(flow, now_ns);
		return;
	}
	if (flow->state == CONVERSATION_OPEN && (events & ~POLLOUT) != 0)
		conversation_receive(flow);
	if (flow->state == CONVERSATION_OPEN && (events & POLLOUT) != 0)
		send_waiting(flow, now_ns);
}

/* When an open stream that owes replies is given up. */
static uint64_t patience_ends_ns(const struct conversation *flow)
{
	const struct conversation_settings *settings = flow->settings;
	uint64_t since_ns = flow->heard_ns, sent_ns;

	if (!is_stream(flow) || !conversation_unanswered(flow))
		return CLOCK_NEVER;
	if (flight_sent_at(settings->flight, flow->receive_number, &sent_ns) && sent_ns > since_ns)
		since_ns = sent_ns;
	if (settings->timeout_ns > CLOCK_NEVER / CONVERSATION_GIVE_UP_TIMEOUTS)
		return CLOCK_NEVER;
	return clock_after_ns(since_ns, settings->timeout_ns * CONVERSATION_GIVE_UP_TIMEOUTS);
}

uint64_t conversation_judge(struct conversation *flow, uint64_t now_ns)
{
	const struct conversation_settings *settings = flow->settings;
	uint64_t number = flow->receive_number, since_ns = flow->heard_ns, sent_ns, deadline_ns;

	if (flow->damage.count == 0)
		return CLOCK_NEVER;
	/* Before the probe is overdue; where it is already, not sooner than its bytes stop coming. */
	if (flight_is_under_way(settings->flight, number) &&
		flight_sent_at(settings->flight, number, &sent_ns))
		since_ns = sent_ns;
	deadline_ns = clock_after_ns(since_ns, settings->timeout_ns);
	if (deadline_ns > now_ns)
		return deadline_ns;
	conversation_conclude(flow, now_ns);
	if (flow->state == CONVERSATION_OPEN) {
		settings->host->out_of_step(settings->context, flow, NULL, 0, now_ns);
		conversation_close(flow, true);
	}
	return CLOCK_NEVER;
}

uint64_t conversation_tick(struct conversation *flow, uint64_t now_ns)
{
	uint64_t deadline_ns = CLOCK_NEVER;

	switch (flow->state) {
	case CONVERSATION_CLOSED: return CLOCK_NEVER;
	case CONVERSATION_OPEN: deadline_ns = patience_ends_ns(flow); break;
	case CONVERSATION_RETRYING:
	case CONVERSATION_CONNECTING:
		deadline_ns = clock_after_ns(flow->opened_ns, flow->settings->timeout_ns);
		break;
	}
	if (deadline_ns <= now_ns) {
		end(flow, -ETIMEDOUT, now_ns);
		return CLOCK_NEVER;
	}
	if (flow->state != CONVERSATION_RETRYING)
		return deadline_ns;
	if (flow->retry_ns <= now_ns) {
		begin(flow, now_ns);
		return flow->state == CONVERSATION_RETRYING ? flow->retry_ns : now_ns;
	}
	return flow->retry_ns < deadline_ns ? flow->retry_ns : deadline_ns;
}
