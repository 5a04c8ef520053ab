/*
 * The answers to a batch of datagrams on their way out, in the order in which they were given. Those in a
 * row that go to one peer from one address and are equally long (but for the last, which may be shorter)
 * form a train: it goes through the kernel as one, and is taken apart at its end (UDP_SEGMENT, Linux 4.18).
 * For engine/ only; one thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "engine/arrivals.h"
#include "engine/core.h"

/* Sends that one call makes: each a datagram or a train. */
#define DEPARTURES_MOST 64
#define DEPARTURES_VECTORS_MOST 128
/* Datagrams of a train: what every kernel that can do so takes (UDP_MAX_SEGMENTS), and of what length. */
#define DEPARTURES_TRAIN_MOST 64
#define DEPARTURES_TRAIN_BYTES 65507u
/* Longer ones would not fit an Ethernet frame, and nobody makes fragments of a train. */
#define DEPARTURES_SEGMENT_MOST_BYTES 1472u

/* A datagram, or a train of them. */
struct departure {
	unsigned datagrams;
	uint32_t segment_bytes; /* the length of each, but for the last */
	uint32_t bytes;
	bool complete; /* its last is shorter: nothing can follow */
	bool singly; /* the kernel has not taken it as one */
	struct pktinfo source;
	size_t source_length; /* of the control message that tells it */
};

union departures_control {
	struct cmsghdr header;
	char room[PKTINFO_GOING_BYTES + CMSG_SPACE(sizeof(uint16_t))];
};

struct departures {
	unsigned count;
	unsigned gone; /* so many of them need no more thought */
	unsigned vector_count;
	/* One more than make it full: the last may go twice. */
	struct departure sends[DEPARTURES_MOST + 1];
	struct mmsghdr messages[DEPARTURES_MOST + 1];
	struct iovec vectors[DEPARTURES_VECTORS_MOST + 1];
	union departures_control controls[DEPARTURES_MOST + 1];
};

static inline bool departures_is_full(const struct departures *departures)
{
	return departures->count >= DEPARTURES_MOST ||
		departures->vector_count >= DEPARTURES_VECTORS_MOST;
}

/*
 * Adds the answer to a datagram; not when full, but a second time even if the first has filled it. Bytes and address must stay until it has left. `family` is
 * the socket's, `trains` whether the kernel takes them.
 */
void departures_add(struct departures *departures, const struct arrival *arrival,
	const struct protocol_span *answer, int family, bool trains);

/*
 * Sends all of them and tells the protocol what has become of each. An answer that cannot be sent is lost
 * alone. False: the kernel takes no more now, and those that are left wait for the next call.
 * `ret_refused` is set when a train was not taken as one (and then went one by one).
 */
bool departures_send(struct departures *departures, struct engine *engine, int fd,
	enum addr_scheme scheme, bool *ret_refused);

/* Tells the protocol that those that are left are lost. */
void departures_give_up(struct departures *departures, struct engine *engine, int error);
