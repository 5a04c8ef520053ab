/*
 * libmeari-echo as others see it: the shared library alone. A guest in somebody else's process touches nothing there.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "meari_echo.h"

#define PATIENCE_MS 20000
#define LOOPBACK "tcp://127.0.0.1:0"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC false
#endif
#endif
#ifndef HAS_OWN_MALLOC
#define HAS_OWN_MALLOC true
#endif

/* ---- memory that can be refused: the library's calls come here, too ---- */

static _Atomic long held; /* pieces */
static _Atomic long left = -1; /* so many calls succeed; below zero: all do */

#if HAS_OWN_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *memory);

static bool is_refused(void)
{
	if (left < 0)
		return false;
	if (left == 0) {
		errno = ENOMEM;
		return true;
	}
	left--;
	return false;
}

void *malloc(size_t size)
{
	void *memory = is_refused() ? NULL : __libc_malloc(size);

	held += memory != NULL;
	return memory;
}

void *calloc(size_t count, size_t size)
{
	void *memory = is_refused() ? NULL : __libc_calloc(count, size);

	held += memory != NULL;
	return memory;
}

void *realloc(void *old, size_t size)
{
	void *memory = is_refused() ? NULL : __libc_realloc(old, size);

	held += memory != NULL && old == NULL;
	return memory;
}

void free(void *memory)
{
	held -= memory != NULL;
	__libc_free(memory);
}
#endif

/* ---- the tests' own ---- */

static struct meari_echo *start(const char *address)
{
	struct meari_echo *echo = NULL;
	char why[MEARI_ECHO_WHY_SIZE] = "";

