/*
 * The race of RFC 8305 section 5, in one poll loop: a new attempt starts when the last one has had
 * its head start, or at once when one has failed; the first socket that is connected wins and the
 * others are closed.
 *
 * Two facts of Linux shape it. A unix stream whose server's backlog is full gives EAGAIN, and
 * nothing to poll for: the attempt is made again a little later. And a TCP socket that connects to
 * a free port of its own ephemeral range can meet itself (socket_met_itself) and would echo
 * perfectly: that is no answer.
 */
#include "client/dial.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "net/call.h"
#include "net/socket.h"

#define STAGGER_NS (250 * CLOCK_NS_PER_MS)
#define BACKLOG_RETRY_NS (10 * CLOCK_NS_PER_MS)
/* Not an empty datagram: to a plain server, what recvfrom(2) gives for that looks like the end. */
#define QUESTION "\n"

struct race {
	const struct resolve_list *list;
	const struct dial_options *options;
	struct dial_report *report;
	uint64_t next_ns; /* when the next address is tried */
	uint64_t deadline_ns;
	bool asks; /* datagrams to several addresses: an attempt has won when it is answered */
	size_t running; /* attempts under way: pollfds[i] belongs to report->attempts[which[i]] */
	struct pollfd pollfds[RESOLVE_MOST];
	size_t which[RESOLVE_MOST];
};

void dial_order(struct resolve_list *list)
{
	struct addr other[RESOLVE_MOST];
	size_t first_count = 0, other_count = 0;
	sa_family_t first = list->count > 0 ? list->addrs[0].generic.sa_family : AF_UNSPEC;

	for (size_t i = 0; i < list->count; i++) {
		if (list->addrs[i].generic.sa_family != first)
			other[other_count++] = list->addrs[i];
	}

	struct addr same[RESOLVE_MOST];

	for (size_t i = 0; i < list->count; i++) {
		if (list->addrs[i].generic.sa_family == first)
			same[first_count++] = list->addrs[i];
	}

	size_t to = 0;

	for (size_t i = 0; i < first_count || i < other_count; i++) {
		if (i < first_count)
			list->addrs[to++] = same[i];
		if (i < other_count)
			list->addrs[to++] = other[i];
	}
}

static const struct addr *find_source(const struct resolve_list *sources, const struct addr *target)
{
	for (size_t i = 0; i < sources->count; i++) {
		if (sources->addrs[i].generic.sa_family == target->generic.sa_family)
			return &sources->addrs[i];
	}
	return NULL;
}

/*
 * Opens the socket of an attempt, bound to what was asked for. -errno, with attempt->call naming
 * the call.
 */
