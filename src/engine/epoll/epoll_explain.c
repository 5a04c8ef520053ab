/*
 * What the engine epoll uses of the kernel. Most of it every kernel has; what is younger is asked for
 * here just as the engine asks.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "engine/epoll/epoll_abi.h"
#include "engine/epoll/epoll_engine.h"

static void tell_exclusive(engine_feature_fn *tell, void *context, int epoll_fd)
{
	CLEANUP_FD int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	bool has = fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;

	tell(context, "exclusive-wake", has,
		has ? _("a connect to a shared unix listener wakes one thread")
		    : _("this kernel wakes all threads (Linux 4.5 would wake one)"));
}

static void tell_busy_poll(engine_feature_fn *tell, void *context, int epoll_fd)
{
	struct epoll_abi_card_poll settings;
	bool has = ioctl(epoll_fd, EPOLL_ABI_GET_CARD_POLL, &settings) == 0;

	tell(context, "card-busy-poll", has,
		has ? _("network cards are polled too, where --busy-poll has a time")
		    : _("this kernel cannot poll network cards here (Linux 6.9 can)"));
}

/* Used by whoever measures (a pacer), not by a server. */
static void tell_exact(engine_feature_fn *tell, void *context, int epoll_fd)
{
	struct epoll_event event;
	struct timespec none = { 0 };
	bool has = epoll_pwait2(epoll_fd, &event, 1, &none, NULL) >= 0;

	tell(context, "exact-waits", false,
		has ? _("the kernel has them; a server's deadlines are of milliseconds")
		    : _("this kernel waits in milliseconds (Linux 5.11 is exact)"));
}

void epoll_explain(engine_feature_fn *tell, void *context)
{
	CLEANUP_FD int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return;
	tell(context, "edge-triggered", true,
		_("a change is told once; a reader that pauses costs no call"));
	tell_exclusive(tell, context, epoll_fd);
	tell_busy_poll(tell, context, epoll_fd);
	tell_exact(tell, context, epoll_fd);
}
