/*
 * One thread an address. It touches its own `struct watch` only, until it sets `state`; the main thread waits for
 * a byte on a descriptor and then for all states. At the end of the patience the threads are left to themselves,
 * because getaddrinfo(3) can neither be interrupted nor given a time; exit(3) ends them.
 */
#include "ping/ping_wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "client/channel.h"
#include "client/interrupt.h"
#include "net/call.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "ping/probe.h"

/* A name's addresses are kept for so long. */
#define LOOKUP_NS CLOCK_NS_PER_S
/* Of the addresses behind a name so many get a probe at once. */
#define ADDRESSES_AT_ONCE 8

struct attempt {
	int fd; /* -1: the place is free */
	bool connected, secured;
	size_t sent_bytes, received_bytes;
	uint64_t number, start_ns;
};

/* What came of the last probe that is over; beside those an -errno of the probe. */
enum { NOTHING_YET = 0, NOT_EXACT = 1, NOT_FOUND = 2 };

struct watch {
	struct addr_spec target;
	struct tls_context *tls;
	size_t size;
	uint64_t timeout_ns;
	const struct send_proxy *proxy;
	int done_fd; /* of all watches; told when this one has been echoed */
	atomic_bool done;
	atomic_int outcome; /* as above; NOT_FOUND with `lookup_error` */
	atomic_int lookup_error;

	struct resolve_list found;
	uint64_t found_until_ns;
	struct attempt attempts[PING_WAIT_PROBES_MOST];
	size_t next; /* the place of the oldest attempt */
	uint64_t number;
	unsigned char *expected, *got; /* `size` and one byte more than that */
};

static void finish(struct attempt *attempt)
{
	if (attempt->fd >= 0)
		channel_close(attempt->fd);
	attempt->fd = -1;
}

static void fail(struct watch *watch, struct attempt *attempt, int outcome)
{
	/* "Something else came back" is worth more than a silence afterwards. */
	if (!(outcome == -ETIMEDOUT && watch->outcome == NOT_EXACT))
		watch->outcome = outcome;
	finish(attempt);
}

static bool is_stream(const struct watch *watch)
{
	return addr_socket_type(watch->target.scheme) == SOCK_STREAM;
}

static void fill(const struct watch *watch, const struct attempt *attempt)
{
	const struct probe probe = { .run = (uint32_t)getpid(), .size = watch->size };

	probe_fill(&probe, attempt->number, attempt->start_ns, watch->expected);
}

/* False: it has failed, and is over. */
static bool send_probe(struct watch *watch, struct attempt *attempt)
{
	fill(watch, attempt);
	do {
		ssize_t n = channel_send(attempt->fd, watch->expected + attempt->sent_bytes,
			watch->size - attempt->sent_bytes, MSG_NOSIGNAL);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return true;
		if (n < 0) {
			fail(watch, attempt, (int)n);
			return false;
		}
		attempt->sent_bytes += (size_t)n;
	} while (attempt->sent_bytes < watch->size && is_stream(watch));
	return true;
}

/* True: all of the probe has come back, and nothing else. */
static bool receive(struct watch *watch, struct attempt *attempt)
{
	for (;;) {
		ssize_t n = channel_recv(attempt->fd, watch->got,
			watch->size + 1 - attempt->received_bytes, MSG_DONTWAIT);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return false;
		if (n < 0 || (n == 0 && is_stream(watch))) {
			fail(watch, attempt, n < 0 ? (int)n : -ECONNRESET);
			return false;
		}
		fill(watch, attempt);
		/* Of a stream no more than was sent so far can be an echo; a datagram comes as a whole. */
		size_t most = is_stream(watch) ? attempt->sent_bytes - attempt->received_bytes
					       : watch->size;

		if ((size_t)n > most || (!is_stream(watch) && (size_t)n != watch->size) ||
			memcmp(watch->got, watch->expected + attempt->received_bytes, (size_t)n) !=
				0) {
			fail(watch, attempt, NOT_EXACT);
			return false;
		}
		attempt->received_bytes += (size_t)n;
		if (attempt->received_bytes == watch->size)
			return true;
	}
}

