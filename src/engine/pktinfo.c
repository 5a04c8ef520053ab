/*
 * Control messages about addresses, read and written. They name an interface, too: it is kept only
 * for link-local addresses, which are ambiguous without it. For other addresses, routing chooses a
 * better interface than the one that the datagram came by.
 */
#include "engine/pktinfo.h"

#include <string.h>

/* 169.254.0.0/16, RFC 3927. */
#define LINK_LOCAL_PREFIX 0xa9fe0000u
#define LINK_LOCAL_MASK 0xffff0000u

static void map_ipv4(struct in6_addr *mapped, struct in_addr plain)
{
	*mapped = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&mapped->s6_addr[12], &plain, sizeof(plain));
}

static void note_ipv4(struct pktinfo *info, const struct in_pktinfo *asked)
{
	bool is_link_local = (ntohl(asked->ipi_spec_dst.s_addr) & LINK_LOCAL_MASK) ==
		LINK_LOCAL_PREFIX;

	/* ipi_addr is what the header says, ipi_spec_dst our own address (ip(7)). */
	info->to_group = asked->ipi_addr.s_addr != asked->ipi_spec_dst.s_addr;
	info->asked = (struct in6_pktinfo){
		.ipi6_ifindex = is_link_local ? (unsigned)asked->ipi_ifindex : 0,
	};
	map_ipv4(&info->asked.ipi6_addr, asked->ipi_spec_dst);
	info->known = true;
}

static void note_ipv6(struct pktinfo *info, const struct in6_pktinfo *asked)
{
	if (IN6_IS_ADDR_V4MAPPED(&asked->ipi6_addr))
		return; /* IP_PKTINFO, which comes too, holds more */
	info->to_group = IN6_IS_ADDR_MULTICAST(&asked->ipi6_addr);
	info->asked = *asked;
	if (!IN6_IS_ADDR_LINKLOCAL(&asked->ipi6_addr))
		info->asked.ipi6_ifindex = 0;
	info->known = true;
}

void pktinfo_note(struct pktinfo *info, const struct cmsghdr *header)
{
	if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO &&
		header->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
		struct in_pktinfo asked;

		memcpy(&asked, CMSG_DATA(header), sizeof(asked));
		note_ipv4(info, &asked);
	} else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO &&
		header->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
		struct in6_pktinfo asked;

		memcpy(&asked, CMSG_DATA(header), sizeof(asked));
		note_ipv6(info, &asked);
	}
}

bool pktinfo_is_same(const struct pktinfo *one, const struct pktinfo *other)
{
	return one->known == other->known &&
		(!one->known || memcmp(&one->asked, &other->asked, sizeof(one->asked)) == 0);
}

static size_t write_one(
	struct cmsghdr *place, int level, int type, const void *content, size_t length)
{
	memset(place, 0, CMSG_SPACE(length));
	place->cmsg_level = level;
	place->cmsg_type = type;
	place->cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(place), content, length);
	return CMSG_SPACE(length);
}

size_t pktinfo_write(const struct pktinfo *info, int family, struct cmsghdr *place)
{
	struct in_pktinfo source = { .ipi_ifindex = (int)info->asked.ipi6_ifindex };

	if (!info->known)
		return 0;
	/* An IPv6 socket takes this one for mapped addresses, too. */
	if (family == AF_INET6)
		return write_one(
			place, IPPROTO_IPV6, IPV6_PKTINFO, &info->asked, sizeof(info->asked));
	memcpy(&source.ipi_spec_dst, &info->asked.ipi6_addr.s6_addr[12],
		sizeof(source.ipi_spec_dst));
	return write_one(place, IPPROTO_IP, IP_PKTINFO, &source, sizeof(source));
}
