/*
 * What a client says of itself before anything else, where a service expects a header of the PROXY protocol
 * (--send-proxy; wire/proxy.h): who the client is, which may be another one.
 *
 *   SPEC = [ "v1" | "v2" ] [ [ "," ] "from=" ADDRESS ], with the comma behind a version
 *
 * Any thread; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/addr.h"
#include "wire/proxy_write.h"

struct send_proxy {
	enum proxy_version version;
	bool from_given, port_given;
	struct addr from; /* otherwise the socket's own address is told */
};

/*
 * `text` NULL: version 1, as itself. ADDRESS is a number and no name, with a port or without: then it is the
 * socket's own. -EINVAL: `ret_column` is the place in the text, from 0, `ret_why` the reason in the user's language.
 */
int send_proxy_parse(
	const char *text, struct send_proxy *ret_options, size_t *ret_column, const char **ret_why);

/* The header for a connected stream; its length. */
size_t send_proxy_write(const struct send_proxy *options, int fd, enum addr_scheme scheme,
	unsigned char buffer[static PROXY_WRITE_SIZE]);

/*
 * Sends it on a stream on which nothing has been sent: there is always room for it. `options` NULL: nothing to
 * send. 0, or -errno of send(2); -ENOBUFS: not all of it was taken.
 */
int send_proxy(const struct send_proxy *options, int fd, enum addr_scheme scheme);