	if (meari_echo_start(address, &echo, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	assert_non_null(echo);
	return echo;
}

static int call_up(const struct meari_echo *echo, int fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

	to.sin_port = htons((uint16_t)meari_echo_port(echo, 0));
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static int dial(const struct meari_echo *echo, int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(call_up(echo, fd), 0);
	return fd;
}

static void assert_echoes(int fd, const char *text)
{
	char back[100];
	size_t length = strlen(text), got = 0;

	assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
	while (got < length) {
		ssize_t n = recv(fd, back + got, sizeof(back) - got, 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_int_equal(got, length);
	assert_memory_equal(back, text, length);
}

static void assert_counts(struct meari_echo *echo, const char *name, uint64_t wanted)
{
	uint64_t value = 99;

	assert_int_equal(meari_echo_counter(echo, name, &value), 0);
	assert_int_equal(value, wanted);
}

static unsigned count_entries(const char *folder)
{
	DIR *stream = opendir(folder);
	unsigned count = 0;

	assert_non_null(stream);
	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return count;
}

/* ---- what it does ---- */

static void what_is_sent_comes_back_and_is_counted(void **state)
{
	struct meari_echo *echo = start(LOOPBACK);
	char wanted[60], json[8192];
	int fd = dial(echo, SOCK_STREAM);

	snprintf(wanted, sizeof(wanted), "tcp://127.0.0.1:%u", meari_echo_port(echo, 0));
	assert_string_equal(meari_echo_address(echo, 0), wanted);
	assert_null(meari_echo_address(echo, 1));
	assert_int_equal(meari_echo_port(echo, 1), 0);
	assert_echoes(fd, "hello");
	assert_counts(echo, "bytes_received", 5);
	assert_counts(echo, "connections_open", 1);
	assert_true(meari_echo_counters(echo, json, sizeof(json)) < (int)sizeof(json));
	assert_non_null(strstr(json, "\"connections_open\":1,"));
	assert_non_null(strstr(json, "\"bytes_sent\":5,"));
	assert_int_equal(meari_echo_counters(echo, json, 3), meari_echo_counters(echo, NULL, 0));
	assert_int_equal(strlen(json), 2);
	close(fd);
	assert_int_equal(meari_echo_wait(echo, "connections_finished", 1, PATIENCE_MS), 0);
	assert_counts(echo, "connections_open", 0);
	assert_int_equal(meari_echo_stop(echo), 0);
	assert_string_equal(meari_echo_version(), "0.1.0");
}

static void faults_stand_behind_the_address(void **state)
{
	struct meari_echo *echo = start(LOOPBACK "?fault=reset,after=4");
	char byte;
	int fd = dial(echo, SOCK_STREAM);

	assert_int_equal(send(fd, "1234", 4, MSG_NOSIGNAL), 4);
	while (recv(fd, &byte, 1, 0) > 0)
		;
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(meari_echo_wait(echo, "faults_reset", 1, PATIENCE_MS), 0);
	close(fd);
	assert_int_equal(meari_echo_stop(echo), 0);
}

static void datagrams_come_back_too(void **state)
{
	struct meari_echo *echo = start("udp://127.0.0.1:0");
	int fd = dial(echo, SOCK_DGRAM);

	assert_echoes(fd, "one datagram");
	assert_counts(echo, "datagrams_sent", 1);
	close(fd);
	assert_int_equal(meari_echo_stop(echo), 0);
}

static void a_socket_file_goes_with_its_server(void **state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char address[120];
	struct stat status;
	struct meari_echo *echo;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "/tmp/meari-echo-%d", (int)getpid());
	snprintf(address, sizeof(address), "unix:%s", to.sun_path);
	echo = start(address);
	assert_string_equal(meari_echo_address(echo, 0), address);
	assert_int_equal(meari_echo_port(echo, 0), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_echoes(fd, "by file");
	assert_int_equal(meari_echo_stop(echo), 0);
	assert_int_equal(lstat(to.sun_path, &status), -1);
	close(fd);
}

static void waiting_has_an_end(void **state)
{
	struct meari_echo *echo = start(LOOPBACK);
	uint64_t value = 99;

	assert_int_equal(meari_echo_wait(echo, "connections_lost", 1, 0), -ETIMEDOUT);
	assert_int_equal(meari_echo_wait(echo, "connections_lost", 1, 3), -ETIMEDOUT);
	assert_int_equal(meari_echo_wait(echo, "connections_lost", 0, 0), 0);
	assert_int_equal(meari_echo_wait(echo, "connexions_lost", 0, 1), -ENOENT);
	assert_int_equal(meari_echo_counter(echo, "", &value), -ENOENT);
	assert_int_equal(value, 99);
	assert_int_equal(meari_echo_stop(echo), 0);
	assert_int_equal(meari_echo_stop(NULL), 0);
}

/* ---- what it refuses ---- */

static void assert_refused(const char *address, int error, const char *reason)
{
	struct meari_echo *const untouched = (struct meari_echo *)&held, *echo = untouched;
	char why[MEARI_ECHO_WHY_SIZE] = "", short_why[8] = "";

	assert_int_equal(meari_echo_start(address, &echo, why, sizeof(why)), error);
	assert_ptr_equal(echo, untouched);
	if (strstr(why, reason) == NULL)
		fail_msg("'%s' says '%s'", address, why);
	assert_null(strchr(why, '\n'));
	assert_int_equal(meari_echo_start(address, &echo, short_why, sizeof(short_why)), error);
	assert_int_equal(strlen(short_why), 7);
	assert_int_equal(meari_echo_start(address, &echo, NULL, 0), error);
}

static void what_is_no_address_is_told(void **state)
{
	struct meari_echo *echo = start(LOOPBACK);
	char wanted[100];

	assert_refused("", -EINVAL, "not an address");
	assert_refused("smtp://127.0.0.1:0", -EINVAL, "not an address");
	assert_refused(LOOPBACK "?fault=lightning", -EINVAL, "fault that is none");
	assert_refused("udp://127.0.0.1:0?fault=reset", -EINVAL, "fault that is none");
	assert_refused("tcp://192.0.2.1:0", -EADDRNOTAVAIL, "cannot listen on 'tcp://192.0.2.1:0'");
	assert_refused("unix:/nonexistent/folder/s", -ENOENT, "its folder must exist");
	snprintf(wanted, sizeof(wanted), "cannot listen on '%s'", meari_echo_address(echo, 0));
	assert_refused(meari_echo_address(echo, 0), -EADDRINUSE, wanted);
	assert_int_equal(meari_echo_stop(echo), 0);
}

/* ---- what it leaves alone ---- */

/* Of a field of /proc/PID/status; 0 where it is not there. */
static uint64_t mask_of(const char *task, const char *field)
{
	char path[300], line[300];
	uint64_t mask = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, field, strlen(field)) == 0)
			mask = strtoull(line + strlen(field), NULL, 16);
	}
	if (file != NULL)
		fclose(file);
	return mask;
}

static void no_signal_is_touched_and_none_comes_in(void **state)
{
	struct sigaction before[NSIG] = { 0 }, after;
	sigset_t mask, mask_after;
	/* All but those two that cannot be blocked, and those that the C library keeps. */
	uint64_t wanted = ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1) | 3ull << 31);
	struct meari_echo *echo;
	char own[20];
	unsigned seen = 0;
	DIR *tasks;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, NULL, &before[i]);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	echo = start(LOOPBACK);
	snprintf(own, sizeof(own), "%d", (int)getpid());
	tasks = opendir("/proc/self/task");
	for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
		uint64_t blocked = mask_of(task->d_name, "SigBlk:");

		/* A sanitizer's own thread has a mask of its own. */
		if (task->d_name[0] == '.' || strcmp(task->d_name, own) == 0 || blocked == 0)
			continue;
		seen++;
		if (HAS_OWN_MALLOC)
			assert_int_equal(blocked & wanted, wanted);
	}
	closedir(tasks);
	assert_true(seen >= 1);
	assert_int_equal(meari_echo_stop(echo), 0);
	sigprocmask(SIG_SETMASK, NULL, &mask_after);
	for (int i = 1; i < NSIG; i++) {
		after = (struct sigaction){ 0 }; /* the C library keeps two to itself */
		sigaction(i, NULL, &after);
		assert_ptr_equal(before[i].sa_handler, after.sa_handler);
		assert_int_equal(sigismember(&mask, i), sigismember(&mask_after, i));
	}
}

