/*
 * Whole messages: one datagram in, at most one out, to where it came from, from the address that it
 * was sent to. On a wildcard socket the kernel would choose the source of the answer by routing; the
 * client, or its firewall, would not know it. So the address asked comes in as IP_PKTINFO (ip(7)) or
 * IPV6_PKTINFO (RFC 3542) and goes back with the answer.
 *
 * An answer that the kernel cannot take at once is kept, alone, and receiving waits: the queue is the
 * socket's own. On unix sockets "full" is the *peer's* queue, and waiting would let one peer that
 * does not read stop all others: that answer is lost, as it would be in UDP.
 */
#include "engine/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "engine/drive.h"
#include "net/call.h"

/* The largest UDP payload is 65,507 bytes in IPv4, 65,527 in IPv6 without jumbograms. */
#define UDP_ROOM_BYTES (64u << 10)
/* A unix datagram may be as large as the sender's buffer: twice net.core.wmem_max at most. */
#define UNIX_ROOM_BYTES (512u << 10)

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

int datagram_open(int fd, enum addr_scheme scheme, struct datagram **ret_datagram)
{
	struct datagram *datagram = calloc(1, sizeof(*datagram));
	socklen_t length = sizeof(datagram->family);
	int r = -ENOMEM;

	if (datagram == NULL) {
		call_close(fd);
		return r;
	}
	datagram->fd = fd;
	datagram->scheme = scheme;
	datagram->room_bytes = scheme == ADDR_UDP ? UDP_ROOM_BYTES : UNIX_ROOM_BYTES;
	datagram->room = malloc(datagram->room_bytes);
	if (datagram->room != NULL)
		r = call_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &datagram->family, &length);
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
	free(datagram->room);
	free(datagram);
}

/* ---- the address asked ---- */

static void map_ipv4(struct in6_addr *mapped, struct in_addr plain)
{
	*mapped = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&mapped->s6_addr[12], &plain, sizeof(plain));
}

static void note_asked(struct datagram *datagram, const struct cmsghdr *header)
{
	if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo asked;

		/* ipi_addr is what the header says, ipi_spec_dst our own address (ip(7)). */
		memcpy(&asked, CMSG_DATA(header), sizeof(asked));
		datagram->asked_group = asked.ipi_addr.s_addr != asked.ipi_spec_dst.s_addr;
		datagram->asked6 = (struct in6_pktinfo){ 0 };
		map_ipv4(&datagram->asked6.ipi6_addr, asked.ipi_spec_dst);
		datagram->asked_known = true;
	} else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo asked;

		memcpy(&asked, CMSG_DATA(header), sizeof(asked));
		if (IN6_IS_ADDR_V4MAPPED(&asked.ipi6_addr))
			return; /* IP_PKTINFO, which comes too, knows more */
		datagram->asked_group = IN6_IS_ADDR_MULTICAST(&asked.ipi6_addr);
		/* Routing chooses the interface, except where the address alone names no place. */
		if (!IN6_IS_ADDR_LINKLOCAL(&asked.ipi6_addr))
			asked.ipi6_ifindex = 0;
		datagram->asked6 = asked;
		datagram->asked_known = true;
	}
}

/* The control message that makes the answer leave from the address asked. */
static void set_source(
	const struct datagram *datagram, struct msghdr *message, union control *control)
{
	if (!datagram->asked_known)
		return;
	memset(control, 0, sizeof(*control));
	message->msg_control = control;
	if (datagram->family == AF_INET) {
		struct in_pktinfo source = { 0 };

		memcpy(&source.ipi_spec_dst, &datagram->asked6.ipi6_addr.s6_addr[12],
			sizeof(source.ipi_spec_dst));
		control->header.cmsg_level = IPPROTO_IP;
		control->header.cmsg_type = IP_PKTINFO;
		control->header.cmsg_len = CMSG_LEN(sizeof(source));
		message->msg_controllen = CMSG_SPACE(sizeof(source));
		memcpy(CMSG_DATA(&control->header), &source, sizeof(source));
	} else {
		control->header.cmsg_level = IPPROTO_IPV6;
		control->header.cmsg_type = IPV6_PKTINFO;
		control->header.cmsg_len = CMSG_LEN(sizeof(datagram->asked6));
		message->msg_controllen = CMSG_SPACE(sizeof(datagram->asked6));
		memcpy(CMSG_DATA(&control->header), &datagram->asked6, sizeof(datagram->asked6));
	}
}

