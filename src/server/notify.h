/*
 * Tells the service manager how the server is doing (sd_notify(3)), where there is one (NOTIFY_SOCKET).
 *
 * Limits: a message is at most NOTIFY_MESSAGE_SIZE bytes; the manager's socket is an absolute path or an abstract
 * name ('@...'), not vsock. When the manager does not read, a message waits NOTIFY_PATIENCE_MS at most, and not at all
 * while the one before it did not get through; its state is sent with the next one. A failure is logged
 * once and changes nothing else: none of these fails.
 * Thread: the main thread. There is one manager for a process; the module owns its socket.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOTIFY_MESSAGE_SIZE 1024
#define NOTIFY_PATIENCE_MS 200

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment. Before the sandbox: it
 * opens the socket. Without it nothing below does anything.
 */
void notify_open(void);
void notify_close(void);

/*
 * Reads an address as NOTIFY_SOCKET has it. -ENAMETOOLONG; -EAFNOSUPPORT: vsock; -EINVAL: neither an absolute
 * path nor an abstract name. Any thread.
 */
int notify_parse_address(const char *text, struct sockaddr_un *ret_address, socklen_t *ret_length);

/* Whether there is a manager that wants to be notified, even if it cannot be reached. */
bool notify_is_wanted(void);

void notify_ready(void);
/* The same of a process that the manager has not started as the unit's: it is to be, from now on. */
void notify_in_charge(void);
/* Before something is read again; notify_ready() follows, however that ends. */
void notify_reloading(void);
void notify_stopping(void);
/* What `systemctl status` shows: the first line of the text, in the user's language; "" takes it back. */
void notify_status(const char *text);

/* How often notify_alive() is wanted: half of what the manager waits for. CLOCK_NEVER: it does not. */
uint64_t notify_watchdog_ns(void);
void notify_alive(void);