/* Not even where the server would: descriptors run out, connections are lost. */
static void nothing_is_written(void **state)
{
	struct meari_echo *echo = start(LOOPBACK);
	int output = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), fd = dial(echo, SOCK_STREAM);
	struct rlimit limit, low;
	off_t written;

	/* From here on no number is free but those that are taken here. */
	assert_int_equal(meari_echo_wait(echo, "connections_accepted", 1, PATIENCE_MS), 0);
	int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(waiting >= 0 && output >= 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = (rlim_t)waiting + 1;
	fflush(stdout);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	setrlimit(RLIMIT_NOFILE, &low);
	int called = call_up(echo, waiting); /* the kernel accepts it, the server cannot */
	int paused = meari_echo_wait(echo, "accept_pauses", 1, PATIENCE_MS);

	setrlimit(RLIMIT_NOFILE, &limit);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
	int lost = meari_echo_wait(echo, "connections_lost", 1, PATIENCE_MS);
	int stopped = meari_echo_stop(echo);

	written = lseek(output, 0, SEEK_END);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	close(output);
	close(waiting);
	assert_int_equal(called, 0);
	assert_int_equal(paused, 0);
	assert_int_equal(lost, 0);
	assert_int_equal(stopped, 0);
	assert_int_equal(written, 0);
}

static int try_everything_in_the_child(struct meari_echo *echo)
{
	uint64_t value = 99;
	char json[10];

	return meari_echo_counter(echo, "bytes_sent", &value) == -ESTALE && value == 99 &&
			meari_echo_counters(echo, json, sizeof(json)) == -ESTALE &&
			meari_echo_wait(echo, "bytes_sent", 1, 1000) == -ESTALE &&
			meari_echo_address(echo, 0) == NULL && meari_echo_port(echo, 0) == 0 &&
			meari_echo_stop(echo) == -ESTALE && meari_echo_stop(echo) == -ESTALE
		? 0
		: 1;
}