/* False: there is no TLS, not yet or not at all. */
static bool secure(struct watch *watch, struct attempt *attempt)
{
	const struct channel_tls tls = { .context = watch->tls, .host = watch->target.host };
	int r = 0;

	if (watch->target.scheme == ADDR_TLS) {
		r = channel_stage(attempt->fd) == NULL ? channel_attach(attempt->fd, &tls) : 0;
		if (r == 0)
			r = channel_open(attempt->fd);
	}
	attempt->secured = r == 0;
	if (r < 0 && r != -EAGAIN)
		fail(watch, attempt, r);
	return r == 0;
}

/* True where the address has echoed. */
static bool advance(struct watch *watch, struct attempt *attempt, short events)
{
	if (!attempt->connected) {
		int r = socket_take_error(attempt->fd);

		if (r == 0 && socket_met_itself(attempt->fd, watch->target.scheme))
			r = -ECONNREFUSED; /* no service is there */
		if (r == 0)
			r = send_proxy(watch->proxy, attempt->fd, watch->target.scheme);
		if (r < 0) {
			fail(watch, attempt, r);
			return false;
		}
		attempt->connected = true;
	}
	if (!attempt->secured && !secure(watch, attempt))
		return false;
	if (attempt->sent_bytes < watch->size && !send_probe(watch, attempt))
		return false;
	return (events & (POLLIN | POLLERR | POLLHUP)) != 0 && receive(watch, attempt);
}

static void begin(struct watch *watch, const struct addr *addr, uint64_t now_ns)
{
	struct attempt *attempt = &watch->attempts[watch->next];
	int r;

	watch->next = (watch->next + 1) % PING_WAIT_PROBES_MOST;
	if (attempt->fd >= 0)
		fail(watch, attempt, -ETIMEDOUT);
	*attempt = (struct attempt){
		.fd = -1,
		.number = watch->number++,
		.start_ns = now_ns,
	};
	r = socket_open_client(addr, NULL, &attempt->fd, NULL);
	if (r == 0)
		r = call_connect(attempt->fd, &addr->generic, addr->length);
	/* A unix stream whose queue is full says so at once, and never becomes connected. */
	if (r < 0 && (r != -EINPROGRESS || addr->generic.sa_family == AF_UNIX))
		fail(watch, attempt, r);
	else if (r == 0)
		advance(watch, attempt, 0);
}

static void begin_all(struct watch *watch, uint64_t now_ns)
{
	if (now_ns >= watch->found_until_ns) {
		int r = resolve(&watch->target, RESOLVE_CONNECT, &watch->found);

		if (r < 0) {
			watch->lookup_error = r;
			watch->outcome = NOT_FOUND;
			return;
		}
		now_ns = clock_now_ns();
		watch->found_until_ns = now_ns + LOOKUP_NS;
	}
	for (size_t i = 0; i < watch->found.count && i < ADDRESSES_AT_ONCE; i++)
		begin(watch, &watch->found.addrs[i], now_ns);
}

/* Until `until_ns`; true where the address has echoed. */
static bool listen_until(struct watch *watch, uint64_t until_ns)
{
	for (;;) {
		struct pollfd polled[PING_WAIT_PROBES_MOST];
		uint64_t now_ns = clock_now_ns();

		if (now_ns >= until_ns)
			return false;
		for (size_t i = 0; i < PING_WAIT_PROBES_MOST; i++) {
			struct attempt *attempt = &watch->attempts[i];
			bool writing = !attempt->connected ||
				(attempt->secured ? attempt->sent_bytes < watch->size
						  : channel_has_unsent(attempt->fd));

			if (attempt->fd >= 0 && now_ns - attempt->start_ns >= watch->timeout_ns)
				fail(watch, attempt, -ETIMEDOUT);
			polled[i] = (struct pollfd){
				.fd = attempt->fd,
				.events = (short)(writing ? POLLIN | POLLOUT : POLLIN),
			};
		}
		if (channel_poll(polled, PING_WAIT_PROBES_MOST, clock_poll_ms(now_ns, until_ns)) <=
			0)
			continue;
		for (size_t i = 0; i < PING_WAIT_PROBES_MOST; i++) {
			if (polled[i].revents != 0 &&
				advance(watch, &watch->attempts[i], polled[i].revents))
				return true;
		}
	}
}

static void *run(void *argument)
{
	struct watch *watch = argument;
	uint64_t next_ns = clock_now_ns();

	do {
		uint64_t now_ns;

		begin_all(watch, next_ns);
		now_ns = clock_now_ns();
		/* What a slow lookup has held up is left out, not sent in a burst. */
		do
			next_ns += PING_WAIT_INTERVAL_NS;
		while (next_ns <= now_ns);
	} while (!listen_until(watch, next_ns));
	for (size_t i = 0; i < PING_WAIT_PROBES_MOST; i++)
		finish(&watch->attempts[i]);
	channel_fini();
	watch->done = true;
	eventfd_write(watch->done_fd, 1);
	return NULL;
}

