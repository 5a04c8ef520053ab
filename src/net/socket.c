/*
 * Sockets, opened as meari needs them. Two facts of Linux shape this file:
 *
 * - SO_REUSEPORT lets any process of the same user join a port in silence. The first socket of an
 *   address is therefore bound without it, which finds a port that is taken, and gets the option
 *   only afterwards; its siblings then join. See socket(7).
 * - What is set on a listening socket is inherited by what it accepts (no delay, keep-alive, urgent
 *   data in line): no system call is spent on them for each connection. Unix sockets inherit nothing but
 *   SO_PASSRIGHTS, and that from the moment of connect(2).
 */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/call.h"
#include "net/passrights.h"
#include "net/path_lock.h"

/* Remembers which call failed; gives the error back so that it can be returned in one line. */
static int failed(struct socket_failure *failure, const char *call, int error)
{
	if (failure != NULL)
		failure->call = call;
	return error;
}

static int set_flag(int fd, int level, int option, int on)
{
	return call_setsockopt(fd, level, option, &on, sizeof(on));
}

bool socket_is_shut_down(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLRDHUP };

	return poll(&polled, 1, 0) > 0 && (polled.revents & (POLLRDHUP | POLLHUP)) != 0;
}

void socket_refuse_descriptors(int fd)
{
	set_flag(fd, SOL_SOCKET, SO_PASSRIGHTS, 0);
}

int socket_tune_stream(int fd, enum addr_scheme scheme)
{
	int r;

	if (addr_socket_type(scheme) != SOCK_STREAM)
		return 0;
	/* Also of one that is accepted: it may have been connected before the listener refused them. */
	if (scheme == ADDR_UNIX)
		socket_refuse_descriptors(fd);
	/* Without it an urgent byte is not in the stream, and missing. Unix has such since 5.15. */
	r = set_flag(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	if (r < 0 || !addr_is_tcp(scheme))
		return r;
	set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* an echo must not wait for an ACK: RFC 896 */
	set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1); /* a peer without power is found in the end */
	return 0;
}

void socket_set_busy_poll(int fd, unsigned busy_poll_us)
{
	int value = (int)busy_poll_us;

	call_setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &value, sizeof(value));
}

void socket_set_incoming_cpu(int fd, int cpu)
{
	call_setsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, sizeof(cpu));
}

void socket_limit_accept(int fd)
{
	struct timeval least = { .tv_usec = 1 }; /* rounded up to a tick of the kernel's */

	call_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &least, sizeof(least));
	socket_mend_blocking(fd);
}

bool socket_mend_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

void socket_set_reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	call_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

int socket_name(int fd, enum addr_scheme scheme, struct addr *ret_addr)
{
	struct addr addr = { .scheme = scheme, .length = sizeof(addr.storage) };
	int r = call_getsockname(fd, &addr.generic, &addr.length);

	if (r < 0)
		return r;
	addr_unmap(&addr);
	*ret_addr = addr;
	return 0;
}

int socket_peer(int fd, enum addr_scheme scheme, struct addr *ret_addr)
{
	struct addr addr = { .scheme = scheme, .length = sizeof(addr.storage) };
	int r = call_getpeername(fd, &addr.generic, &addr.length);

	if (r < 0)
		return r;
	addr_unmap(&addr);
	*ret_addr = addr;
	return 0;
}

bool socket_met_itself(int fd, enum addr_scheme scheme)
{
	struct addr own, peer;

	/* A unix stream that connects does not listen. */
	return scheme != ADDR_UNIX && socket_name(fd, scheme, &own) == 0 &&
		socket_peer(fd, scheme, &peer) == 0 && addr_equal(&own, &peer);
}

static bool is_unspecified(const struct addr *addr)
{
	switch (addr->generic.sa_family) {
	case AF_INET: return addr->in.sin_addr.s_addr == htonl(INADDR_ANY);
	case AF_INET6: return IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
	default: return false;
	}
}

/* A stream socket can be bound to an address without taking a port, of which there may be none. */
static bool is_of_this_machine(const struct addr *addr)
{
	CLEANUP_FD int fd = call_socket(addr->generic.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct addr any_port = *addr;

	if (fd < 0)
		return false;
	addr_set_port(&any_port, 0);
	set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return call_bind(fd, &any_port.generic, any_port.length) == 0;
}

bool socket_would_meet_itself(int fd, const struct addr *target)
{
	struct addr own;

	if (addr_socket_type(target->scheme) != SOCK_DGRAM ||
		socket_name(fd, target->scheme, &own) < 0)
		return false;
	if (!is_unspecified(&own))
		return addr_equal(&own, target);
	return addr_port(&own) == addr_port(target) && is_of_this_machine(target);
}

int socket_take_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);
	int r = call_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);

	return r < 0 ? r : -error;
}

/*
 * A unix socket file outlives its server. It is stale when no process serves on it; only then, and
 * only if it is a socket, may it be removed.
 */
