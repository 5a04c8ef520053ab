/*
 * Between fork(2) and execve(2) only what is safe there is done: everything is prepared before. An exec that failed
 * is reported through a pipe that an exec closes. PR_SET_CHILD_SUBREAPER makes grandchildren that were left alone
 * ours, so that a service that became a daemon is found and ended, too.
 */
#include "check/program/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/quote.h"
#include "check/program/observation.h"

#define DESCRIPTORS 1024
/* Bounds the wait for processes that SIGKILL has ended. */
#define REAP_NS CLOCK_NS_PER_S
/* How late the deadline may be noticed. */
#define LATE_MS 100
/* What moves a deadline: more than the ordinary waits for a processor come to. */
#define STARVED_NS (500 * CLOCK_NS_PER_MS)
#define AGAIN_NS (2 * CLOCK_NS_PER_MS)

bool program_has_port(const char *command)
{
	return strstr(command, "{port}") != NULL;
}

/* ---- words ---- */

struct words {
	char *list[PROGRAM_MOST_WORDS + 1];
	size_t count;
};

static void free_words(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
}

/* A copy of a word with {host} and {port} replaced; NULL: no memory. */
static char *fill(const char *word, size_t length, const struct program_place *place)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (memory == NULL)
		return NULL;
	for (size_t i = 0; i < length;) {
		if (strncmp(word + i, "{port}", 6) == 0) {
			fprintf(memory, "%u", place->port);
			i += 6;
		} else if (place->host != NULL && strncmp(word + i, "{host}", 6) == 0) {
			fputs(place->host, memory);
			i += 6;
		} else {
			fputc(word[i++], memory);
		}
	}
	if (fclose(memory) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int split(const char *command, const struct program_place *place, struct words *words)
{
	const char *at = command + strspn(command, " \t\n");

	while (*at != '\0') {
		size_t length = strcspn(at, " \t\n");

		if (words->count == PROGRAM_MOST_WORDS)
			return -E2BIG;
		words->list[words->count] = fill(at, length, place);
		if (words->list[words->count] == NULL)
			return -ENOMEM;
		words->count++;
		at += length;
		at += strspn(at, " \t\n");
	}
	return words->count == 0 ? -ENOENT : 0;
}

/* ---- its output ---- */

static void keep(struct program *program, const char *bytes, size_t length)
{
	size_t most = sizeof(program->tail) - 1, have = strlen(program->tail);

	if (length > most) {
		bytes += length - most;
		length = most;
	}
	if (have + length > most) {
		size_t drop = have + length - most;

		memmove(program->tail, program->tail + drop, have - drop);
		have -= drop;
	}
	for (size_t i = 0; i < length; i++)
		program->tail[have + i] = bytes[i] == '\0' ? ' ' : bytes[i];
	program->tail[have + length] = '\0';
}

/* False: there is no reason to. The thread's. */
static bool move_deadline(struct program *program)
{
	uint64_t spare_ns = atomic_load(&program->spare_ns), more_ns, delay_ns;

	if (atomic_load(&program->overdue))
		return false;
	delay_ns = observation_of(program->pid).delay_ns;
	more_ns = delay_ns > program->delay_ns ? delay_ns - program->delay_ns : 0;
	if (more_ns < STARVED_NS)
		return false;
	atomic_store(&program->starved, spare_ns == 0);
	if (more_ns > spare_ns)
		more_ns = spare_ns;
	atomic_store(&program->delay_ns, delay_ns);
	atomic_store(&program->spare_ns, spare_ns - more_ns);
	atomic_fetch_add(&program->deadline_ns, more_ns);
	return more_ns > 0;
}

static void *watch(void *argument)
{
	struct program *program = argument;
	int output_fd = program->output_fd;
	char bytes[4096];

	for (;;) {
		struct pollfd pollfds[] = {
			{ .fd = output_fd, .events = POLLIN },
			{ .fd = program->wake_fds[0], .events = POLLIN },
		};
		int ready = poll(pollfds, 2, LATE_MS);

		if (clock_now_ns() >= atomic_load(&program->deadline_ns) &&
			!move_deadline(program) && !atomic_exchange(&program->overdue, true))
			kill(-program->pid, SIGKILL);
		if (ready > 0 && pollfds[0].revents != 0) {
			ssize_t n = read(output_fd, bytes, sizeof(bytes));

			if (n > 0)
				keep(program, bytes, (size_t)n);
			else
				output_fd = -1;
		} else if (ready > 0 && pollfds[1].revents != 0) {
			return NULL;
		}
	}
}

/* ---- starting ---- */

/* `grace`: between the two limits, the lower of which may be a signal that shows what happened (SIGXCPU). */
static void limit(int resource, rlim_t most, rlim_t grace)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return;
	if (limit.rlim_max == RLIM_INFINITY || most + grace < limit.rlim_max)
		limit.rlim_max = most + grace;
	limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
	setrlimit(resource, &limit);
}

