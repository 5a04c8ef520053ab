/*
 * When the client has finished, the connection is closed, whatever is still to be sent.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	char buffer[65536];
	size_t length;
};

static struct client *clients[FD_SETSIZE];

static void leave(int fd)
{
	free(clients[fd]);
	clients[fd] = NULL;
	close(fd);
}

static void receive(int fd, struct client *client)
{
	ssize_t n = recv(fd, client->buffer + client->length,
		sizeof(client->buffer) - client->length, MSG_DONTWAIT);

	if (n <= 0)
		leave(fd);
	else
		client->length += (size_t)n;
}

static void reply(int fd, struct client *client)
{
	ssize_t n = send(fd, client->buffer, client->length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		leave(fd);
		return;
	}
	memmove(client->buffer, client->buffer + n, client->length - (size_t)n);
	client->length -= (size_t)n;
}

static void come(int fd)
{
	int on = 1, one = accept(fd, NULL, NULL);

	if (one < 0)
		return;
	if (one < FD_SETSIZE)
		clients[one] = calloc(1, sizeof(struct client));
	if (one >= FD_SETSIZE || clients[one] == NULL)
		close(one);
	else
		setsockopt(one, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

static void step(int fd)
{
	fd_set to_read, to_write;

	FD_ZERO(&to_read);
	FD_ZERO(&to_write);
	FD_SET(fd, &to_read);
	for (int i = 0; i < FD_SETSIZE; i++) {
		if (clients[i] == NULL)
			continue;
		if (clients[i]->length < sizeof(clients[i]->buffer))
			FD_SET(i, &to_read);
		if (clients[i]->length > 0)
			FD_SET(i, &to_write);
	}
	if (select(FD_SETSIZE, &to_read, &to_write, NULL, NULL) < 0)
		return;
	for (int i = 0; i < FD_SETSIZE; i++) {
		if (clients[i] != NULL && FD_ISSET(i, &to_read))
			receive(i, clients[i]);
		if (clients[i] != NULL && FD_ISSET(i, &to_write))
			reply(i, clients[i]);
	}
	if (FD_ISSET(fd, &to_read))
		come(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2)
		return 2;
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0)
		return 1;
	for (;;)
		step(fd);
}
