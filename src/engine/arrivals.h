/*
 * What one recvmmsg(2) has brought, handed out datagram by datagram. With UDP_GRO (Linux 5.0) one message
 * may hold a train: many datagrams of one flow and of one length, but for the last, end to end.
 * For engine/ only; one thread.
 */
#pragma once

#include <sys/socket.h>

#include "engine/pktinfo.h"
#include "net/addr.h"
#include "protocol/protocol.h"

/* Messages that one call receives. */
#define ARRIVALS_MOST 32
#define ARRIVALS_UNIX_MOST 4
/* The largest UDP payload is 65,507 bytes in IPv4, 65,527 in IPv6 without jumbograms; a train the same. */
#define ARRIVALS_UDP_BYTES (64u << 10)
/* A unix datagram may be as large as the sender's buffer: twice net.core.wmem_max at most. */
#define ARRIVALS_UNIX_BYTES (512u << 10)
/* Places are not a power of two apart: the first bytes of all would share a few lines of the cache. */
#define ARRIVALS_UDP_STRIDE (ARRIVALS_UDP_BYTES + 192u)
/* All that is received into. What no datagram has reached yet takes no memory. */
#define ARRIVALS_BUFFER_BYTES ((size_t)ARRIVALS_MOST * ARRIVALS_UDP_STRIDE)

struct arrival {
	struct protocol_span span;
	bool truncated; /* the rest of it is gone */
	const struct sockaddr_storage *peer;
	socklen_t peer_length;
	const struct pktinfo *asked;
};

/*
 * Who handed a socket over may have asked for more than we did (Timestamping=, PassPacketInfo= of systemd, and so
 * on): all that Linux can tell of one datagram fits. Not a power of two, as above.
 */
#define ARRIVALS_CONTROL_BYTES (512u + 64u)

union arrivals_control {
	struct cmsghdr header;
	char bytes[ARRIVALS_CONTROL_BYTES];
};

_Static_assert(PKTINFO_COMING_BYTES + CMSG_SPACE(sizeof(int)) <= ARRIVALS_CONTROL_BYTES,
	"what we ask for");

struct arrivals {
	unsigned char *buffer; /* the caller's: ARRIVALS_BUFFER_BYTES */
	unsigned count; /* messages that came */
	unsigned at; /* the one whose datagrams are being handed out, */
	uint32_t offset; /* how much of it has been, */
	uint32_t segment_bytes; /* and the length of its datagrams */
	struct pktinfo asked;
	struct mmsghdr messages[ARRIVALS_MOST];
	struct iovec vectors[ARRIVALS_MOST];
	struct sockaddr_storage peers[ARRIVALS_MOST];
	union arrivals_control controls[ARRIVALS_MOST];
};

/*
 * Receives what is there into the buffer; everything received before must have been handed out. How many
 * messages, -EAGAIN, or another -errno; `ret_full` tells that there may be more.
 */
int arrivals_receive(struct arrivals *arrivals, int fd, enum addr_scheme scheme, bool *ret_full);

/* The next datagram, valid until the next receive. False: that was all. */
bool arrivals_next(struct arrivals *arrivals, struct arrival *ret_arrival);
