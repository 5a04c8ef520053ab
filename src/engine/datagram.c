/*
 * Whole messages: one datagram in, at most one out (two if a fault duplicates it), to the address
 * that it came from, from the address that it was sent to (pktinfo.c). They come and go in batches,
 * trains included (arrivals.c, departures.c).
 *
 * Answers that the kernel cannot take at once are kept, and the socket is not read from meanwhile:
 * it keeps their batch, and the engine goes on with another. So what waits is bounded by one batch
 * a socket.
 *
 * Answers leave as "not ECN-capable" and with the default service class, whatever the question was
 * marked with: ECT would promise a sender that slows down on congestion (RFC 3168, section 5; RFC
 * 8085, 3.1.7), which an echo is not, and a mark CE is meant for the sender of the question.
 */
#include "engine/datagram.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>

#include "engine/datagram_event.h"
#include "net/call.h"
#include "net/socket.h"

#define WARY_TURNS 1024
#define LAST_TURN 4096

_Static_assert(ARRIVALS_UNIX_MOST *ARRIVALS_UNIX_BYTES <= ARRIVALS_BUFFER_BYTES,
	"unix datagrams use the same buffer");

_Static_assert(sizeof(struct datagram) <= 64, "what an idle socket holds");

/* ---- batches ---- */

static int batch_new(struct datagram_batch **ret_batch)
{
	struct datagram_batch *batch = calloc(1, sizeof(*batch) + ARRIVALS_BUFFER_BYTES);

	if (batch == NULL)
		return -ENOMEM;
	batch->arrivals.buffer = batch->buffer;
	*ret_batch = batch;
	return 0;
}

void datagram_batch_free(struct datagram_batch *batch)
{
	free(batch);
}

/* ---- sockets ---- */

static int prepare(struct datagram *datagram)
{
	socklen_t length = sizeof(datagram->family);
	int r = call_getsockopt(datagram->fd, SOL_SOCKET, SO_DOMAIN, &datagram->family, &length);
	int on = 1, none = 0;

	if (r < 0 || datagram->scheme != ADDR_UDP)
		return r;
	/* On a kernel that has neither, everything goes one by one. */
	call_setsockopt(datagram->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	datagram->trains = call_setsockopt(datagram->fd, IPPROTO_UDP, UDP_SEGMENT, &none,
				   sizeof(none)) == 0;
	return 0;
}

int datagram_open(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag,
	struct datagram **ret_datagram)
{
	struct datagram *datagram = calloc(1, sizeof(*datagram));
	int r = -ENOMEM;

	if (datagram == NULL) {
		call_close(fd);
		return r;
	}
	datagram->fd = fd;
	datagram->scheme = scheme;
	datagram->tag = tag;
	r = engine->datagram_batch == NULL ? batch_new(&engine->datagram_batch) : 0;
	if (r == 0)
		r = prepare(datagram);
	if (r < 0) {
		datagram_close(datagram);
		return r;
	}
	*ret_datagram = datagram;
	return 0;
}

void datagram_close(struct datagram *datagram)
{
	call_close(datagram->fd);
	datagram_batch_free(datagram->waiting);
	free(datagram);
}

/* ---- in and out ---- */

static int32_t peer_port(const struct datagram *datagram, const struct sockaddr_storage *peer)
{
	if (datagram->family == AF_INET)
		return ntohs(((const struct sockaddr_in *)peer)->sin_port);
	if (datagram->family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)peer)->sin6_port);
	return -1;
}

