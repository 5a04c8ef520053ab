/*
 * fork() from a thread: the child may only call what is safe in a signal handler, and does.
 */
#include "tour/tour_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tour/tour_log.h"

/* In the child: does not outlive the tour, and hears no key. */
static void settle(pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_client(const struct tour_world *world, int sign)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(world->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		send(fd, "hi", 2, MSG_NOSIGNAL) != 2 || write(sign, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int64_t wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? WTERMSIG(status) : 256 + WEXITSTATUS(status);
}

int64_t tour_process_client(struct tour_world *world)
{
	int sign[2];
	char byte, text[96];
	pid_t parent = getpid(), child;

	if (world->child != 0)
		return -EBUSY;
	if (pipe(sign) < 0)
		return -errno;

	CLEANUP_FD int in = sign[0], out = sign[1];

	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		settle(parent);
		be_client(world, sign[1]);
	}
	close(out);
	out = -1;
	world->child = child;
	while (read(in, &byte, 1) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	snprintf(text, sizeof(text), "fork() = %d", (int)child);
	tour_log_say(text);
	tour_log_say("| connect() = 0");
	tour_log_say("| send(\"hi\") = 2");
	return child;
}

int64_t tour_process_hold(struct tour_world *world)
{
	char text[64];
	pid_t parent = getpid(), child;

	if (world->child != 0)
		return -EBUSY;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		settle(parent);
		for (;;)
			pause();
	}
	world->child = child;
	snprintf(text, sizeof(text), "fork() = %d", (int)child);
	tour_log_say(text);
	return child;
}

int64_t tour_process_kill(struct tour_world *world)
{
	char text[64];
	pid_t child = world->child;
	int64_t r;

	if (child == 0)
		return -ECHILD;
	kill(child, SIGKILL);
	r = wait_for(child);
	world->child = 0;
	snprintf(text, sizeof(text), "kill(%d, SIGKILL) = 0", (int)child);
	tour_log_say(text);
	return r == SIGKILL ? 0 : r;
}

/* What the chapter's handler comes to, without printf(). */
static void end_all(int number)
{
	(void)number;
	_exit(1);
}

int64_t tour_process_send(int fd, bool with_handler)
{
	char text[96];
	pid_t parent = getpid(), child = fork();
	int64_t r;

	if (child < 0)
		return -errno;
	if (child == 0) {
		settle(parent);
		signal(SIGPIPE, with_handler ? end_all : SIG_DFL);
		send(fd, "hello", 5, 0);
		_exit(0);
	}
	r = wait_for(child);
	snprintf(text, sizeof(text), "fork() = %d", (int)child);
	tour_log_say(text);
	if (r < 256)
		snprintf(text, sizeof(text), "| send(%d, \"hello\") -> SIG%s", fd,
			sigabbrev_np((int)r));
	else
		snprintf(text, sizeof(text), "| send(%d, \"hello\") -> exit(%d)", fd, (int)r - 256);
	tour_log_say(text);
	return r;
}
