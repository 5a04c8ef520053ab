/*
 * A reply on a stream is cut out by counting bytes, because an echo has no other marks. When more
 * than half of a reply is wrong the count itself must be off (bytes were lost or added): the stream
 * is out of step for good, and only a new connection helps.
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

void conversation_init(struct conversation *conversation,
	const struct conversation_settings *settings, size_t index)
{
	*conversation = (struct conversation){ .settings = settings, .index = index, .fd = -1 };
}

bool conversation_carries(const struct conversation *conversation, uint64_t number)
{
	return number > 0 && (number - 1) % conversation->settings->step == conversation->index;
}

static bool is_stream(const struct conversation *conversation)
{
	return addr_socket_type(conversation->settings->target.scheme) == SOCK_STREAM;
}

bool conversation_unanswered(const struct conversation *conversation)
{
	return conversation->receive_number < conversation->end_number;
}

void conversation_close(struct conversation *conversation, bool reset)
{
	if (conversation->fd >= 0) {
		if (reset)
			socket_set_reset_on_close(conversation->fd);
		channel_close(conversation->fd);
	}
	conversation->fd = -1;
	conversation->state = CONVERSATION_CLOSED;
	conversation->blocked = false;
	conversation->receive_number = conversation->send_number = conversation->end_number;
	conversation->received_bytes = conversation->sent_bytes = 0;
	conversation->damage.count = 0;
}

void conversation_conclude(struct conversation *conversation, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;
	struct probe_damage damage = conversation->damage;
	uint64_t number = conversation->receive_number;
	size_t length = conversation->received_bytes;

	if (damage.count == 0)
		return;
	damage.count += settings->probe->size - length;
	conversation->damage.count = 0;
	conversation->received_bytes = 0;
	conversation->receive_number += settings->step;
	settings->host->cut_short(settings->context, conversation, number, length, &damage, now_ns);
}

static void end(struct conversation *conversation, int error, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;

	conversation_conclude(conversation, now_ns);
	settings->host->ended(settings->context, conversation, error, now_ns);
	conversation_close(conversation, error == -ETIMEDOUT);
}

static const unsigned char *fill(const struct conversation_settings *settings, unsigned char *bytes,
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

static void send_stream(struct conversation *conversation, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;

	conversation->blocked = false;
	while (conversation->send_number < conversation->end_number) {
		const unsigned char *bytes = fill(settings, settings->scratch->outgoing,
			&settings->scratch->outgoing_number, conversation->send_number);
		ssize_t n = channel_send(conversation->fd, bytes + conversation->sent_bytes,
			settings->probe->size - conversation->sent_bytes, MSG_NOSIGNAL);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			conversation->blocked = true;
			return;
		}
		if (n < 0) {
			end(conversation, (int)n, now_ns);
			return;
		}
		conversation->sent_bytes += (size_t)n;
		if (conversation->sent_bytes == settings->probe->size) {
			conversation->sent_bytes = 0;
			conversation->send_number += settings->step;
		}
	}
}

/* An error of one datagram. A unix peer that has gone never comes back to the same socket. */
static void trouble(struct conversation *conversation, uint64_t number, int error, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;

	if (settings->target.scheme == ADDR_UNIXGRAM)
		end(conversation, error, now_ns);
	else
		settings->host->troubled(settings->context, conversation, number, error, now_ns);
}

static void send_datagrams(struct conversation *conversation, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;

	while (conversation->send_number < conversation->end_number) {
		const unsigned char *bytes = fill(settings, settings->scratch->outgoing,
			&settings->scratch->outgoing_number, conversation->send_number);
		ssize_t n = call_send(conversation->fd, bytes, settings->probe->size, MSG_NOSIGNAL);

		/*
		 * The kernel reports the error of an earlier datagram here, and has not sent
		 * this one.
		 */
		if (n == -ECONNREFUSED && settings->target.scheme == ADDR_UDP) {
			trouble(conversation, 0, (int)n, now_ns);
			n = call_send(conversation->fd, bytes, settings->probe->size, MSG_NOSIGNAL);
		}
		/* A full queue loses the datagram: it counts as lost when no reply comes. */
		if (n < 0 && n != -EAGAIN && n != -ENOBUFS && n != -EINTR)
			trouble(conversation, conversation->send_number, (int)n, now_ns);
		if (conversation->state != CONVERSATION_OPEN)
			return;
		conversation->send_number += settings->step;
		conversation->receive_number = conversation->send_number;
	}
}

