/*
 * What every floor program needs before it can be small: a socket for its one argument, tcp:PORT,
 * udp:PORT or unix:PATH, on loopback. Errors end the program; that is all that they do in a floor.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FLOOR_BUFFER = 256 * 1024 };

static inline int floor_must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static inline int floor_socket(int argc, char **argv)
{
	struct sockaddr_in inet = { .sin_family = AF_INET };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	int on = 1, fd;

	if (argc != 2 || strlen(argv[1]) < 5 || strlen(argv[1]) > sizeof(local.sun_path)) {
		fprintf(stderr, "usage: %s tcp:PORT|udp:PORT|unix:PATH\n", argv[0]);
		exit(2);
	}
	signal(SIGPIPE, SIG_IGN);
	if (strncmp(argv[1], "unix:", 5) == 0) {
		strcpy(local.sun_path, argv[1] + 5);
		fd = floor_must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
		floor_must(bind(fd, (struct sockaddr *)&local, sizeof(local)), "bind");
	} else {
		int type = argv[1][0] == 'u' ? SOCK_DGRAM : SOCK_STREAM;

		inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		inet.sin_port = htons((unsigned short)atoi(argv[1] + 4));
		fd = floor_must(socket(AF_INET, type, 0), "socket");
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		/* Inherited by what is accepted: one setsockopt, not one a connection. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		floor_must(bind(fd, (struct sockaddr *)&inet, sizeof(inet)), "bind");
		if (type == SOCK_DGRAM)
			return fd;
	}
	floor_must(listen(fd, 4096), "listen");
	return fd;
}

#endif
