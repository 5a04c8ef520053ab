/*
 * AF_PACKET with ETH_P_IP gives each packet on `lo` once: as it arrives. (ETH_P_ALL would show it twice.)
 * Segments there may be 64 KiB long, so only the headers are taken.
 */
#include "tour/tour_packets.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/call.h"

/* Two headers with all their options. */
#define HEADERS_SIZE 128

int tour_packets_open(void)
{
	struct sockaddr_ll lo = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("lo"),
	};
	int on = 1, room_bytes = 4 << 20;
	int fd = call_socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_IP));
	int r;

	if (fd < 0)
		return fd;
	r = call_bind(fd, (struct sockaddr *)&lo, sizeof(lo));
	if (r == 0)
		r = call_setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (r < 0) {
		close(fd);
		return r;
	}
	/* As much as the system gives: a stop sends some hundred packets at most. */
	call_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room_bytes, sizeof(room_bytes));
	return fd;
}

bool tour_packets_parse(const uint8_t *bytes, size_t length, struct tour_packet *ret_packet)
{
	struct iphdr ip;
	struct tcphdr tcp;
	size_t ip_length, tcp_length, total;

	if (length < sizeof(ip))
		return false;
	memcpy(&ip, bytes, sizeof(ip));
	ip_length = ip.ihl * 4u;
	if (ip.version != 4 || ip.protocol != IPPROTO_TCP || ip_length < sizeof(ip) ||
		length < ip_length + sizeof(tcp))
		return false;
	memcpy(&tcp, bytes + ip_length, sizeof(tcp));
	tcp_length = tcp.doff * 4u;
	total = ntohs(ip.tot_len);
	if (tcp_length < sizeof(tcp) || total < ip_length + tcp_length)
		return false;
	*ret_packet = (struct tour_packet){
		.from_port = ntohs(tcp.source),
		.to_port = ntohs(tcp.dest),
		.flags = (uint8_t)((tcp.fin ? TOUR_FIN : 0) | (tcp.syn ? TOUR_SYN : 0) |
			(tcp.rst ? TOUR_RST : 0) | (tcp.ack ? TOUR_ACK : 0)),
		.window = ntohs(tcp.window),
		.length = (uint32_t)(total - ip_length - tcp_length),
	};
	return true;
}

static uint64_t time_of(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		struct timespec when;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&when, CMSG_DATA(c), sizeof(when));
		return (uint64_t)when.tv_sec * CLOCK_NS_PER_S + (uint64_t)when.tv_nsec;
	}
	return clock_wall_ns();
}

bool tour_packets_next(int fd, struct tour_packet *ret_packet)
{
	uint8_t headers[HEADERS_SIZE];
	char control[CMSG_SPACE(sizeof(struct timespec))];
	ssize_t got;

	do {
		struct iovec place = { headers, sizeof(headers) };
		struct msghdr message = { .msg_iov = &place,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };

		got = recvmsg(fd, &message, MSG_DONTWAIT);
		if (got > 0 && tour_packets_parse(headers, (size_t)got, ret_packet)) {
			ret_packet->when_ns = time_of(&message);
			return true;
		}
	} while (got >= 0);
	return false;
}
