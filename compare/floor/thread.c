/*
 * The limit of a thread per connection, tcp and unix streams: two system calls an echo and nothing
 * else, everything waits in the kernel. What it costs is the switch between threads and a stack for each.
 *
 * Left out: a cap on threads (a crowd of idle peers is a crowd of stacks), any way to end, errors.
 */
#include "floor.h"
#include <pthread.h>
#include <stdint.h>

enum { BUFFER = 64 * 1024, STACK = BUFFER + 64 * 1024 };

static void *serve(void *argument)
{
	int fd = (int)(intptr_t)argument;
	char buffer[BUFFER];
	ssize_t length;

	while ((length = recv(fd, buffer, sizeof(buffer), 0)) > 0)
		if (send(fd, buffer, (size_t)length, 0) != length)
			break;
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	int listener = floor_socket(argc, argv);
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd >= 0 &&
			pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd) != 0)
			close(fd);
	}
}