static int start(struct watch *watch)
{
	pthread_t thread;
	int r;

	watch->expected = malloc(watch->size);
	watch->got = malloc(watch->size + 1);
	if (watch->expected == NULL || watch->got == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < PING_WAIT_PROBES_MOST; i++)
		watch->attempts[i].fd = -1;
	r = -pthread_create(&thread, NULL, run, watch);
	return r < 0 ? r : -pthread_detach(thread);
}

static size_t left(const struct watch *watches, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += !watches[i].done;
	return n;
}

static const char *outcome_text(const struct watch *watch)
{
	int outcome = watch->outcome; /* clang takes no atomic here */

	switch (outcome) {
	case NOTHING_YET:
	case -ETIMEDOUT: return _("no answer");
	case NOT_EXACT: return _("what came back is not what was sent");
	case NOT_FOUND: return resolve_strerror(watch->lookup_error);
	case -EPROTO: return _("no TLS with it ('meari talk' tells why)");
	default: return strerror(-outcome);
	}
}

/* One line, however many are left. */
static void tell_left(
	const struct ping_wait_options *options, const struct watch *watches, uint64_t waited_ns)
{
	char address[ADDR_TEXT_SIZE], duration[DURATION_TEXT_SIZE];
	CLEANUP_FREE char *names = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&names, &size);

	if (to == NULL)
		return;
	for (size_t i = 0; i < options->count; i++) {
		if (watches[i].done)
			continue;
		fprintf(to, "%s'%s': %s", ftell(to) > 0 ? "; " : "",
			addr_spec_format(&watches[i].target, address, sizeof(address)),
			outcome_text(&watches[i]));
	}
	if (fclose(to) == 0)
		log_error(_("no exact echo within %s from %s"),
			duration_format(waited_ns, duration, sizeof(duration)), names);
}

/* As ping_wait(), without the message. */
static int wait_for(
	const struct watch *watches, size_t count, int done_fd, int signal_fd, uint64_t until_ns)
{
	while (left(watches, count) > 0) {
		struct pollfd polled[] = {
			{ .fd = done_fd, .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
		};
		uint64_t now_ns = clock_now_ns();
		eventfd_t times;

		if (now_ns >= until_ns)
			return -ETIMEDOUT;
		if (poll(polled, 2, clock_poll_ms(now_ns, until_ns)) < 0)
			continue;
		if (polled[0].revents != 0)
			eventfd_read(done_fd, &times);
		if (polled[1].revents != 0)
			return -EINTR;
	}
	return 0;
}

int ping_wait(const struct ping_wait_options *options)
{
	uint64_t start_ns = clock_now_ns();
	struct interrupt interrupt;
	/* Not freed: threads may be in there when the program ends. */
	static struct watch *watches;
	int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = done_fd < 0 ? -errno : 0;

	watches = calloc(options->count, sizeof(*watches));
	if (r == 0 && watches == NULL)
		r = -ENOMEM;
	/* Before the threads, which must not get these signals. */
	if (r == 0)
		r = interrupt_init(&interrupt, NULL);
	if (r < 0) {
		log_error(_("cannot begin: %s"), strerror(-r));
		return r;
	}
	for (size_t i = 0; r == 0 && i < options->count; i++) {
		watches[i].target = options->targets[i];
		watches[i].tls = options->tls;
		watches[i].size = options->size_bytes;
		watches[i].timeout_ns = options->timeout_ns;
		watches[i].proxy = options->proxy;
		watches[i].done_fd = done_fd;
		r = start(&watches[i]);
	}
	if (r < 0)
		log_error(_("cannot begin: %s"), strerror(-r));
	else
		r = wait_for(watches, options->count, done_fd, interrupt.fd,
			clock_after_ns(start_ns, options->patience_ns));
	/* Ends the program, unless that is the first process of a container. */
	interrupt_fini(&interrupt);
	if (r == -ETIMEDOUT || r == -EINTR)
		tell_left(options, watches,
			r == -EINTR ? clock_now_ns() - start_ns : options->patience_ns);
	return r;
}
