/*
 * Each state is one datagram to the manager's socket. RELOADING goes with the time of the same clock
 * that systemd reads, so that it knows a late READY from the one that ends this reload
 * (Type=notify-reload, systemd 253).
 *
 * The socket is opened and connected once, before the sandbox and before the server becomes another user, and
 * connected again only when the manager has a new one. A manager that does not read fills its queue; a
 * blocking send would then keep the main thread, and with it SIGTERM, for ever.
 */
#include "server/notify.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "base/quote.h"
#include "net/call.h"

/* A shorter period would keep the main thread busy. */
#define LEAST_WATCHDOG_NS CLOCK_NS_PER_MS
#define MOST_INTERRUPTIONS 8

static struct manager {
	bool is_wanted;
	bool is_logged; /* a failure has been logged */
	bool is_stalled; /* the last message did not get through */
	bool claims_pid; /* MAINPID has not got through yet */
	int fd; /* -1: there is none */
	socklen_t length; /* 0: the address cannot be used */
	struct sockaddr_un address;
	uint64_t watchdog_ns;
	char name[256]; /* the address for people */
	char unsent[NOTIFY_MESSAGE_SIZE]; /* the last state that did not get through */
} manager = { .fd = -1, .watchdog_ns = CLOCK_NEVER };

static void log_once(const char *reason)
{
	if (manager.is_logged)
		return;
	manager.is_logged = true;
	LOG_EVENT(LOG_LEVEL_WARNING, "notify_failed",
		json_pack("{s:s, s:s}", "socket", manager.name, "reason", reason),
		_("cannot notify the service manager at '%s': %s (NOTIFY_SOCKET)"), manager.name,
		reason);
}

/* ---- the environment ---- */

int notify_parse_address(const char *text, struct sockaddr_un *ret_address, socklen_t *ret_length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(text);
	bool is_abstract = text[0] == '@';

	if (strncmp(text, "vsock", strlen("vsock")) == 0)
		return -EAFNOSUPPORT;
	if ((!is_abstract && text[0] != '/') || length < 2)
		return -EINVAL;
	/* A path ends with a zero byte; an abstract name begins with one and needs none behind it. */
	if (length + !is_abstract > sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, text, length);
	if (is_abstract)
		address.sun_path[0] = '\0';
	*ret_address = address;
	*ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !is_abstract);
	return 0;
}

static const char *explain_address(int error)
{
	switch (error) {
	case -EAFNOSUPPORT: return _("vsock is not supported");
	case -ENAMETOOLONG: return _("the path is too long");
	default: return _("neither an absolute path nor an abstract name ('@...')");
	}
}

static void read_socket(void)
{
	const char *text = getenv("NOTIFY_SOCKET");
	int r;

	if (text == NULL || text[0] == '\0')
		return;
	manager.is_wanted = true;
	quote_bytes(text, strlen(text), manager.name, sizeof(manager.name));
	r = notify_parse_address(text, &manager.address, &manager.length);
	if (r < 0)
		log_once(explain_address(r));
}

static void log_malformed(const char *variable, const char *text)
{
	char piece[QUOTE_PIECE_SIZE];

	LOG_EVENT(LOG_LEVEL_WARNING, "watchdog_off", json_pack("{s:s}", "variable", variable),
		_("the service manager's watchdog is off: %s is malformed: '%s'"), variable,
		quote_piece(text, strlen(text), piece));
}

static void read_watchdog(void)
{
	const char *period = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t period_us, for_pid = (uint64_t)getpid();

	if (period == NULL || period[0] == '\0')
		return;
	if (pid != NULL && number_parse(pid, 1, INT_MAX, &for_pid) < 0)
		log_malformed("WATCHDOG_PID", pid);
	else if (number_parse(period, 1, UINT64_MAX / CLOCK_NS_PER_US, &period_us) < 0)
		log_malformed("WATCHDOG_USEC", period);
	else if (for_pid == (uint64_t)getpid())
		manager.watchdog_ns = period_us * CLOCK_NS_PER_US / 2;
	if (manager.watchdog_ns < LEAST_WATCHDOG_NS)
		manager.watchdog_ns = LEAST_WATCHDOG_NS;
}