/* ---- in and out ---- */

static int32_t peer_port(const struct datagram *datagram)
{
	if (datagram->family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&datagram->peer)->sin_port);
	if (datagram->family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&datagram->peer)->sin6_port);
	return -1;
}

static void tell_outcome(
	struct engine *engine, enum protocol_event_kind kind, size_t count, int error)
{
	struct protocol_event event = { .kind = kind, .count = count, .error = error };
	struct protocol_answer ignored;

	drive_tell_datagram(engine, &event, &ignored);
}

/* Sends the answer that waits. False if it must wait on. */
static bool send_answer(struct engine *engine, struct datagram *datagram)
{
	struct iovec vector = {
		.iov_base = (void *)datagram->answer.bytes,
		.iov_len = datagram->answer.length,
	};
	struct msghdr message = {
		.msg_name = &datagram->peer,
		.msg_namelen = datagram->peer_length,
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};
	union control control;

	set_source(datagram, &message, &control);

	ssize_t n = call_sendmsg(datagram->fd, &message, MSG_NOSIGNAL);

	if (n == -EAGAIN && datagram->scheme == ADDR_UDP)
		return false;
	if (n >= 0)
		tell_outcome(engine, PROTOCOL_DATAGRAM_SENT, (size_t)n, 0);
	else
		tell_outcome(engine, PROTOCOL_DATAGRAM_LOST, 0, (int)n);
	return true;
}

/* Receives one and asks what to answer. False when there is none. */
static bool receive_one(struct engine *engine, struct datagram *datagram)
{
	union control control;
	struct iovec vector = { .iov_base = datagram->room, .iov_len = datagram->room_bytes };
	struct msghdr message = {
		.msg_name = &datagram->peer,
		.msg_namelen = sizeof(datagram->peer),
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = datagram->family == AF_UNIX ? NULL : &control,
		.msg_controllen = datagram->family == AF_UNIX ? 0 : sizeof(control),
	};
	ssize_t n = call_recvmsg(datagram->fd, &message, 0);

	if (n < 0)
		return n != -EAGAIN; /* others are late ICMP errors of earlier answers: go on */
	datagram->peer_length = message.msg_namelen;
	datagram->asked_known = datagram->asked_group = false;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
		header = CMSG_NXTHDR(&message, header))
		note_asked(datagram, header);

	struct protocol_event event = {
		.kind = PROTOCOL_DATAGRAM,
		.span = { .bytes = datagram->room, .length = (uint32_t)n },
		.peer_port = peer_port(datagram),
		.peer_named = datagram->peer_length > sizeof(sa_family_t),
		.to_group = datagram->asked_group,
		.truncated = (message.msg_flags & MSG_TRUNC) != 0,
	};
	struct protocol_answer answer;

	drive_tell_datagram(engine, &event, &answer);
	datagram->answer = answer.send;
	datagram->waiting = answer.send.bytes != NULL; /* may be empty, and is then sent empty */
	return true;
}

void datagram_echo_some(struct engine *engine, struct datagram *datagram, unsigned most)
{
	for (unsigned i = 0; i < most; i++) {
		if (datagram->waiting && !send_answer(engine, datagram))
			return;
		datagram->waiting = false;
		if (!receive_one(engine, datagram))
			return;
	}
	/* The last one of a turn is answered in this turn. */
	if (datagram->waiting && send_answer(engine, datagram))
		datagram->waiting = false;
}
