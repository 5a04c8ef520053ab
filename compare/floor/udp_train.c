/*
 * The limit of datagrams in trains: what one sender sent in a row comes in as one piece (UDP_GRO) and goes
 * back as one (UDP_SEGMENT), in batches of recvmmsg and sendmmsg. A train is told by the length of its
 * datagrams, a control message in either direction.
 *
 * Left out: the address that was asked, peers that are echo services themselves, trains that the kernel
 * does not take back, answers to one peer that did not come as a train.
 */
#include "floor.h"

#include <netinet/udp.h>

enum { BATCH = 64, MESSAGE = 65536 + 192 };

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static char buffers[BATCH][MESSAGE];
static struct sockaddr_in peers[BATCH];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static union control controls[BATCH];

/* Turns what was received into what is to be sent. */
static void turn(int i)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(&messages[i].msg_hdr);
	unsigned short length;
	int told;

	parts[i].iov_len = messages[i].msg_len;
	if (header == NULL) {
		messages[i].msg_hdr.msg_controllen = 0;
		return;
	}
	memcpy(&told, CMSG_DATA(header), sizeof(told));
	length = (unsigned short)told;
	header->cmsg_type = UDP_SEGMENT;
	header->cmsg_len = CMSG_LEN(sizeof(length));
	memcpy(CMSG_DATA(header), &length, sizeof(length));
	messages[i].msg_hdr.msg_controllen = CMSG_SPACE(sizeof(length));
}

int main(int argc, char **argv)
{
	int fd = floor_socket(argc, argv), on = 1;

	floor_must(setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), "UDP_GRO");
	for (int i = 0; i < BATCH; i++) {
		parts[i].iov_base = buffers[i];
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &peers[i];
		messages[i].msg_hdr.msg_control = &controls[i];
	}
	for (;;) {
		int count;

		for (int i = 0; i < BATCH; i++) {
			parts[i].iov_len = 65536;
			messages[i].msg_hdr.msg_namelen = sizeof(peers[i]);
			messages[i].msg_hdr.msg_controllen = sizeof(controls[i]);
		}
		count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < count; i++)
			turn(i);
		for (int sent = 0; sent < count;) {
			int n = sendmmsg(fd, messages + sent, (unsigned int)(count - sent), 0);

			sent += n > 0 ? n : 1;
		}
	}
}
