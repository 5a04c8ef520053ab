/*
 * Threads share nothing on the hot path, so each has a socket of its own on every address, and the
 * kernel spreads the connections (SO_REUSEPORT, by a hash of addresses and ports). Unix sockets do
 * not have that: threads get duplicates of one socket, and a free one accepts. A unix datagram
 * socket is served by one thread only: two would answer one peer's datagrams out of order.
 */
#include "server/listen/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "net/call.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "server/listen/inheritance.h"

/* What to do about it, where that is known; "" where the reason says it all. */
static const char *next_step(int error, const struct addr *addr)
{
	bool is_unix = addr->generic.sa_family == AF_UNIX;

	switch (-error) {
	case EACCES:
	case EPERM:
		if (is_unix)
			return _(" (the folder must be writable for you)");
		if (addr_port(addr) < 1024)
			return _(" (ports below 1024 need root or CAP_NET_BIND_SERVICE)");
		return "";
	case EADDRINUSE:
		if (is_unix)
			return _(" (a server answers on it; stop it or take another path)");
		if (addr->scheme == ADDR_UDP)
			return _(
				" ('ss -lunp' shows which process has it; port 0 lets the kernel choose one)");
		return _(
			" ('ss -ltnp' shows which process has it; port 0 lets the kernel choose one)");
	case EADDRNOTAVAIL:
		return _(" (no interface of this machine has it; 'ip address' lists them)");
	case EAFNOSUPPORT: return _(" (this kernel or container has no such address family)");
	case EEXIST: return _(" (it is not a socket, so it is not removed; take another path)");
	case EINVAL:
		if (addr_lacks_zone(addr))
			return _(" (a link-local address needs a zone, such as %eth0)");
		return "";
	case ENOENT: return is_unix ? _(" (its folder must exist)") : "";
	case EMFILE: return _(" (too few descriptors; raise the limit, 'ulimit -n')");
	default: return "";
	}
}

/* The listener of our own that already has this address, or its port; NULL if there is none. */
static const struct listener *find_rival(const struct listener_list *list, const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct addr *bound = &list->listeners[i].bound;
		bool same_port = addr_port(addr) != 0 && addr_port(bound) == addr_port(addr);

		if (bound->scheme == addr->scheme && (same_port || addr_equal(bound, addr)))
			return &list->listeners[i];
	}
	return NULL;
}

/* Where messages go; the caller prints them. */
struct words {
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int say(
	const struct words *words, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words->text, words->size, format, arguments);
	va_end(arguments);
	return error;
}

static int complain(const struct words *words, const struct listener_list *list,
	const struct addr *addr, const struct socket_failure *failure, int error)
{
	const struct listener *rival = error == -EADDRINUSE ? find_rival(list, addr) : NULL;
	char text[ADDR_TEXT_SIZE], rival_text[ADDR_TEXT_SIZE];

	addr_format(addr, text, sizeof(text));
	if (rival != NULL)
		return say(words, error,
			_("cannot listen on '%s': this server already listens on '%s'"), text,
			addr_format(&rival->bound, rival_text, sizeof(rival_text)));
	/* bind and listen need no name: the sentence says it. */
	if (strcmp(failure->call, "bind") == 0 || strcmp(failure->call, "listen") == 0)
		return say(words, error, _("cannot listen on '%s': %s%s"), text, strerror(-error),
			next_step(error, addr));
	return say(words, error, _("cannot listen on '%s': %s: %s%s"), text, failure->call,
		strerror(-error), next_step(error, addr));
}

static void note_file(struct listener *listener)
{
	struct stat status;

	if (listener->bound.generic.sa_family != AF_UNIX || listener->bound.un.sun_path[0] == '\0')
		return;
	if (lstat(listener->bound.un.sun_path, &status) == 0) {
		listener->file_device = status.st_dev;
		listener->file_inode = status.st_ino;
	}
}

/* The sockets of the second and later threads. */
static int open_siblings(struct listener *listener, struct socket_listen_options *options,
	unsigned threads, struct socket_failure *failure)
{
	bool is_unix = listener->bound.generic.sa_family == AF_UNIX;

	options->join_shared = true;
	for (unsigned i = 1; i < threads; i++) {
		struct addr same = listener->bound;
		int r = 0;

		if (listener->bound.scheme == ADDR_UNIXGRAM) {
			listener->fds[i] = -1;
		} else if (is_unix) {
			r = fcntl(listener->fds[0], F_DUPFD_CLOEXEC, 0);
			listener->fds[i] = r;
			if (r < 0) {
				failure->call = "fcntl";
				r = -errno;
			}
		} else {
			r = socket_open_server(&same, options, &listener->fds[i], &same, failure);
		}
		if (r < 0)
			return r;
		listener->fd_count++;
		if (!is_unix)
			listener->socket_count++;
	}
	return 0;
}

static int listener_init(struct listener *listener, const struct addr *addr,
	const struct listener_options *wanted, struct socket_failure *failure)
{
	unsigned threads = wanted->threads;
	struct socket_listen_options options = {
		.backlog = wanted->backlog,
		.share_port = threads > 1 || wanted->share_port,
	};
	int r;

	*listener = (struct listener){ .fds = malloc(threads * sizeof(int)) };
	failure->call = "malloc";
	if (listener->fds == NULL)
		return -ENOMEM;
	r = socket_open_server(addr, &options, &listener->fds[0], &listener->bound, failure);
	if (r == 0) {
		listener->fd_count = listener->socket_count = 1;
		note_file(listener);
		r = open_siblings(listener, &options, threads, failure);
	}
	if (r < 0)
		listener_list_close_one(listener);
	return r;
}

