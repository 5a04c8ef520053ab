/*
 * Two buffers and a poll loop. The input goes into a ring, from which it is sent; received bytes go
 * into `out`, from which they are written, and no more are received until it is empty: a slow
 * reader slows the server down by TCP's own flow control, all the way back to the input.
 *
 *	input ──▶ [ checked .. sent .. filled ] ──▶ socket ──▶ [ out ] ──▶ output
 *
 * The three positions of the ring are offsets in the whole stream. With --verify a byte leaves the
 * ring when its echo has been compared, otherwise when it has been sent.
 */
#include "talk/pipe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client/channel.h"
#include "client/interrupt.h"
#include "talk/sink.h"

/* Less free space in the ring is not worth a read(2), unless there is never more. */
#define READ_WORTH (64u << 10)

struct pipe_state {
	const struct pipe_options *options;
	struct interrupt interrupt;
	struct sink sink;
	unsigned char *ring; /* ring_size bytes, a power of two */
	size_t ring_size;
	uint64_t checked, sent, filled;
	unsigned char *out; /* PIPE_BUFFER bytes */
	size_t out_start, out_end;
	uint64_t received;
	uint64_t progress_ns; /* when the socket last moved, or began to be due */
	bool input_over, finished;
	int send_error; /* what sending met; kept until all that came back has been received */
	bool decided; /* `ending` is known: only what is in `out` is still to be written */
	struct ending ending;
};

enum { POLL_INPUT, POLL_SOCKET, POLL_OUTPUT, POLL_SIGNAL, POLL_COUNT };

static void decide(struct pipe_state *s, enum ending_kind kind, int error)
{
	if (s->decided)
		return;
	s->decided = true;
	s->ending.kind = kind;
	s->ending.error = error;
}

/* How much can be read into the ring in one piece. */
static size_t free_space(const struct pipe_state *s)
{
	uint64_t kept = s->options->verify ? s->checked : s->sent;
	size_t used = (size_t)(s->filled - kept);
	size_t at = (size_t)(s->filled & (s->ring_size - 1));
	size_t to_end = s->ring_size - at;
	size_t free_bytes = s->ring_size - used;

	if (free_bytes < READ_WORTH)
		return 0;
	return free_bytes < to_end ? free_bytes : to_end;
}

static void read_input(struct pipe_state *s)
{
	size_t most = free_space(s);
	size_t at = (size_t)(s->filled & (s->ring_size - 1));
	ssize_t n = read(s->options->input, s->ring + at, most < PIPE_BUFFER ? most : PIPE_BUFFER);

	if (n > 0)
		s->filled += (uint64_t)n;
	else if (n == 0)
		s->input_over = true;
	else if (errno != EINTR && errno != EAGAIN)
		decide(s, ENDING_INPUT, -errno);
}

static void send_some(struct pipe_state *s)
{
	while (s->sent < s->filled) {
		size_t at = (size_t)(s->sent & (s->ring_size - 1));
		size_t length = (size_t)(s->filled - s->sent);

		if (length > s->ring_size - at)
			length = s->ring_size - at;

		ssize_t n = channel_send(s->options->socket, s->ring + at, length, MSG_NOSIGNAL);

		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n < 0) {
			s->send_error = (int)n;
			return;
		}
		s->sent += (uint64_t)n;
		s->progress_ns = clock_now_ns();
	}
	if (s->input_over && !s->finished) {
		int r = channel_finish(s->options->socket);

		s->finished = true;
		s->progress_ns = clock_now_ns();
		if (r < 0)
			s->send_error = r;
	}
}

/* Compares what has come with what was sent; leaves the differing byte and what follows out. */
static void verify(struct pipe_state *s)
{
	size_t done = 0;

	while (done < s->out_end) {
		size_t at = (size_t)(s->checked & (s->ring_size - 1));
		size_t length = s->out_end - done;

		if (length > s->ring_size - at)
			length = s->ring_size - at;
		if (length > s->sent - s->checked)
			length = (size_t)(s->sent - s->checked);
		if (length == 0) {
			decide(s, ENDING_MORE, 0);
			break;
		}
		if (memcmp(s->out + done, s->ring + at, length) != 0) {
			while (s->out[done] == s->ring[at]) {
				done++;
				at++;
				s->checked++;
			}
			s->ending.differs_at = s->checked;
			decide(s, ENDING_DIFFERENT, 0);
			break;
		}
		done += length;
		s->checked += length;
	}
	s->out_end = done;
}

static void received_end(struct pipe_state *s, int error)
{
	if (s->send_error < 0)
		decide(s, ENDING_SERVER, s->send_error);
	else if (error < 0 || !s->finished)
		decide(s, ENDING_SERVER, error);
	else if (s->received < s->sent)
		decide(s, ENDING_SHORT, 0);
	else if (s->received > s->sent)
		decide(s, ENDING_MORE, 0);
	else
		decide(s, ENDING_FINE, 0);
}