static void send_waiting(struct conversation *conversation, uint64_t now_ns)
{
	if (is_stream(conversation))
		send_stream(conversation, now_ns);
	else
		send_datagrams(conversation, now_ns);
}

/* ---- connecting ---- */

static void open_now(struct conversation *conversation, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;

	conversation->state = CONVERSATION_OPEN;
	if (settings->tls.context != NULL)
		conversation->handshake_ns = now_ns - conversation->connected_ns;
	else
		conversation->connected_ns = now_ns;
	conversation->connect_ns = conversation->connected_ns - conversation->opened_ns;
	conversation->connect_untimed = settings->host->stops(settings->context) !=
		conversation->opened_stops;
	conversation->heard_ns = now_ns;
	if (settings->keep_port)
		socket_name(conversation->fd, settings->target.scheme, &conversation->own);
	settings->host->connected(settings->context, conversation, now_ns);
	/* Their time begins with the connection: the time for connecting is reported by itself. */
	for (uint64_t number = conversation->send_number;
		is_stream(conversation) && number < conversation->end_number;
		number += settings->step)
		flight_restart(settings->flight, number, now_ns);
	conversation->settings->scratch
		->outgoing_number = 0; /* its time is no longer the one inside */
	send_waiting(conversation, now_ns);
}

/* The clock is read behind each step: signatures take a part of a millisecond. */
static void secure_further(struct conversation *conversation)
{
	int r = channel_open(conversation->fd);
	uint64_t now_ns = clock_now_ns();

	if (r == 0)
		open_now(conversation, now_ns);
	else if (r != -EAGAIN)
		end(conversation, r, now_ns);
}

static void connected(struct conversation *conversation, uint64_t now_ns)
{
	int r;

	if (conversation->settings->tls.context == NULL) {
		open_now(conversation, now_ns);
		return;
	}
	conversation->connected_ns = clock_now_ns();
	conversation->state = CONVERSATION_SECURING;
	r = channel_attach(conversation->fd, &conversation->settings->tls);
	if (r < 0)
		end(conversation, r, now_ns);
	else
		secure_further(conversation);
}

static bool keeps_port(const struct conversation *conversation)
{
	return conversation->settings->keep_port && conversation->own.length > 0;
}

/*
 * A port of the kernel's choice that is this socket's alone from bind(2) on. One that connect(2)
 * chooses may be others' too, towards other services, and could then not be bound again.
 */
static int open_with_own_port(struct conversation *conversation)
{
	const struct conversation_settings *settings = conversation->settings;
	int fd;
	int r = socket_open_client(&settings->target, NULL, &fd, NULL);

	if (r < 0)
		return r;
	r = call_bind(fd, &settings->source->generic, settings->source->length);
	if (r < 0) {
		call_close(fd);
		return r;
	}
	conversation->fd = fd;
	return 0;
}

/* Opens the socket, bound to what was asked for. */
static int open_socket(struct conversation *conversation)
{
	const struct conversation_settings *settings = conversation->settings;
	struct addr source;

	if (keeps_port(conversation)) {
		int r = socket_open_client(
			&settings->target, &conversation->own, &conversation->fd, NULL);

		/* Another socket has taken the port meanwhile: another port is better than none. */
		if (r != -EADDRINUSE)
			return r;
	}
	if (settings->source == NULL)
		return socket_open_client(&settings->target, NULL, &conversation->fd, NULL);
	if (settings->keep_port && addr_port(settings->source) == 0)
		return open_with_own_port(conversation);
	source = *settings->source;
	/* From a port that was given on, one for each conversation. */
	if (addr_port(&source) != 0)
		addr_set_port(&source, (uint16_t)(addr_port(&source) + conversation->index));
	return socket_open_client(&settings->target, &source, &conversation->fd, NULL);
}

