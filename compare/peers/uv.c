/*
 * An exact echo on libuv: uv_try_write first, which usually takes everything; what it leaves is kept,
 * reading stops until that is written. So nothing is unsent when the peer's stream ends, and one
 * buffer serves all connections.
 *
 *	peer-uv tcp:PORT|unix:PATH
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct rest {
	uv_write_t request;
	char bytes[];
};

union connection {
	uv_stream_t stream;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
};

static char buffer[64 * 1024];

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void drop(uv_stream_t *stream)
{
	if (!uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, on_closed);
}

static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *given)
{
	(void)handle, (void)wanted;
	*given = uv_buf_init(buffer, sizeof(buffer));
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *read);

static void on_written(uv_write_t *request, int status)
{
	uv_stream_t *stream = request->handle;

	free(request); /* the first member of its struct rest */
	if (status < 0)
		drop(stream);
	else if (!uv_is_closing((uv_handle_t *)stream))
		uv_read_start(stream, give_buffer, on_read);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *read)
{
	uv_buf_t part;
	struct rest *rest;
	int sent;

	if (length == 0)
		return;
	if (length < 0) {
		drop(stream);
		return;
	}
	part = uv_buf_init(read->base, (unsigned int)length);
	sent = uv_try_write(stream, &part, 1);
	if (sent == length)
		return;
	if (sent < 0 && sent != UV_EAGAIN) {
		drop(stream);
		return;
	}
	if (sent < 0)
		sent = 0;
	rest = malloc(sizeof(*rest) + (size_t)(length - sent));
	if (rest == NULL) {
		drop(stream);
		return;
	}
	memcpy(rest->bytes, read->base + sent, (size_t)(length - sent));
	part = uv_buf_init(rest->bytes, (unsigned int)(length - sent));
	uv_read_stop(stream);
	if (uv_write(&rest->request, stream, &part, 1, on_written) < 0) {
		free(rest);
		drop(stream);
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	union connection *connection;

	if (status < 0)
		return;
	connection = malloc(sizeof(*connection));
	if (connection == NULL)
		return;
	if (listener->type == UV_TCP)
		uv_tcp_init(listener->loop, &connection->tcp);
	else
		uv_pipe_init(listener->loop, &connection->pipe, 0);
	if (uv_accept(listener, &connection->stream) < 0) {
		drop(&connection->stream);
		return;
	}
	if (listener->type == UV_TCP)
		uv_tcp_nodelay(&connection->tcp, 1);
	uv_read_start(&connection->stream, give_buffer, on_read);
}

int main(int argc, char **argv)
{
	static union connection listener;
	struct sockaddr_in name;
	uv_loop_t *loop = uv_default_loop();
	int status = UV_EINVAL;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strncmp(argv[1], "tcp:", 4) == 0) {
		uv_tcp_init(loop, &listener.tcp);
		uv_ip4_addr("127.0.0.1", atoi(argv[1] + 4), &name);
		status = uv_tcp_bind(&listener.tcp, (struct sockaddr *)&name, 0);
	} else if (argc == 2 && strncmp(argv[1], "unix:", 5) == 0) {
		uv_pipe_init(loop, &listener.pipe, 0);
		status = uv_pipe_bind(&listener.pipe, argv[1] + 5);
	}
	if (status < 0 || uv_listen(&listener.stream, 4096, on_connection) < 0)
		return 2;
	return uv_run(loop, UV_RUN_DEFAULT);
}
