/*
 * An echo whose faults are known: what a measurement must find, this program has done and counted. It
 * shares no code with meari, so a mistake of meari's cannot hide in it. reference.py starts it.
 *
 *	reference_echo tcp|udp [NAME=VALUE...]
 *
 *	bytes=64                of a message (tcp: streams have no marks; udp: every datagram is one)
 *	delays=2000:80,5000:20  80 cards of 2000 microseconds and 20 of 5000. They are shuffled, one is
 *	                        drawn for each message, and when all are drawn they are shuffled again:
 *	                        so the distribution is exact, not only likely
 *	faults=drop:5,twice:5   so many of 1000 cards, drawn in the same way; the others are good:
 *	                        drop, twice, behind (held until another of its flow was answered),
 *	                        damage (one bit behind byte 16), late (answered `late` microseconds later)
 *	faulty=2800             only the first 2800 messages have faults, so that none happens at the end
 *	late=1500000
 *	stop=1000:1000000       after 1000 messages, does nothing at all for a second, once
 *	seed=1
 *
 * The first line of output is the port (127.0.0.1). When standard input ends it tells as JSON what it
 * did, and ends. Delays count from when the receive returned to right before the send; `lateness_ns`
 * is by how much each missed its time, so that a test need not believe that this program is quick.
 * `arrivals_ns` is when each message came, after the first one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_BYTES 65536
#define MOST_CARDS 1000
#define MOST_CONNECTIONS 256
#define MOST_TIMES 1000000
#define KEPT_BYTES 16 /* a generator's own number of the message: damage spares it */

enum fault { GOOD, DROP, TWICE, BEHIND, DAMAGE, LATE, FAULTS };
static const char *const fault_names[FAULTS] = { "good", "drop", "twice", "behind", "damage",
	"late" };

/* What is still to be answered, the next due first. */
struct reply {
	struct reply *next;
	uint64_t due_ns;
	bool timed; /* its lateness counts */
	enum fault fault;
	int fd;
	struct sockaddr_in to;
	size_t length;
	unsigned char bytes[];
};

struct connection {
	int fd;
	uint64_t last_due_ns; /* answers in a stream keep their order */
	size_t length; /* of the message that is coming in */
	unsigned char bytes[MOST_BYTES];
};

struct deck {
	uint64_t cards[MOST_CARDS];
	size_t count, drawn;
};

static size_t message_bytes = 64;
static struct deck delays = { .count = 1 }, faults = { .count = 1 };
static uint64_t late_us = 1500000, faulty = UINT64_MAX, stop_after, stop_us, seed = 1;

static struct reply *waiting;
static struct reply *held[65536]; /* by the peer's port */
static struct connection connections[MOST_CONNECTIONS];
static size_t connection_count;

static uint64_t messages, stopped_ns, done[FAULTS];
static uint64_t *latenesses, *arrivals;
static size_t lateness_count;