static void begin(struct conversation *conversation, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;
	const struct addr *target = &settings->target;
	int r = open_socket(conversation);

	if (r == 0)
		stamp_enable(conversation->fd);
	if (r == 0 && settings->device != NULL)
		r = call_setsockopt(conversation->fd, SOL_SOCKET, SO_BINDTODEVICE, settings->device,
			(socklen_t)strlen(settings->device));
	if (r == 0)
		r = call_connect(conversation->fd, &target->generic, target->length);
	if (r == -EINPROGRESS || r == -EINTR) {
		conversation->state = CONVERSATION_CONNECTING;
		return;
	}
	/* A unix service whose backlog is full: there is nothing to poll for. */
	if (r == -EAGAIN && target->scheme == ADDR_UNIX) {
		call_close(conversation->fd);
		conversation->fd = -1;
		conversation->state = CONVERSATION_RETRYING;
		conversation->retry_ns = now_ns + BACKLOG_RETRY_NS;
		return;
	}
	if (r == 0 && socket_met_itself(conversation->fd, target->scheme))
		r = -ECONNREFUSED;
	if (r == 0)
		r = send_proxy(settings->proxy, conversation->fd, target->scheme);
	if (r < 0)
		end(conversation, r, now_ns);
	else
		connected(conversation, clock_now_ns());
}

void conversation_adopt(
	struct conversation *conversation, int fd, uint64_t connect_ns, uint64_t now_ns)
{
	stamp_enable(fd);
	conversation->fd = fd;
	conversation->opened_ns = now_ns - connect_ns;
	conversation->opened_stops = conversation->settings->host->stops(
		conversation->settings->context);
	connected(conversation, now_ns);
}

void conversation_prepare(struct conversation *conversation, uint64_t number)
{
	const struct conversation_settings *settings = conversation->settings;

	probe_fill(settings->probe, number, 0, settings->scratch->outgoing);
	settings->scratch->outgoing_number = number;
}

void conversation_submit(struct conversation *conversation, uint64_t number, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;

	if (settings->scratch->outgoing_number == number)
		probe_stamp(settings->probe, now_ns, settings->scratch->outgoing);
	if (!conversation_unanswered(conversation))
		conversation->receive_number = conversation->send_number = number;
	conversation->end_number = number + settings->step;
	if (conversation->state == CONVERSATION_CLOSED) {
		conversation->opened_ns = now_ns;
		conversation->opened_stops = settings->host->stops(settings->context);
		begin(conversation, now_ns);
	} else if (conversation->state == CONVERSATION_OPEN && !conversation->blocked) {
		send_waiting(conversation, now_ns);
	}
	/* While it is away there is time to make what its reply is compared with. */
	if (is_stream(conversation) && conversation->state == CONVERSATION_OPEN &&
		conversation_unanswered(conversation))
		fill(settings, settings->scratch->expected, &settings->scratch->expected_number,
			conversation->receive_number);
}

/* ---- receiving ---- */

static void note_damage(struct conversation *conversation, const struct probe_damage *piece)
{
	struct probe_damage *damage = &conversation->damage;

	if (damage->count == 0) {
		*damage = *piece;
		damage->offset += conversation->received_bytes;
	} else {
		damage->count += piece->count;
	}
}

