/*
 * The usual peer, a client on another machine, costs one look-up in a small table. The others are counted by the
 * second, which begins with the first of them, in a table of a fixed size: peers that fall on one place share
 * it, which makes them slower, and never faster.
 */
#include "server/admission/peer_rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "protocol/echo.h"

#define PLACES (1u << 12)
#define FRESH_FIRST_PORT 32768
#define FRESH_LAST_PORT 60999

void peer_rule_take_ports(struct peer_rule_options *options)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned first = 0, last = 0;

	if (file == NULL || fscanf(file, "%u %u", &first, &last) != 2 || first == 0 ||
		last < first || last > UINT16_MAX) {
		first = FRESH_FIRST_PORT;
		last = FRESH_LAST_PORT;
	}
	if (file != NULL)
		fclose(file);
	options->first_port = (uint16_t)first;
	options->last_port = (uint16_t)last;
}

int peer_rule_init(struct peer_rule *rule, const struct peer_rule_options *options)
{
	*rule = (struct peer_rule){ .options = *options };
	if (getrandom(&rule->secret, sizeof(rule->secret), 0) != sizeof(rule->secret))
		return -EIO;
	rule->places = calloc(PLACES, sizeof(struct peer_rule_place));
	return rule->places == NULL ? -ENOMEM : 0;
}

void peer_rule_fini(struct peer_rule *rule)
{
	free(rule->places);
	rule->places = NULL;
}

static uint64_t mix(uint64_t word)
{
	word = (word ^ word >> 33) * 0xff51afd7ed558ccdull;
	word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53ull;
	return word ^ word >> 33;
}

static bool is_too_fast(
	struct peer_rule *rule, const struct in6_addr *address, uint16_t port, uint64_t now_ns)
{
	uint64_t word[2], tag;
	struct peer_rule_place *place;

	memcpy(word, address, sizeof(word));
	tag = mix(mix(mix(word[0] ^ rule->secret) ^ word[1]) ^ port ^ rule->secret);
	place = &rule->places[tag % PLACES];
	if (now_ns - place->since_ns >= CLOCK_NS_PER_S)
		*place = (struct peer_rule_place){ .since_ns = now_ns };
	if (place->count >= rule->options.per_s)
		return true;
	place->count++;
	return false;
}

/* The address, IPv4 in its mapped form, and the port. */
static uint16_t take_apart(const struct sockaddr *peer, struct in6_addr *ret_address)
{
	const struct sockaddr_in *in = (const void *)peer;
	const struct sockaddr_in6 *in6 = (const void *)peer;

	if (peer->sa_family == AF_INET6) {
		*ret_address = in6->sin6_addr;
		return ntohs(in6->sin6_port);
	}
	*ret_address = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&ret_address->s6_addr[12], &in->sin_addr, sizeof(in->sin_addr));
	return ntohs(in->sin_port);
}

static bool is_no_host(const struct in6_addr *address)
{
	if (!IN6_IS_ADDR_V4MAPPED(address))
		return IN6_IS_ADDR_UNSPECIFIED(address) || IN6_IS_ADDR_MULTICAST(address);
	/* 0.0.0.0/8 is "this network", RFC 1122 3.2.1.3; 224.0.0.0/4 and beyond: groups, reserved, broadcast. */
	return address->s6_addr[12] == 0 || address->s6_addr[12] >= 224;
}

static bool is_loopback(const struct in6_addr *address)
{
	return IN6_IS_ADDR_V4MAPPED(address) ? address->s6_addr[12] == 127
					     : IN6_IS_ADDR_LOOPBACK(address);
}

enum peer_rule_verdict peer_rule_judge(struct peer_rule *rule, const struct sockaddr *peer,
	const struct in6_addr *asked, uint64_t (*now_ns)(void))
{
	struct in6_addr address;
	uint16_t port = take_apart(peer, &address);
	bool ephemeral = port >= rule->options.first_port && port <= rule->options.last_port;

	if (is_no_host(&address))
		return PEER_RULE_NO_HOST;
	if (!ephemeral && echo_is_loop_port(port))
		return PEER_RULE_ANSWER; /* not by an echo, which has a list of its own, and reports it */
	if (is_loopback(&address))
		return ephemeral ? PEER_RULE_ANSWER : PEER_RULE_OWN;
	/* In a network namespace of its own (PrivateNetwork= of systemd) a server knows no more than this. */
	if (asked != NULL && IN6_ARE_ADDR_EQUAL(asked, &address))
		return PEER_RULE_OWN;
	switch (rule->own != NULL ? own_addresses_find(rule->own, &address)
				  : OWN_ADDRESSES_FOREIGN) {
	case OWN_ADDRESSES_OURS: return PEER_RULE_OWN;
	case OWN_ADDRESSES_BROADCAST: return PEER_RULE_NO_HOST;
	case OWN_ADDRESSES_FOREIGN: break;
	}
	return ephemeral || !is_too_fast(rule, &address, port, now_ns()) ? PEER_RULE_ANSWER
									 : PEER_RULE_TOO_FAST;
}
