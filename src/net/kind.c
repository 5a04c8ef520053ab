/*
 * One table in the order of the registries, searched for the longest prefix that fits: the first
 * row of each family fits every address, so there is always an answer. A search reads some thirty
 * rows, which is fast enough for a command.
 */
#include "net/kind.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/i18n.h"

static const struct kind kinds[] = {
	{ AF_INET, { 0 }, 0, N_("public (global unicast)"), "RFC 6890 2.2" },
	{ AF_INET, { 0 }, 8, N_("this network"), "RFC 791 3.2" },
	{ AF_INET, { 0 }, 32, N_("unspecified (every address of this host)"), "RFC 1122 3.2.1.3" },
	{ AF_INET, { 10 }, 8, N_("private"), "RFC 1918" },
	{ AF_INET, { 100, 64 }, 10, N_("shared with other customers (carrier-grade NAT)"),
		"RFC 6598" },
	{ AF_INET, { 127 }, 8, N_("loopback"), "RFC 1122 3.2.1.3" },
	{ AF_INET, { 169, 254 }, 16, N_("link-local"), "RFC 3927" },
	{ AF_INET, { 172, 16 }, 12, N_("private"), "RFC 1918" },
	{ AF_INET, { 192 }, 24, N_("IETF protocol assignments"), "RFC 6890 2.1" },
	{ AF_INET, { 192 }, 29, N_("IPv4 service continuity (DS-Lite, 464XLAT)"), "RFC 7335" },
	{ AF_INET, { 192, 0, 0, 8 }, 32, N_("IPv4 dummy address"), "RFC 7600" },
	{ AF_INET, { 192, 0, 0, 9 }, 32, N_("Port Control Protocol anycast"), "RFC 7723" },
	{ AF_INET, { 192, 0, 0, 10 }, 32, N_("TURN anycast"), "RFC 8155" },
	{ AF_INET, { 192, 0, 0, 170 }, 31, N_("NAT64 discovery (ipv4only.arpa)"), "RFC 7050" },
	{ AF_INET, { 192, 0, 2 }, 24, N_("documentation (TEST-NET-1)"), "RFC 5737" },
	{ AF_INET, { 192, 31, 196 }, 24, N_("AS112 service"), "RFC 7535" },
	{ AF_INET, { 192, 52, 193 }, 24, N_("automatic multicast tunneling"), "RFC 7450" },
	{ AF_INET, { 192, 88, 99 }, 24, N_("6to4 relay anycast (deprecated)"), "RFC 7526" },
	{ AF_INET, { 192, 168 }, 16, N_("private"), "RFC 1918" },
	{ AF_INET, { 192, 175, 48 }, 24, N_("AS112 service"), "RFC 7534" },
	{ AF_INET, { 198, 18 }, 15, N_("benchmarking"), "RFC 2544" },
	{ AF_INET, { 198, 51, 100 }, 24, N_("documentation (TEST-NET-2)"), "RFC 5737" },
	{ AF_INET, { 203, 0, 113 }, 24, N_("documentation (TEST-NET-3)"), "RFC 5737" },
	{ AF_INET, { 224 }, 4, N_("multicast"), "RFC 5771" },
	{ AF_INET, { 224 }, 24, N_("multicast, local network control"), "RFC 5771 4" },
	{ AF_INET, { 224, 0, 1 }, 24, N_("multicast, internetwork control"), "RFC 5771 5" },
	{ AF_INET, { 232 }, 8, N_("multicast, source-specific"), "RFC 4607" },
	{ AF_INET, { 233, 252 }, 24, N_("multicast, documentation"), "RFC 6676" },
	{ AF_INET, { 239 }, 8, N_("multicast, administratively scoped"), "RFC 2365" },
	{ AF_INET, { 240 }, 4, N_("reserved for future use"), "RFC 1112 4" },
	{ AF_INET, { 255, 255, 255, 255 }, 32, N_("limited broadcast"), "RFC 919 7" },
	{ AF_INET6, { 0 }, 0, N_("unassigned (reserved by the IETF)"), "RFC 4291 2.4" },
	{ AF_INET6, { 0 }, 128, N_("unspecified (every address of this host)"), "RFC 4291 2.5.2" },
	{ AF_INET6, { [15] = 0x01 }, 128, N_("loopback"), "RFC 4291 2.5.3" },
	{ AF_INET6, { 0 }, 96, N_("IPv4-compatible (deprecated)"), "RFC 4291 2.5.5.1" },
	{ AF_INET6, { [10] = 0xff, 0xff }, 96, N_("IPv4-mapped"), "RFC 4291 2.5.5.2" },
	{ AF_INET6, { 0, 0x64, 0xff, 0x9b }, 96, N_("IPv4 behind NAT64"), "RFC 6052" },
	{ AF_INET6, { [1] = 0x64, 0xff, 0x9b, [5] = 0x01 }, 48, N_("IPv4 behind NAT64, local use"),
		"RFC 8215" },
	{ AF_INET6, { 0x01 }, 64, N_("discard-only"), "RFC 6666" },
	{ AF_INET6, { 0x01, [7] = 0x01 }, 64, N_("dummy prefix"), "RFC 9780" },
	{ AF_INET6, { 0x20 }, 3, N_("public (global unicast)"), "RFC 4291 2.5.4" },
	{ AF_INET6, { 0x20, 0x01 }, 23, N_("IETF protocol assignments"), "RFC 2928" },
	{ AF_INET6, { 0x20, 0x01 }, 32, N_("Teredo (IPv4 and UDP port inside)"), "RFC 4380" },
	{ AF_INET6, { 0x20, 0x01, [3] = 0x01, [15] = 0x01 }, 128,
		N_("Port Control Protocol anycast"), "RFC 7723" },
	{ AF_INET6, { 0x20, 0x01, [3] = 0x01, [15] = 0x02 }, 128, N_("TURN anycast"), "RFC 8155" },
	{ AF_INET6, { 0x20, 0x01, [3] = 0x01, [15] = 0x03 }, 128,
		N_("service registration anycast"), "RFC 9665" },
	{ AF_INET6, { 0x20, 0x01, 0, 0x02 }, 48, N_("benchmarking"), "RFC 5180" },
	{ AF_INET6, { 0x20, 0x01, 0, 0x03 }, 32, N_("automatic multicast tunneling"), "RFC 7450" },
	{ AF_INET6, { 0x20, 0x01, [3] = 0x04, 0x01, 0x12 }, 48, N_("AS112 service"), "RFC 7535" },
	{ AF_INET6, { 0x20, 0x01, 0, 0x10 }, 28, N_("ORCHID (deprecated)"), "RFC 4843" },
	{ AF_INET6, { 0x20, 0x01, 0, 0x20 }, 28, N_("ORCHIDv2"), "RFC 7343" },
	{ AF_INET6, { 0x20, 0x01, 0, 0x30 }, 28, N_("drone remote identification"), "RFC 9374" },
	{ AF_INET6, { 0x20, 0x01, 0x0d, 0xb8 }, 32, N_("documentation"), "RFC 3849" },
	{ AF_INET6, { 0x20, 0x02 }, 16, N_("6to4 (IPv4 inside)"), "RFC 3056" },
	{ AF_INET6, { 0x26, 0x20, 0, 0x4f, 0x80 }, 48, N_("AS112 service"), "RFC 7534" },
	{ AF_INET6, { 0x3f, 0xff }, 20, N_("documentation"), "RFC 9637" },
	{ AF_INET6, { 0x5f }, 16, N_("segment routing (SRv6 SID)"), "RFC 9602" },
	{ AF_INET6, { 0xfc }, 7, N_("unique local, private"), "RFC 4193" },
	{ AF_INET6, { 0xfe, 0x80 }, 10, N_("link-local"), "RFC 4291 2.5.6" },
	{ AF_INET6, { 0xfe, 0xc0 }, 10, N_("site-local (deprecated)"), "RFC 3879" },
	{ AF_INET6, { 0xff }, 8, N_("multicast"), "RFC 4291 2.7" },
	{ AF_INET6, { 0xff, 0x02, [15] = 0x01 }, 128, N_("multicast, all nodes"),
		"RFC 4291 2.7.1" },
	{ AF_INET6, { 0xff, 0x02, [15] = 0x02 }, 128, N_("multicast, all routers"),
		"RFC 4291 2.7.1" },
	{ AF_INET6, { 0xff, 0x02, [11] = 0x01, 0xff }, 104, N_("multicast, solicited node"),
		"RFC 4291 2.7.1" },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static bool has_prefix(const uint8_t *octets, const uint8_t *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(octets, prefix, whole) == 0 &&
		(rest == 0 || (octets[whole] ^ prefix[whole]) >> (8 - rest) == 0);
}

const struct kind *kind_of(int family, const uint8_t *octets)
{
	const struct kind *best = NULL;

	for (size_t i = 0; i < KIND_COUNT; i++) {
		const struct kind *kind = &kinds[i];

		if (kind->family == family && has_prefix(octets, kind->octets, kind->bits) &&
			(best == NULL || kind->bits > best->bits))
			best = kind;
	}
	return best;
}

/* RFC 2365 names these three; everything else in 224.0.0.0/4 may be routed anywhere. */
static const char *scope_in(const uint8_t *octets)
{
	if (octets[0] == 224 && octets[1] == 0 && octets[2] == 0)
		return N_("this link");
	if (octets[0] == 239 && octets[1] == 255)
		return N_("this site");
	if (octets[0] == 239 && (octets[1] & 0xfc) == 192)
		return N_("this organization");
	return octets[0] >= 224 && octets[0] < 239 ? N_("the whole Internet") : NULL;
}

const char *kind_scope(int family, const uint8_t *octets)
{
	/* RFC 4291 2.7 and RFC 7346: the low half of the second octet. */
	static const char *const scopes[16] = {
		[0x1] = N_("this interface"),
		[0x2] = N_("this link"),
		[0x3] = N_("this realm"),
		[0x4] = N_("what is administered as one"),
		[0x5] = N_("this site"),
		[0x8] = N_("this organization"),
		[0xe] = N_("the whole Internet"),
	};

	if (family == AF_INET)
		return (octets[0] & 0xf0) == 0xe0 ? scope_in(octets) : NULL;
	return octets[0] == 0xff ? scopes[octets[1] & 0x0f] : NULL;
}

bool kind_carried(int family, const uint8_t *octets, uint8_t ret_octets[static 4])
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };

	if (family != AF_INET6)
		return false;
	if (memcmp(octets, mapped, 12) == 0 || memcmp(octets, nat64, 12) == 0) {
		memcpy(ret_octets, octets + 12, 4);
		return true;
	}
	if (octets[0] == 0x20 && octets[1] == 0x02) {
		memcpy(ret_octets, octets + 2, 4);
		return true;
	}
	if (octets[0] == 0x20 && octets[1] == 0x01 && octets[2] == 0 && octets[3] == 0) {
		/* Turned over, so that no NAT on the way "helps" by rewriting it (RFC 4380 4). */
		for (size_t i = 0; i < 4; i++)
			ret_octets[i] = octets[12 + i] ^ 0xff;
		return true;
	}
	return false;
}

const char *kind_prefix(const struct kind *kind, char *buffer, size_t size)
{
	char digits[INET6_ADDRSTRLEN];

	inet_ntop(kind->family, kind->octets, digits, sizeof(digits));
	snprintf(buffer, size, "%s/%u", digits, kind->bits);
	return buffer;
}