static void limit_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static _Noreturn void become(char *const *words, const struct program_limits *limits, int input_fd,
	int output_fd, int failure_fd, bool has_terminal)
{
	static const int signals[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD };
	sigset_t none;

	if (has_terminal)
		setsid(); /* a group of its own, too, and the terminal is its own */
	else
		setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	limit(RLIMIT_CORE, 0, 0);
	limit_descriptors();
	if (limits->time_ns > 0)
		limit(RLIMIT_CPU, (limits->time_ns + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S, 1);
	if (limits->memory_bytes > 0)
		limit(RLIMIT_AS, limits->memory_bytes, 0);
	if (dup2(input_fd, 0) >= 0 && dup2(output_fd, 1) >= 0 && dup2(output_fd, 2) >= 0)
		execvp(words[0], words);

	int error = errno;

	if (write(failure_fd, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* 0: it is running; -errno: it could not be run. */
static int launch(struct program *program, char *const *words, const struct program_limits *limits,
	int input_fd, int output_fd, bool has_terminal)
{
	int fds[2], error = 0;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	program->pid = fork();
	if (program->pid == 0)
		become(words, limits, input_fd, output_fd, fds[1], has_terminal);
	error = errno;
	close(fds[1]);
	if (program->pid < 0) {
		close(fds[0]);
		program->pid = 0;
		return -error;
	}
	if (!has_terminal)
		setpgid(program->pid, program->pid); /* parent or child, whichever runs first */
	do {
		n = read(fds[0], &error, sizeof(error));
	} while (n < 0 && errno == EINTR);
	close(fds[0]);
	if (n != sizeof(error))
		return 0;
	waitpid(program->pid, NULL, 0);
	program->pid = 0;
	return -error;
}

static int start_piped(
	struct program *program, char *const *words, const struct program_limits *limits)
{
	CLEANUP_FD int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fds[2], r;

	if (null_fd < 0)
		return -errno;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = launch(program, words, limits, null_fd, fds[1], false);
	close(fds[1]);
	if (r < 0)
		close(fds[0]);
	else
		program->output_fd = fds[0];
	return r;
}

static int start_watch(struct program *program)
{
	int r;

	if (pipe2(program->wake_fds, O_CLOEXEC) < 0) {
		r = -errno;
		program->wake_fds[0] = program->wake_fds[1] = -1;
		return r;
	}
	r = -pthread_create(&program->thread, NULL, watch, program);
	if (r < 0) {
		close(program->wake_fds[0]);
		close(program->wake_fds[1]);
		program->wake_fds[0] = program->wake_fds[1] = -1;
	}
	return r;
}

int program_start(struct program *program, const char *command, const struct program_place *place,
	const struct program_limits *limits, uint64_t deadline_ns, int terminal_fd)
{
	struct words words = { 0 };
	int r = split(command, place, &words);

	*program = (struct program){
		.output_fd = -1,
		.wake_fds = { -1, -1 },
		.deadline_ns = deadline_ns,
	};
	if (r == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		r = terminal_fd < 0
			? start_piped(program, words.list, limits)
			: launch(program, words.list, limits, terminal_fd, terminal_fd, true);
	}
	free_words(&words);
	if (r < 0)
		return r;
	r = start_watch(program);
	if (r < 0)
		program_end(program);
	return r;
}

/* ---- ending ---- */

void program_set_deadline(struct program *program, uint64_t ns, uint64_t spare_ns)
{
	atomic_store(&program->delay_ns, observation_of(program->pid).delay_ns);
	atomic_store(&program->spare_ns, spare_ns);
	atomic_store(&program->deadline_ns, clock_after_ns(clock_now_ns(), ns));
}

bool program_has_ended(struct program *program)
{
	if (program->pid > 0 && !program->ended &&
		waitpid(program->pid, &program->status, WNOHANG) == program->pid)
		program->ended = true;
	return program->ended;
}

bool program_ends_within(struct program *program, uint64_t ns)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), ns);

	while (!program_has_ended(program) && clock_now_ns() < until_ns)
		poll(NULL, 0, clock_poll_ms(0, AGAIN_NS));
	return program->ended;
}

void program_pause(const struct program *program)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), PROGRAM_PAUSE_NS);

	kill(-program->pid, SIGSTOP);
	while (!observation_of(program->pid).stopped && clock_now_ns() < until_ns)
		poll(NULL, 0, clock_poll_ms(0, AGAIN_NS));
}