static void fail(const char *what)
{
	fprintf(stderr, "reference_echo: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- cards ---- */

static uint64_t draw_number(void)
{
	/* splitmix64 */
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t draw_card(struct deck *deck)
{
	if (deck->drawn == 0) {
		for (size_t i = deck->count - 1; i > 0; i--) {
			size_t other = draw_number() % (i + 1);
			uint64_t card = deck->cards[i];

			deck->cards[i] = deck->cards[other];
			deck->cards[other] = card;
		}
	}

	uint64_t card = deck->cards[deck->drawn];

	deck->drawn = (deck->drawn + 1) % deck->count;
	return card;
}

static void add_cards(struct deck *deck, uint64_t card, uint64_t count)
{
	if (count > MOST_CARDS - deck->count) {
		errno = E2BIG;
		fail("cards");
	}
	while (count-- > 0)
		deck->cards[deck->count++] = card;
}

static void read_delays(char *text)
{
	delays.count = 0;
	for (char *part = strtok(text, ","); part != NULL; part = strtok(NULL, ",")) {
		uint64_t us, count;

		if (sscanf(part, "%" SCNu64 ":%" SCNu64, &us, &count) != 2)
			fail(part);
		add_cards(&delays, us, count);
	}
}

static void read_faults(char *text)
{
	faults.count = 0;
	for (char *part = strtok(text, ","); part != NULL; part = strtok(NULL, ",")) {
		char *number = strchr(part, ':');
		enum fault fault = FAULTS;

		if (number != NULL)
			*number++ = '\0';
		for (int i = 0; i < FAULTS; i++) {
			if (strcmp(part, fault_names[i]) == 0)
				fault = (enum fault)i;
		}
		if (fault == FAULTS || number == NULL)
			fail(part);
		add_cards(&faults, fault, strtoull(number, NULL, 10));
	}
	add_cards(&faults, GOOD, MOST_CARDS - faults.count);
}

static void read_argument(char *argument)
{
	char *value = strchr(argument, '=');

	if (value == NULL)
		fail(argument);
	*value++ = '\0';
	if (strcmp(argument, "bytes") == 0)
		message_bytes = strtoull(value, NULL, 10);
	else if (strcmp(argument, "late") == 0)
		late_us = strtoull(value, NULL, 10);
	else if (strcmp(argument, "faulty") == 0)
		faulty = strtoull(value, NULL, 10);
	else if (strcmp(argument, "seed") == 0)
		seed = strtoull(value, NULL, 10);
	else if (strcmp(argument, "stop") == 0)
		sscanf(value, "%" SCNu64 ":%" SCNu64, &stop_after, &stop_us);
	else if (strcmp(argument, "delays") == 0)
		read_delays(value);
	else if (strcmp(argument, "faults") == 0)
		read_faults(value);
	else
		fail(argument);
}

/* ---- answering ---- */

static void send_bytes(const struct reply *reply, bool datagram)
{
	size_t sent = 0;

	/* A peer that has gone is no concern of ours. */
	if (datagram) {
		sendto(reply->fd, reply->bytes, reply->length, MSG_NOSIGNAL,
			(const struct sockaddr *)&reply->to, sizeof(reply->to));
		return;
	}
	while (sent < reply->length) {
		ssize_t n = send(
			reply->fd, reply->bytes + sent, reply->length - sent, MSG_NOSIGNAL);

		if (n < 0)
			return;
		sent += (size_t)n;
	}
}

static void answer(struct reply *reply, bool datagram)
{
	uint64_t now = now_ns();
	struct reply **slot = &held[ntohs(reply->to.sin_port)], *behind;

	if (reply->timed && lateness_count < MOST_TIMES)
		latenesses[lateness_count++] = now - reply->due_ns;
	send_bytes(reply, datagram);
	if (reply->fault == TWICE)
		send_bytes(reply, datagram);
	if (reply->fault != LATE)
		done[reply->fault]++;

	behind = datagram ? *slot : NULL;
	if (behind != NULL) {
		*slot = NULL;
		send_bytes(behind, datagram);
		done[BEHIND]++;
		free(behind);
	}
	free(reply);
}

/* In the order of their times; of the same time, in the order in which they came. */
static void put_into_line(struct reply *reply)
{
	struct reply **at = &waiting;

	while (*at != NULL && (*at)->due_ns <= reply->due_ns)
		at = &(*at)->next;
	reply->next = *at;
	*at = reply;
}

static void answer_who_is_due(bool datagram)
{
	while (waiting != NULL && waiting->due_ns <= now_ns()) {
		struct reply *reply = waiting;

		waiting = reply->next;
		answer(reply, datagram);
	}
}

/* A whole message is there. */
static void take_message(struct connection *connection, const struct sockaddr_in *from,
	const unsigned char *bytes, size_t length, bool datagram)
{
	enum fault fault = messages < faulty ? (enum fault)draw_card(&faults) : GOOD;
	uint64_t delay_ns = draw_card(&delays) * 1000, now = now_ns();
	struct reply *reply = calloc(1, sizeof(*reply) + length);

	if (reply == NULL)
		fail("memory");
	if (messages < MOST_TIMES)
		arrivals[messages] = now;
	messages++;
	*reply = (struct reply){ .fd = connection->fd, .fault = fault, .length = length };
	if (from != NULL)
		reply->to = *from;
	memcpy(reply->bytes, bytes, length);
	reply->timed = fault != LATE;
	done[LATE] += fault == LATE; /* it may come too late to be told of otherwise */
	reply->due_ns = now + delay_ns + (fault == LATE ? late_us * 1000 : 0);
	if (!datagram) {
		if (reply->due_ns < connection->last_due_ns)
			reply->due_ns = connection->last_due_ns;
		connection->last_due_ns = reply->due_ns;
	}
	if (fault == DAMAGE && length > KEPT_BYTES) {
		uint64_t bit = draw_number() % (8 * (length - KEPT_BYTES));

		reply->bytes[KEPT_BYTES + bit / 8] ^= (unsigned char)(1 << bit % 8);
	} else if (fault == DAMAGE) {
		reply->fault = GOOD;
	}

	struct reply **slot = &held[ntohs(reply->to.sin_port)];

	if (fault == DROP) {
		done[DROP]++;
		free(reply);
	} else if (fault == BEHIND && *slot == NULL) {
		*slot = reply;
	} else {
		if (fault == BEHIND) /* one of its flow is being held already */
			reply->fault = GOOD;
		put_into_line(reply);
	}
}

static void stop_once(void)
{
	if (stop_us == 0 || messages < stop_after)
		return;

	uint64_t from = now_ns();
	struct timespec length = { (time_t)(stop_us / 1000000), (long)(stop_us % 1000000 * 1000) };

	nanosleep(&length, NULL);
	stopped_ns = now_ns() - from;
	stop_us = 0;
}

/* ---- receiving ---- */

static void receive_datagrams(int fd)
{
	static unsigned char bytes[MOST_BYTES];
	static struct connection all;

	all.fd = fd;
	for (;;) {
		struct sockaddr_in from;
		socklen_t from_length = sizeof(from);
		ssize_t n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT,
			(struct sockaddr *)&from, &from_length);

		if (n < 0)
			return;
		take_message(&all, &from, bytes, (size_t)n, true);
		answer_who_is_due(true);
		stop_once();
	}
}

static void accept_one(int fd)
{
	int peer = accept(fd, NULL, NULL), one = 1;

	if (peer < 0)
		return;
	if (connection_count == MOST_CONNECTIONS) {
		close(peer);
		return;
	}
	setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	connections[connection_count].fd = peer;
	connections[connection_count].last_due_ns = 0;
	connections[connection_count].length = 0;
	connection_count++;
}

/* Answers that are still to be given to this one are given up. */
static void forget(struct connection *connection)
{
	for (struct reply **at = &waiting; *at != NULL;) {
		struct reply *reply = *at;

		if (reply->fd == connection->fd) {
			*at = reply->next;
			free(reply);
		} else {
			at = &reply->next;
		}
	}
	close(connection->fd);
	*connection = connections[--connection_count];
}

/* False: the connection is over. */
static bool receive_stream(struct connection *connection)
{
	static unsigned char bytes[MOST_BYTES];
	ssize_t n = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	for (ssize_t i = 0; i < n; i++) {
		connection->bytes[connection->length++] = bytes[i];
		if (connection->length == message_bytes) {
			take_message(connection, NULL, connection->bytes, message_bytes, false);
			connection->length = 0;
		}
	}
	answer_who_is_due(false);
	stop_once();
	return true;
}

/* ---- telling ---- */

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static void tell_times(const char *name, const uint64_t *times, size_t count, uint64_t base_ns)
{
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < count; i++)
		printf("%s%" PRIu64, i > 0 ? "," : "", times[i] - base_ns);
	printf("]");
}

static void tell(void)
{
	uint64_t still_held = 0;

	for (size_t port = 0; port < 65536; port++)
		still_held += held[port] != NULL;
	printf("{\"messages\": %" PRIu64 ", \"stopped_ns\": %" PRIu64 ", \"still_held\": %" PRIu64,
		messages, stopped_ns, still_held);
	for (int i = 0; i < FAULTS; i++)
		printf(", \"%s\": %" PRIu64, fault_names[i], done[i]);
	qsort(latenesses, lateness_count, sizeof(*latenesses), compare_numbers);
	tell_times("lateness_ns", latenesses, lateness_count, 0);
	tell_times("arrivals_ns", arrivals, messages < MOST_TIMES ? messages : MOST_TIMES,
		arrivals[0]);
	printf("}\n");
}

static int open_socket(bool datagram)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, datagram ? SOCK_DGRAM : SOCK_STREAM, 0), room = 8 << 20;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* A burst must not be lost here, or more would be lost than is told. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		fail("bind");
	if (!datagram && listen(fd, MOST_CONNECTIONS) < 0)
		fail("listen");
	getsockname(fd, (struct sockaddr *)&address, &length);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

