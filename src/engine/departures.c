/*
 * Sending in batches. sendmmsg(2) stops at the first message that fails, and returns its error only
 * if no message went before it: so the rest is tried again, and the message that is then first
 * cannot be sent.
 *
 * A train that the kernel refuses may be sound one by one: its datagrams are longer than the path
 * allows (EINVAL, EMSGSIZE), the interface does not compute check sums (EIO), a filter counts
 * packets (EPERM). So its datagrams are sent one by one, and only those that fail then are lost.
 *
 * On unix sockets "full" is the *peer's* queue. Waiting for it would let one peer that does not
 * read stop all others, so that answer is lost, as it would be in UDP.
 */
#include "engine/departures.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "engine/datagram_event.h"
#include "net/call.h"

/* ---- putting together ---- */

static bool can_join(const struct departures *departures, const struct arrival *arrival,
	const struct protocol_span *answer)
{
	const struct departure *last;
	const struct msghdr *message;

	if (departures->count == 0)
		return false;
	last = &departures->sends[departures->count - 1];
	message = &departures->messages[departures->count - 1].msg_hdr;
	if (last->complete || last->singly || last->datagrams == DEPARTURES_TRAIN_MOST ||
		answer->length == 0 || answer->length > last->segment_bytes ||
		last->segment_bytes > DEPARTURES_SEGMENT_MOST_BYTES ||
		last->bytes + answer->length > DEPARTURES_TRAIN_BYTES)
		return false;
	if (message->msg_name == arrival->peer)
		return true; /* they came in the same train */
	return message->msg_namelen == arrival->peer_length &&
		pktinfo_is_same(&last->source, arrival->asked) &&
		memcmp(message->msg_name, arrival->peer, arrival->peer_length) == 0;
}

/*
 * The control message by which the kernel takes a train apart, behind the one with the source
 * address.
 */
static void make_train(struct departures *departures, unsigned which)
{
	const struct departure *send = &departures->sends[which];
	uint16_t segment_bytes = (uint16_t)send->segment_bytes;
	struct cmsghdr *header = (struct cmsghdr *)(departures->controls[which].bytes +
		send->source_length);

	memset(header, 0, CMSG_SPACE(sizeof(segment_bytes)));
	header->cmsg_level = IPPROTO_UDP;
	header->cmsg_type = UDP_SEGMENT;
	header->cmsg_len = CMSG_LEN(sizeof(segment_bytes));
	memcpy(CMSG_DATA(header), &segment_bytes, sizeof(segment_bytes));
	departures->messages[which].msg_hdr.msg_controllen = send->source_length +
		CMSG_SPACE(sizeof(segment_bytes));
}

static void join(struct departures *departures, const struct protocol_span *answer)
{
	unsigned which = departures->count - 1;
	struct departure *last = &departures->sends[which];
	struct iovec *vector = &departures->vectors[departures->vector_count - 1];

	last->datagrams++;
	last->bytes += answer->length;
	last->complete = answer->length < last->segment_bytes;
	if (last->datagrams == 2)
		make_train(departures, which);
	if ((const unsigned char *)vector->iov_base + vector->iov_len == answer->bytes) {
		vector->iov_len += answer->length; /* both came in the same train */
		return;
	}
	departures->vectors[departures->vector_count++] = (struct iovec){ (void *)answer->bytes,
		answer->length };
	departures->messages[which].msg_hdr.msg_iovlen++;
}

static void begin(struct departures *departures, const struct arrival *arrival,
	const struct protocol_span *answer, int family)
{
	unsigned which = departures->count++;
	struct departure *send = &departures->sends[which];
	struct iovec *vector = &departures->vectors[departures->vector_count++];
	struct cmsghdr *control = &departures->controls[which].header;

	*vector = (struct iovec){ (void *)answer->bytes, answer->length };
	*send = (struct departure){
		.datagrams = 1,
		.segment_bytes = answer->length,
		.bytes = answer->length,
		.source = *arrival->asked,
		.source_length = pktinfo_write(arrival->asked, family, control),
	};
	departures->messages[which].msg_hdr = (struct msghdr){
		.msg_name = (void *)arrival->peer,
		.msg_namelen = arrival->peer_length,
		.msg_iov = vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = send->source_length,
	};
}

void departures_add(struct departures *departures, const struct arrival *arrival,
	const struct protocol_span *answer, int family, bool trains)
{
	if (trains && can_join(departures, arrival, answer))
		join(departures, answer);
	else
		begin(departures, arrival, answer, family);
}

/* ---- sending ---- */

/* Takes the first datagram out of what is left. */
static void drop_first(struct departure *send, struct msghdr *message)
{
	struct iovec *vector = message->msg_iov;
	size_t length = vector->iov_len < send->segment_bytes ? vector->iov_len
							      : send->segment_bytes;

	vector->iov_base = (unsigned char *)vector->iov_base + length;
	vector->iov_len -= length;
	if (vector->iov_len == 0) {
		message->msg_iov++;
		message->msg_iovlen--;
	}
	send->datagrams--;
}

/* Sends the datagrams of a refused train one by one. False: the kernel takes no more now. */
static bool send_singly(struct departures *departures, struct engine *engine, int fd)
{
	struct departure *send = &departures->sends[departures->gone];
	struct msghdr *train = &departures->messages[departures->gone].msg_hdr;

	train->msg_controllen = send->source_length;
	while (send->datagrams > 0) {
		struct iovec vector = *train->msg_iov;
		struct msghdr message = *train;
		ssize_t n;

		if (vector.iov_len > send->segment_bytes)
			vector.iov_len = send->segment_bytes;
		message.msg_iov = &vector;
		message.msg_iovlen = 1;
		n = call_sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -EAGAIN)
			return false;
		if (n >= 0)
			datagram_event_sent(engine, departures->tag, 1);
		else
			datagram_event_lost(engine, departures->tag, 1, (int)n);
		drop_first(send, train);
	}
	departures->gone++;
	return true;
}

static void clear(struct departures *departures)
{
	departures->count = departures->gone = departures->vector_count = 0;
}

static void note_gone(struct departures *departures, struct engine *engine, unsigned sends)
{
	unsigned datagrams = 0;

	for (unsigned i = 0; i < sends; i++)
		datagrams += departures->sends[departures->gone++].datagrams;
	datagram_event_sent(engine, departures->tag, datagrams);
}

bool departures_send(struct departures *departures, struct engine *engine, int fd,
	enum addr_scheme scheme, bool *reterr_refused)
{
	while (departures->gone < departures->count) {
		struct departure *first = &departures->sends[departures->gone];
		int n;

		if (first->singly) {
			if (!send_singly(departures, engine, fd))
				return false;
			continue;
		}
		n = call_sendmmsg(fd, departures->messages + departures->gone,
			departures->count - departures->gone, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			note_gone(departures, engine, (unsigned)n);
		} else if (n == -EAGAIN && scheme == ADDR_UDP) {
			return false;
		} else if (first->datagrams > 1) {
			first->singly = true;
			*reterr_refused = true;
		} else {
			datagram_event_lost(engine, departures->tag, 1, n);
			departures->gone++;
		}
	}
	clear(departures);
	return true;
}

void departures_give_up(struct departures *departures, struct engine *engine, int error)
{
	for (; departures->gone < departures->count; departures->gone++)
		datagram_event_lost(engine, departures->tag,
			departures->sends[departures->gone].datagrams, error);
	clear(departures);
}
