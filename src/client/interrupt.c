/*
 * signalfd(2) in a dress. A signal that the program was started with as ignored (nohup) stays so;
 * of what a shell does to jobs in the background main.c has made an end before.
 */
#include "client/interrupt.h"

#include <errno.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void add(sigset_t *set, int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		sigaddset(set, number);
}

int interrupt_init(struct interrupt *interrupt, const int *more)
{
	static const int always[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		add(&set, always[i]);
	for (; more != NULL && *more != 0; more++)
		add(&set, *more);

	interrupt->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (interrupt->fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, &interrupt->before);
	sigaction(SIGPIPE, &ignore, &interrupt->pipe_before);
	return 0;
}

void interrupt_fini(struct interrupt *interrupt)
{
	sigaction(SIGPIPE, &interrupt->pipe_before, NULL);
	sigprocmask(SIG_SETMASK, &interrupt->before, NULL);
	close(interrupt->fd);
	interrupt->fd = -1;
}

int interrupt_take(const struct interrupt *interrupt)
{
	struct signalfd_siginfo info;

	if (read(interrupt->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}