/* The address family or this very address is not on this machine. */
static bool is_absence(int error)
{
	return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* From the other server, where that had it; else anew. */
static int get_listener(struct listener *listener, const struct addr *addr,
	const struct listener_options *options, struct socket_failure *failure)
{
	if (options->inherited != NULL &&
		inheritance_claim(options->inherited, addr, options->threads, listener))
		return 0;
	return listener_init(listener, addr, options, failure);
}

static int open_spec(struct listener_list *list, const struct addr_spec *spec,
	const struct listener_options *options, const struct words *words)
{
	struct resolve_list found;
	char text[ADDR_TEXT_SIZE];
	size_t opened = 0;
	int r = resolve(spec, RESOLVE_LISTEN, &found);

	if (r < 0) {
		addr_spec_format(spec, text, sizeof(text));
		return say(words, r, _("cannot listen on '%s': %s"), text, resolve_strerror(r));
	}
	for (size_t i = 0; i < found.count; i++) {
		struct socket_failure failure = { .call = "" };
		struct addr *addr = &found.addrs[i];
		struct listener *next = listener_list_append(list);

		if (next == NULL) {
			addr_spec_format(spec, text, sizeof(text));
			return say(words, -ENOMEM, _("cannot listen on '%s': %s"), text,
				strerror(ENOMEM));
		}
		/* One name, one port: the second address of "localhost:0" follows the first. */
		if (opened > 0 && addr_port(addr) == 0)
			addr_set_port(addr, addr_port(&next[-1].bound));
		r = get_listener(next, addr, options, &failure);
		/* A name often has an IPv6 address where the machine has no IPv6. */
		if (is_absence(r) && (opened > 0 || i + 1 < found.count))
			continue;
		if (r < 0)
			return complain(words, list, addr, &failure, r);
		next->spec = spec;
		next->web = options->web;
		list->count++;
		opened++;
	}
	return 0;
}

int listener_open_all(const struct addr_spec *specs, size_t spec_count,
	const struct listener_options *options, struct listener_list *list, char *reterr_why,
	size_t size)
{
	const struct words words = { reterr_why, size };

	if (options->inherited != NULL)
		inheritance_reserve(options->inherited, specs, spec_count);
	for (size_t i = 0; i < spec_count; i++) {
		int r = open_spec(list, &specs[i], options, &words);

		if (r < 0) {
			listener_list_close_all(list);
			return r;
		}
	}
	return 0;
}

/* ---- sockets that were handed over ---- */

static int complain_of_adopted(
	const struct words *words, const char *name, unsigned index, int error)
{
	const char *reason = strerror(-error);

	switch (-error) {
	case EPROTONOSUPPORT:
		reason = _("it is neither a TCP, UDP nor Unix stream or datagram socket");
		break;
	case EDESTADDRREQ: reason = _("it is not bound to an address"); break;
	case ENOTCONN: reason = _("it does not listen"); break;
	case EISCONN:
		reason = _("it is connected; meari takes listening sockets (Accept=no in the "
			   ".socket unit)");
		break;
	}
	return say(words, error,
		_("cannot serve on the socket '%s' that was handed over (descriptor %u): %s"), name,
		index, reason);
}

/*
 * Every thread has a duplicate of a stream's socket. Sockets of their own (SO_REUSEPORT) would take what
 * waits in them away when the server ends; what waits in the one of the service manager is served by
 * the next server. Datagrams are for one thread, as with unixgram.
 */
static int adopt(struct listener *listener, int fd, unsigned threads)
{
	struct socket_failure failure;
	struct addr bound;
	int *fds = malloc(threads * sizeof(int));
	int r = fds == NULL ? -ENOMEM : socket_adopt_server(fd, &bound, &failure);

	if (r < 0) {
		free(fds);
		return r;
	}
	*listener = (struct listener){
		.fds = fds,
		.bound = bound,
		.socket_count = 1,
		.activated = true,
	};
	fds[listener->fd_count++] = fd;
	while (listener->fd_count < threads) {
		bool shared = addr_socket_type(bound.scheme) == SOCK_STREAM;
		int copy = shared ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

		if (shared && copy < 0) {
			r = -errno;
			fds[0] = -1; /* stays the caller's */
			listener_list_close_one(listener);
			return r;
		}
		fds[listener->fd_count++] = copy;
	}
	return 0;
}

int listener_adopt_all(struct activation *activation, unsigned threads, bool web,
	struct listener_list *list, char *reterr_why, size_t size)
{
	const struct words words = { reterr_why, size };
	struct listener *longer;

	if (activation->count == 0)
		return 0;
	longer = reallocarray(
		list->listeners, list->count + activation->count, sizeof(struct listener));
	if (longer == NULL) {
		return say(&words, -ENOMEM,
			_("cannot take the sockets that were handed over (LISTEN_FDS): %s"),
			strerror(ENOMEM));
	}
	list->listeners = longer;
	for (size_t i = 0; i < activation->count; i++) {
		int fd = activation->fds[i], r = 0;

		if (fd < 0)
			continue;
		r = adopt(&longer[list->count], fd, threads);
		if (r < 0) {
			listener_list_close_all(list);
			return complain_of_adopted(&words, activation->names[i], (unsigned)fd, r);
		}
		activation->fds[i] = -1;
		list->listeners[list->count].web = web;
		list->count++;
	}
	return 0;
}

int listener_take(struct listener *listener, unsigned thread, unsigned threads)
{
	for (unsigned i = thread; i < listener->fd_count; i += threads) {
		int fd = listener->fds[i];

		listener->fds[i] = -1;
		if (fd >= 0)
			return fd;
	}
	return -1;
}
