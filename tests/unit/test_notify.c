/*
 * notify.c: what a service manager is told, how, and that one that cannot be told holds up nothing.
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
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/notify.h"

static void name(const char *tail, char *buffer, size_t size)
{
	snprintf(buffer, size, "@meari-test-notify-%d-%s", (int)getpid(), tail);
}

/* A manager's socket at NOTIFY_SOCKET. */
static int manage(const char *text)
{
	struct sockaddr_un address;
	socklen_t length;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(notify_parse_address(text, &address, &length), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	setenv("NOTIFY_SOCKET", text, 1);
	return fd;
}

static const char *heard(int fd)
{
	static char text[1024];
	ssize_t length = recv(fd, text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = '\0';
	return text;
}

/* What the log says, from here to log_since(). */
static int saved_stderr = -1;
static FILE *log_file;

static void log_begin(void)
{
	log_file = tmpfile();
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fileno(log_file), STDERR_FILENO);
}

static const char *log_end(void)
{
	static char text[2048];
	size_t length;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(log_file);
	length = fread(text, 1, sizeof(text) - 1, log_file);
	fclose(log_file);
	text[length] = '\0';
	return text;
}

static void each_state_is_a_datagram(void **state)
{
	char text[64];
	int fd;

	name("states", text, sizeof(text));
	fd = manage(text);
	notify_open();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_true(notify_is_wanted());
	notify_ready();
	assert_string_equal(heard(fd), "READY=1");
	notify_reloading();
	assert_memory_equal(heard(fd), "RELOADING=1\nMONOTONIC_USEC=", 27);
	notify_alive();
	assert_string_equal(heard(fd), "WATCHDOG=1");
	notify_in_charge();
	snprintf(text, sizeof(text), "MAINPID=%d\nREADY=1", (int)getpid());
	assert_string_equal(heard(fd), text);
	notify_status("it fails: 'x'\nREADY=1");
	assert_string_equal(heard(fd), "STATUS=it fails: 'x'");
	notify_status("");
	assert_string_equal(heard(fd), "STATUS=");
	notify_stopping();
	assert_string_equal(heard(fd), "STOPPING=1");
	notify_close();
	assert_false(notify_is_wanted());
	notify_ready();
	assert_string_equal(heard(fd), "");
	close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	notify_open();
	assert_false(notify_is_wanted());
	notify_ready();
	setenv("NOTIFY_SOCKET", "", 1);
	notify_open();
	assert_false(notify_is_wanted());
	notify_close();
}

static void addresses(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "/run/systemd/notify", 0 },
		{ "@a", 0 },
		{ "", -EINVAL },
		{ "@", -EINVAL },
		{ "/", -EINVAL },
		{ "run/notify", -EINVAL },
		{ "vsock:2:1234", -EAFNOSUPPORT },
		{ "vsock-stream:2:1234", -EAFNOSUPPORT },
	};
	struct sockaddr_un address;
	char longest[sizeof(address.sun_path) + 2];
	socklen_t length;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			notify_parse_address(cases[i].text, &address, &length), cases[i].error);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	longest[0] = '@';
	assert_int_equal(notify_parse_address(longest, &address, &length), -ENAMETOOLONG);
	longest[sizeof(longest) - 2] = '\0'; /* as long as there is room */
	assert_int_equal(notify_parse_address(longest, &address, &length), 0);
	assert_int_equal(length, sizeof(address));
	longest[0] = '/';
	assert_int_equal(notify_parse_address(longest, &address, &length), -ENAMETOOLONG);
	longest[sizeof(longest) - 3] = '\0';
	assert_int_equal(notify_parse_address(longest, &address, &length), 0);
	assert_int_equal(length, sizeof(address));
}