static void after_fork_it_is_the_parent_s(void **state)
{
	struct meari_echo *echo = start(LOOPBACK), *own = NULL;
	int fd = dial(echo, SOCK_STREAM), status = -1;
	pid_t child;

	assert_echoes(fd, "before");
	child = fork();
	if (child == 0) {
		int result = try_everything_in_the_child(echo);

		/* A child may have servers of its own. */
		if (result == 0 && HAS_OWN_MALLOC &&
			(meari_echo_start(LOOPBACK, &own, NULL, 0) < 0 || meari_echo_stop(own) < 0))
			result = 2;
		_exit(result);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_echoes(fd, "after");
	close(fd);
	assert_int_equal(meari_echo_stop(echo), 0);
}

/* ---- when there is no room ---- */

static void without_descriptors_it_says_so_and_leaves_none(void **state)
{
	struct rlimit limit, low;
	unsigned failures = 0, before = count_entries("/proc/self/fd");
	struct meari_echo *echo = NULL;
	int r = -EMFILE, lowest = dup(0);

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	for (rlim_t more = 0; r < 0 && more < 30; more++) {
		char why[MEARI_ECHO_WHY_SIZE] = "";

		low.rlim_cur = (rlim_t)lowest + more;
		setrlimit(RLIMIT_NOFILE, &low);
		r = meari_echo_start(LOOPBACK "?fault=chop=1", &echo, why, sizeof(why));
		setrlimit(RLIMIT_NOFILE, &limit);
		if (r < 0) {
			assert_int_equal(r, -EMFILE);
			assert_true(why[0] != '\0');
			assert_int_equal(count_entries("/proc/self/fd"), before);
			failures++;
		}
	}
	assert_int_equal(r, 0);
	assert_in_range(failures, 2, 10); /* a listener, an epoll, two eventfds or so */
	assert_int_equal(meari_echo_stop(echo), 0);
	assert_int_equal(count_entries("/proc/self/fd"), before);
}

static void without_memory_it_says_so_and_keeps_none(void **state)
{
	struct meari_echo *echo = NULL;
	unsigned failures = 0, before = count_entries("/proc/self/fd");
	long held_before;
	int r = -ENOMEM;

	if (!HAS_OWN_MALLOC)
		skip();
	assert_int_equal(meari_echo_stop(start(LOOPBACK)), 0); /* what libc keeps for ever */
	held_before = held;
	for (long calls = 0; r < 0 && calls < 1000; calls++) {
		char why[MEARI_ECHO_WHY_SIZE] = "";

		left = calls;
		r = meari_echo_start(LOOPBACK "?fault=chop=1", &echo, why, sizeof(why));
		left = -1;
		if (r < 0) {
			assert_int_equal(held, held_before);
			assert_true(r == -ENOMEM || r == -EAGAIN);
			assert_true(why[0] != '\0');
			failures++;
		}
	}
	assert_int_equal(r, 0);
	assert_true(failures >= 5);
	assert_int_equal(meari_echo_stop(echo), 0);
	assert_int_equal(held, held_before);
	assert_int_equal(count_entries("/proc/self/fd"), before);
}

/* ---- many at once ---- */

static void *live(void *context)
{
	for (unsigned i = 0; i < 20; i++) {
		struct meari_echo *echo = start(LOOPBACK);
		int fd = dial(echo, SOCK_STREAM);

		assert_echoes(fd, "one of many");
		assert_counts(echo, "bytes_sent", 11);
		close(fd);
		assert_int_equal(meari_echo_stop(echo), 0);
	}
	return NULL;
}

static void threads_have_servers_of_their_own(void **state)
{
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, live, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void *look(void *context)
{
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(meari_echo_counters(context, NULL, 0) > 100, true);
	return NULL;
}

static void threads_may_share_a_server(void **state)
{
	struct meari_echo *echo = start(LOOPBACK);
	pthread_t threads[3];
	int fd = dial(echo, SOCK_STREAM);

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, echo), 0);
	for (unsigned i = 0; i < 200; i++)
		assert_echoes(fd, "meanwhile");
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(fd);
	assert_int_equal(meari_echo_stop(echo), 0);
}

static void open_connections_end_with_it(void **state)
{
	struct meari_echo *echo = start(LOOPBACK "?fault=stall");
	int fds[50];
	char byte;

	for (unsigned i = 0; i < 50; i++) {
		fds[i] = dial(echo, SOCK_STREAM);
		assert_int_equal(send(fds[i], "unanswered", 10, MSG_NOSIGNAL), 10);
	}
	assert_int_equal(meari_echo_wait(echo, "connections_accepted", 50, PATIENCE_MS), 0);
	assert_int_equal(meari_echo_stop(echo), 0);
	for (unsigned i = 0; i < 50; i++) {
		assert_true(recv(fds[i], &byte, 1, 0) <= 0);
		close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_comes_back_and_is_counted),
		cmocka_unit_test(faults_stand_behind_the_address),
		cmocka_unit_test(datagrams_come_back_too),
		cmocka_unit_test(a_socket_file_goes_with_its_server),
		cmocka_unit_test(waiting_has_an_end),
		cmocka_unit_test(what_is_no_address_is_told),
		cmocka_unit_test(no_signal_is_touched_and_none_comes_in),
		cmocka_unit_test(nothing_is_written),
		cmocka_unit_test(after_fork_it_is_the_parent_s),
		cmocka_unit_test(without_descriptors_it_says_so_and_leaves_none),
		cmocka_unit_test(without_memory_it_says_so_and_keeps_none),
		cmocka_unit_test(threads_have_servers_of_their_own),
		cmocka_unit_test(threads_may_share_a_server),
		cmocka_unit_test(open_connections_end_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