static int open_socket(
	const struct dial_options *options, struct dial_attempt *attempt, int *ret_fd)
{
	const struct addr *source = NULL;
	struct socket_failure failure = { .call = "socket" };
	int fd, r;

	if (options->sources != NULL) {
		source = find_source(options->sources, &attempt->addr);
		if (source == NULL) {
			attempt->call = "bind";
			return -EADDRNOTAVAIL;
		}
	}
	r = socket_open_client(&attempt->addr, source, &fd, &failure);
	if (r < 0) {
		attempt->call = failure.call;
		return r;
	}
	if (options->device != NULL)
		r = call_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->device,
			(socklen_t)strlen(options->device));
	if (r < 0) {
		attempt->call = "setsockopt";
		call_close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* 1: connected; 0: under way; -errno, with attempt->call naming the call. */
static int attempt_start(const struct race *race, struct dial_attempt *attempt,
	const struct addr *target, bool ask, int *ret_fd)
{
	int fd, r;

	*attempt = (struct dial_attempt){ .addr = *target };
	r = open_socket(race->options, attempt, &fd);
	if (r < 0)
		return r;
	attempt->call = "connect";
	r = call_connect(fd, &target->generic, target->length);
	/* EINTR leaves a connection in the making, exactly as EINPROGRESS does. */
	bool under_way = r == -EINPROGRESS || r == -EINTR;

	if (r == 0 && socket_met_itself(fd, target->scheme))
		r = -ECONNREFUSED;
	if (r == 0 && ask) {
		ssize_t n = call_send(fd, QUESTION, sizeof(QUESTION) - 1, MSG_NOSIGNAL);

		attempt->call = "send";
		r = n < 0 ? (int)n : 0;
		under_way = r == 0;
	}
	if (r < 0 && !under_way) {
		call_close(fd);
		return r;
	}
	attempt->call = NULL;
	*ret_fd = fd;
	return under_way ? 0 : 1;
}

/* Tries the next address. 1: it is the winner, in `ret_fd`; 0: go on. */
static int race_start(struct race *race, int *ret_fd)
{
	struct dial_report *report = race->report;
	struct dial_attempt *attempt = &report->attempts[report->count];
	uint64_t stagger_ns = race->options->stagger_ns;
	int fd;
	int r = attempt_start(race, attempt, &race->list->addrs[report->count], race->asks, &fd);
	uint64_t now_ns = clock_now_ns();

	if (r == -EAGAIN && attempt->addr.scheme == ADDR_UNIX && now_ns < race->deadline_ns) {
		race->next_ns = clock_after_ns(now_ns, BACKLOG_RETRY_NS);
		return 0;
	}
	race->next_ns = clock_after_ns(now_ns, stagger_ns != 0 ? stagger_ns : STAGGER_NS);
	report->count++;
	if (r < 0) {
		attempt->error = r;
		race->next_ns = now_ns; /* a head start is of no use to the one that has fallen */
		return 0;
	}
	if (r > 0) {
		*ret_fd = fd;
		return 1;
	}
	race->pollfds[race->running] = (struct pollfd){
		.fd = fd,
		.events = race->asks ? POLLIN : POLLOUT,
	};
	race->which[race->running++] = report->count - 1;
	return 0;
}

static void race_drop(struct race *race, size_t i)
{
	race->running--;
	race->pollfds[i] = race->pollfds[race->running];
	race->which[i] = race->which[race->running];
}

/* What became of an attempt that poll(2) has news of: 0, or -errno. */
static int attempt_outcome(const struct race *race, int fd, enum addr_scheme scheme)
{
	char answer[1];

	if (race->asks) {
		ssize_t n = call_recv(fd, answer, sizeof(answer), 0);

		/*
		 * Any answer is one. Whether it is the right one is for the conversation to find
		 * out.
		 */
		return n < 0 ? (int)n : 0;
	}

	int r = socket_take_error(fd);

	return r == 0 && socket_met_itself(fd, scheme) ? -ECONNREFUSED : r;
}

/* Waits for the runners. 1: one has won, `ret_index` is its attempt; 0: go on. */
static int race_wait(struct race *race, int *ret_fd, size_t *ret_index)
{
	bool more = race->report->count < race->list->count;
	bool soon = (more || race->asks) && race->next_ns < race->deadline_ns;
	uint64_t until_ns = soon ? race->next_ns : race->deadline_ns;
	int ready = poll(race->pollfds, race->running, clock_poll_ms(clock_now_ns(), until_ns));

	if (ready <= 0)
		return 0;
	for (size_t i = race->running; i-- > 0;) {
		if (race->pollfds[i].revents == 0)
			continue;

		int fd = race->pollfds[i].fd;
		struct dial_attempt *attempt = &race->report->attempts[race->which[i]];
		int r = attempt_outcome(race, fd, attempt->addr.scheme);

		if (r == -EAGAIN || r == -EINTR)
			continue;
		if (r == 0) {
			*ret_fd = fd;
			*ret_index = race->which[i];
			race_drop(race, i);
			return 1;
		}
		attempt->error = r;
		attempt->call = race->asks ? "recv" : "connect";
		call_close(fd);
		race_drop(race, i);
		if (more)
			race->next_ns = clock_now_ns();
	}
	return 0;
}

/* Closes the attempts that are still running; `error` is their result (0: another was faster). */
static void race_end(struct race *race, int error)
{
	for (size_t i = 0; i < race->running; i++) {
		struct dial_attempt *attempt = &race->report->attempts[race->which[i]];

		attempt->error = error;
		attempt->call = error < 0 ? "connect" : NULL;
		call_close(race->pollfds[i].fd);
	}
	race->running = 0;
}

/* No address has answered in time: takes the first of the silent ones. */
static void take_silent(struct race *race, int *ret_fd, size_t *ret_index)
{
	size_t first = 0;

	for (size_t i = 1; i < race->running; i++) {
		if (race->which[i] < race->which[first])
			first = i;
	}
	*ret_fd = race->pollfds[first].fd;
	*ret_index = race->which[first];
	race_drop(race, first);
}

static int race_run(struct race *race, int *ret_fd, size_t *ret_index)
{
	struct dial_report *report = race->report;

	while (report->count < race->list->count || race->running > 0) {
		uint64_t now_ns = clock_now_ns();

		bool all_tried = report->count == race->list->count;

		if (race->asks && race->running > 0 &&
			(now_ns >= race->deadline_ns || (all_tried && now_ns >= race->next_ns))) {
			take_silent(race, ret_fd, ret_index);
			return 0;
		}
		if (now_ns >= race->deadline_ns) {
			race_end(race, -ETIMEDOUT);
			return -ETIMEDOUT;
		}
		if (!all_tried && now_ns >= race->next_ns) {
			if (race_start(race, ret_fd) > 0) {
				*ret_index = report->count - 1;
				return 0;
			}
		} else if (race_wait(race, ret_fd, ret_index) > 0) {
			return 0;
		}
	}
	return report->count > 0 ? report->attempts[report->count - 1].error : -EADDRNOTAVAIL;
}

int dial(const struct resolve_list *list, const struct dial_options *options,
	struct dial_report *report, int *ret_fd, struct addr *ret_addr)
{
	struct resolve_list ordered = *list;
	uint64_t now_ns = clock_now_ns();
	struct race race = {
		.list = &ordered,
		.options = options,
		.report = report,
		.asks = list->count > 1 && addr_socket_type(list->addrs[0].scheme) == SOCK_DGRAM,
		.next_ns = now_ns,
		.deadline_ns = clock_after_ns(now_ns, options->timeout_ns),
	};
	size_t index = 0;
	int fd = -1;

	dial_order(&ordered);
	report->count = 0;

	int r = race_run(&race, &fd, &index);

	if (r < 0)
		return r;
	race_end(&race, 0);
	if (race.asks) {
		/*
		 * A new socket: an answer that comes late, or twice, is not for the
		 * conversation.
		 */
		struct addr chosen = report->attempts[index].addr;

		call_close(fd);
		r = attempt_start(&race, &report->attempts[index], &chosen, false, &fd);
		if (r < 0) {
			report->attempts[index].error = r;
			return r;
		}
	}
	r = addr_socket_type(list->addrs[0].scheme) == SOCK_STREAM
		? send_proxy(options->proxy, fd, report->attempts[index].addr.scheme)
		: 0;
	if (r < 0) {
		report->attempts[index].error = r;
		report->attempts[index].call = "send";
		call_close(fd);
		return r;
	}
	*ret_fd = fd;
	*ret_addr = report->attempts[index].addr;
	return 0;
}