/* Compares as much as belongs to one reply. Gives how much that was. */
static size_t take_piece(struct conversation *conversation, const unsigned char *bytes,
	size_t length, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;
	size_t size = settings->probe->size;
	uint64_t number = conversation->receive_number;
	const unsigned char *expected = fill(
		settings, settings->scratch->expected, &settings->scratch->expected_number, number);
	size_t left = size - conversation->received_bytes;
	size_t count = length < left ? length : left;
	struct probe_damage piece;

	if (!probe_compare(expected + conversation->received_bytes, count, bytes, count, &piece))
		note_damage(conversation, &piece);
	if (conversation->received_bytes < CONVERSATION_HEAD_SIZE) {
		size_t space = CONVERSATION_HEAD_SIZE - conversation->received_bytes;

		memcpy(conversation->head + conversation->received_bytes, bytes,
			count < space ? count : space);
	}
	conversation->received_bytes += count;
	if (conversation->received_bytes < size)
		return count;

	struct probe_damage damage = conversation->damage;

	conversation->received_bytes = 0;
	conversation->damage.count = 0;
	conversation->receive_number += settings->step;
	settings->host->replied(
		settings->context, conversation, number, damage.count > 0 ? &damage : NULL, now_ns);
	if (conversation->state != CONVERSATION_OPEN)
		return count;
	if (damage.count * 2 > size) {
		settings->host->out_of_step(settings->context, conversation, NULL, 0, now_ns);
		conversation_close(conversation, true);
	} else if (settings->one_reply && length == count) {
		conversation_close(conversation, false);
	}
	return count;
}

static void take_stream(struct conversation *conversation, const unsigned char *bytes,
	size_t length, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;
	int fd = conversation->fd;

	conversation->heard_ns = now_ns;
	while (length > 0 && conversation->fd == fd) {
		/* What has not been sent yet cannot come back. */
		if (conversation->receive_number > conversation->send_number ||
			(conversation->receive_number == conversation->send_number &&
				conversation->sent_bytes == 0)) {
			settings->host->out_of_step(
				settings->context, conversation, bytes, length, now_ns);
			conversation_close(conversation, true);
			return;
		}

		size_t taken = take_piece(conversation, bytes, length, now_ns);

		bytes += taken;
		length -= taken;
	}
}

/* The kernel's time is that of bytes on the wire; a record of TLS is there when its last one is. */
static ssize_t receive(struct conversation *conversation, uint64_t *ret_now_ns, bool *ret_exact)
{
	const struct conversation_settings *settings = conversation->settings;
	ssize_t n;

	if (settings->tls.context == NULL)
		return stamp_receive(&settings->scratch->stamp, conversation->fd,
			settings->scratch->receive, CONVERSATION_RECEIVE_SIZE, ret_now_ns,
			ret_exact);
	n = channel_recv(conversation->fd, settings->scratch->receive, CONVERSATION_RECEIVE_SIZE,
		MSG_DONTWAIT);
	*ret_now_ns = clock_now_ns();
	*ret_exact = false;
	return n;
}

void conversation_receive(struct conversation *conversation)
{
	const struct conversation_settings *settings = conversation->settings;
	bool stream = is_stream(conversation), secured = settings->tls.context != NULL;

	/* With TLS to the end: poll(2) does not know what has been received and not read. */
	for (int i = 0; (i < RECEIVES_MOST || secured) && conversation->state == CONVERSATION_OPEN;
		i++) {
		uint64_t now_ns;
		bool exact;
		ssize_t n = receive(conversation, &now_ns, &exact);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return;
		conversation->untimed = n >= 0 && !exact &&
			settings->host->stops(settings->context) != settings->scratch->waited_stops;
		if (n < 0 && !stream) {
			trouble(conversation, 0, (int)n, now_ns);
		} else if (n <= 0 && stream) {
			end(conversation, (int)n, now_ns);
		} else if (stream) {
			take_stream(conversation, settings->scratch->receive, (size_t)n, now_ns);
			if (n < (ssize_t)CONVERSATION_RECEIVE_SIZE && !secured)
				return;
		} else {
			settings->host->datagram(settings->context, conversation,
				settings->scratch->receive, (size_t)n, now_ns);
		}
	}
}

/* ---- being polled ---- */

short conversation_events(const struct conversation *conversation)
{
	bool writing = conversation->blocked || channel_has_unsent(conversation->fd);

	switch (conversation->state) {
	case CONVERSATION_CONNECTING: return POLLOUT;
	case CONVERSATION_SECURING:
	case CONVERSATION_OPEN: return (short)(POLLIN | (writing ? POLLOUT : 0));
	case CONVERSATION_CLOSED:
	case CONVERSATION_RETRYING: break;
	}
	return 0;
}

