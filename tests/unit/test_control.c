/*
 * control.c: each question is answered, nobody is waited for, and the main thread has its time for itself.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "server/control/control.h"

#define LARGE_BYTES (4u << 20)
#define TURNS 1000

static struct addr at;
static struct control *control;
static unsigned asked;
static bool is_large, has_no_memory;

/* A control_answer_fn. */
static char *tell(void *context, enum control_request request)
{
	char *text;

	asked++;
	if (has_no_memory)
		return NULL;
	if (is_large) {
		text = malloc(LARGE_BYTES + 2);
		assert_non_null(text);
		memset(text, 'x', LARGE_BYTES);
		memcpy(text + LARGE_BYTES, "\n", 2);
		return text;
	}
	assert_true(asprintf(&text, "%s\n", control_input_word(request)) > 0);
	return text;
}

static int set_up(void **state)
{
	struct control_options options = { .at = &at, .answer = tell };

	asked = 0;
	is_large = has_no_memory = false;
	at = (struct addr){ .scheme = ADDR_UNIX, .un = { .sun_family = AF_UNIX } };
	snprintf(at.un.sun_path, sizeof(at.un.sun_path), "/tmp/meari-control-%d", (int)getpid());
	at.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(at.un.sun_path) +
		1);
	assert_int_equal(control_new(&options, &control), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct stat status;

	control_free(control);
	assert_int_equal(lstat(at.un.sun_path, &status), -1);
	return 0;
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &at.generic, at.length), 0);
	return fd;
}

/* What the server's main thread does. */
static void turn(void)
{
	struct pollfd polled[CONTROL_MOST_POLLED];
	unsigned count = control_poll(control, polled);
	uint64_t due_ns = control_due_ns(control), now_ns = clock_now_ns();
	uint64_t until_ns = due_ns < now_ns + CLOCK_NS_PER_MS ? due_ns : now_ns + CLOCK_NS_PER_MS;
	bool ready = poll(polled, count, clock_poll_ms(now_ns, until_ns)) > 0;

	assert_true(count <= CONTROL_MOST_POLLED);
	if (ready || (due_ns != CLOCK_NEVER && clock_now_ns() >= due_ns))
		control_work(control);
}

/* Until so many bytes have come, or its end; gives the number. */
static size_t read_bytes(int fd, char *bytes, size_t most)
{
	size_t length = 0;

	for (unsigned i = 0; length < most && i < TURNS; i++) {
		ssize_t n = recv(fd, bytes + length, most - length, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		if (n < 0)
			turn();
		length += n > 0 ? (size_t)n : 0;
	}
	return length;
}

static void assert_answers(int fd, const char *question, const char *answer)
{
	char text[200];

	if (question[0] != '\0')
		assert_int_equal(send(fd, question, strlen(question), 0), strlen(question));
	assert_int_equal(read_bytes(fd, text, strlen(answer)), strlen(answer));
	assert_memory_equal(text, answer, strlen(answer));
}

static bool has_ended(int fd)
{
	char byte;

	for (unsigned i = 0; i < TURNS; i++) {
		ssize_t n = recv(fd, &byte, 1, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
		assert_true(n < 0 && errno == EAGAIN);
		turn();
	}
	return false;
}

static void each_line_has_its_answer(void **state)
{
	int fd = dial();

	assert_answers(fd, "about\n", "about\n");
	assert_answers(fd, "counters\nfaults\nconn", "counters\nfaults\n");
	assert_answers(fd, "ections", "");
	shutdown(fd, SHUT_WR);
	assert_answers(fd, "", "connections\n");
	assert_true(has_ended(fd));
	close(fd);
}

static void only_its_owner_may_open_the_file(void **state)
{
	struct stat status;

	assert_int_equal(lstat(at.un.sun_path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_client_that_does_not_read_waits_alone(void **state)
{
	int stuck = dial(), other = dial();
	char *bytes = malloc(LARGE_BYTES);

	assert_non_null(bytes);
	is_large = true;
	assert_int_equal(send(stuck, "about\nabout\nabout\n", 18, 0), 18);
	for (unsigned i = 0; i < 50; i++)
		turn();
	assert_int_equal(asked, 1); /* not the second before the first has been read */
	is_large = false;
	assert_answers(other, "faults\n", "faults\n");
	assert_int_equal(read_bytes(stuck, bytes, LARGE_BYTES), LARGE_BYTES);
	assert_answers(stuck, "", "\nabout\nabout\n");
	free(bytes);
	close(stuck);
	close(other);
}

/* Who has been silent for longest makes room; the first one asks now and then, and stays. */
static void there_are_so_many_clients_and_no_more(void **state)
{
	int first = dial(), fds[CONTROL_MOST_CLIENTS + 3];
	unsigned ended = 0;

	for (unsigned i = 0; i < CONTROL_MOST_CLIENTS + 3; i++) {
		assert_answers(first, "about\n", "about\n");
		fds[i] = dial();
		for (unsigned k = 0; k < 5; k++)
			turn();
	}
	assert_answers(first, "about\n", "about\n");
	assert_answers(fds[CONTROL_MOST_CLIENTS + 2], "about\n", "about\n");
	for (unsigned i = 0; i < CONTROL_MOST_CLIENTS + 3; i++) {
		char byte;

		ended += recv(fds[i], &byte, 1, 0) == 0;
		close(fds[i]);
	}
	assert_int_equal(ended, 4);
	close(first);
}

/* However much is asked: behind each answer comes a rest, in which nothing is even polled. */
static void a_flood_is_answered_in_measure(void **state)
{
	struct pollfd polled[CONTROL_MOST_POLLED];
	char many[] = "about\nabout\nabout\nabout\nabout\nabout\nabout\nabout\nabout\nabout\n";
	int fd = dial();

	assert_int_equal(send(fd, many, strlen(many), 0), strlen(many));
	while (asked == 0)
		turn();
	assert_int_equal(control_poll(control, polled), 0);
	assert_true(control_due_ns(control) != CLOCK_NEVER && control_due_ns(control) > 0);
	for (unsigned i = 0; i < 20; i++)
		control_work(control); /* at once: most of it in the rest */
	assert_true(asked < 10);
	while (asked < 10)
		turn();
	close(fd);
}

static void without_memory_the_client_is_dropped(void **state)
{
	int fd = dial();

	has_no_memory = true;
	assert_int_equal(send(fd, "about\n", 6, 0), 6);
	assert_true(has_ended(fd));
	close(fd);
}

static void who_is_connected_is_answered_to_the_end(void **state)
{
	struct stat status;
	int fd = dial(), late;

	assert_answers(fd, "about\n", "about\n");
	control_stop_listening(control);
	assert_int_equal(lstat(at.un.sun_path, &status), -1);
	late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(late, &at.generic, at.length), -1);
	close(late);
	assert_answers(fd, "faults\n", "faults\n");
	close(fd);
}

static void a_stale_file_is_replaced_and_a_live_one_is_not(void **state)
{
	struct control_options options = { .at = &at, .answer = tell };
	struct control *second = NULL;
	int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(control_new(&options, &second), -EADDRINUSE);
	control_free(control);
	assert_int_equal(bind(stale, &at.generic, at.length), 0);
	close(stale);
	assert_int_equal(control_new(&options, &control), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_line_has_its_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			only_its_owner_may_open_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_client_that_does_not_read_waits_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			there_are_so_many_clients_and_no_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_is_answered_in_measure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			without_memory_the_client_is_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_is_connected_is_answered_to_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_stale_file_is_replaced_and_a_live_one_is_not, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
