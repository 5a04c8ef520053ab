/*
 * The answers to a batch of datagrams on their way out, in the order in which they were added.
 * Answers in a row that go to one peer from one address and are equally long (but for the last,
 * which may be shorter) form a train: it passes through the kernel as one message, which takes it
 * apart at the end (UDP_SEGMENT, Linux 4.18). At most DEPARTURES_MOST messages; the caller sends
 * when departures_is_full(). For engine/ only; one thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "engine/arrivals.h"
#include "engine/core.h"

/* Sends that one call makes: each a datagram or a train. */
#define DEPARTURES_MOST 64
#define DEPARTURES_VECTORS_MOST 128
/*
 * Datagrams of a train: what every kernel that can do so takes (UDP_MAX_SEGMENTS), and of what
 * length.
 */
#define DEPARTURES_TRAIN_MOST 64
#define DEPARTURES_TRAIN_BYTES 65507u
/* Longer ones would not fit an Ethernet frame, and the datagrams of a train are not fragmented. */
#define DEPARTURES_SEGMENT_MOST_BYTES 1472u

/* A datagram, or a train of them. */
struct departure {
	unsigned datagrams;
	uint32_t segment_bytes; /* the length of each, but for the last */
	uint32_t bytes;
	bool complete; /* its last is shorter: nothing can follow */
	bool singly; /* the kernel has refused it as a train */
	struct pktinfo source;
	size_t source_length; /* of the control message with the source address */
};

union departures_control {
	struct cmsghdr header;
	char bytes[PKTINFO_GOING_BYTES + CMSG_SPACE(sizeof(uint16_t))];
};

struct departures {
	unsigned count;
	unsigned gone; /* so many of them are sent or lost */
	unsigned vector_count;
	unsigned tag; /* of the listener; its owner's to set before the first is sent */
	/* One more than makes it full: the last may be sent twice. */
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
 * Adds the answer to a datagram. It must not be full; only the second of two equal answers may come
 * when the first has filled it. Bytes and address must stay until the answer has left. `family` is
 * the socket's, `trains` whether the kernel takes trains.
 */
void departures_add(struct departures *departures, const struct arrival *arrival,
	const struct protocol_span *answer, int family, bool trains);

/*
 * Sends the answers, and reports to the protocol what has become of each. An answer that cannot be
 * sent is lost alone. False: the kernel takes no more now, and the rest wait for the next call.
 * `reterr_refused` is set, and never cleared, when a train was refused (and then went one by one).
 */
bool departures_send(struct departures *departures, struct engine *engine, int fd,
	enum addr_scheme scheme, bool *reterr_refused);

/* Drops the answers that are left, and reports them to the protocol as lost. */
void departures_give_up(struct departures *departures, struct engine *engine, int error);
