/*
 * Specs to addresses. Only a real name reaches getaddrinfo(3): a literal is put into a sockaddr by
 * hand, so that "127.1" or "::1" never waits for a resolver, whatever nsswitch.conf says.
 *
 * AI_ADDRCONFIG is not asked for: it hides the loopback addresses of a machine that has no other,
 * and what cannot be reached fails at once in connect(2) and is sorted last by RFC 6724 anyway.
 */
#include "net/resolve.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/i18n.h"
#include "base/number.h"
#include "net/call.h"
#include "net/literal.h"

/* An extension of glibc's: elsewhere, names that are not ASCII are not found. */
#ifdef AI_IDN
#define IDN_FLAG AI_IDN
#else
#define IDN_FLAG 0
#endif

/* Asked of the kernel, not of /proc: "ipv6.disable=1" and seccomp both show here. */
static bool have_ipv6(void)
{
	int fd = call_socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	call_close(fd);
	return true;
}

static struct addr make_in(const struct addr_spec *spec, in_addr_t network_order)
{
	struct addr addr = { .scheme = spec->scheme, .length = sizeof(addr.in) };

	addr.in.sin_family = AF_INET;
	addr.in.sin_port = htons(spec->port);
	addr.in.sin_addr.s_addr = network_order;
	return addr;
}

static struct addr make_in6(const struct addr_spec *spec, const struct in6_addr *octets)
{
	struct addr addr = { .scheme = spec->scheme, .length = sizeof(addr.in6) };

	addr.in6.sin6_family = AF_INET6;
	addr.in6.sin6_port = htons(spec->port);
	addr.in6.sin6_addr = *octets;
	return addr;
}

static int resolve_path(const struct addr_spec *spec, struct resolve_list *ret_list)
{
	struct addr *addr = &ret_list->addrs[0];

	memset(addr, 0, sizeof(*addr));
	addr->scheme = spec->scheme;
	addr->un.sun_family = AF_UNIX;
	/*
	 * An abstract name is as long as the length says; a path ends with its 0, which counts too.
	 */
	memcpy(addr->un.sun_path + spec->abstract, spec->path, spec->path_length);
	addr->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + spec->path_length + 1);
	ret_list->count = 1;
	return 0;
}

static int resolve_any(
	const struct addr_spec *spec, enum resolve_purpose purpose, struct resolve_list *ret_list)
{
	bool listen = purpose == RESOLVE_LISTEN;
	bool six = spec->family == AF_INET6 || (spec->family == AF_UNSPEC && have_ipv6());
	/* One dual-stack socket serves both; a connection must try the one and then the other. */
	bool four = spec->family == AF_INET || (spec->family == AF_UNSPEC && (!listen || !six));

	ret_list->count = 0;
	if (six) {
		struct addr *addr = &ret_list->addrs[ret_list->count++];

		*addr = make_in6(spec, listen ? &in6addr_any : &in6addr_loopback);
		addr->dual_stack = listen && spec->family == AF_UNSPEC;
	}
	if (four)
		ret_list->addrs[ret_list->count++] = make_in(
			spec, htonl(listen ? INADDR_ANY : INADDR_LOOPBACK));
	return 0;
}

/* An interface by name, or by index: an index need not exist here, the kernel judges it. */
static int find_zone(const char *zone, uint32_t *ret_scope_id)
{
	uint64_t number;
	unsigned index = if_nametoindex(zone);

	if (index == 0 && number_parse(zone, 1, UINT32_MAX, &number) == 0)
		index = (unsigned)number;
	if (index == 0)
		return -ENODEV;
	*ret_scope_id = index;
	return 0;
}

static int resolve_literal(
	const struct addr_spec *spec, const struct literal *literal, struct resolve_list *ret_list)
{
	in_addr_t four;
	struct in6_addr six;

	if (literal->family == AF_INET) {
		memcpy(&four, literal->octets, sizeof(four));
		ret_list->addrs[0] = make_in(spec, four);
	} else {
		uint32_t scope_id = 0;
		int r = literal->zone[0] != '\0' ? find_zone(literal->zone, &scope_id) : 0;

		if (r < 0)
			return r;
		memcpy(&six, literal->octets, sizeof(six));
		ret_list->addrs[0] = make_in6(spec, &six);
		ret_list->addrs[0].in6.sin6_scope_id = scope_id;
		addr_unmap(&ret_list->addrs[0]);
	}
	ret_list->count = 1;
	return 0;
}