static int remove_stale_file(const struct addr *addr)
{
	struct stat status;

	if (lstat(addr->un.sun_path, &status) < 0)
		return -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;

	CLEANUP_FD int fd = call_socket(AF_UNIX, addr_socket_type(addr->scheme) | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	int r = call_connect(fd, &addr->generic, addr->length);

	if (r != -ECONNREFUSED)
		return -EADDRINUSE; /* it answers, or is busy, or belongs to the other socket type */
	return unlink(addr->un.sun_path) < 0 ? -errno : 0;
}

static bool has_file(const struct addr *addr)
{
	return addr->generic.sa_family == AF_UNIX &&
		addr->length > offsetof(struct sockaddr_un, sun_path) &&
		addr->un.sun_path[0] != '\0';
}

int socket_remove_stale(const struct addr *addr)
{
	return has_file(addr) ? remove_stale_file(addr) : 0;
}

static int bind_to(int fd, const struct addr *addr)
{
	int r = call_bind(fd, &addr->generic, addr->length);

	if (r == -EADDRINUSE && has_file(addr)) {
		r = remove_stale_file(addr);
		if (r == 0)
			r = call_bind(fd, &addr->generic, addr->length);
	}
	return r;
}

/*
 * What is received is answered at once, and the answer acknowledges it: the extra ACKs that a new
 * connection begins with (tcp(7)) only make a short one dearer, by one segment in ten. Accepted
 * connections inherit it. Only of a socket that listens: listen(2) forgets it.
 */
static void leave_acks_to_answers(int fd, enum addr_scheme scheme)
{
	if (addr_is_tcp(scheme))
		set_flag(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

/*
 * What a serving socket needs, before or after bind(2): datagrams are answered from the right
 * address.
 */
static int set_server_options(int fd, const struct addr *addr)
{
	int family = addr->generic.sa_family;
	int r = 0;

	if (family == AF_UNIX)
		socket_refuse_descriptors(fd);
	if (addr->scheme == ADDR_UNIXGRAM)
		/*
		 * What a peer may send at its most must also go back; the kernel cuts it to its
		 * limit.
		 */
		set_flag(fd, SOL_SOCKET, SO_SNDBUF, 1 << 20);
	if (addr_is_tcp(addr->scheme))
		r = socket_tune_stream(fd, addr->scheme);
	if (addr->scheme == ADDR_UDP && family == AF_INET6)
		r = set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (r == 0 && addr->scheme == ADDR_UDP && (family == AF_INET || addr->dual_stack))
		r = set_flag(fd, IPPROTO_IP, IP_PKTINFO, 1);
	return r;
}

/* What must be set before bind(2). */
static int prepare_server(
	int fd, const struct addr *addr, const struct socket_listen_options *options)
{
	int family = addr->generic.sa_family;
	int r = 0;

	if (family == AF_INET6)
		r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !addr->dual_stack);
	/* Bind again at once after a restart, although old connections are in TIME-WAIT. */
	if (r == 0 && addr_is_tcp(addr->scheme))
		r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0 && family != AF_UNIX && options->join_shared)
		r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return r == 0 ? set_server_options(fd, addr) : r;
}

/* What comes after bind(2), which has made a file for a unix socket. */
static int begin_serving(int fd, const struct addr *addr,
	const struct socket_listen_options *options, struct addr *ret_bound,
	struct socket_failure *reterr_failure)
{
	int r = 0;

	if (options->share_port && !options->join_shared && addr->generic.sa_family != AF_UNIX)
		r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r < 0)
		return failed(reterr_failure, "setsockopt", r);
	if (addr_socket_type(addr->scheme) == SOCK_STREAM)
		r = call_listen(fd, options->backlog);
	if (r < 0)
		return failed(reterr_failure, "listen", r);
	leave_acks_to_answers(fd, addr->scheme);
	r = socket_name(fd, addr->scheme, ret_bound);
	return r < 0 ? failed(reterr_failure, "getsockname", r) : 0;
}

