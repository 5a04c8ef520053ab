/*
 * A poll loop, and two ways of moving bytes. Without --verify only their number matters, and each
 * direction goes by a passage (passage.h) where there is one. Otherwise by two buffers: the input
 * goes into a ring, from which it is sent; received bytes go into `out`, from which they are
 * written, and no more are received until it is empty: a slow reader slows the server down by TCP's
 * own flow control, all the way back to the input.
 *
 *	input ──▶ [ checked .. sent .. filled ] ──▶ socket ──▶ [ out ] ──▶ output
 *
 * The three positions of the ring are offsets in the whole stream. With --verify a byte leaves the
 * ring when its echo has been compared, otherwise when it has been sent. A passage moves all three
 * at once, and is used only while ring or `out` are empty: so the two ways can take turns.
 */
#include "talk/pipe.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client/channel.h"
#include "client/interrupt.h"
#include "talk/passage.h"
#include "talk/sink.h"

/* Less free space in the ring is not worth a read(2), unless there is never more. */
#define READ_WORTH (64u << 10)
/*
 * After a turn that passed more than a line and less than is worth a turn, the processor is given away
 * before waiting: the process that fills or empties the pipe often runs on the same one, and would
 * wake this one for each piece of a few KiB; now it goes on until its pipe is full. Where no other
 * process waits, this is one call that returns at once.
 */
#define PASSED_IN_BULK 4096u
#define PASSED_ENOUGH (PASSAGE_PIPE_BYTES / 2)