void program_resume(const struct program *program)
{
	kill(-program->pid, SIGCONT);
}

/* Children that are not the program itself were its own, and have lost their parent. */
static void kill_orphans(void)
{
	char path[64];
	int pid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fscanf(file, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(file);
}

static void reap(struct program *program)
{
	uint64_t until_ns = clock_after_ns(clock_now_ns(), REAP_NS);
	int status;
	pid_t pid;

	while (clock_now_ns() < until_ns) {
		kill_orphans();
		pid = waitpid(-1, &status, WNOHANG);
		if (pid == program->pid && !program->ended) {
			program->ended = true;
			program->status = status;
		}
		if (pid < 0 && errno == ECHILD)
			return;
		if (pid <= 0)
			poll(NULL, 0, clock_poll_ms(0, AGAIN_NS));
	}
}

void program_end(struct program *program)
{
	if (program->pid == 0)
		return;
	/* The first wait keeps how it ended by itself. */
	program_has_ended(program);
	kill(-program->pid, SIGKILL);
	reap(program);
	if (program->wake_fds[1] >= 0) {
		close(program->wake_fds[1]);
		pthread_join(program->thread, NULL);
		close(program->wake_fds[0]);
	}
	if (program->output_fd >= 0)
		close(program->output_fd);
	program->pid = 0;
}

/* ---- in words ---- */

const char *program_format_end(const struct program *program, char *buffer, size_t size)
{
	int number = WIFSIGNALED(program->status) ? WTERMSIG(program->status) : 0;
	const char *name = sigabbrev_np(number);

	if (number == SIGXCPU)
		snprintf(
			buffer, size, _("was ended at its limit of processor time (--limit-time)"));
	else if (number > 0)
		snprintf(buffer, size, _("was ended by signal %d (SIG%s)"), number,
			name != NULL ? name : "?");
	else
		snprintf(buffer, size, _("exited with status %d"), WEXITSTATUS(program->status));
	return buffer;
}

const char *program_last_line(const struct program *program, char *buffer, size_t size)
{
	const char *end = program->tail + strlen(program->tail), *start;

	while (end > program->tail && (end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\r'))
		end--;
	for (start = end; start > program->tail && start[-1] != '\n'; start--)
		;
	return quote_bytes(start, (size_t)(end - start), buffer, size);
}