/* Waits until something can be received or is due. */
static void wait_for(struct pollfd *polled, nfds_t count)
{
	struct timespec timeout = { 0 };
	uint64_t now = now_ns();

	if (waiting != NULL && waiting->due_ns > now) {
		timeout.tv_sec = (time_t)((waiting->due_ns - now) / 1000000000);
		timeout.tv_nsec = (long)((waiting->due_ns - now) % 1000000000);
	}
	if (ppoll(polled, count, waiting != NULL ? &timeout : NULL, NULL) < 0 && errno != EINTR)
		fail("poll");
}

int main(int argc, char **argv)
{
	static struct pollfd polled[2 + MOST_CONNECTIONS];
	bool datagram = argc > 1 && strcmp(argv[1], "udp") == 0;

	if (argc < 2 || (!datagram && strcmp(argv[1], "tcp") != 0))
		fail("tcp or udp");
	for (int i = 2; i < argc; i++)
		read_argument(argv[i]);
	if (message_bytes == 0 || message_bytes > MOST_BYTES || delays.count == 0)
		fail("bytes or delays");
	latenesses = calloc(MOST_TIMES, sizeof(*latenesses));
	arrivals = calloc(MOST_TIMES, sizeof(*arrivals));
	if (latenesses == NULL || arrivals == NULL)
		fail("memory");
	prctl(PR_SET_TIMERSLACK, 1); /* otherwise every timeout is 50 microseconds late */
	polled[1] = (struct pollfd){ .fd = open_socket(datagram), .events = POLLIN };
	polled[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };

	while (polled[0].revents == 0) {
		size_t count = connection_count;

		for (size_t i = 0; i < count; i++)
			polled[2 + i] = (struct pollfd){ .fd = connections[i].fd,
				.events = POLLIN };
		wait_for(polled, 2 + count);
		answer_who_is_due(datagram);
		/* Backwards: who is forgotten leaves its place to the last. */
		for (size_t i = count; i-- > 0;) {
			if (polled[2 + i].revents != 0 && !receive_stream(&connections[i]))
				forget(&connections[i]);
		}
		if (polled[1].revents != 0 && datagram)
			receive_datagrams(polled[1].fd);
		else if (polled[1].revents != 0)
			accept_one(polled[1].fd);
	}
	tell();
	return 0;
}
