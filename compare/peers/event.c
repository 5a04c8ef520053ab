/*
 * An exact echo on libevent's bufferevents: what was read is moved (not copied) to the output; with
 * more than CAP unsent, reading stops until the output has run empty; a peer's end of stream is kept in
 * mind until then, too.
 *
 *	peer-event tcp:PORT|unix:PATH
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { CAP = 256 * 1024 };

static char ended; /* its address marks a connection whose peer has finished */

static void on_read(struct bufferevent *connection, void *context)
{
	struct evbuffer *output = bufferevent_get_output(connection);

	(void)context;
	evbuffer_add_buffer(output, bufferevent_get_input(connection));
	if (evbuffer_get_length(output) > CAP)
		bufferevent_disable(connection, EV_READ);
}

/* Called when the output has run empty. */
static void on_written(struct bufferevent *connection, void *context)
{
	if (context == &ended)
		bufferevent_free(connection);
	else if (!(bufferevent_get_enabled(connection) & EV_READ))
		bufferevent_enable(connection, EV_READ);
}

static void on_event(struct bufferevent *connection, short what, void *context)
{
	(void)context;
	if ((what & BEV_EVENT_ERROR) ||
		evbuffer_get_length(bufferevent_get_output(connection)) == 0)
		bufferevent_free(connection);
	else if (what & BEV_EVENT_EOF)
		bufferevent_setcb(connection, on_read, on_written, on_event, &ended);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
	int size, void *context)
{
	struct bufferevent *connection = bufferevent_socket_new(
		evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)size, (void)context;
	if (connection == NULL) {
		evutil_closesocket(fd);
		return;
	}
	if (peer->sa_family == AF_INET)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bufferevent_setcb(connection, on_read, on_written, on_event, NULL);
	bufferevent_set_max_single_read(connection, 64 * 1024);
	bufferevent_set_max_single_write(connection, 64 * 1024);
	bufferevent_enable(connection, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
	struct sockaddr_in inet = { .sin_family = AF_INET };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr *name = NULL;
	int size = 0;
	struct event_base *base = event_base_new();

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strncmp(argv[1], "tcp:", 4) == 0) {
		inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		inet.sin_port = htons((unsigned short)atoi(argv[1] + 4));
		name = (struct sockaddr *)&inet, size = sizeof(inet);
	} else if (argc == 2 && strncmp(argv[1], "unix:", 5) == 0 &&
		strlen(argv[1] + 5) < sizeof(local.sun_path)) {
		strcpy(local.sun_path, argv[1] + 5);
		name = (struct sockaddr *)&local, size = sizeof(local);
	}
	if (name == NULL ||
		evconnlistener_new_bind(base, on_accept, NULL,
			LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE, 4096, name, size) == NULL)
		return 2;
	return event_base_dispatch(base);
}
