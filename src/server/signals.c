/*
 * A signal handler may call very little (signal-safety(7)), and the textbook's called printf and
 * exit. Here there is none: signals are read like any other input.
 */
#include "server/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(bool reload, int *ret_fd)
{
	sigset_t set;
	int r, fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (reload)
		sigaddset(&set, SIGHUP);
	r = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r < 0)
		return r;
	/* Every send says MSG_NOSIGNAL; this covers standard output and error, too. */
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

enum signals_wish signals_take(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return SIGNALS_NONE;
	switch (info.ssi_signo) {
	case SIGUSR1: return SIGNALS_COUNTERS;
	case SIGHUP: return SIGNALS_RELOAD;
	default: return SIGNALS_END;
	}
}
