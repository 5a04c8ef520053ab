/*
 * Receiving in batches, and taking trains apart.
 *
 * There is no buffer for the control messages of a unix datagram: the kernel then closes the
 * descriptors that came with it (unix(7)). A datagram that did not fit is handed out as truncated,
 * never as if it were whole; of a train that did not fit, only the datagram that was cut.
 */
#include "engine/arrivals.h"

#include <netinet/udp.h>
#include <string.h>

#include "net/call.h"

static void prepare(struct arrivals *arrivals, enum addr_scheme scheme, unsigned most)
{
	size_t stride = scheme == ADDR_UDP ? ARRIVALS_UDP_STRIDE : ARRIVALS_UNIX_BYTES;

	for (unsigned i = 0; i < most; i++) {
		struct msghdr *header = &arrivals->messages[i].msg_hdr;

		arrivals->vectors[i].iov_base = arrivals->buffer + i * stride;
		arrivals->vectors[i].iov_len = scheme == ADDR_UDP ? ARRIVALS_UDP_BYTES
								  : ARRIVALS_UNIX_BYTES;
		header->msg_name = &arrivals->peers[i];
		header->msg_namelen = sizeof(arrivals->peers[i]);
		header->msg_iov = &arrivals->vectors[i];
		header->msg_iovlen = 1;
		header->msg_control = scheme == ADDR_UDP ? &arrivals->controls[i] : NULL;
		header->msg_controllen = scheme == ADDR_UDP ? sizeof(arrivals->controls[i]) : 0;
	}
}

int arrivals_receive(struct arrivals *arrivals, int fd, enum addr_scheme scheme, bool *reterr_full)
{
	unsigned most = scheme == ADDR_UDP ? ARRIVALS_MOST : ARRIVALS_UNIX_MOST;
	int n;

	prepare(arrivals, scheme, most);
	n = call_recvmmsg(fd, arrivals->messages, most, MSG_DONTWAIT);
	arrivals->count = n > 0 ? (unsigned)n : 0;
	arrivals->at = 0;
	arrivals->offset = 0;
	*reterr_full = arrivals->count == most;
	return n;
}

/* The control messages of the message that is next. */
static void read_controls(struct arrivals *arrivals)
{
	struct msghdr *message = &arrivals->messages[arrivals->at].msg_hdr;
	int segment_bytes = 0;

	arrivals->asked.known = arrivals->asked.to_group = false;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
		header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO &&
			header->cmsg_len >= CMSG_LEN(sizeof(segment_bytes)))
			memcpy(&segment_bytes, CMSG_DATA(header), sizeof(segment_bytes));
		else
			pktinfo_note(&arrivals->asked, header);
	}
	/* The address that it was sent to may be missing, or that it is a train. */
	if (message->msg_flags & MSG_CTRUNC && message->msg_control != NULL)
		arrivals->asked.to_group = true;
	/* Without that control message it is no train, but one datagram. */
	arrivals->segment_bytes = segment_bytes > 0 ? (uint32_t)segment_bytes : UINT32_MAX;
}

bool arrivals_next(struct arrivals *arrivals, struct arrival *ret_arrival)
{
	const struct mmsghdr *message = &arrivals->messages[arrivals->at];
	uint32_t rest;

	if (arrivals->at == arrivals->count)
		return false;
	if (arrivals->offset == 0)
		read_controls(arrivals);
	rest = message->msg_len - arrivals->offset;
	*ret_arrival = (struct arrival){
		.span.bytes = (unsigned char *)message->msg_hdr.msg_iov->iov_base +
			arrivals->offset,
		.span.length = rest < arrivals->segment_bytes ? rest : arrivals->segment_bytes,
		.peer = &arrivals->peers[arrivals->at],
		.peer_length = message->msg_hdr.msg_namelen,
		.asked = &arrivals->asked,
	};
	arrivals->offset += ret_arrival->span.length;
	if (arrivals->offset == message->msg_len) {
		ret_arrival->truncated = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
		arrivals->at++;
		arrivals->offset = 0;
	}
	return true;
}
