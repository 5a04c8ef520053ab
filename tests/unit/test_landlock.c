/*
 * landlock.c: what can still be read and removed. Each test in a child of its own, because there is no way
 * back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/sandbox/landlock.h"
#include "skipping.h"

struct place {
	char top[64], read[80], removed[80], other[80];
};

static void make_file(const char *folder)
{
	char path[100];
	int fd;

	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->top, "/tmp/meari-test-XXXXXX");
	assert_non_null(mkdtemp(place->top));
	snprintf(place->read, sizeof(place->read), "%s/read", place->top);
	snprintf(place->removed, sizeof(place->removed), "%s/removed", place->top);
	snprintf(place->other, sizeof(place->other), "%s/other", place->top);
	make_file(place->read);
	make_file(place->removed);
	make_file(place->other);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	const char *folders[] = { place->read, place->removed, place->other };
	char path[100];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/file", folders[i]);
		unlink(path);
		rmdir(folders[i]);
	}
	rmdir(place->top);
	free(place);
	return 0;
}

static bool opens(const char *folder, int flags)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/file", folder);
	return open(path, flags) >= 0;
}

static bool is_removed(const char *folder)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/file", folder);
	return unlink(path) == 0;
}

static int try_files(const struct place *place)
{
	if (!opens(place->read, O_RDONLY) || opens(place->read, O_WRONLY))
		return 1;
	if (opens(place->other, O_RDONLY) || opens(place->removed, O_RDONLY))
		return 2;
	if (is_removed(place->other) || is_removed(place->read) || !is_removed(place->removed))
		return 3;
	return 0;
}

static int try_tcp(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 || errno != EACCES)
		return 4;
	any.sin_port = htons(1);
	if (connect(fd, (struct sockaddr *)&any, sizeof(any)) == 0 || errno != EACCES)
		return 5;
	return 0;
}

static int confine_and_try(const struct place *place)
{
	struct landlock *landlock;
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_new(&landlock) < 0)
		return 99;
	landlock_allow_reading(landlock, place->read);
	landlock_allow_reading(landlock, "/nowhere/at/all");
	landlock_allow_removing(landlock, place->removed);
	r = landlock_enforce(landlock);
	landlock_free(landlock);
	if (r < 0)
		return 98;
	r = try_files(place);
	return r == 0 && landlock_version() >= 4 ? try_tcp() : r;
}

static void files_but_a_few_are_out_of_reach(void **state)
{
	int status;

	if (landlock_version() < 0)
		SKIP("this kernel has no Landlock");
	pid_t child = fork();

	if (child == 0)
		_exit(confine_and_try(*state));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			files_but_a_few_are_out_of_reach, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
