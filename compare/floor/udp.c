/*
 * The limit of the plain way to echo datagrams: recvfrom, sendto, one of each a datagram.
 *
 * Left out: the address that was asked (a server with several answers from the wrong one), peers that
 * are echo services themselves (two of them loop for ever), larger buffers.
 */
#include "floor.h"

int main(int argc, char **argv)
{
	static char buffer[65536];
	int fd = floor_socket(argc, argv);

	for (;;) {
		struct sockaddr_in peer;
		socklen_t size = sizeof(peer);
		ssize_t length = recvfrom(
			fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&peer, &size);

		if (length >= 0)
			sendto(fd, buffer, (size_t)length, 0, (struct sockaddr *)&peer, size);
	}
}