/* ---- the socket ---- */

/* 0, or -errno and there is no socket or it has no peer. */
static int connect_manager(void)
{
	if (manager.fd < 0) {
		manager.fd = call_socket(AF_UNIX, SOCK_DGRAM, 0);
		if (manager.fd < 0)
			return manager.fd;
	}
	return call_connect(manager.fd, (const struct sockaddr *)&manager.address, manager.length);
}

void notify_open(void)
{
	int r;

	notify_close();
	read_socket();
	read_watchdog();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (manager.length == 0)
		return;
	r = connect_manager();
	if (r < 0)
		log_once(strerror(-r));
}

void notify_close(void)
{
	if (manager.fd >= 0)
		call_close(manager.fd);
	manager = (struct manager){ .fd = -1, .watchdog_ns = CLOCK_NEVER };
}

/* ---- messages ---- */

static int send_at_once(const char *message)
{
	ssize_t sent = -EINTR;

	for (unsigned i = 0; i < MOST_INTERRUPTIONS && sent == -EINTR; i++)
		sent = call_send(manager.fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? (int)sent : 0;
}

/*
 * The manager may have a new socket of the same name: then the connected one is refused. Behind the sandbox nothing
 * can be connected; then the first error is the one that counts.
 */
static int send_or_connect_again(const char *message)
{
	int r = manager.fd >= 0 ? send_at_once(message) : -ENOTCONN;

	if (r == 0 || r == -EAGAIN || connect_manager() < 0)
		return r;
	return send_at_once(message);
}

static int send_message(const char *message, bool is_patient)
{
	int r = send_or_connect_again(message);

	if (r != -EAGAIN || !is_patient || manager.is_stalled)
		return r;
	poll(&(struct pollfd){ .fd = manager.fd, .events = POLLOUT }, 1, NOTIFY_PATIENCE_MS);
	return send_at_once(message);
}

/*
 * A state that did not get through goes with the next message, which may be the watchdog's; of several states in
 * one message the manager takes the last.
 */
static void notify(const char *state, bool is_state)
{
	char message[2 * NOTIFY_MESSAGE_SIZE + 32], claim[32] = "";
	int r;

	if (manager.length == 0)
		return;
	if (manager.claims_pid)
		snprintf(claim, sizeof(claim), "MAINPID=%d\n", (int)getpid());
	snprintf(message, sizeof(message), "%s%s%s%s", claim, manager.unsent,
		manager.unsent[0] != '\0' ? "\n" : "", state);
	r = send_message(message, is_state);
	manager.is_stalled = r < 0;
	if (r == 0) {
		manager.claims_pid = false;
		manager.unsent[0] = '\0';
		return;
	}
	if (is_state)
		snprintf(manager.unsent, sizeof(manager.unsent), "%s", state);
	log_once(r == -EAGAIN ? _("it does not read its messages") : strerror(-r));
}

bool notify_is_wanted(void)
{
	return manager.is_wanted;
}

void notify_ready(void)
{
	notify("READY=1", true);
}

void notify_in_charge(void)
{
	manager.claims_pid = true;
	notify("READY=1", true);
}

void notify_reloading(void)
{
	char state[NOTIFY_MESSAGE_SIZE];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)(clock_now_ns() / CLOCK_NS_PER_US));
	notify(state, true);
}

void notify_stopping(void)
{
	notify("STOPPING=1", true);
}

void notify_status(const char *text)
{
	char state[NOTIFY_MESSAGE_SIZE];

	/* One line is one assignment. */
	snprintf(state, sizeof(state), "STATUS=%.*s", (int)strcspn(text, "\n"), text);
	notify(state, true);
}

uint64_t notify_watchdog_ns(void)
{
	return manager.watchdog_ns;
}

void notify_alive(void)
{
	notify("WATCHDOG=1", false);
}
