/*
 * The limit of readiness loops, tcp and unix streams: one receive and one send an echo, and one epoll_wait
 * for everybody who was ready. Level-triggered, because a short receive then needs no second
 * call and no memory of what was ready.
 *
 * Left out: everything. The send waits, so one peer that does not read stops all others; running out
 * of descriptors spins; nothing is counted, capped, timed or told.
 */
#include "floor.h"
#include <sys/epoll.h>

int main(int argc, char **argv)
{
	static char buffer[FLOOR_BUFFER];
	struct epoll_event events[256], event = { .events = EPOLLIN };
	int listener = floor_socket(argc, argv), epoll = floor_must(epoll_create1(0), "epoll");

	event.data.fd = listener;
	floor_must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
	for (;;) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			ssize_t length;

			if (fd == listener) {
				event.data.fd = accept(listener, NULL, NULL);
				epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
				continue;
			}
			length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
			if (length <= 0 || send(fd, buffer, (size_t)length, 0) != length)
				close(fd);
		}
	}
}