void conversation_ready(struct conversation *conversation, short events, uint64_t now_ns)
{
	if (conversation->state == CONVERSATION_CONNECTING && events != 0) {
		const struct conversation_settings *settings = conversation->settings;
		int r = socket_take_error(conversation->fd);

		if (r == 0 && socket_met_itself(conversation->fd, settings->target.scheme))
			r = -ECONNREFUSED;
		if (r == 0)
			r = send_proxy(settings->proxy, conversation->fd, settings->target.scheme);
		if (r < 0)
			end(conversation, r, now_ns);
		else
			connected(conversation, now_ns);
		return;
	}
	if (conversation->state == CONVERSATION_SECURING && events != 0) {
		secure_further(conversation);
		return;
	}
	if (events & POLLOUT)
		channel_flush(conversation->fd);
	if (conversation->state == CONVERSATION_OPEN && (events & ~POLLOUT) != 0)
		conversation_receive(conversation);
	if (conversation->state == CONVERSATION_OPEN && (events & POLLOUT) != 0)
		send_waiting(conversation, now_ns);
}

/* When an open stream that owes replies is given up. */
static uint64_t patience_ends_ns(const struct conversation *conversation)
{
	const struct conversation_settings *settings = conversation->settings;
	uint64_t since_ns = conversation->heard_ns, sent_ns;

	if (!is_stream(conversation) || !conversation_unanswered(conversation))
		return CLOCK_NEVER;
	if (flight_sent_at(settings->flight, conversation->receive_number, &sent_ns) &&
		sent_ns > since_ns)
		since_ns = sent_ns;
	if (settings->timeout_ns > CLOCK_NEVER / CONVERSATION_GIVE_UP_TIMEOUTS)
		return CLOCK_NEVER;
	return clock_after_ns(since_ns, settings->timeout_ns * CONVERSATION_GIVE_UP_TIMEOUTS);
}

uint64_t conversation_judge(struct conversation *conversation, uint64_t now_ns)
{
	const struct conversation_settings *settings = conversation->settings;
	uint64_t number = conversation->receive_number, since_ns = conversation->heard_ns, sent_ns,
		 deadline_ns;

	if (conversation->damage.count == 0)
		return CLOCK_NEVER;
	/*
	 * Before the probe is overdue; where it is already, not sooner than its bytes stop
	 * coming.
	 */
	if (flight_is_under_way(settings->flight, number) &&
		flight_sent_at(settings->flight, number, &sent_ns))
		since_ns = sent_ns;
	deadline_ns = clock_after_ns(since_ns, settings->timeout_ns);
	if (deadline_ns > now_ns)
		return deadline_ns;
	conversation_conclude(conversation, now_ns);
	if (conversation->state == CONVERSATION_OPEN) {
		settings->host->out_of_step(settings->context, conversation, NULL, 0, now_ns);
		conversation_close(conversation, true);
	}
	return CLOCK_NEVER;
}

uint64_t conversation_tick(struct conversation *conversation, uint64_t now_ns)
{
	uint64_t deadline_ns = CLOCK_NEVER;

	switch (conversation->state) {
	case CONVERSATION_CLOSED: return CLOCK_NEVER;
	case CONVERSATION_OPEN: deadline_ns = patience_ends_ns(conversation); break;
	case CONVERSATION_RETRYING:
	case CONVERSATION_CONNECTING:
	case CONVERSATION_SECURING:
		deadline_ns = clock_after_ns(
			conversation->opened_ns, conversation->settings->timeout_ns);
		break;
	}
	if (deadline_ns <= now_ns) {
		end(conversation, -ETIMEDOUT, now_ns);
		return CLOCK_NEVER;
	}
	if (conversation->state != CONVERSATION_RETRYING)
		return deadline_ns;
	if (conversation->retry_ns <= now_ns) {
		begin(conversation, now_ns);
		return conversation->state == CONVERSATION_RETRYING ? conversation->retry_ns
								    : now_ns;
	}
	return conversation->retry_ns < deadline_ns ? conversation->retry_ns : deadline_ns;
}
