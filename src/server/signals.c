/*
 * A signal handler may call very little (signal-safety(7)), and the textbook's called printf and
 * exit. Here there is none: signals are read like any other input.
 *
 * What has come is kept as numbers under a lock, and an eventfd shows that there is something. The thread is
 * never joined at the end: a process that hangs in its last line must be ended, too.
 */
#include "server/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"

/* After the second request to end, or after the first while it is being opened. */
#define PATIENCE_NS (5 * CLOCK_NS_PER_S)
/* For the last line to be written. */
#define LAST_LINE_MS 200

static struct {
	int signal_fd, news_fd, stop_fd;
	pthread_t thread;
	bool opening;
	uint64_t deadline_ns; /* CLOCK_NEVER: none; the thread's own */
	int ending_signal; /* the last one that asked for the end; the thread's own */
	unsigned end_count; /* the thread's own */
	pthread_mutex_t lock; /* for what follows */
	unsigned ends, counters, reloads; /* that have come and were not taken */
} the = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- the thread ---- */

__attribute__((noreturn)) static void end_process(void)
{
	log_error(_("it did not end in time after signal %d; the process is ended now"),
		the.ending_signal);
	poll(NULL, 0, LAST_LINE_MS);
	_exit(128 + the.ending_signal);
}

static void note(int number)
{
	uint64_t one = 1;

	if (number == SIGTERM || number == SIGINT) {
		the.ending_signal = number;
		the.end_count++;
		if (the.end_count == (the.opening ? 1 : 2))
			the.deadline_ns = clock_after_ns(clock_now_ns(), PATIENCE_NS);
		else if (the.opening)
			end_process();
	}
	pthread_mutex_lock(&the.lock);
	if (number == SIGUSR1)
		the.counters++;
	else if (number == SIGHUP)
		the.reloads++;
	else
		the.ends++;
	pthread_mutex_unlock(&the.lock);
	/* EAGAIN: it is readable anyway. */
	while (write(the.news_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *run_thread(void *context)
{
	pthread_setname_np(pthread_self(), "signals");
	for (;;) {
		struct pollfd polled[] = {
			{ .fd = the.signal_fd, .events = POLLIN },
			{ .fd = the.stop_fd, .events = POLLIN },
		};
		struct signalfd_siginfo info;

		poll(polled, 2, clock_poll_ms(clock_now_ns(), the.deadline_ns));
		if (clock_now_ns() >= the.deadline_ns)
			end_process();
		if (polled[1].revents != 0)
			return NULL;
		if (read(the.signal_fd, &info, sizeof(info)) == sizeof(info))
			note((int)info.ssi_signo);
	}
}

/* ---- the main thread ---- */

static int start(void)
{
	the.deadline_ns = CLOCK_NEVER;
	return -pthread_create(&the.thread, NULL, run_thread, NULL);
}

static int open_descriptors(const sigset_t *set)
{
	the.signal_fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (the.signal_fd < 0)
		return -errno;
	the.news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (the.news_fd < 0)
		goto fail_news;
	the.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (the.stop_fd < 0)
		goto fail_stop;
	return 0;

fail_stop:
	close(the.news_fd);
fail_news:
	close(the.signal_fd);
	return -errno;
}

int signals_open(bool reload, int *ret_fd)
{
	sigset_t set;
	int r;

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
	r = open_descriptors(&set);
	if (r < 0)
		return r;
	the.opening = true;
	r = start();
	if (r < 0)
		return r;
	*ret_fd = the.news_fd;
	return 0;
}

void signals_stop(void)
{
	uint64_t one = 1;

	while (write(the.stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(the.thread, NULL);
	while (read(the.stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	the.opening = false;
}

int signals_watch(void)
{
	return start();
}

enum signals_wish signals_take(int fd)
{
	enum signals_wish wish = SIGNALS_NONE;
	uint64_t ignored;

	while (read(fd, &ignored, sizeof(ignored)) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&the.lock);
	if (the.reloads > 0) {
		the.reloads--;
		wish = SIGNALS_RELOAD;
	} else if (the.counters > 0) {
		the.counters--;
		wish = SIGNALS_COUNTERS;
	} else if (the.ends > 0) {
		the.ends--;
		wish = SIGNALS_END;
	}
	pthread_mutex_unlock(&the.lock);
	return wish;
}
