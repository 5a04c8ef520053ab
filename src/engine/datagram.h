/*
 * Datagram sockets, for every engine: receiving a message, asking the protocol, sending its answer. When
 * to do so is the engine's own. For engine/ only; one thread.
 */
#pragma once

#include <netinet/in.h>

#include "engine/core.h"

/* So many are answered before it is the others' turn. */
#define DATAGRAM_A_TURN 64

struct datagram {
	int fd;
	enum addr_scheme scheme;
	bool waiting; /* `answer` is to be sent before anything is received */
	struct protocol_span answer;
	struct sockaddr_storage peer;
	socklen_t peer_length;
	struct in6_pktinfo asked6; /* the address asked; for IPv4 in its mapped form */
	bool asked_known, asked_group;
	int family;
	size_t room_bytes;
	unsigned char *room;
};

/* Takes over `fd`, also on failure: -ENOMEM, or the errno of getsockopt(2). */
int datagram_open(int fd, enum addr_scheme scheme, struct datagram **ret_datagram);
/* Closes the socket too. */
void datagram_close(struct datagram *datagram);

/*
 * Up to `most` datagrams, each answered before the next is received. Afterwards `waiting` tells that the
 * kernel takes no answer now: go on when the socket is writable; otherwise, when it is readable.
 */
void datagram_echo_some(struct engine *engine, struct datagram *datagram, unsigned most);