static void ask(struct engine *engine, const struct datagram *datagram,
	const struct arrival *arrival, struct departures *departures)
{
	struct protocol_event event = {
		.kind = PROTOCOL_DATAGRAM,
		.span = arrival->span,
		.peer_port = peer_port(datagram, arrival->peer),
		.peer_named = arrival->peer_length > sizeof(sa_family_t),
		.to_group = arrival->asked->to_group,
		.truncated = arrival->truncated,
		.tag = datagram->tag,
	};
	struct engine_datagram about = {
		.scheme = datagram->scheme,
		.peer = (const struct sockaddr *)arrival->peer,
		.asked = arrival->asked->known ? &arrival->asked->asked.ipi6_addr : NULL,
		.tag = datagram->tag,
	};
	struct protocol_answer answer;
	bool trains = datagram->trains && datagram->wary_turns == 0;

	datagram_event_arrived(engine, &about, &event, &answer);
	if (answer.send.bytes == NULL) /* it may be empty, and is then sent empty */
		return;
	for (int i = answer.twice ? 2 : 1; i > 0; i--) {
		if (answer.wake_ns != 0)
			postponed_add(engine, datagram, arrival, &answer.send, answer.wake_ns);
		else
			departures_add(departures, arrival, &answer.send, datagram->family, trains);
	}
}

/* Answers all datagrams of a batch. False: the kernel takes no more now. */
static bool work_off(struct engine *engine, struct datagram *datagram, struct datagram_batch *batch)
{
	struct departures *departures = &batch->departures;
	struct arrival arrival;
	bool more = true, refused = false, taken;

	departures->tag = datagram->tag;
	do {
		while (!departures_is_full(departures) &&
			(more = arrivals_next(&batch->arrivals, &arrival)))
			ask(engine, datagram, &arrival, departures);
		taken = departures_send(
			departures, engine, datagram->fd, datagram->scheme, &refused);
	} while (taken && more);
	if (refused)
		datagram->wary_turns = WARY_TURNS;
	return taken;
}

/* Works off the batch that waits. False: it goes on waiting. */
static bool go_on(struct engine *engine, struct datagram *datagram)
{
	if (datagram->waiting == NULL)
		return true;
	if (!work_off(engine, datagram, datagram->waiting))
		return false;
	datagram_batch_free(datagram->waiting);
	datagram->waiting = NULL;
	return true;
}

/* The engine's batch holds answers that cannot leave now: the socket keeps it. */
static void keep(struct engine *engine, struct datagram *datagram)
{
	struct datagram_batch *batch = engine->datagram_batch;

	if (batch_new(&engine->datagram_batch) == 0) {
		datagram->waiting = batch;
		return;
	}
	do
		departures_give_up(&batch->departures, engine, -ENOMEM);
	while (!work_off(engine, datagram, batch));
}

/*
 * One that another process has shut down is ready for ever, and has nothing. Asked only when there was nothing though
 * the engine was woken for it, which is rare otherwise (a wrong checksum).
 */
static void check_lost(struct engine *engine, struct datagram *datagram)
{
	if (datagram->lost || !socket_is_shut_down(datagram->fd))
		return;
	datagram->lost = true;
	if (engine->host->listener_lost != NULL)
		engine->host->listener_lost(engine->context, datagram->tag);
}

static void echo_most(struct engine *engine, struct datagram *datagram, unsigned most)
{
	bool full = true;

	if (!go_on(engine, datagram))
		return;
	if (datagram->wary_turns > 0)
		datagram->wary_turns--;
	for (unsigned received = 0; full && received < most;) {
		int n = arrivals_receive(
			&engine->datagram_batch->arrivals, datagram->fd, datagram->scheme, &full);

		if (n == -EAGAIN && received == 0)
			check_lost(engine, datagram);
		if (n == -EAGAIN)
			return;
		/*
		 * Other errors are late ICMP errors of earlier answers: there may be more behind
		 * them.
		 */
		full = full || n < 0;
		received += n > 0 ? (unsigned)n : 1;
		if (!work_off(engine, datagram, engine->datagram_batch)) {
			keep(engine, datagram);
			return;
		}
	}
}

void datagram_echo_some(struct engine *engine, struct datagram *datagram)
{
	echo_most(engine, datagram, DATAGRAM_A_TURN);
}

void datagram_echo_last(struct engine *engine, struct datagram *datagram)
{
	echo_most(engine, datagram, LAST_TURN);
	if (datagram->waiting == NULL)
		return;
	do
		departures_give_up(&datagram->waiting->departures, engine, -EAGAIN);
	while (!work_off(engine, datagram, datagram->waiting));
}
