/*
 * activation.c: what the environment offers, well and badly. Each test makes the descriptors from 3 on itself: a
 * test program has none of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/listen/activation.h"

static void offer(const char *pid, const char *count, const char *names)
{
	char self[16];

	snprintf(self, sizeof(self), "%d", (int)getpid());
	setenv("LISTEN_PID", pid != NULL ? pid : self, 1);
	setenv("LISTEN_PIDFDID", "12345", 1);
	setenv("LISTEN_FDS", count, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
	else
		unsetenv("LISTEN_FDNAMES");
}

static void open_descriptors(size_t count)
{
	for (size_t i = 0; i < 8; i++)
		close(ACTIVATION_FIRST_FD + (int)i);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(open("/dev/null", O_RDONLY), ACTIVATION_FIRST_FD + (int)i);
}

static void assert_environment_is_clean(void)
{
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_PIDFDID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
}

static void sockets_and_their_names(void **state)
{
	struct activation given;

	open_descriptors(2);
	offer(NULL, "2", "echo:other");
	assert_true(activation_is_offered());
	assert_int_equal(activation_take(NULL, 0, &given), 0);
	assert_int_equal(given.count, 2);
	assert_string_equal(given.names[0], "echo");
	assert_string_equal(given.names[1], "other");
	for (int fd = 3; fd < 5; fd++) {
		assert_int_equal(given.fds[fd - 3], fd);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	}
	assert_environment_is_clean();
	assert_false(activation_is_offered());
	activation_fini(&given);
	assert_int_equal(fcntl(3, F_GETFD), -1);
	assert_int_equal(activation_take(NULL, 0, &given), 0);
	assert_int_equal(given.count, 0);
}

static void without_names_each_is_unknown(void **state)
{
	struct activation given;

	open_descriptors(2);
	offer(NULL, "2", NULL);
	assert_int_equal(activation_take(NULL, 0, &given), 0);
	assert_string_equal(given.names[0], "unknown");
	assert_string_equal(given.names[1], "unknown");
	activation_fini(&given);
}

static void an_empty_name_is_a_name(void **state)
{
	struct activation given;

	open_descriptors(3);
	offer(NULL, "3", ":b:");
	assert_int_equal(activation_take(NULL, 0, &given), 0);
	assert_string_equal(given.names[0], "");
	assert_string_equal(given.names[1], "b");
	assert_string_equal(given.names[2], "");
	activation_fini(&given);
}

static void only_what_is_wanted_stays_open(void **state)
{
	const char *const wanted[] = { "other" }, *const missing[] = { "ecko" };
	struct activation given;

	open_descriptors(2);
	offer(NULL, "2", "echo:other");
	assert_int_equal(activation_take(wanted, 1, &given), 0);
	assert_int_equal(fcntl(3, F_GETFD), -1);
	assert_int_equal(fcntl(4, F_GETFD), FD_CLOEXEC);
	activation_fini(&given);

	open_descriptors(2);
	offer(NULL, "2", "echo:other");
	assert_int_equal(activation_take(missing, 1, &given), -ENOENT);
	assert_environment_is_clean();
}

static void what_is_for_another_process_is_left_alone(void **state)
{
	struct activation given;

	open_descriptors(1);
	offer("1", "1", "echo");
	assert_false(activation_is_offered());
	assert_int_equal(activation_take(NULL, 0, &given), 0);
	assert_int_equal(given.count, 0);
	assert_int_equal(fcntl(3, F_GETFD), 0);
	assert_environment_is_clean();
	close(3);
}

static void without_a_process_nothing_is_offered(void **state)
{
	offer(NULL, "1", "echo");
	unsetenv("LISTEN_PID");
	assert_false(activation_is_offered());
	offer(NULL, "1", "echo");
	unsetenv("LISTEN_FDS");
	assert_false(activation_is_offered());
	offer(NULL, "0", NULL);
	assert_false(activation_is_offered());
}

/* Offered, so that the server does not open its default address instead; and refused. */
static void malformed_variables_are_refused(void **state)
{
	static const struct {
		const char *pid, *count, *names;
		int error;
	} cases[] = {
		{ NULL, "-1", NULL, -EINVAL },
		{ NULL, "", NULL, -EINVAL },
		{ NULL, "two", NULL, -EINVAL },
		{ NULL, "1 ", NULL, -EINVAL },
		{ NULL, "+1", NULL, -EINVAL },
		{ NULL, "0x1", NULL, -EINVAL },
		{ NULL, "2147483648", NULL, -ERANGE },
		{ NULL, "18446744073709551617", NULL, -ERANGE },
		{ "", "1", NULL, -EINVAL },
		{ "0", "1", NULL, -ERANGE },
		{ "-1", "1", NULL, -EINVAL },
		{ "self", "1", NULL, -EINVAL },
		{ "4294967297", "1", NULL, -ERANGE },
		/* these descriptors are not open */
		{ NULL, "3", NULL, -EBADF },
		{ NULL, "2147483000", NULL, -EBADF },
		/* as many names as sockets */
		{ NULL, "2", "one", -EINVAL },
		{ NULL, "2", "", -EINVAL },
		{ NULL, "2", "a:b:c", -EINVAL },
		{ NULL, "2", "a:\033[31m", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct activation given = { .count = 77 };

		open_descriptors(2);
		offer(cases[i].pid, cases[i].count, cases[i].names);
		assert_true(activation_is_offered());
		assert_int_equal(activation_take(NULL, 0, &given), cases[i].error);
		assert_int_equal(given.count, 77);
		assert_environment_is_clean();
	}
	open_descriptors(0);
}

static void a_name_has_a_longest(void **state)
{
	struct activation_environment environment = { "1", "1", NULL };
	char longest[258], **names = NULL;
	const char *variable = NULL;
	size_t count;

	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	environment.names = longest;
	assert_int_equal(activation_read(&environment, 1, &names, &count, &variable), -EINVAL);
	assert_string_equal(variable, "LISTEN_FDNAMES");
	longest[255] = '\0';
	assert_int_equal(activation_read(&environment, 1, &names, &count, &variable), 0);
	assert_string_equal(names[0], longest);
	free(names[0]);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_and_their_names),
		cmocka_unit_test(without_names_each_is_unknown),
		cmocka_unit_test(an_empty_name_is_a_name),
		cmocka_unit_test(only_what_is_wanted_stays_open),
		cmocka_unit_test(what_is_for_another_process_is_left_alone),
		cmocka_unit_test(without_a_process_nothing_is_offered),
		cmocka_unit_test(malformed_variables_are_refused),
		cmocka_unit_test(a_name_has_a_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
