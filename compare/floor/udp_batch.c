/*
 * The limit of datagrams in batches: one recvmmsg for all that wait, one sendmmsg for all answers. A
 * datagram is answered from the very buffer and address structure that it came in.
 *
 * Left out: the address that was asked, peers that are echo services themselves, a datagram that the
 * kernel refuses (the rest of its batch is dropped).
 */
#include "floor.h"

enum { BATCH = 64, DATAGRAM = 65536 };

int main(int argc, char **argv)
{
	static char buffers[BATCH][DATAGRAM];
	static struct sockaddr_in peers[BATCH];
	static struct mmsghdr messages[BATCH];
	static struct iovec parts[BATCH];
	int fd = floor_socket(argc, argv);

	for (int i = 0; i < BATCH; i++) {
		parts[i].iov_base = buffers[i];
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &peers[i];
	}
	for (;;) {
		int count;

		for (int i = 0; i < BATCH; i++) {
			parts[i].iov_len = DATAGRAM;
			messages[i].msg_hdr.msg_namelen = sizeof(peers[i]);
		}
		count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < count; i++)
			parts[i].iov_len = messages[i].msg_len;
		if (count > 0)
			sendmmsg(fd, messages, (unsigned int)count, 0);
	}
}
