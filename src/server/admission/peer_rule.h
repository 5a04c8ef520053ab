/*
 * Which UDP peers are answered. A source address is easily forged, and an answer can be what another service
 * answers in turn: two echo servers would be busy for ever. So these are not answered:
 * - no host's address: unspecified, multicast, broadcast;
 * - our own addresses, but for loopback ones with an ephemeral port: there our own clients are. The
 *   kernel drops loopback addresses that come from outside; other addresses of ours it may not (IPv6).
 * - any other address with a port that is not ephemeral, more often than so many times a second: a
 *   server may be there. Ephemeral ports, where clients are, are never limited.
 *
 * What is left: two servers that both listen on ephemeral ports. One of them a worker; its thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/admission/own_addresses.h"

#define PEER_RULE_DEFAULT_PER_S 1000

enum peer_rule_verdict {
	PEER_RULE_ANSWER,
	PEER_RULE_NO_HOST,
	PEER_RULE_OWN,
	PEER_RULE_TOO_FAST,
};

struct peer_rule_options {
	uint16_t first_port, last_port; /* the ephemeral ones */
	uint32_t per_s; /* answers to one peer with another port; 0: none */
};

struct peer_rule_place {
	uint64_t since_ns; /* the begin of a second, */
	uint64_t count; /* and the answers in it */
};

struct peer_rule {
	struct peer_rule_options options;
	const struct own_addresses *own; /* the caller's; NULL: not known */
	struct peer_rule_place *places;
	uint64_t secret;
};

/* The ephemeral ports of this machine (ip_local_port_range, ip(7)); those of a fresh kernel if it does not report them. */
void peer_rule_take_ports(struct peer_rule_options *options);

int peer_rule_init(struct peer_rule *rule, const struct peer_rule_options *options);
void peer_rule_fini(struct peer_rule *rule);

/*
 * `peer` is IPv4 or IPv6, mapped IPv4 included; `asked` is the address that it wrote to, which is ours (NULL: not
 * known). The clock is asked only for ports that are not ephemeral.
 */
enum peer_rule_verdict peer_rule_judge(struct peer_rule *rule, const struct sockaddr *peer,
	const struct in6_addr *asked, uint64_t (*now_ns)(void));