static int resolver_error(int error)
{
	switch (error) {
	case EAI_NONAME:
	case EAI_IDN_ENCODE: return -ENOENT;
	case EAI_AGAIN: return -EAGAIN;
	case EAI_NODATA:
	case EAI_ADDRFAMILY: return -EADDRNOTAVAIL;
	case EAI_MEMORY: return -ENOMEM;
	case EAI_SYSTEM: return errno == ENOMEM ? -ENOMEM : -EIO;
	default: return -EIO;
	}
}

/* Adds what one answer of the resolver says, unless it is there already. */
static void add_answer(
	const struct addr_spec *spec, const struct addrinfo *answer, struct resolve_list *list)
{
	struct addr addr = { .scheme = spec->scheme, .length = answer->ai_addrlen };

	if ((answer->ai_family != AF_INET && answer->ai_family != AF_INET6) ||
		answer->ai_addrlen > sizeof(addr.storage) || list->count == RESOLVE_MOST)
		return;
	memcpy(&addr.storage, answer->ai_addr, answer->ai_addrlen);
	addr_set_port(&addr, spec->port);
	addr_unmap(&addr);
	for (size_t i = 0; i < list->count; i++) {
		if (addr_equal(&list->addrs[i], &addr))
			return;
	}
	list->addrs[list->count++] = addr;
}

static bool is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

/* "localhost", or a name below it (RFC 6761 6.3). */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t length = strlen(host);

	if (length > 0 && host[length - 1] == '.')
		length--;
	return length >= strlen(name) &&
		strncasecmp(host + length - strlen(name), name, strlen(name)) == 0 &&
		(length == strlen(name) || host[length - strlen(name) - 1] == '.');
}

static int resolve_name(const struct addr_spec *spec, struct resolve_list *ret_list)
{
	struct resolve_list list = { .count = 0 };
	struct addrinfo *answers;
	struct addrinfo hints = {
		.ai_family = spec->family,
		.ai_socktype = addr_socket_type(spec->scheme),
		.ai_flags = is_ascii(spec->host) ? 0 : IDN_FLAG,
	};
	int error = getaddrinfo(spec->host, NULL, &hints, &answers);

	/* An empty root has no /etc/hosts, and no name server is asked for this one. */
	if (error != 0 && is_localhost(spec->host))
		return resolve_any(spec, RESOLVE_CONNECT, ret_list);
	if (error != 0)
		return resolver_error(error);
	for (const struct addrinfo *answer = answers; answer != NULL; answer = answer->ai_next)
		add_answer(spec, answer, &list);
	freeaddrinfo(answers);
	if (list.count == 0)
		return -EADDRNOTAVAIL;
	*ret_list = list;
	return 0;
}

int resolve(
	const struct addr_spec *spec, enum resolve_purpose purpose, struct resolve_list *ret_list)
{
	struct literal literal;

	if (spec->family == AF_UNIX)
		return resolve_path(spec, ret_list);
	if (spec->any)
		return resolve_any(spec, purpose, ret_list);
	if (strchr(spec->host, ':') != NULL || literal_is_meant(spec->host))
		return literal_parse(spec->host, &literal, NULL) == 0
			? resolve_literal(spec, &literal, ret_list)
			: -ENOENT;
	return resolve_name(spec, ret_list);
}

const char *resolve_strerror(int error)
{
	switch (-error) {
	case ENOENT: return _("no such host name");
	case EAGAIN: return _("the name server does not answer now; try again later");
	case EADDRNOTAVAIL: return _("the host has no address of the wanted family");
	case ENODEV: return _("no network interface has the name of the zone");
	case ENOMEM: return _("out of memory");
	default: return _("the name could not be looked up");
	}
}
