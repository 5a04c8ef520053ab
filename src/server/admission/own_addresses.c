/*
 * A dump of all addresses (RTM_GETADDR), asked for at the start and whenever a message says that one has
 * come or gone. The kernel answers a dump there and then, so reading it never waits. It may be interrupted by a
 * change, and messages may be lost when there are too many (ENOBUFS): both mean to ask once more.
 *
 * The set is a hash table with open addressing, at most half full.
 */
#include "server/admission/own_addresses.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/call.h"

#define READ_AGAIN_NS CLOCK_NS_PER_S
#define ANSWER_BYTES (32u << 10)
#define MOST_TRIES 3

struct own_addresses {
	size_t mask;
	struct own_addresses_entry table[]; /* OWN_ADDRESSES_FOREIGN: free */
};

struct own_addresses_watch {
	int fd;
	uint32_t own_id; /* what the kernel calls us: answers bear it, news do not */
	uint32_t sequence; /* of the last dump */
	bool changed; /* since the last dump */
	uint64_t read_ns; /* when that was */
};

/* ---- the set ---- */

static size_t hash(const struct in6_addr *address)
{
	uint64_t word[2];

	memcpy(word, address, sizeof(word));
	word[0] = (word[0] ^ word[1]) * 0x9e3779b97f4a7c15ull;
	return (size_t)(word[0] ^ word[0] >> 32);
}

static struct own_addresses_entry *place_of(
	struct own_addresses *set, const struct in6_addr *address)
{
	size_t at = hash(address) & set->mask;

	while (set->table[at].kind != OWN_ADDRESSES_FOREIGN &&
		memcmp(&set->table[at].address, address, sizeof(*address)) != 0)
		at = (at + 1) & set->mask;
	return &set->table[at];
}

int own_addresses_new(
	const struct own_addresses_entry *entries, size_t count, struct own_addresses **ret_set)
{
	struct own_addresses *set;
	size_t size = 8;

	while (size < 2 * count)
		size *= 2;
	set = calloc(1, sizeof(*set) + size * sizeof(set->table[0]));
	if (set == NULL)
		return -ENOMEM;
	set->mask = size - 1;
	for (size_t i = 0; i < count; i++) {
		struct own_addresses_entry *place = place_of(set, &entries[i].address);

		/* The address of a /32 is called its broadcast address, too: it is ours. */
		if (place->kind != OWN_ADDRESSES_OURS)
			*place = entries[i];
	}
	*ret_set = set;
	return 0;
}

void own_addresses_free(struct own_addresses *set)
{
	free(set);
}

enum own_addresses_kind own_addresses_find(
	const struct own_addresses *set, const struct in6_addr *address)
{
	/* It is not changed: the place is only read. */
	return place_of((struct own_addresses *)(uintptr_t)set, address)->kind;
}

/* ---- what the kernel reports ---- */

struct list {
	struct own_addresses_entry *entries;
	size_t count;
};

static int append(struct list *list, const struct in6_addr *address, enum own_addresses_kind kind)
{
	struct own_addresses_entry *longer = reallocarray(
		list->entries, list->count + 1, sizeof(*longer));

	if (longer == NULL)
		return -ENOMEM;
	list->entries = longer;
	longer[list->count++] = (struct own_addresses_entry){ *address, kind };
	return 0;
}

static struct in6_addr mapped(uint32_t host_order)
{
	struct in6_addr address = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	uint32_t network_order = htonl(host_order);

	memcpy(&address.s6_addr[12], &network_order, sizeof(network_order));
	return address;
}

/* An IPv4 network has two addresses for all its hosts: the last, and, since BSD 4.2, the first. */
static int append_network(struct list *list, uint32_t own, unsigned prefix_bits)
{
	uint32_t host_mask = prefix_bits == 0 ? UINT32_MAX : UINT32_MAX >> prefix_bits;
	struct in6_addr first = mapped(own & ~host_mask), last = mapped(own | host_mask);
	int r;

	if (prefix_bits == 0 || prefix_bits > 30)
		return 0;
	r = append(list, &first, OWN_ADDRESSES_BROADCAST);
	return r == 0 ? append(list, &last, OWN_ADDRESSES_BROADCAST) : r;
}

static int note_ipv4(struct list *list, const struct rtattr *attribute, unsigned prefix_bits)
{
	struct in6_addr address;
	uint32_t network_order;
	int r;

	if (RTA_PAYLOAD(attribute) != sizeof(network_order))
		return 0;
	memcpy(&network_order, RTA_DATA(attribute), sizeof(network_order));
	address = mapped(ntohl(network_order));
	if (attribute->rta_type == IFA_BROADCAST)
		return append(list, &address, OWN_ADDRESSES_BROADCAST);
	r = append(list, &address, OWN_ADDRESSES_OURS);
	return r == 0 ? append_network(list, ntohl(network_order), prefix_bits) : r;
}

static int note_ipv6(struct list *list, const struct rtattr *attribute)
{
	struct in6_addr address;

	if (RTA_PAYLOAD(attribute) != sizeof(address))
		return 0;
	memcpy(&address, RTA_DATA(attribute), sizeof(address));
	return append(list, &address, OWN_ADDRESSES_OURS);
}

