/*
 * Each state is one datagram to the manager's socket. RELOADING goes with the time of the same clock
 * that systemd reads, so that it knows a late READY from the one that ends this reload
 * (Type=notify-reload, systemd 253).
 */
#include "server/notify.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"

#if MEARI_HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

bool notify_is_wanted(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void notify_in_charge(void)
{
	sd_notifyf(0, "MAINPID=%d\nREADY=1", (int)getpid());
}

void notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)(clock_now_ns() / CLOCK_NS_PER_US));
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

uint64_t notify_watchdog_ns(void)
{
	uint64_t most_us;

	if (sd_watchdog_enabled(0, &most_us) <= 0)
		return CLOCK_NEVER;
	return most_us * CLOCK_NS_PER_US / 2;
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

#else

bool notify_is_wanted(void)
{
	return false;
}

void notify_ready(void)
{
}

void notify_in_charge(void)
{
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}

uint64_t notify_watchdog_ns(void)
{
	return CLOCK_NEVER;
}

void notify_alive(void)
{
}

#endif
