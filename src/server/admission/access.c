/*
 * Blocks become ranges, sorted and joined where they touch: asking is a binary search, however many
 * there are, and two blocks that overlap need no order between them.
 */
#include "server/admission/access.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/log.h"
#include "net/cidr.h"

struct range {
	uint8_t first[16], last[16]; /* IPv4 in the first 4 octets */
};

struct ranges {
	struct range *ranges;
	size_t count, room;
};

/* One list: IPv4 and IPv6 apart, since ::/0 means no IPv4. */
struct list {
	struct ranges v4, v6;
};

struct access {
	struct list allow, deny, proxies;
	bool allow_given;
};

/* ---- building ---- */

static int add(struct list *list, const struct cidr *cidr)
{
	struct ranges *ranges = cidr->family == AF_INET ? &list->v4 : &list->v6;

	if (list->v4.count + list->v6.count >= ACCESS_MOST_BLOCKS)
		return -E2BIG;
	if (ranges->count == ranges->room) {
		size_t room = ranges->room * 2 + 16;
		struct range *longer = reallocarray(ranges->ranges, room, sizeof(struct range));

		if (longer == NULL)
			return -ENOMEM;
		ranges->ranges = longer;
		ranges->room = room;
	}

	struct range *range = &ranges->ranges[ranges->count++];

	*range = (struct range){ 0 };
	cidr_range(cidr, range->first, range->last);
	return 0;
}

static int compare(const void *one, const void *other)
{
	return memcmp(((const struct range *)one)->first, ((const struct range *)other)->first,
		sizeof(((struct range *)NULL)->first));
}

/* Blocks are within each other or apart: what begins inside of the one before ends there, too. */
static void sort(struct ranges *ranges)
{
	size_t kept = 0;

	if (ranges->count == 0)
		return;
	qsort(ranges->ranges, ranges->count, sizeof(struct range), compare);
	for (size_t i = 1; i < ranges->count; i++) {
		struct range *before = &ranges->ranges[kept], *range = &ranges->ranges[i];

		if (memcmp(range->first, before->last, sizeof(range->first)) > 0)
			ranges->ranges[++kept] = *range;
		else if (memcmp(range->last, before->last, sizeof(range->last)) > 0)
			memcpy(before->last, range->last, sizeof(range->last));
	}
	ranges->count = kept + 1;
}

/* One line of a file, without its comment and blanks; "" where nothing is left. */
static char *strip(char *line, size_t *ret_column)
{
	char *start = line + strspn(line, " \t\r\n");

	line[strcspn(line, "#")] = '\0';
	if (start > line + strlen(line))
		start = line + strlen(line);
	for (size_t end = strlen(start); end > 0 && strchr(" \t\r\n", start[end - 1]) != NULL;
		end--)
		start[end - 1] = '\0';
	*ret_column = (size_t)(start - line);
	return start;
}

static int add_line(struct list *list, const char *path, unsigned number, char *line)
{
	struct addr_fault fault;
	struct cidr cidr;
	size_t column;
	const char *text = strip(line, &column);
	int r;

	if (text[0] == '\0')
		return 0;
	r = cidr_parse(text, &cidr, &fault);
	if (r < 0) {
		log_error(_("'%s', line %u: '%s' is not a block of addresses: %s (column %zu)"),
			path, number, text, fault.text, column + fault.column + 1);
		return r;
	}
	r = add(list, &cidr);
	if (r == -E2BIG)
		log_error(
			_("'%s', line %u: more than %u blocks"), path, number, ACCESS_MOST_BLOCKS);
	else if (r < 0)
		log_error(_("cannot read '%s': %s"), path, strerror(-r));
	return r;
}

static int add_file(struct list *list, const char *path)
{
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	int r = 0;
	FILE *file = fopen(path, "re");

	errno = file == NULL ? errno : 0;
	while (r == 0 && file != NULL && getline(&line, &size, file) >= 0)
		r = add_line(list, path, ++number, line);
	/* Not ferror(3): where there is no memory for a line, getline(3) fails without it. */
	if (file == NULL || (r == 0 && !feof(file))) {
		r = errno != 0 ? -errno : -EIO;
		log_error(_("cannot read '%s': %s"), path, strerror(-r));
	}
	if (file != NULL)
		fclose(file);
	return r;
}

