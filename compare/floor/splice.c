/*
 * The limit of bulk: nobody copies. Pages go from the socket into a pipe and from there back into the
 * socket (splice(2)), a pipe for each connection; both ends are edge-triggered and never wait.
 *
 * Unlike the other floors it is exact, and compare/run asks it as it asks the others: a peer that does
 * not read stops only itself (its pipe is full), half-close is answered when the pipe is empty, short
 * splices go on, SIGPIPE is ignored (splice has no MSG_NOSIGNAL).
 *
 * Left out: urgent data (splice stops there), caps, times, fairness (a connection has its turn until it
 * has nothing more), what to do without descriptors.
 */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>

enum { PIPE_BYTES = 256 * 1024, STEP = 1 << 20 };

struct connection {
	int fd, pipe[2];
	size_t held; /* bytes in the pipe */
	bool ended; /* the peer has finished */
};

static void finish(struct connection *connection)
{
	close(connection->fd);
	close(connection->pipe[0]);
	close(connection->pipe[1]);
	free(connection);
}

static void begin(int listener, int epoll)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection };

	if (connection == NULL)
		abort();
	connection->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (connection->fd < 0) {
		free(connection);
		return;
	}
	floor_must(pipe2(connection->pipe, O_NONBLOCK), "pipe2");
	fcntl(connection->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	floor_must(epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event), "epoll_ctl");
}

/* Moves until both ends say EAGAIN. */
static void serve(struct connection *connection)
{
	for (;;) {
		ssize_t in = -1, out = -1;

		if (!connection->ended) {
			in = splice(connection->fd, NULL, connection->pipe[1], NULL, STEP,
				SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (in < 0 && errno != EAGAIN)
				return finish(connection);
			connection->ended = in == 0;
			connection->held += in > 0 ? (size_t)in : 0;
		}
		if (connection->held > 0) {
			out = splice(connection->pipe[0], NULL, connection->fd, NULL, connection->held,
				SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (out < 0 && errno != EAGAIN)
				return finish(connection);
			connection->held -= out > 0 ? (size_t)out : 0;
		}
		if (connection->ended && connection->held == 0)
			return finish(connection);
		if (in <= 0 && out <= 0)
			return;
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[256], event = { .events = EPOLLIN };
	int listener = floor_socket(argc, argv), epoll = floor_must(epoll_create1(0), "epoll");

	floor_must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
	for (;;) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				begin(listener, epoll);
			else
				serve(events[i].data.ptr);
		}
	}
}
