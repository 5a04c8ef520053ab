/*
 * The destination is what the socket is connected to: a service that is told another address than its own would be
 * right to doubt the rest.
 */
#include "client/send_proxy.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "net/call.h"
#include "net/literal.h"
#include "net/socket.h"

#define FROM "from="

static bool take_text(const char **at, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(*at, text, length) != 0)
		return false;
	*at += length;
	return true;
}

/* A spec whose host is a number, as an address. False: it is a name, or every address. */
static bool convert(const struct addr_spec *spec, struct addr *ret_addr)
{
	struct addr addr = { .scheme = spec->scheme };
	struct literal literal;

	if (spec->family == AF_UNIX) {
		addr.un.sun_family = AF_UNIX;
		addr.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			spec->path_length + 1);
		memcpy(addr.un.sun_path + (spec->abstract ? 1 : 0), spec->path, spec->path_length);
		*ret_addr = addr;
		return spec->path_length + 1 <= ADDR_PATH_SIZE;
	}
	if (spec->any || literal_parse(spec->host, &literal, NULL) < 0 || literal.zone[0] != '\0')
		return false;
	addr.generic.sa_family = (sa_family_t)literal.family;
	if (literal.family == AF_INET) {
		addr.length = sizeof(addr.in);
		memcpy(&addr.in.sin_addr, literal.octets, sizeof(addr.in.sin_addr));
	} else {
		addr.length = sizeof(addr.in6);
		memcpy(&addr.in6.sin6_addr, literal.octets, sizeof(addr.in6.sin6_addr));
	}
	addr_set_port(&addr, spec->port_given ? spec->port : 0);
	*ret_addr = addr;
	return true;
}

int send_proxy_parse(
	const char *text, struct send_proxy *ret_options, size_t *ret_column, const char **ret_why)
{
	static struct addr_fault fault; /* for ret_why; the main thread reads options */
	struct send_proxy options = { .version = PROXY_V1 };
	const char *at = text != NULL ? text : "";
	struct addr_spec spec;
	bool versioned = take_text(&at, "v1");

	if (!versioned && take_text(&at, "v2")) {
		versioned = true;
		options.version = PROXY_V2;
	}
	if (*at != '\0') {
		bool comma = take_text(&at, ",");

		if ((versioned && !comma) || !take_text(&at, FROM)) {
			*ret_column = (size_t)(at - text);
			*ret_why = versioned ? _("',from=ADDRESS' is expected here")
					     : _("'v1', 'v2' or 'from=ADDRESS' is expected here");
			return -EINVAL;
		}
		*ret_column = (size_t)(at - text);
		if (addr_parse(at, &spec, &fault) < 0) {
			*ret_column += fault.column;
			*ret_why = fault.text;
			return -EINVAL;
		}
		if (!convert(&spec, &options.from)) {
			*ret_why = _("the address of a client is a number, such as 192.0.2.7");
			return -EINVAL;
		}
		options.from_given = true;
		options.port_given = spec.port_given || spec.family == AF_UNIX;
	}
	*ret_options = options;
	return 0;
}

/* Without a name, or without an answer of the kernel's. */
static void make_unnamed(struct addr *addr, enum addr_scheme scheme)
{
	*addr = (struct addr){ .scheme = scheme, .length = sizeof(sa_family_t) };
	addr->generic.sa_family = AF_UNIX;
}

size_t send_proxy_write(const struct send_proxy *options, int fd, enum addr_scheme scheme,
	unsigned char buffer[static PROXY_WRITE_SIZE])
{
	struct addr source, destination, own;

	if (socket_peer(fd, scheme, &destination) < 0)
		make_unnamed(&destination, scheme);
	if (socket_name(fd, scheme, &own) < 0)
		make_unnamed(&own, scheme);
	source = options->from_given ? options->from : own;
	if (!options->port_given && options->from_given)
		addr_set_port(&source, addr_port(&own));
	/* A unix service has no address of the client's family: nothing is said of it. */
	if (source.generic.sa_family != AF_UNIX && destination.generic.sa_family == AF_UNIX) {
		destination = source;
		memset(&destination.storage, 0, sizeof(destination.storage));
		destination.generic.sa_family = source.generic.sa_family;
	}
	return proxy_write(options->version, &source, &destination, buffer);
}

int send_proxy(const struct send_proxy *options, int fd, enum addr_scheme scheme)
{
	unsigned char buffer[PROXY_WRITE_SIZE];
	size_t length;
	ssize_t n;

	if (options == NULL)
		return 0;
	length = send_proxy_write(options, fd, scheme, buffer);
	do
		n = call_send(fd, buffer, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	return (size_t)n == length ? 0 : -ENOBUFS;
}
