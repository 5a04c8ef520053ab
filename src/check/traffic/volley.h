/*
 * Datagrams that are under way together. Each goes out of a socket of its own, and no socket is used twice or
 * closed before the end: so what comes back tells which datagram it answers by where it arrives, also where
 * it is empty or one byte long, comes late, or comes twice. Each waits its own whole patience.
 * Says nothing by itself; blocks. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

/* Datagrams of one check, at most; further ones are VOLLEY_UNSENT with -EMFILE. */
#define VOLLEY_MOST 512

enum volley_reply {
	VOLLEY_NONE, /* nothing, in time */
	VOLLEY_RIGHT,
	VOLLEY_SHORTER, /* it came back cut */
	VOLLEY_WRONG, /* the service sent other bytes */
	VOLLEY_ELSEWHERE, /* the right bytes, from `from`, and nothing from the service */
	VOLLEY_REFUSED, /* `error`: no socket receives there */
	VOLLEY_UNSENT, /* `error`: it could not leave */
};

/* One datagram: `length` goes in, the rest comes out. */
struct volley_shot {
	size_t length;
	uint16_t own_port; /* to send from; 0: the kernel's choice. Low ports need a privilege */
	int fd;
	uint64_t stream; /* of the pattern: no two datagrams of a check have the same bytes */
	uint64_t sent_ns, took_ns;
	enum volley_reply reply;
	unsigned right_count; /* right answers; more than one: it came twice */
	int error;
	struct addr from;
};

struct volley {
	const struct addr *target;
	uint64_t patience_ns;
	int interrupt_fd;
	uint64_t sent, heard; /* datagrams sent; of anything heard from the service */
	uint64_t longest_ns; /* the longest that a right answer has taken */
	int fds[VOLLEY_MOST];
	size_t count;
};

/* `target` must live as long. */
void volley_init(
	struct volley *volley, const struct addr *target, uint64_t patience_ns, int interrupt_fd);
void volley_fini(struct volley *volley);

/*
 * Sends each datagram once, a few at a time, and waits until each has been answered or has waited for its
 * whole patience. False: interrupted.
 */
bool volley_fire(struct volley *volley, struct volley_shot *shots, size_t count);

/* Goes on listening for so long: what came already may come twice. False: interrupted. */
bool volley_listen(struct volley *volley, struct volley_shot *shots, size_t count, uint64_t ns);
