/*
 * The datagrams of one recvmmsg(2), handed out one by one. With UDP_GRO (Linux 5.0) one message may
 * hold a train: many datagrams of one sender and of one length (but for the last), end to end.
 *
 * Limits: ARRIVALS_MOST messages a call. A datagram that is longer than its place is handed out as
 * truncated. For engine/ only; one thread. Ownership: the buffer is the caller's.
 */
#pragma once

#include <sys/socket.h>

#include "engine/pktinfo.h"
#include "net/addr.h"
#include "protocol/protocol.h"

/* Messages that one call receives. */
#define ARRIVALS_MOST 32
#define ARRIVALS_UNIX_MOST 4
/*
 * The largest UDP payload is 65,507 bytes in IPv4, 65,527 in IPv6 without jumbograms; a train the
 * same.
 */
#define ARRIVALS_UDP_BYTES (64u << 10)
/* A unix datagram may be as large as the sender's buffer: twice net.core.wmem_max at most. */
#define ARRIVALS_UNIX_BYTES (512u << 10)
/*
 * Not a power of two: otherwise the first bytes of all datagrams would share a few lines of the
 * cache.
 */
#define ARRIVALS_UDP_STRIDE (ARRIVALS_UDP_BYTES + 192u)
/* The whole buffer. Pages that no datagram has reached yet take no memory. */
#define ARRIVALS_BUFFER_BYTES ((size_t)ARRIVALS_MOST * ARRIVALS_UDP_STRIDE)

struct arrival {
	struct protocol_span span;
	bool truncated; /* the rest of it is lost */
	const struct sockaddr_storage *peer;
	socklen_t peer_length;
	const struct pktinfo *asked;
};

/*
 * A socket that was handed over may have more options set than ours (Timestamping=, PassPacketInfo=
 * of systemd, and so on): all control messages that Linux has for one datagram fit. Not a power of
 * two, as above.
 */
#define ARRIVALS_CONTROL_BYTES (512u + 64u)

union arrivals_control {
	struct cmsghdr header;
	char bytes[ARRIVALS_CONTROL_BYTES];
};

_Static_assert(
	PKTINFO_COMING_BYTES + CMSG_SPACE(sizeof(int)) <= ARRIVALS_CONTROL_BYTES, "what we need");

struct arrivals {
	unsigned char *buffer; /* the caller's: ARRIVALS_BUFFER_BYTES */
	unsigned count; /* messages that came */
	unsigned at; /* the message whose datagrams are being handed out */
	uint32_t offset; /* so many of its bytes have been */
	uint32_t segment_bytes; /* the length of its datagrams */
	struct pktinfo asked;
	struct mmsghdr messages[ARRIVALS_MOST];
	struct iovec vectors[ARRIVALS_MOST];
	struct sockaddr_storage peers[ARRIVALS_MOST];
	union arrivals_control controls[ARRIVALS_MOST];
};

/*
 * Receives what is there into the buffer; everything received before must have been handed out. How
 * many messages, -EAGAIN, or another -errno. `reterr_full`: there may be more.
 */
int arrivals_receive(struct arrivals *arrivals, int fd, enum addr_scheme scheme, bool *reterr_full);

/* The next datagram, valid until the next receive. False: that was all. */
bool arrivals_next(struct arrivals *arrivals, struct arrival *ret_arrival);
