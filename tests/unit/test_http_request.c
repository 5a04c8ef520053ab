/*
 * Heads of requests: what is taken, and what is refused with which status.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "web/http_request.h"

#define HOST "Host: localhost\r\n"

static struct http_request request;
static struct http_refusal refusal;
static size_t used;

static enum http_request_verdict read_text(const char *text)
{
	return http_request_read(text, strlen(text), &request, &used, &refusal);
}

static void assert_text(struct http_text text, const char *expected)
{
	assert_int_equal(text.length, strlen(expected));
	assert_memory_equal(text.at, expected, text.length);
}

static void a_get_is_taken_apart(void **state)
{
	const char *text = "GET /metrics?x=1 HTTP/1.1\r\nHost: a.example:80\r\n\r\nrest";

	assert_int_equal(read_text(text), HTTP_REQUEST_COMPLETE);
	assert_text(request.path, "/metrics");
	assert_text(request.host, "a.example:80");
	assert_true(request.keeps_alive);
	assert_false(request.is_head || request.is_old);
	assert_int_equal(used, strlen(text) - strlen("rest"));
}

static void what_keeps_a_connection(void **state)
{
	const struct {
		const char *text;
		bool keeps_alive;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", true },
		{ "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\n" HOST "Connection: TE , Close\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_text(cases[i].text), HTTP_REQUEST_COMPLETE);
		assert_int_equal(request.keeps_alive, cases[i].keeps_alive);
	}
}

static void odd_but_good(void **state)
{
	static const char *const good[] = {
		"HEAD / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\n"
		"Host: x\n\n", /* LF alone */
		"\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "X-Name: \xeb\xa9\x94\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n",
		"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(read_text(good[i]), HTTP_REQUEST_COMPLETE);
}

static void a_proxy_is_answered(void **state)
{
	assert_int_equal(read_text("GET http://b.example:1 HTTP/1.1\r\nHost: other\r\n\r\n"),
		HTTP_REQUEST_COMPLETE);
	assert_text(request.path, "/");
	assert_text(request.host, "b.example:1"); /* it counts more than the field */
}

static void what_is_refused(void **state)
{
	const struct {
		const char *text;
		unsigned status;
	} cases[] = {
		{ "POST / HTTP/1.1\r\n" HOST "\r\n", 405 },
		{ "DELETE /x HTTP/1.1\r\n", 405 }, /* without waiting for the rest */
		{ "get / HTTP/1.1\r\n" HOST "\r\n", 405 },
		{ "GET / HTTP/2.0\r\n", 400 },
		{ "PRI * HTTP/2.0\r\n", 400 },
		{ "GET /\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n", 400 },
		{ "GET / HTTP/1.1 \r\n", 400 },
		{ "GET * HTTP/1.1\r\n", 400 },
		{ "GET x HTTP/1.1\r\n", 400 },
		{ "GET /\x01 HTTP/1.1\r\n", 400 },
		{ "GET /\r HTTP/1.1\r\n", 400 },
		{ "\x16\x03\x01", 400 }, /* TLS */
		{ "GET / HTTP/1.1\r\n\r\n", 400 }, /* no Host */
		{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST " continued\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Name : x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "A: \rB\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_text(cases[i].text), HTTP_REQUEST_REFUSED);
		assert_int_equal(refusal.status, cases[i].status);
		assert_int_equal(refusal.why[strlen(refusal.why) - 1], '\n');
	}
}

/* Whatever is cut off, the beginning of a good request is one. */
static void each_beginning_is_partial(void **state)
{
	static const char text[] = "GET /x HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n";

	for (size_t length = 0; length < sizeof(text) - 1; length++)
		assert_int_equal(http_request_read(text, length, &request, &used, &refusal),
			HTTP_REQUEST_PARTIAL);
	assert_int_equal(read_text(text), HTTP_REQUEST_COMPLETE);
}

static void sizes_are_bounded(void **state)
{
	static char long_line[HTTP_REQUEST_MOST_BYTES + 1], fields[HTTP_REQUEST_MOST_BYTES + 1];
	static char many[HTTP_REQUEST_MOST_BYTES];
	size_t length = (size_t)sprintf(many, "GET / HTTP/1.1\r\n" HOST);

	memset(long_line, 'a', HTTP_REQUEST_MOST_BYTES);
	memcpy(long_line, "GET /", 5);
	assert_int_equal(http_request_read(
				 long_line, HTTP_REQUEST_MOST_BYTES - 1, &request, &used, &refusal),
		HTTP_REQUEST_PARTIAL);
	assert_int_equal(read_text(long_line), HTTP_REQUEST_REFUSED);
	assert_int_equal(refusal.status, 414);

	memset(fields, 'a', HTTP_REQUEST_MOST_BYTES);
	memcpy(fields, "GET / HTTP/1.1\r\nX: ", 19);
	assert_int_equal(read_text(fields), HTTP_REQUEST_REFUSED);
	assert_int_equal(refusal.status, 431);

	for (unsigned i = 0; i < HTTP_REQUEST_MOST_FIELDS; i++)
		length += (size_t)sprintf(many + length, "A: b\r\n");
	assert_int_equal(read_text(many), HTTP_REQUEST_REFUSED);
	assert_int_equal(refusal.status, 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_is_taken_apart),
		cmocka_unit_test(what_keeps_a_connection),
		cmocka_unit_test(odd_but_good),
		cmocka_unit_test(a_proxy_is_answered),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(each_beginning_is_partial),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
