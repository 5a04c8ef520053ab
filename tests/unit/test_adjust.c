/*
 * talk/adjust: what the commands change on a socket, and what they say of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "talk/adjust.h"

static struct dialogue dialogue;

static void open_socket(enum addr_scheme scheme)
{
	int fd = socket(
		scheme == ADDR_TCP ? AF_INET : AF_UNIX, addr_socket_type(scheme) | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(dialogue_init(&dialogue, fd, scheme), 0);
}

static void close_socket(void)
{
	close(dialogue.fd);
	dialogue_fini(&dialogue);
}

static void expect(const char *line, const char *words)
{
	struct command command = command_parse(line, strlen(line));
	char text[ADJUST_TEXT_SIZE];

	assert_non_null(strstr(adjust(&dialogue, &command, text, sizeof(text)), words));
}

static void test_limits(void **state)
{
	open_socket(ADDR_TCP);
	expect("/read 5", "at most 5 bytes");
	assert_int_equal(dialogue.receive_most, 5);
	expect("/pieces 7", "at most 7 bytes");
	assert_int_equal(dialogue.send_most, 7);
	expect("/read 0", "as many bytes in one call as there are");
	assert_int_equal(dialogue.receive_most, 0);
	close_socket();
}

static void test_pause_is_a_switch(void **state)
{
	open_socket(ADDR_TCP);
	expect("/pause", "paused");
	assert_true(dialogue.paused);
	assert_int_equal(dialogue_events(&dialogue), 0);
	expect("/pause", "goes on");
	assert_false(dialogue.paused);
	close_socket();
}

static void test_buffers(void **state)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	open_socket(ADDR_TCP);
	expect("/rcvbuf 8K", "the receive buffer has 16384 bytes");
	assert_int_equal(getsockopt(dialogue.fd, SOL_SOCKET, SO_RCVBUF, &bytes, &length), 0);
	assert_int_equal(bytes, 16384);
	expect("/sndbuf 8K", "the send buffer has 16384 bytes");
	close(dialogue.fd);
	expect("/sndbuf 8K", "cannot set the buffer's size: Bad file descriptor");
	expect("/linger 1", "cannot set SO_LINGER: Bad file descriptor");
	dialogue_fini(&dialogue);
}

static void test_linger(void **state)
{
	struct linger linger = { 0 };
	socklen_t length = sizeof(linger);

	open_socket(ADDR_TCP);
	expect("/linger", "up to 10 s");
	assert_int_equal(getsockopt(dialogue.fd, SOL_SOCKET, SO_LINGER, &linger, &length), 0);
	assert_true(linger.l_onoff == 1 && linger.l_linger == 10);
	expect("/linger 0", "RST");
	close_socket();
}

static void test_datagrams_stay_whole(void **state)
{
	open_socket(ADDR_UNIXGRAM);
	expect("/read 5", "this is for streams");
	expect("/pieces 5", "this is for streams");
	expect("/linger", "only with tcp");
	assert_true(dialogue.receive_most == 0 && dialogue.send_most == 0);
	close_socket();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pause_is_a_switch),
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_linger),
		cmocka_unit_test(test_datagrams_stay_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