static int add_entry(struct list *list, const char *text)
{
	struct addr_fault fault;
	struct cidr cidr;
	int r;

	if (text[0] == '@')
		return add_file(list, text + 1);
	r = cidr_parse(text, &cidr, &fault);
	if (r < 0) {
		log_error(_("'%s' is not a block of addresses: %s (column %zu)"), text, fault.text,
			fault.column + 1);
		return r;
	}
	r = add(list, &cidr);
	if (r == -E2BIG)
		log_error(
			_("'%s' is one block too many: %u are the most"), text, ACCESS_MOST_BLOCKS);
	else if (r < 0)
		log_error(_("cannot read '%s': %s"), text, strerror(-r));
	return r;
}

static int fill(struct list *list, const struct access_entries *entries)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < entries->count; i++)
		r = add_entry(list, entries->texts[i]);
	sort(&list->v4);
	sort(&list->v6);
	return r;
}

int access_new(const struct access_entries *allow, const struct access_entries *deny,
	struct access **ret_access)
{
	struct access *access = calloc(1, sizeof(*access));
	int r;

	if (access == NULL) {
		log_error(_("cannot read the lists: %s"), strerror(ENOMEM));
		return -ENOMEM;
	}
	access->allow_given = allow->count > 0;
	r = fill(&access->allow, allow);
	if (r == 0)
		r = fill(&access->deny, deny);
	if (r < 0) {
		access_free(access);
		return r;
	}
	*ret_access = access;
	return 0;
}

int access_read_proxies(struct access *access, const struct access_entries *proxies)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < proxies->count; i++) {
		if (strcmp(proxies->texts[i], ACCESS_UNIX) != 0)
			r = add_entry(&access->proxies, proxies->texts[i]);
	}
	sort(&access->proxies.v4);
	sort(&access->proxies.v6);
	return r;
}

static void list_fini(struct list *list)
{
	free(list->v4.ranges);
	free(list->v6.ranges);
}

void access_free(struct access *access)
{
	if (access == NULL)
		return;
	list_fini(&access->allow);
	list_fini(&access->deny);
	list_fini(&access->proxies);
	free(access);
}

/* ---- asking ---- */

static bool holds(const struct ranges *ranges, const uint8_t *octets, size_t count)
{
	size_t low = 0, high = ranges->count;

	/* The last range that begins at the address or before. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(ranges->ranges[middle].first, octets, count) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && memcmp(octets, ranges->ranges[low - 1].last, count) <= 0;
}

/* The octets of an IP address, 4 or 16, an IPv4 address as one also where it comes mapped; 0: it is none. */
static size_t octets_of(const struct sockaddr *addr, const uint8_t **ret_octets)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

	if (addr->sa_family == AF_INET) {
		*ret_octets = (const uint8_t *)&((const struct sockaddr_in *)addr)->sin_addr;
		return 4;
	}
	if (addr->sa_family != AF_INET6)
		return 0;
	*ret_octets = in6->sin6_addr.s6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return 16;
	*ret_octets += 12;
	return 4;
}

static bool list_holds(const struct list *list, const uint8_t *octets, size_t count)
{
	return holds(count == 4 ? &list->v4 : &list->v6, octets, count);
}

bool access_admits(const struct access *access, const struct sockaddr *source)
{
	const uint8_t *octets;
	size_t count = octets_of(source, &octets);

	return count == 0 ||
		(!list_holds(&access->deny, octets, count) &&
			(!access->allow_given || list_holds(&access->allow, octets, count)));
}

bool access_is_proxy(const struct access *access, const struct sockaddr *peer)
{
	const uint8_t *octets;
	size_t count = octets_of(peer, &octets);

	return count > 0 ? list_holds(&access->proxies, octets, count) : peer->sa_family == AF_UNIX;
}