int socket_open_server(const struct addr *addr, const struct socket_listen_options *options,
	int *ret_fd, struct addr *ret_bound, struct socket_failure *reterr_failure)
{
	int type = addr_socket_type(addr->scheme);
	CLEANUP_FD int fd = call_socket(addr->generic.sa_family, type | SOCK_NONBLOCK, 0);
	struct addr bound;
	int r;

	if (fd < 0)
		return failed(reterr_failure, "socket", fd);
	r = prepare_server(fd, addr, options);
	if (r < 0)
		return failed(reterr_failure, "setsockopt", r);

	/* Until it listens, other processes take it for a stale one. */
	CLEANUP_FD int lock_fd = path_lock_take(addr);

	r = bind_to(fd, addr);
	if (r < 0)
		return failed(reterr_failure, "bind", r);
	r = begin_serving(fd, addr, options, &bound, reterr_failure);
	if (r < 0) {
		if (has_file(addr))
			unlink(addr->un.sun_path);
		return r;
	}
	bound.dual_stack = addr->dual_stack;
	*ret_bound = bound;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int socket_open_control(
	const struct addr *addr, int type, int *ret_fd, struct socket_failure *reterr_failure)
{
	CLEANUP_FD int fd = call_socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return failed(reterr_failure, "socket", fd);
	/*
	 * Before bind: the file then comes into being with this mode, and no other user connects
	 * before.
	 */
	if (fchmod(fd, S_IRUSR | S_IWUSR) < 0)
		return failed(reterr_failure, "fchmod", -errno);

	socket_refuse_descriptors(fd);

	CLEANUP_FD int lock_fd = path_lock_take(addr);

	r = bind_to(fd, addr);
	if (r < 0)
		return failed(reterr_failure, "bind", r);
	socket_limit_accept(fd); /* the next server has it, too */
	r = call_listen(fd, SOMAXCONN);
	if (r < 0)
		return failed(reterr_failure, "listen", r);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int get_number(int fd, int level, int option, int *ret_value)
{
	socklen_t length = sizeof(*ret_value);

	return call_getsockopt(fd, level, option, ret_value, &length);
}

/* Finds out what a foreign socket is: `ret_addr` has its scheme, address and dual_stack. */
static int identify(int fd, struct addr *ret_addr)
{
	int domain, type, protocol, listens = 0, only_v6 = 1;
	int r = get_number(fd, SOL_SOCKET, SO_DOMAIN, &domain);

	if (r == 0)
		r = get_number(fd, SOL_SOCKET, SO_PROTOCOL, &protocol);
	if (r == 0)
		r = get_number(fd, SOL_SOCKET, SO_TYPE, &type);
	if (r < 0)
		return r;
	bool is_unix = domain == AF_UNIX, is_stream = type == SOCK_STREAM;

	if ((!is_unix && domain != AF_INET && domain != AF_INET6) ||
		(!is_stream && type != SOCK_DGRAM) ||
		(!is_unix && !is_stream && protocol != IPPROTO_UDP))
		return -EPROTONOSUPPORT;
	r = get_number(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens);
	if (r == 0 && domain == AF_INET6)
		r = get_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6);
	if (r < 0)
		return r;

	struct addr addr, peer;
	enum addr_scheme scheme = is_unix ? (is_stream ? ADDR_UNIX : ADDR_UNIXGRAM)
					  : (is_stream ? ADDR_TCP : ADDR_UDP);

	r = socket_name(fd, scheme, &addr);
	if (r < 0)
		return r;
	if (socket_peer(fd, scheme, &peer) == 0)
		return -EISCONN;
	if (is_stream && !listens)
		return -ENOTCONN;
	if (is_unix ? addr.length <= sizeof(sa_family_t) : addr_port(&addr) == 0)
		return -EDESTADDRREQ;
	addr.dual_stack = domain == AF_INET6 && !only_v6 && addr.generic.sa_family == AF_INET6 &&
		IN6_IS_ADDR_UNSPECIFIED(&addr.in6.sin6_addr);
	*ret_addr = addr;
	return 0;
}

int socket_adopt_server(int fd, struct addr *ret_bound, struct socket_failure *reterr_failure)
{
	struct addr addr;
	int flags = fcntl(fd, F_GETFL);
	int r;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return failed(reterr_failure, "fcntl", -errno);
	r = identify(fd, &addr);
	if (r < 0)
		return failed(reterr_failure, "getsockopt", r);
	r = set_server_options(fd, &addr);
	if (r < 0)
		return failed(reterr_failure, "setsockopt", r);
	leave_acks_to_answers(fd, addr.scheme);
	*ret_bound = addr;
	return 0;
}

int socket_open_client(const struct addr *addr, const struct addr *source, int *ret_fd,
	struct socket_failure *reterr_failure)
{
	int type = addr_socket_type(addr->scheme);
	CLEANUP_FD int fd = call_socket(addr->generic.sa_family, type | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return failed(reterr_failure, "socket", fd);
	r = socket_tune_stream(fd, addr->scheme);
	if (r < 0)
		return failed(reterr_failure, "setsockopt", r);
	if (addr->scheme == ADDR_UNIXGRAM)
		socket_refuse_descriptors(fd);
	if (source != NULL) {
		/* The port is then chosen by connect(2), for the pair of addresses: ip(7). */
		if (addr_is_tcp(addr->scheme) && addr_port(source) == 0)
			set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		r = bind_to(fd, source);
	} else if (addr->scheme == ADDR_UNIXGRAM) {
		/* Only the family: the kernel then chooses an abstract name (autobind, unix(7)). */
		struct sockaddr_un unnamed = { .sun_family = AF_UNIX };

		r = call_bind(fd, (struct sockaddr *)&unnamed, sizeof(sa_family_t));
	}
	if (r < 0)
		return failed(reterr_failure, "bind", r);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