struct pipe_state {
	const struct pipe_options *options;
	struct interrupt interrupt;
	struct sink sink;
	struct passage in, back; /* input to socket, socket to output */
	bool socket_full; /* the passage found input, and moved nothing: wait for the socket */
	size_t passed; /* bytes, in the last turn */
	bool moved_nothing; /* the passage found received bytes, and moved none */
	bool output_full; /* ... so wait for the output */
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

static bool out_empty(const struct pipe_state *s)
{
	return s->out_start == s->out_end;
}

/* The input goes to the socket by a passage, and it has not ended. */
static bool input_passes(const struct pipe_state *s)
{
	return s->in.way != PASSAGE_NONE && !s->input_over;
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

/* The input is ready; or the socket, which was full, is. */
static void pass_input(struct pipe_state *s)
{
	ssize_t n = passage_step(&s->in);

	if (n > 0) {
		s->checked = s->sent = s->filled = s->filled + (uint64_t)n;
		s->passed += (size_t)n;
		s->progress_ns = clock_now_ns();
	} else if (n == 0) {
		s->input_over = true;
	} else if (n == -EAGAIN) {
		/* Full; but at the second time it was the input, which others read, too. */
		s->socket_full = !s->socket_full;
	} else if (n != -EOPNOTSUPP) {
		s->send_error = (int)n;
	}
	if (n != -EAGAIN)
		s->socket_full = false;
}

static void read_input(struct pipe_state *s)
{
	if (input_passes(s)) {
		pass_input(s);
		return;
	}

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

static void copy_some(struct pipe_state *s)
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

_Static_assert(PASSAGE_PIPE_BYTES <= PIPE_BUFFER, "what is in our pipe fits into `out`");

/* Into the output, from the passage's own pipe; or into `out`, if this output takes no pages. */
static void flush_relay(struct pipe_state *s)
{
	while (s->back.relayed > 0 && !s->decided) {
		ssize_t n = passage_flush(&s->back);

		if (n >= 0)
			continue;
		if (n != -EOPNOTSUPP) {
			decide(s, ENDING_OUTPUT, (int)n);
			return; /* there is no writing the rest */
		}
		n = read(s->back.relay[0], s->out, PIPE_BUFFER);
		if (n < 0 || (size_t)n != s->back.relayed) {
			decide(s, ENDING_LOCAL, n < 0 ? -errno : -EIO);
			return;
		}
		s->back.relayed = 0;
		s->out_start = 0;
		s->out_end = (size_t)n;
	}
}

/* Something has come, or the end. */
static void pass_back(struct pipe_state *s)
{
	ssize_t n = passage_step(&s->back);
	bool by_pipe = s->back.way == PASSAGE_SPLICE;

	if (n > 0) {
		s->received += (uint64_t)n;
		s->passed += (size_t)n;
		s->progress_ns = clock_now_ns();
		s->moved_nothing = false;
		flush_relay(s);
	} else if (n == -EAGAIN && by_pipe && !s->moved_nothing) {
		s->output_full = s->moved_nothing = true;
	} else if (n == -EPIPE && by_pipe && passage_output_is_gone(&s->back)) {
		decide(s, ENDING_OUTPUT, -EPIPE);
	} else if (n == 0 || n == -EAGAIN || n == -EOPNOTSUPP) {
		/* The end, an urgent mark, or a kind of descriptor that cannot: recv(2) knows. */
		s->moved_nothing = false;
		copy_some(s);
	} else {
		received_end(s, (int)n);
	}
}

static void receive_some(struct pipe_state *s)
{
	if (s->back.way != PASSAGE_NONE)
		pass_back(s);
	else
		copy_some(s);
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

/* Nothing is received while the output takes nothing. */
static bool output_blocks(const struct pipe_state *s)
{
	return !out_empty(s) || s->output_full;
}

static uint64_t silence_ends_ns(const struct pipe_state *s)
{
	bool due = s->sent > s->received || s->finished || s->send_error < 0;

	if (s->decided || output_blocks(s) || !due)
		return CLOCK_NEVER;
	return clock_after_ns(s->progress_ns, s->options->timeout_ns);
}

static void fill_pollfds(const struct pipe_state *s, struct pollfd *pollfds)
{
	bool reading = !s->decided && !s->input_over && s->send_error == 0 && !s->socket_full &&
		free_space(s) > 0;
	bool sending = s->sent < s->filled || s->socket_full;
	short socket_events = 0;

	if (!output_blocks(s))
		socket_events |= POLLIN;
	if (sending && s->send_error == 0)
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
		.events = output_blocks(s) ? POLLOUT : 0 };
	pollfds[POLL_SIGNAL] = (struct pollfd){ .fd = s->interrupt.fd, .events = POLLIN };
}

static void output_ready(struct pipe_state *s, short events)
{
	if (!out_empty(s)) {
		write_some(s);
	} else if (s->output_full && !(events & (POLLERR | POLLNVAL))) {
		s->output_full = false;
		s->progress_ns = clock_now_ns(); /* as in write_some() */
	} else {
		decide(s, ENDING_OUTPUT, events & POLLNVAL ? -EBADF : -EPIPE);
	}
}

/* Which way each direction takes. With --verify the bytes are compared here. */
static void choose_passages(struct pipe_state *s, enum addr_scheme scheme)
{
	const struct pipe_options *options = s->options;

	s->in = s->back = (struct passage){ .relay = { -1, -1 } };
	if (options->verify || channel_stage(options->socket) != NULL)
		return; /* what a stage encrypts it must see */
	passage_init_input(&s->in, options->input, options->socket);
	passage_init_output(&s->back, options->socket, scheme, s->sink.fd);
}

/* One round: wait, then move whatever can be moved. */
static void turn(struct pipe_state *s)
{
	struct pollfd pollfds[POLL_COUNT];
	uint64_t until_ns = silence_ends_ns(s);

	fill_pollfds(s, pollfds);
	if (s->passed >= PASSED_IN_BULK && s->passed < PASSED_ENOUGH)
		sched_yield();
	s->passed = 0;

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
	if (pollfds[POLL_OUTPUT].revents != 0)
		output_ready(s, pollfds[POLL_OUTPUT].revents);
	if (s->decided)
		return;
	if (pollfds[POLL_INPUT].revents != 0 ||
		(s->socket_full && pollfds[POLL_SOCKET].revents & ~POLLIN))
		read_input(s);
	if (s->send_error == 0 && !s->finished)
		send_some(s);
	if (pollfds[POLL_SOCKET].revents & ~POLLOUT && !output_blocks(s)) {
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
	choose_passages(&s, options->scheme);
	while (!s.decided || !out_empty(&s))
		turn(&s);
	passage_fini(&s.in);
	passage_fini(&s.back);
	sink_fini(&s.sink);
	interrupt_fini(&s.interrupt);

	s.ending.sent_bytes = s.sent;
	s.ending.received_bytes = s.received;
	s.ending.timeout_ns = options->timeout_ns;
	*ret_ending = s.ending;
	return 0;
}