/* IFA_ADDRESS is the peer's where an interface leads to one machine alone; IFA_LOCAL is ours then. */
static int note_address(struct list *list, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *about = NLMSG_DATA(message);
	const struct rtattr *first = IFA_RTA(about), *local = NULL, *address = NULL;
	size_t length = IFA_PAYLOAD(message);
	int r = 0;

	for (const struct rtattr *attribute = first; RTA_OK(attribute, length);
		attribute = RTA_NEXT(attribute, length)) {
		if (attribute->rta_type == IFA_LOCAL)
			local = attribute;
		else if (attribute->rta_type == IFA_ADDRESS)
			address = attribute;
		else if (attribute->rta_type == IFA_BROADCAST && about->ifa_family == AF_INET)
			r = note_ipv4(list, attribute, about->ifa_prefixlen);
		if (r < 0)
			return r;
	}
	if (local == NULL)
		local = address;
	if (local == NULL)
		return 0;
	return about->ifa_family == AF_INET ? note_ipv4(list, local, about->ifa_prefixlen)
					    : note_ipv6(list, local);
}

static int ask(struct own_addresses_watch *watch)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg about;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETADDR,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++watch->sequence,
		},
		.about = { .ifa_family = AF_UNSPEC },
	};
	ssize_t n = call_send(watch->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? (int)n : 0;
}

/* One message. 1: the dump is complete; 0: there is more of it; -EAGAIN: it is to be asked for again. */
static int take(struct own_addresses_watch *watch, const struct nlmsghdr *message,
	struct list *list, bool *interrupted)
{
	if (message->nlmsg_seq != watch->sequence || message->nlmsg_pid != watch->own_id) {
		watch->changed = true; /* not asked for: it is news */
		return 0;
	}
	*interrupted = *interrupted || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	switch (message->nlmsg_type) {
	case NLMSG_DONE: return *interrupted ? -EAGAIN : 1;
	case NLMSG_ERROR: return -EIO;
	case RTM_NEWADDR:
		return message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg))
			? 0
			: note_address(list, message);
	default: return 0;
	}
}

static int receive(struct own_addresses_watch *watch, char *bytes, struct list *list)
{
	bool interrupted = false;

	for (;;) {
		ssize_t n = call_recv(watch->fd, bytes, ANSWER_BYTES, MSG_DONTWAIT);
		int r = 0;

		if (n == -EINTR)
			continue;
		if (n < 0)
			return n == -ENOBUFS ? -EAGAIN : n == -EAGAIN ? -EIO : (int)n;

		size_t rest = (size_t)n;

		for (const struct nlmsghdr *message = (const struct nlmsghdr *)(void *)bytes;
			r == 0 && NLMSG_OK(message, rest); message = NLMSG_NEXT(message, rest))
			r = take(watch, message, list, &interrupted);
		if (r != 0)
			return r;
	}
}

static int dump(struct own_addresses_watch *watch, struct own_addresses **ret_set)
{
	char *bytes = malloc(ANSWER_BYTES);
	struct list list = { 0 };
	int r = bytes == NULL ? -ENOMEM : -EAGAIN;

	for (unsigned tries = 0; r == -EAGAIN && tries < MOST_TRIES; tries++) {
		list.count = 0;
		watch->changed = false;
		r = ask(watch);
		if (r == 0)
			r = receive(watch, bytes, &list);
	}
	if (r > 0)
		r = own_addresses_new(list.entries, list.count, ret_set);
	free(list.entries);
	free(bytes);
	return r;
}

/* ---- the watch ---- */

int own_addresses_watch_open(struct own_addresses_watch **ret_watch, struct own_addresses **ret_set)
{
	struct own_addresses_watch *watch = calloc(1, sizeof(*watch));
	struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	socklen_t length = sizeof(groups);
	int r;

	if (watch == NULL)
		return -ENOMEM;
	r = call_socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
	watch->fd = r;
	if (r >= 0)
		r = call_bind(watch->fd, (const struct sockaddr *)&groups, sizeof(groups));
	if (r == 0)
		r = call_getsockname(watch->fd, (struct sockaddr *)&groups, &length);
	watch->own_id = groups.nl_pid;
	if (r == 0)
		r = dump(watch, ret_set);
	if (r < 0) {
		own_addresses_watch_close(watch);
		return r;
	}
	*ret_watch = watch;
	return 0;
}

void own_addresses_watch_close(struct own_addresses_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->fd >= 0)
		call_close(watch->fd);
	free(watch);
}

int own_addresses_watch_fd(const struct own_addresses_watch *watch)
{
	return watch != NULL ? watch->fd : -1;
}

uint64_t own_addresses_watch_due_ns(const struct own_addresses_watch *watch)
{
	return watch != NULL && watch->changed ? watch->read_ns + READ_AGAIN_NS : CLOCK_NEVER;
}

/* Whatever is said, something has changed: the dump will show what. */
static void drain(struct own_addresses_watch *watch)
{
	char bytes[4096];
	ssize_t n;

	do {
		n = call_recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
		if (n != -EAGAIN)
			watch->changed = true;
	} while (n > 0 || n == -EINTR);
}

bool own_addresses_watch_follow(
	struct own_addresses_watch *watch, uint64_t now_ns, struct own_addresses **ret_set)
{
	if (watch == NULL)
		return false;
	drain(watch);
	if (!watch->changed || now_ns < watch->read_ns + READ_AGAIN_NS)
		return false;
	watch->read_ns = now_ns;
	if (dump(watch, ret_set) == 0)
		return true;
	watch->changed = true; /* in a second again */
	return false;
}
