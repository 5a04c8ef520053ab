/*
 * Each state is one datagram to the manager's socket, which is opened before the sandbox: inside, nothing
 * new can be connected. The format is stable and small (sd_notify(3), "Notes"), so no library is needed.
 * RELOADING goes with the time of the same clock that systemd reads, so that it knows a late READY from the
 * one that ends this reload (Type=notify-reload, systemd 253).
 */
#include "server/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "net/call.h"

#define STATE_SIZE 1024
/* A manager that does not read keeps us so long at most, and is then not told. */
#define SEND_MOST_S 1

/* -1: there is none. */
static int manager_fd = -1;

bool notify_is_wanted(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path != NULL && path[0] != '\0';
}

/* A path, or "@" and an abstract name; the length of the address, 0: it is none. */
static socklen_t read_address(const char *path, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof(address.sun_path))
		return 0;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	*ret_address = address;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
}

void notify_open(void)
{
	const struct timeval limit = { .tv_sec = SEND_MOST_S };
	struct sockaddr_un address;
	socklen_t length = notify_is_wanted() ? read_address(getenv("NOTIFY_SOCKET"), &address) : 0;

	if (length == 0 || manager_fd >= 0)
		return;
	manager_fd = call_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (manager_fd < 0) {
		manager_fd = -1;
		return;
	}
	call_setsockopt(manager_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (call_connect(manager_fd, (const struct sockaddr *)&address, length) < 0)
		notify_close();
}

void notify_close(void)
{
	if (manager_fd >= 0)
		call_close(manager_fd);
	manager_fd = -1;
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	char state[STATE_SIZE];
	va_list arguments;
	int length;

	if (manager_fd < 0)
		return;
	va_start(arguments, format);
	length = vsnprintf(state, sizeof(state), format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof(state))
		length = sizeof(state) - 1;
	call_send(manager_fd, state, (size_t)length, MSG_NOSIGNAL);
}

void notify_ready(void)
{
	tell("READY=1");
}

void notify_in_charge(void)
{
	tell("MAINPID=%d\nREADY=1", (int)getpid());
}

void notify_reloading(void)
{
	tell("RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)(clock_now_ns() / CLOCK_NS_PER_US));
}

void notify_status(const char *text)
{
	/* One line is one assignment. */
	tell("STATUS=%.*s", (int)strcspn(text, "\n"), text);
}

void notify_stopping(void)
{
	tell("STOPPING=1");
}

uint64_t notify_watchdog_ns(void)
{
	const char *most = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
	uint64_t most_us, pid;

	if (most == NULL || number_parse(most, 1, UINT64_MAX / CLOCK_NS_PER_US, &most_us) < 0)
		return CLOCK_NEVER;
	if (whose != NULL &&
		(number_parse(whose, 1, INT32_MAX, &pid) < 0 || (pid_t)pid != getpid()))
		return CLOCK_NEVER;
	return most_us * CLOCK_NS_PER_US / 2;
}

void notify_alive(void)
{
	tell("WATCHDOG=1");
}