static void receive_some(struct pipe_state *s)
{
	ssize_t n = channel_recv(s->options->socket, s->out, PIPE_BUFFER, 0);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		received_end(s, (int)n);
		return;
	}
	s->received += (uint64_t)n;
	s->progress_ns = clock_now_ns();
	s->out_start = 0;
	s->out_end = (size_t)n;
	if (s->options->verify)
		verify(s);
}

static void write_some(struct pipe_state *s)
{
	ssize_t n = sink_write(&s->sink, s->out + s->out_start, s->out_end - s->out_start);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0) {
		decide(s, ENDING_OUTPUT, (int)n);
		s->out_start = s->out_end; /* there is no writing the rest */
		return;
	}
	s->out_start += (size_t)n;
	/* The time for which the reader kept us from receiving is not the server's silence. */
	s->progress_ns = clock_now_ns();
}

static bool out_empty(const struct pipe_state *s)
{
	return s->out_start == s->out_end;
}

static uint64_t silence_ends_ns(const struct pipe_state *s)
{
	bool due = s->sent > s->received || s->finished || s->send_error < 0;

	if (s->decided || !out_empty(s) || !due)
		return CLOCK_NEVER;
	return clock_after_ns(s->progress_ns, s->options->timeout_ns);
}

static void fill_pollfds(const struct pipe_state *s, struct pollfd *pollfds)
{
	bool reading = !s->decided && !s->input_over && s->send_error == 0 && free_space(s) > 0;
	short socket_events = 0;

	if (out_empty(s))
		socket_events |= POLLIN;
	if (s->sent < s->filled && s->send_error == 0)
		socket_events |= POLLOUT;

	/* A descriptor of -1 is skipped; events of 0 would still report POLLHUP and spin. */
	pollfds[POLL_INPUT] = (struct pollfd){ .fd = reading ? s->options->input : -1,
		.events = POLLIN };
	pollfds[POLL_SOCKET] = (struct pollfd){
		.fd = s->decided || socket_events == 0 ? -1 : s->options->socket,
		.events = socket_events
	};
	/* Asked for nothing, it still reports that the reader of a pipe has gone (POLLERR). */
	pollfds[POLL_OUTPUT] = (struct pollfd){ .fd = s->sink.fd,
		.events = out_empty(s) ? 0 : POLLOUT };
	pollfds[POLL_SIGNAL] = (struct pollfd){ .fd = s->interrupt.fd, .events = POLLIN };
}

/* One round: wait, then move whatever can be moved. */
static void turn(struct pipe_state *s)
{
	struct pollfd pollfds[POLL_COUNT];
	uint64_t until_ns = silence_ends_ns(s);

	fill_pollfds(s, pollfds);

	int ready = channel_poll(pollfds, POLL_COUNT, clock_poll_ms(clock_now_ns(), until_ns));

	if (ready == 0) {
		decide(s, ENDING_SILENT, 0);
		return;
	}
	if (ready < 0)
		return;
	if (pollfds[POLL_SIGNAL].revents != 0) {
		int number = interrupt_take(&s->interrupt);

		if (number != 0) {
			decide(s, ENDING_SIGNAL, number);
			s->out_start = s->out_end; /* at once, also without a reader */
			return;
		}
	}
	if (pollfds[POLL_OUTPUT].revents != 0) {
		if (!out_empty(s))
			write_some(s);
		else
			decide(s, ENDING_OUTPUT,
				pollfds[POLL_OUTPUT].revents & POLLNVAL ? -EBADF : -EPIPE);
	}
	if (s->decided)
		return;
	if (pollfds[POLL_INPUT].revents != 0)
		read_input(s);
	if (s->send_error == 0 && !s->finished)
		send_some(s);
	if (pollfds[POLL_SOCKET].revents & ~POLLOUT && out_empty(s)) {
		receive_some(s);
		if (!out_empty(s))
			write_some(s);
	}
}

int pipe_run(const struct pipe_options *options, struct ending *ret_ending)
{
	CLEANUP_FREE unsigned char *ring = NULL;
	CLEANUP_FREE unsigned char *out = malloc(PIPE_BUFFER);
	struct pipe_state s = {
		.options = options,
		.ring_size = options->verify ? PIPE_VERIFY_WINDOW : PIPE_BUFFER,
		.out = out,
		.progress_ns = clock_now_ns(),
	};

	ring = malloc(s.ring_size);
	if (ring == NULL || out == NULL)
		return -ENOMEM;
	s.ring = ring;

	int r = interrupt_init(&s.interrupt, NULL);

	if (r < 0)
		return r;
	sink_init(&s.sink, options->output);
	while (!s.decided || !out_empty(&s))
		turn(&s);
	sink_fini(&s.sink);
	interrupt_fini(&s.interrupt);

	s.ending.sent_bytes = s.sent;
	s.ending.received_bytes = s.received;
	s.ending.timeout_ns = options->timeout_ns;
	*ret_ending = s.ending;
	return 0;
}
