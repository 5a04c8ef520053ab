/*
 * The address that a datagram was sent to. On a wildcard socket the kernel would choose the source
 * address of the answer by routing, and the client, or its firewall, would not recognise it. So the
 * address comes in as IP_PKTINFO (ip(7)) or IPV6_PKTINFO (RFC 3542), and goes out with the answer.
 * For engine/ only; pure.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * Size of the control messages that come in with one datagram: on a socket for both families, both.
 */
#define PKTINFO_COMING_BYTES                                                                       \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)))
/* Size of the control message that goes out with one. */
#define PKTINFO_GOING_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))

struct pktinfo {
	/* The address asked, IPv4 in its mapped form; the interface only where it is to be kept. */
	struct in6_pktinfo asked;
	bool known;
	bool to_group; /* multicast or broadcast, or not known: the control buffer was too small */
};

/* Reads one control message, if it is of such a kind. */
void pktinfo_note(struct pktinfo *info, const struct cmsghdr *header);

/* True if answers to both leave from the same address, by the same interface. */
bool pktinfo_is_same(const struct pktinfo *one, const struct pktinfo *other);

/*
 * Writes the control message that makes an answer leave from the address asked, for a socket of
 * this family, and returns its length; 0: none is needed. `place` has PKTINFO_GOING_BYTES.
 */
size_t pktinfo_write(const struct pktinfo *info, int family, struct cmsghdr *place);
