/*
 * The lines of --trace: constants by name, bytes legible, results and errors as strace writes them.
 */
#include <errno.h>
#include <locale.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#include "net/call_text.h"

static void a_line_has_call_arguments_result(void **state)
{
	char line[200];

	int length = call_text_line("listen", "3, 5", 0, line, sizeof(line));

	assert_int_equal(length, strlen(line));
	assert_string_equal(line, "listen(3, 5) = 0\n");
	call_text_line("bind", "3, x", -EADDRINUSE, line, sizeof(line));
	assert_string_equal(line, "bind(3, x) = -1 EADDRINUSE (Address already in use)\n");
}

static void a_long_line_is_cut_but_ends(void **state)
{
	char line[16];
	int length = call_text_line("recv", "0123456789abcdef", 5, line, sizeof(line));

	assert_int_equal(length, 15);
	assert_int_equal(line[14], '\n');
}

static void bytes_are_legible_and_bounded(void **state)
{
	char text[CALL_TEXT_SIZE];

	call_text_bytes(7, "a\n\"\x01", 4, 65536, MSG_NOSIGNAL | MSG_OOB, text, sizeof(text));
	assert_string_equal(text, "7, \"a\\n\\\"\\x01\", 65536, MSG_OOB|MSG_NOSIGNAL");

	/* UTF-8 is legible where the locale says so, and never cut in the middle. */
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	call_text_bytes(7, "안녕", 6, 6, 0, text, sizeof(text));
	assert_string_equal(text, "7, \"안녕\", 6, 0");
	call_text_bytes(7, "안녕", 5, 5, 0, text, sizeof(text));
	assert_string_equal(text, "7, \"안\\xeb\\x85\", 5, 0");

	char many[100];

	memset(many, 'x', sizeof(many));
	call_text_bytes(7, many, sizeof(many), 100, 0, text, sizeof(text));
	assert_string_equal(text, "7, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..., 100, 0");
}

static void addresses_and_options_have_names(void **state)
{
	char text[CALL_TEXT_SIZE];
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(5000) };
	int on = 1;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	call_text_address(3, (struct sockaddr *)&in, sizeof(in), text, sizeof(text));
	assert_string_equal(text, "3, 127.0.0.1:5000, 16");
	call_text_address(3, NULL, 0, text, sizeof(text));
	assert_string_equal(text, "3, NULL, 0");
	call_text_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, text, sizeof(text));
	assert_string_equal(text, "AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0");
	call_text_option(3, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on), text, sizeof(text));
	assert_string_equal(text, "3, SOL_SOCKET, SO_REUSEADDR, 1");
}

static void assert_option(
	int level, int option, const void *value, socklen_t length, const char *expected)
{
	char text[CALL_TEXT_SIZE];

	call_text_option(3, level, option, value, length, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void values_of_options_have_names(void **state)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	struct ucred who = { .pid = 7, .uid = 1000, .gid = 100 };
	struct timeval limit = { .tv_sec = 5, .tv_usec = 250000 };
	int domain = AF_INET6, type = SOCK_STREAM, odd_type = SOCK_RAW, protocol = 6, none = 0;
	int refused = ECONNREFUSED;
	char many[200];

	assert_option(SOL_SOCKET, SO_LINGER, &linger, sizeof(linger),
		"3, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=0}");
	assert_option(SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit),
		"3, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=5, tv_usec=250000}");
	assert_option(SOL_SOCKET, SO_PEERCRED, &who, sizeof(who),
		"3, SOL_SOCKET, SO_PEERCRED, {pid=7, uid=1000, gid=100}");
	assert_option(SOL_SOCKET, SO_PEERCRED, &who, 0, "3, SOL_SOCKET, SO_PEERCRED, {0 bytes}");
	assert_option(
		SOL_SOCKET, SO_DOMAIN, &domain, sizeof(int), "3, SOL_SOCKET, SO_DOMAIN, AF_INET6");
	assert_option(
		SOL_SOCKET, SO_TYPE, &type, sizeof(int), "3, SOL_SOCKET, SO_TYPE, SOCK_STREAM");
	assert_option(SOL_SOCKET, SO_TYPE, &odd_type, sizeof(int), "3, SOL_SOCKET, SO_TYPE, 3");
	assert_option(
		SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof(int), "3, SOL_SOCKET, SO_PROTOCOL, 6");
	assert_option(SOL_SOCKET, SO_ERROR, &none, sizeof(int), "3, SOL_SOCKET, SO_ERROR, 0");
	assert_option(SOL_SOCKET, SO_ERROR, &refused, sizeof(int),
		"3, SOL_SOCKET, SO_ERROR, ECONNREFUSED");
	assert_option(
		SOL_SOCKET, SO_BINDTODEVICE, "lo", 3, "3, SOL_SOCKET, SO_BINDTODEVICE, \"lo\"");
	assert_option(SOL_SOCKET, 9999, &none, sizeof(int), "3, 1, 9999, 0");
	/* Whatever the value is, the text has an end. */
	memset(many, '\xff', sizeof(many));
	assert_option(SOL_SOCKET, SO_ERROR, many, sizeof(int), "3, SOL_SOCKET, SO_ERROR, -1");
	assert_option(
		SOL_SOCKET, SO_TYPE, many, sizeof(many), "3, SOL_SOCKET, SO_TYPE, {200 bytes}");
}

static void messages_of_one_call_are_listed(void **state)
{
	char text[CALL_TEXT_SIZE];
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(5000) };
	char hello[] = "hello";
	struct iovec vector = { hello, 5 };
	struct mmsghdr messages[CALL_TEXT_SHOWN_MESSAGES + 1];

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned i = 0; i < CALL_TEXT_SHOWN_MESSAGES + 1; i++)
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &in,
							.msg_namelen = sizeof(in),
							.msg_iov = &vector,
							.msg_iovlen = 1 },
			.msg_len = i };
	call_text_messages(3, messages, 0, true, 32, 0, text, sizeof(text));
	assert_string_equal(text, "3, [], 32, 0");
	call_text_messages(3, messages, 2, true, 32, 0, text, sizeof(text));
	assert_string_equal(text,
		"3, [{name=127.0.0.1:5000, iov=\"\"}, {name=127.0.0.1:5000, iov=\"h\"}], 32, 0");
	call_text_messages(3, messages, 1, false, 1, MSG_NOSIGNAL, text, sizeof(text));
	assert_string_equal(text, "3, [{name=127.0.0.1:5000, iov=\"hello\"}], 1, MSG_NOSIGNAL");
	call_text_messages(
		3, messages, CALL_TEXT_SHOWN_MESSAGES + 1, true, 32, 0, text, sizeof(text));
	assert_string_equal(text,
		"3, [{name=127.0.0.1:5000, iov=\"\"}, {name=127.0.0.1:5000, iov=\"h\"}, "
		"{name=127.0.0.1:5000, iov=\"he\"}, ...], 32, 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_call_arguments_result),
		cmocka_unit_test(a_long_line_is_cut_but_ends),
		cmocka_unit_test(bytes_are_legible_and_bounded),
		cmocka_unit_test(addresses_and_options_have_names),
		cmocka_unit_test(values_of_options_have_names),
		cmocka_unit_test(messages_of_one_call_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
