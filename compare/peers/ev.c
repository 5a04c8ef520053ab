/*
 * An exact echo on libev: receive, send, and only when the kernel takes less than everything, keep
 * the rest, stop the watcher for reading and start the one for writing. So nothing is unsent when the
 * peer's stream ends, and one buffer serves all connections.
 *
 *	peer-ev tcp:PORT|unix:PATH
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct connection {
	ev_io readable, writable;
	char *rest;
	size_t length, sent; /* of the rest */
};

static char buffer[64 * 1024];

static void drop(struct ev_loop *loop, struct connection *connection)
{
	ev_io_stop(loop, &connection->readable);
	ev_io_stop(loop, &connection->writable);
	close(connection->readable.fd);
	free(connection->rest);
	free(connection);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct connection *connection = watcher->data;
	ssize_t sent = send(watcher->fd, connection->rest + connection->sent,
		connection->length - connection->sent, MSG_NOSIGNAL);

	(void)events;
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(loop, connection);
		return;
	}
	connection->sent += (size_t)sent;
	if (connection->sent < connection->length)
		return;
	free(connection->rest);
	connection->rest = NULL;
	ev_io_stop(loop, &connection->writable);
	ev_io_start(loop, &connection->readable);
}

static void keep(
	struct ev_loop *loop, struct connection *connection, const char *rest, size_t length)
{
	connection->rest = malloc(length);
	if (connection->rest == NULL) {
		drop(loop, connection);
		return;
	}
	memcpy(connection->rest, rest, length);
	connection->length = length;
	connection->sent = 0;
	ev_io_stop(loop, &connection->readable);
	ev_io_start(loop, &connection->writable);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct connection *connection = watcher->data;
	ssize_t length = recv(watcher->fd, buffer, sizeof(buffer), 0), sent;

	(void)events;
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		drop(loop, connection);
		return;
	}
	sent = send(watcher->fd, buffer, (size_t)length, MSG_NOSIGNAL);
	if (sent == length)
		return;
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		drop(loop, connection);
		return;
	}
	if (sent < 0)
		sent = 0;
	keep(loop, connection, buffer + sent, (size_t)(length - sent));
}

static void on_accept(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)events;
	for (int i = 0; i < 64; i++) {
		int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct connection *connection;

		if (fd < 0)
			return;
		connection = calloc(1, sizeof(*connection));
		if (connection == NULL) {
			close(fd);
			return;
		}
		ev_io_init(&connection->readable, on_readable, fd, EV_READ);
		ev_io_init(&connection->writable, on_writable, fd, EV_WRITE);
		connection->readable.data = connection->writable.data = connection;
		ev_io_start(loop, &connection->readable);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in inet = { .sin_family = AF_INET };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct ev_loop *loop = ev_default_loop(0);
	int on = 1, fd = -1, status = -1;
	ev_io listener;

	if (argc == 2 && strncmp(argv[1], "tcp:", 4) == 0) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		inet.sin_port = htons((unsigned short)atoi(argv[1] + 4));
		status = bind(fd, (struct sockaddr *)&inet, sizeof(inet));
	} else if (argc == 2 && strncmp(argv[1], "unix:", 5) == 0 &&
		strlen(argv[1] + 5) < sizeof(local.sun_path)) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		strcpy(local.sun_path, argv[1] + 5);
		status = bind(fd, (struct sockaddr *)&local, sizeof(local));
	}
	if (status < 0 || listen(fd, 4096) < 0)
		return 2;
	ev_io_init(&listener, on_accept, fd, EV_READ);
	ev_io_start(loop, &listener);
	return !ev_run(loop, 0);
}
