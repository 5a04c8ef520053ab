/*
 * Tells the service manager how it goes (sd_notify(3)), where there is one (NOTIFY_SOCKET). What it
 * cannot be told is nobody's loss: none of these fails. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whether there is a manager that wants to be told. */
bool notify_is_wanted(void);

/*
 * Connects to it, before the sandbox is entered: what is told without is told to nobody. notify_close() gives the
 * descriptor back. A manager that does not read is waited for a second at most.
 */
void notify_open(void);
void notify_close(void);

void notify_ready(void);
/* The same of a process that the manager has not started as the unit's: it is to be, from now on. */
void notify_in_charge(void);
/* Before something is read again; notify_ready() follows, however that ends. */
void notify_reloading(void);
void notify_stopping(void);
/* What `systemctl status` shows: one line of text, in the user's language; "" takes it back. */
void notify_status(const char *text);

/* How often notify_alive() is wanted: half of what the manager waits for. CLOCK_NEVER: it does not. */
uint64_t notify_watchdog_ns(void);
void notify_alive(void);