/* It stays wanted: SIGHUP must not end a server whose manager has only an address that is not ours. */
static void an_address_that_cannot_be_used_is_logged_once(void **state)
{
	const char *said;

	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	log_begin();
	notify_open();
	notify_ready();
	notify_stopping();
	said = log_end();
	assert_non_null(strstr(said, "vsock is not supported"));
	assert_non_null(strstr(said, "'vsock:2:1234'"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	assert_true(notify_is_wanted());
	notify_close();
}

static void a_manager_that_is_not_there_is_logged_once(void **state)
{
	char text[64];
	const char *said;
	int fd;

	name("later", text, sizeof(text));
	setenv("NOTIFY_SOCKET", text, 1);
	log_begin();
	notify_open();
	notify_ready();
	said = log_end();
	assert_non_null(strstr(said, "Connection refused"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	/* It comes, goes, and comes again; what it has missed goes with the next message. */
	fd = manage(text);
	notify_alive();
	assert_string_equal(heard(fd), "READY=1\nWATCHDOG=1");
	close(fd);
	notify_alive();
	fd = manage(text);
	notify_alive();
	assert_string_equal(heard(fd), "WATCHDOG=1");
	close(fd);
	notify_close();
}

static void a_manager_that_does_not_read_holds_up_nothing(void **state)
{
	char text[64], last[1024] = "";
	const char *said;
	uint64_t start_ns;
	int fd;

	name("full", text, sizeof(text));
	fd = manage(text);
	notify_open();
	log_begin();
	start_ns = clock_now_ns();
	for (unsigned i = 0; i < 20000; i++)
		notify_alive();
	for (unsigned i = 0; i < 100; i++)
		notify_ready();
	notify_stopping();
	/* One wait at most; without the bound it would be for ever, without the memory 20 s. */
	assert_true(clock_now_ns() - start_ns < 10 * NOTIFY_PATIENCE_MS * CLOCK_NS_PER_MS);
	said = log_end();
	assert_non_null(strstr(said, "it does not read its messages"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	while (strcmp(heard(fd), "") != 0)
		;
	notify_alive();
	snprintf(last, sizeof(last), "%s", heard(fd));
	assert_string_equal(last, "STOPPING=1\nWATCHDOG=1");
	notify_close();
	close(fd);
}

static uint64_t watchdog_ns(const char *period, const char *pid)
{
	uint64_t ns;

	if (period != NULL)
		setenv("WATCHDOG_USEC", period, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	notify_open();
	ns = notify_watchdog_ns();
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	notify_close();
	return ns;
}

static void the_watchdog(void **state)
{
	static const char *const malformed[] = { "0", "-1", "soon", "30s", "18446744073709551615",
		"99999999999999999999999" };
	char self[16];
	const char *said;

	snprintf(self, sizeof(self), "%d", (int)getpid());
	unsetenv("NOTIFY_SOCKET");
	assert_true(watchdog_ns(NULL, NULL) == CLOCK_NEVER);
	assert_true(watchdog_ns("", NULL) == CLOCK_NEVER);
	assert_int_equal(watchdog_ns("200000", NULL), 100 * CLOCK_NS_PER_MS);
	assert_int_equal(watchdog_ns("200000", self), 100 * CLOCK_NS_PER_MS);
	assert_true(watchdog_ns("200000", "1") == CLOCK_NEVER);
	assert_int_equal(watchdog_ns("1", NULL), CLOCK_NS_PER_MS); /* not a busy loop */
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		log_begin();
		assert_true(watchdog_ns(malformed[i], self) == CLOCK_NEVER);
		assert_non_null(strstr(log_end(), "WATCHDOG_USEC is malformed"));
	}
	log_begin();
	assert_true(watchdog_ns("200000", "me") == CLOCK_NEVER);
	said = log_end();
	assert_non_null(strstr(said, "WATCHDOG_PID is malformed: 'me'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_a_datagram),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(addresses),
		cmocka_unit_test(an_address_that_cannot_be_used_is_logged_once),
		cmocka_unit_test(a_manager_that_is_not_there_is_logged_once),
		cmocka_unit_test(a_manager_that_does_not_read_holds_up_nothing),
		cmocka_unit_test(the_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
