/*
 * The limit of latency: one connection at a time, asked again and again without ever sleeping. Its other
 * half is `load --spin`. What remains of a round trip is the kernel's path through loopback, twice.
 *
 * Left out: a second connection, and any rest for the processor: it is always wholly busy, idle or not.
 */
#include "floor.h"
#include <errno.h>

int main(int argc, char **argv)
{
	static char buffer[FLOOR_BUFFER];
	int listener = floor_socket(argc, argv);

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		for (;;) {
			ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

			if (length < 0 && errno == EAGAIN)
				continue;
			if (length <= 0 || send(fd, buffer, (size_t)length, 0) != length)
				break;
		}
		close(fd);
	}
}
