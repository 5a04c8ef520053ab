/*
 * Most of what the engine uses every kernel has. Younger features are requested here in the same
 * way as the engine requests them.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "engine/epoll/epoll_abi.h"
#include "engine/epoll/epoll_explain.h"

static void report_exclusive(engine_feature_fn *report, void *context, int epoll_fd)
{
	CLEANUP_FD int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	bool has = fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;

	report(context, "exclusive-wake", has,
		has ? _("a connect to a shared unix listener wakes one thread")
		    : _("this kernel wakes all threads (Linux 4.5 would wake one)"));
}

static void report_busy_poll(engine_feature_fn *report, void *context, int epoll_fd)
{
	struct epoll_abi_card_poll settings;
	bool has = ioctl(epoll_fd, EPOLL_ABI_GET_CARD_POLL, &settings) == 0;

	report(context, "card-busy-poll", has,
		has ? _("network cards are polled too, where --busy-poll has a time")
		    : _("this kernel cannot poll network cards here (Linux 6.9 can)"));
}

/* Used where a pacer measures, not by a server. */
static void report_exact(engine_feature_fn *report, void *context, int epoll_fd)
{
	struct epoll_event event;
	struct timespec none = { 0 };
	bool has = epoll_pwait2(epoll_fd, &event, 1, &none, NULL) >= 0;

	report(context, "exact-waits", false,
		has ? _("the kernel has them; a server's deadlines are of milliseconds")
		    : _("this kernel waits in milliseconds (Linux 5.11 is exact)"));
}

void epoll_explain(engine_feature_fn *report, void *context)
{
	CLEANUP_FD int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return;
	report(context, "edge-triggered", true,
		_("a change is told once; a reader that pauses costs no call"));
	report_exclusive(report, context, epoll_fd);
	report_busy_poll(report, context, epoll_fd);
	report_exact(report, context, epoll_fd);
}
