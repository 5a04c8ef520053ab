/*
 * Which socket is which is asked of the kernel (socket_adopt_server); of what the other server says,
 * only the socket file's identity is used: a path may be relative to that one's folder, and mean another
 * file here.
 */
#include "server/listen/inheritance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/call.h"
#include "net/resolve.h"
#include "net/socket.h"

/* The kernel does not know what TLS is: the other server's socket is one of TCP. */
static bool is_same_kind(enum addr_scheme one, enum addr_scheme other)
{
	return one == other || (addr_is_tcp(one) && addr_is_tcp(other));
}

static bool is_same_place(const struct addr *one, const struct addr *other)
{
	return is_same_kind(one->scheme, other->scheme) && one->dual_stack == other->dual_stack &&
		addr_equal(one, other);
}

/* Whether the path leads there from here, too. */
static bool has_own_file(const struct listener *listener)
{
	struct stat status;

	return listener->file_inode == 0 ||
		(lstat(listener->bound.un.sun_path, &status) == 0 &&
			status.st_dev == listener->file_device &&
			status.st_ino == listener->file_inode);
}

static bool has_file(const struct addr *addr)
{
	return addr->generic.sa_family == AF_UNIX && addr->un.sun_path[0] != '\0';
}

/* ---- collecting ---- */

static struct listener *find(struct listener_list *inherited, const struct listener *like)
{
	for (size_t i = 0; i < inherited->count; i++) {
		struct listener *one = &inherited->listeners[i];

		if (one->activated == like->activated && one->web == like->web &&
			is_same_place(&one->bound, &like->bound) &&
			one->file_device == like->file_device &&
			one->file_inode == like->file_inode)
			return one;
	}
	return NULL;
}

static int add_socket(struct listener *listener, int fd)
{
	int *longer = reallocarray(listener->fds, listener->fd_count + 1, sizeof(int));

	if (longer == NULL)
		return -ENOMEM;
	longer[listener->fd_count++] = fd;
	listener->fds = longer;
	listener->socket_count = listener->fd_count;
	return 0;
}

int inheritance_add(struct listener_list *inherited, int fd, enum inheritance_origin origin,
	dev_t device, ino_t inode)
{
	struct listener one = {
		.activated = origin != INHERITANCE_OPENED,
		.web = origin == INHERITANCE_ACTIVATED_WEB,
	};
	struct listener *place, *next;
	int r = socket_adopt_server(fd, &one.bound, NULL);

	if (r < 0)
		goto fail;
	if (has_file(&one.bound)) {
		one.file_device = device;
		one.file_inode = inode;
		one.file_theirs = true;
	}
	place = find(inherited, &one);
	if (place != NULL) {
		r = add_socket(place, fd);
	} else {
		next = listener_list_append(inherited);
		r = next != NULL ? add_socket(&one, fd) : -ENOMEM;
		if (r == 0) {
			*next = one;
			inherited->count++;
		}
	}
	if (r == 0)
		return 0;
fail:
	call_close(fd);
	return r;
}

/* ---- giving ---- */

void inheritance_reserve(
	struct listener_list *inherited, const struct addr_spec *specs, size_t spec_count)
{
	struct resolve_list found;

	for (size_t i = 0; i < spec_count; i++) {
		if (resolve(&specs[i], RESOLVE_LISTEN, &found) < 0)
			continue;
		for (size_t k = 0; k < found.count; k++) {
			for (size_t n = 0; n < inherited->count; n++) {
				struct listener *one = &inherited->listeners[n];

				one->reserved = one->reserved ||
					is_same_place(&one->bound, &found.addrs[k]);
			}
		}
	}
}

static bool fits(const struct listener *listener, const struct addr *addr)
{
	struct addr same = *addr;
	bool any_port = addr->generic.sa_family != AF_UNIX && addr_port(addr) == 0;

	if (any_port)
		addr_set_port(&same, addr_port(&listener->bound));
	return !(any_port && listener->reserved) && is_same_place(&listener->bound, &same) &&
		has_own_file(listener);
}

/* The descriptor of one thread more; -1: it takes no part. */
static int get_another(struct listener *listener, unsigned index)
{
	struct socket_listen_options options = { .join_shared = true };
	struct addr same = listener->bound;
	int fd = -1, shares = 0;
	socklen_t length = sizeof(shares);

	if (addr_socket_type(listener->bound.scheme) == SOCK_STREAM)
		return fcntl(listener->fds[index % listener->socket_count], F_DUPFD_CLOEXEC, 0);
	if (listener->bound.scheme != ADDR_UDP || listener->activated ||
		call_getsockopt(listener->fds[0], SOL_SOCKET, SO_REUSEPORT, &shares, &length) < 0 ||
		!shares || socket_open_server(&same, &options, &fd, &same, NULL) < 0)
		return -1;
	listener->socket_count++;
	return fd;
}

/* Without memory or descriptors, the rest of the threads takes no part: the sockets there are, are served. */
static void spread(struct listener *listener, unsigned threads)
{
	int *longer;

	if (listener->fd_count >= threads)
		return;
	longer = reallocarray(listener->fds, threads, sizeof(int));
	if (longer == NULL)
		return;
	listener->fds = longer;
	while (listener->fd_count < threads) {
		int fd = get_another(listener, listener->fd_count);

		if (fd < 0)
			return;
		longer[listener->fd_count++] = fd;
	}
}

static void take_out(struct listener_list *inherited, size_t which, unsigned threads,
	struct listener *ret_listener)
{
	struct listener *one = &inherited->listeners[which];

	*ret_listener = *one;
	memmove(one, one + 1, (--inherited->count - which) * sizeof(*one));
	spread(ret_listener, threads);
}

bool inheritance_claim(struct listener_list *inherited, const struct addr *addr, unsigned threads,
	struct listener *ret_listener)
{
	for (size_t i = 0; i < inherited->count; i++) {
		if (!fits(&inherited->listeners[i], addr))
			continue;
		take_out(inherited, i, threads, ret_listener);
		ret_listener->bound.scheme = addr->scheme;
		return true;
	}
	return false;
}

bool inheritance_claim_activated(
	struct listener_list *inherited, unsigned threads, bool web, struct listener *ret_listener)
{
	for (size_t i = 0; i < inherited->count; i++) {
		if (!inherited->listeners[i].activated || inherited->listeners[i].web != web)
			continue;
		take_out(inherited, i, threads, ret_listener);
		return true;
	}
	return false;
}

void inheritance_close_rest(struct listener_list *inherited)
{
	for (size_t i = 0; i < inherited->count; i++) {
		struct listener *one = &inherited->listeners[i];

		while (one->fd_count > 0)
			call_close(one->fds[--one->fd_count]);
		one->socket_count = 0;
	}
}
