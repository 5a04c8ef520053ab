/*
 * The two ends of a connection are known by the client's port: it is remembered when a socket is connected,
 * and stays known when the descriptor is gone. A connection that waits in the listener's queue has a state
 * and buffers, but no descriptor: only the table in /proc shows it.
 */
#include "tour/tour_facts.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/call.h"

/* The kernel's numbers; netinet/tcp.h has them too, but does not go together with linux/tcp.h. */
enum {
	ESTABLISHED = 1,
	SYN_SENT = 2,
	FIN_WAIT1 = 4,
	TIME_WAIT = 6,
	CLOSED = 7,
	CLOSE_WAIT = 8,
	LAST_ACK = 9,
	LISTENING = 10
};

#define CHUNK_SIZE 8192 /* a line has 150 bytes */

const char *tour_facts_state_name(unsigned state)
{
	static const char *const names[] = { "-", "ESTABLISHED", "SYN_SENT", "SYN_RECV",
		"FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN",
		"CLOSING", "SYN_RECV" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

bool tour_facts_parse_row(const char *line, struct tour_facts_row *ret_row)
{
	struct tour_facts_row row;
	unsigned slot, local, remote;

	if (sscanf(line, " %u: %8x:%4x %8x:%4x %2x %8lx:%8lx", &slot, &local, &row.local_port,
		    &remote, &row.remote_port, &row.state, &row.to_send, &row.to_read) != 8)
		return false;
	*ret_row = row;
	return true;
}

static bool is_client(size_t slot)
{
	return slot >= TOUR_CLI;
}

/* The client of one of the server's connections. */
static size_t client_of(size_t slot)
{
	return slot == TOUR_CONN_2 ? TOUR_CLI_2 : TOUR_CLI;
}

static void learn_ports(struct tour_world *world)
{
	for (size_t i = TOUR_CONN; i < TOUR_SLOTS; i++) {
		struct sockaddr_in address = { 0 };
		socklen_t length = sizeof(address);
		int fd = world->fds[i], r;

		if (fd < 0)
			continue;
		r = is_client(i) ? call_getsockname(fd, (struct sockaddr *)&address, &length)
				 : call_getpeername(fd, (struct sockaddr *)&address, &length);
		if (r == 0 && address.sin_port != 0)
			world->client_ports[is_client(i) ? i : client_of(i)] = ntohs(
				address.sin_port);
	}
}

static void ask(const struct tour_world *world, size_t slot, struct tour_fact *ret_fact)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	int fd = world->fds[slot], count = 0;

	ret_fact->fd = fd;
	if (call_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return;
	ret_fact->state = info.tcpi_state;
	if (info.tcpi_state == LISTENING) {
		/* What the two fields mean for a listener: net/ipv4/tcp.c, tcp_get_info(). */
		ret_fact->queue = info.tcpi_unacked;
		ret_fact->backlog = info.tcpi_sacked;
		return;
	}
	ret_fact->bytes_sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
	if (ioctl(fd, SIOCINQ, &count) == 0)
		ret_fact->to_read = count;
	if (ioctl(fd, SIOCOUTQ, &count) == 0)
		ret_fact->to_send = count;
}

static void apply_row(
	const struct tour_world *world, const struct tour_facts_row *row, struct tour_facts *facts)
{
	for (size_t i = TOUR_CONN; i < TOUR_SLOTS; i++) {
		struct tour_fact *fact = &facts->sockets[i];
		uint16_t port = world->client_ports[is_client(i) ? i : client_of(i)];
		unsigned local = is_client(i) ? port : world->port;
		unsigned remote = is_client(i) ? world->port : port;

		/* A descriptor stays behind when its connection has gone into TIME_WAIT. */
		if ((world->fds[i] >= 0 && (fact->state != CLOSED || row->state != TIME_WAIT)) ||
			port == 0 || row->local_port != local || row->remote_port != remote)
			continue;
		fact->state = row->state;
		fact->to_send = (long)row->to_send;
		fact->to_read = (long)row->to_read;
	}
}

/* The kernel looks through all its buckets to make the table, which takes it 10 ms and more. */
static bool is_table_needed(const struct tour_world *world, const struct tour_facts *facts)
{
	for (size_t i = TOUR_CONN; i < TOUR_SLOTS; i++) {
		uint16_t port = world->client_ports[is_client(i) ? i : client_of(i)];

		if (port != 0 && (world->fds[i] < 0 || facts->sockets[i].state == CLOSED))
			return true;
	}
	return false;
}

/* As long as it is: outside of a network of our own it has everybody's connections. */
static void read_table(const struct tour_world *world, struct tour_facts *facts)
{
	char chunk[CHUNK_SIZE];
	struct tour_facts_row row;
	size_t kept = 0; /* bytes of a line that has not ended yet */
	ssize_t got;

	if (world->tcp_table < 0 || !is_table_needed(world, facts) ||
		lseek(world->tcp_table, 0, SEEK_SET) < 0)
		return;
	while ((got = read(world->tcp_table, chunk + kept, sizeof(chunk) - 1 - kept)) > 0) {
		char *line = chunk, *end;

		chunk[kept + (size_t)got] = '\0';
		while ((end = strchr(line, '\n')) != NULL) {
			*end = '\0';
			if (tour_facts_parse_row(line, &row))
				apply_row(world, &row, facts);
			line = end + 1;
		}
		kept = strlen(line);
		memmove(chunk, line, kept);
	}
}

void tour_facts_take(struct tour_world *world, struct tour_facts *ret_facts)
{
	memset(ret_facts, 0, sizeof(*ret_facts));
	learn_ports(world);
	for (size_t i = 0; i < TOUR_SLOTS; i++) {
		ret_facts->sockets[i].fd = -1;
		if (world->fds[i] >= 0)
			ask(world, i, &ret_facts->sockets[i]);
	}
	read_table(world, ret_facts);
	ret_facts->sigpipes = tour_world_sigpipes();
}

/* ---- what must have been on the wire ---- */

struct direction {
	const struct tour_fact *before, *after;
	uint16_t from_port, to_port;
};

static void infer_one(
	const struct direction *way, uint8_t flags, uint32_t length, struct tour_log *log)
{
	struct tour_packet packet = { .from_port = way->from_port,
		.to_port = way->to_port,
		.flags = flags,
		.window = UINT16_MAX,
		.length = length };

	tour_log_add_packet(log, &packet);
}

static bool was_open(const struct tour_fact *fact)
{
	return fact->state == ESTABLISHED || fact->state == CLOSE_WAIT;
}

static void infer_direction(
	const struct direction *way, const struct tour_fact *peer, struct tour_log *log)
{
	unsigned state = way->after->state;

	if (way->after->bytes_sent > way->before->bytes_sent)
		infer_one(way, TOUR_ACK,
			(uint32_t)(way->after->bytes_sent - way->before->bytes_sent), log);
	if (was_open(way->before) &&
		((state >= FIN_WAIT1 && state <= TIME_WAIT) || state == LAST_ACK ||
			peer->state == CLOSE_WAIT))
		infer_one(way, TOUR_FIN | TOUR_ACK, 0, log);
	else if (was_open(way->before) && way->after->fd < 0 && state == 0 && peer->state == CLOSED)
		infer_one(way, TOUR_RST | TOUR_ACK, 0, log);
}

static bool is_new(unsigned state)
{
	return state == 0 || state == CLOSED;
}

void tour_facts_infer(const struct tour_world *world, const struct tour_facts *before,
	const struct tour_facts *after, struct tour_log *log)
{
	for (size_t i = TOUR_CLI; i < TOUR_SLOTS; i++) {
		size_t conn = i == TOUR_CLI_2 ? TOUR_CONN_2 : TOUR_CONN;
		const struct tour_fact *was = &before->sockets[i], *is = &after->sockets[i];
		struct direction up = { was, is, world->client_ports[i], world->port };
		struct direction down = { &before->sockets[conn], &after->sockets[conn],
			world->port, world->client_ports[i] };

		if (is_new(was->state) && !is_new(is->state)) {
			infer_one(&up, TOUR_SYN, 0, log);
			if (is->state == SYN_SENT)
				continue;
			infer_one(&down, TOUR_SYN_ACK, 0, log);
			infer_one(&up, TOUR_ACK, 0, log);
		}
		if (i >= TOUR_CROWD)
			continue;
		infer_direction(&up, down.after, log);
		infer_direction(&down, is, log);
	}
}
