/*
 * The conversation with a client: events in, answers out, a clock of the test's own, no socket anywhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "web/http.h"

#define HOST "Host: localhost\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static uint64_t now_ns = 1000 * CLOCK_NS_PER_S;
static struct http http;
static unsigned crowds, closed_sources;
static ssize_t source_gives; /* what the source has now: bytes, 0 or -EAGAIN */

static uint64_t tell_time(void)
{
	return now_ns;
}

static ssize_t next(void *state, char *buffer, size_t size)
{
	ssize_t n = source_gives;

	if (n <= 0)
		return n;
	assert_true((size_t)n <= size);
	memset(buffer, 'x', (size_t)n);
	source_gives = *(bool *)state ? -EAGAIN : 0;
	return n;
}

static void close_source(void *state)
{
	closed_sources++;
}

static const struct http_source finished = { .next = next, .close = close_source };
static const struct http_source endless = { .endless = true, .next = next, .close = close_source };
static bool yes = true, no = false;
static char large[100000];

static void answer(
	void *context, const struct http_request *request, struct http_answer *ret_answer)
{
	bool stream = request->path.length == 7, made = request->path.length == 5;

	*ret_answer = (struct http_answer){
		.status = 200,
		.type = "text/plain",
		.bytes = request->path.length == 2 ? large : "hello\n",
		.length = request->path.length == 2 ? sizeof(large) : 6,
		.source = stream ? &endless
			: made   ? &finished
				 : NULL,
		.state = stream ? &yes : &no,
	};
}

static void crowded(void *context)
{
	crowds++;
}

static int set_up(void **state)
{
	const struct http_options options = {
		.answer = answer,
		.crowded = crowded,
		.now_ns = tell_time,
		.wall_ns = tell_time,
	};

	http_init(&http, &options);
	crowds = closed_sources = 0;
	memset(large, 'L', sizeof(large));
	return 0;
}

static int tear_down(void **state)
{
	http_fini(&http);
	return 0;
}

struct client {
	struct protocol_conn memory;
	struct protocol_answer last;
	uint32_t credit;
	uint64_t wake_ns;
	enum protocol_end_kind end;
	char got[200000];
	size_t length;
};

static void report(struct client *client, struct protocol_event event)
{
	client->last = (struct protocol_answer){ .credit = client->credit };
	http.protocol.handle(&http.protocol, &client->memory, &event, &client->last);
	client->credit = client->last.credit;
	if (client->last.wake_ns != 0)
		client->wake_ns = client->last.wake_ns;
	if (client->last.end != PROTOCOL_GO_ON)
		client->end = client->last.end;
	if (client->last.send.length > 0) {
		memcpy(client->got + client->length, client->last.send.bytes,
			client->last.send.length);
		client->length += client->last.send.length;
		client->got[client->length] = '\0';
	}
}

static void open_client(struct client *client)
{
	*client = (struct client){ 0 };
	report(client, (struct protocol_event){ .kind = PROTOCOL_OPENED });
}

/* As an engine does: in pieces of the credit. */
static void send_text(struct client *client, const char *text, size_t length)
{
	while (length > 0 && client->credit > 0) {
		uint32_t n = length < client->credit ? (uint32_t)length : client->credit;

		report(client,
			(struct protocol_event){ .kind = PROTOCOL_BYTES,
				.span = { .bytes = (const unsigned char *)text, .length = n } });
		text += n;
		length -= n;
	}
}

/* The kernel takes everything, until nothing more comes. */
static void take_all(struct client *client)
{
	while (client->last.send.length > 0)
		report(client,
			(struct protocol_event){
				.kind = PROTOCOL_SENT, .count = client->last.send.length });
}

static void ask(struct client *client, const char *text)
{
	send_text(client, text, strlen(text));
	take_all(client);
}

static void lose(struct client *client)
{
	http_forget(&http, &client->memory);
}

static void a_request_is_answered(void **state)
{
	static struct client client;

	open_client(&client);
	ask(&client, GET("/"));
	assert_int_equal(strncmp(client.got, "HTTP/1.1 200 OK\r\n", 17), 0);
	assert_non_null(strstr(client.got, "Content-Length: 6\r\n"));
	assert_non_null(strstr(client.got, "\r\n\r\nhello\n"));
	assert_int_equal(client.end, PROTOCOL_GO_ON);
	ask(&client, "HEAD / HTTP/1.1\r\n" HOST "\r\n");
	assert_string_equal(client.got + client.length - 4, "\r\n\r\n"); /* no body */
	lose(&client);
}

static void requests_that_are_sent_ahead_are_answered_in_order(void **state)
{
	static struct client client;
	unsigned answers = 0;

	open_client(&client);
	ask(&client,
		GET("/") GET("/1") GET("/") "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	for (const char *at = client.got; (at = strstr(at, "HTTP/1.1 200")) != NULL; at++)
		answers++;
	assert_int_equal(answers, 4);
	assert_int_equal(client.end, PROTOCOL_FINISH);
	report(&client, (struct protocol_event){ .kind = PROTOCOL_END });
	assert_int_equal(client.end, PROTOCOL_CLOSE);
	lose(&client);
}

/* While an answer is not taken, no more than one head's worth is read. */
static void a_client_that_does_not_read_is_not_read_from(void **state)
{
	static struct client client;
	static char flood[3 * HTTP_REQUEST_MOST_BYTES];

	for (size_t at = 0; at + strlen(GET("/1")) < sizeof(flood); at += strlen(GET("/1")))
		memcpy(flood + at, GET("/1"), strlen(GET("/1")));
	open_client(&client);
	send_text(&client, flood, sizeof(flood));
	assert_int_equal(client.credit, 0);
	assert_int_equal(http.answers, 1);
	now_ns += HTTP_ANSWER_NS;
	report(&client, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
	assert_int_equal(client.end, PROTOCOL_RESET);
	lose(&client);
}

static void what_is_made_while_it_is_sent_comes_in_chunks(void **state)
{
	static struct client client;

	open_client(&client);
	source_gives = 300;
	ask(&client, GET("/made"));
	assert_non_null(strstr(client.got, "Transfer-Encoding: chunked\r\n"));
	assert_non_null(strstr(client.got, "\r\n\r\n012c\r\nxxx"));
	assert_string_equal(client.got + client.length - 8, "x\r\n0\r\n\r\n");
	assert_int_equal(closed_sources, 1);
	assert_int_equal(client.end, PROTOCOL_GO_ON);
	source_gives = 5;
	ask(&client, "GET /made HTTP/1.0\r\n\r\n"); /* knows no chunks: the end is the end */
	assert_string_equal(client.got + client.length - 9, "\r\n\r\nxxxxx");
	assert_int_equal(client.end, PROTOCOL_FINISH);
	lose(&client);
}

static void events_come_when_there_are_some(void **state)
{
	static struct client client;
	size_t before;

	open_client(&client);
	source_gives = -EAGAIN;
	ask(&client, GET("/stream"));
	before = client.length;
	report(&client, (struct protocol_event){ .kind = PROTOCOL_NUDGED });
	assert_int_equal(client.length, before);
	assert_true(client.wake_ns == CLOCK_NEVER);
	source_gives = 3;
	report(&client, (struct protocol_event){ .kind = PROTOCOL_NUDGED });
	take_all(&client);
	assert_string_equal(client.got + before, "0003\r\nxxx\r\n");
	assert_int_equal(closed_sources, 0);
	report(&client, (struct protocol_event){ .kind = PROTOCOL_END });
	assert_int_equal(client.end, PROTOCOL_CLOSE);
	lose(&client);
	assert_int_equal(closed_sources, 1);
}

/* Whoever looks at events must take them. */
static void a_page_that_does_not_take_its_events_is_ended(void **state)
{
	static struct client client;

	open_client(&client);
	source_gives = -EAGAIN;
	ask(&client, GET("/stream"));
	source_gives = 3;
	report(&client, (struct protocol_event){ .kind = PROTOCOL_NUDGED });
	assert_true(client.wake_ns == now_ns + HTTP_PIECE_NS);
	report(&client, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
	assert_int_equal(client.end, PROTOCOL_RESET);
	lose(&client);
}

static void slow_requests_end(void **state)
{
	static struct client client;

	open_client(&client);
	assert_true(client.wake_ns == now_ns + HTTP_REQUEST_NS);
	ask(&client, "GET");
	assert_true(client.wake_ns == now_ns + HTTP_REQUEST_NS);
	now_ns += HTTP_REQUEST_NS / 2;
	ask(&client, " /");
	assert_true(
		client.wake_ns == now_ns + HTTP_REQUEST_NS / 2); /* more bytes are no more time */
	now_ns += HTTP_REQUEST_NS / 2;
	report(&client, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
	take_all(&client);
	assert_int_equal(strncmp(client.got, "HTTP/1.1 408 ", 13), 0);
	assert_int_equal(client.end, PROTOCOL_FINISH);
	report(&client, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
	assert_int_equal(client.end, PROTOCOL_CLOSE);
	lose(&client);

	open_client(&client); /* says nothing at all: there is nothing to answer */
	report(&client, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
	assert_int_equal(client.end, PROTOCOL_CLOSE);
	assert_int_equal(client.length, 0);
	lose(&client);

	open_client(&client);
	ask(&client, GET("/"));
	assert_true(client.wake_ns == now_ns + HTTP_IDLE_NS);
	report(&client, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
	assert_int_equal(client.end, PROTOCOL_CLOSE);
	lose(&client);
}

/* The answer would be lost with a reset: what still comes is read and dropped. */
static void a_refusal_reaches_who_goes_on_sending(void **state)
{
	static struct client client;
	static char huge[4 * HTTP_REQUEST_MOST_BYTES];

	memset(huge, 'a', sizeof(huge));
	memcpy(huge, "GET /", 5);
	open_client(&client);
	send_text(&client, huge, HTTP_REQUEST_MOST_BYTES);
	take_all(&client);
	assert_int_equal(strncmp(client.got, "HTTP/1.1 414 ", 13), 0);
	assert_int_equal(client.end, PROTOCOL_FINISH);
	assert_true(client.credit > 0);
	send_text(&client, huge, sizeof(huge));
	assert_true(client.credit > 0);
	lose(&client);
}

static void a_request_that_ends_early_is_refused(void **state)
{
	static struct client client;

	open_client(&client);
	ask(&client, "GET / HTTP/1.1\r\n");
	report(&client, (struct protocol_event){ .kind = PROTOCOL_END });
	take_all(&client);
	assert_int_equal(strncmp(client.got, "HTTP/1.1 400 ", 13), 0);
	assert_int_equal(client.end, PROTOCOL_CLOSE);
	lose(&client);
}

/* A half-close behind a request is no reason not to answer it. */
static void who_has_finished_is_still_answered(void **state)
{
	static struct client client;

	open_client(&client);
	send_text(&client, GET("/1"), strlen(GET("/1")));
	report(&client, (struct protocol_event){ .kind = PROTOCOL_END });
	client.last.send.length = (uint32_t)client.length;
	take_all(&client);
	assert_true(client.length > sizeof(large));
	assert_int_equal(client.end, PROTOCOL_CLOSE);
	lose(&client);
}

static void a_crowd_displaces_who_waits_longest(void **state)
{
	static struct client clients[HTTP_MOST_CONNECTIONS + 2];

	for (unsigned i = 0; i < HTTP_MOST_CONNECTIONS; i++)
		open_client(&clients[i]);
	source_gives = -EAGAIN;
	ask(&clients[0], GET("/stream")); /* a live page is no one that waits */
	send_text(&clients[1], GET("/1"), strlen(GET("/1"))); /* nor is who is being answered */
	assert_int_equal(crowds, 0);
	for (unsigned i = 0; i < 2; i++)
		open_client(&clients[HTTP_MOST_CONNECTIONS + i]);
	assert_int_equal(crowds, 2);
	for (unsigned i = 0; i < HTTP_MOST_CONNECTIONS + 2; i++) {
		report(&clients[i], (struct protocol_event){ .kind = PROTOCOL_NUDGED });
		assert_int_equal(
			clients[i].end, i == 2 || i == 3 ? PROTOCOL_RESET : PROTOCOL_GO_ON);
	}
	for (unsigned i = 0; i < HTTP_MOST_CONNECTIONS + 2; i++)
		lose(&clients[i]);
	assert_int_equal(http.count, 0);
	assert_null(http.first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered),
		TEST(requests_that_are_sent_ahead_are_answered_in_order),
		TEST(a_client_that_does_not_read_is_not_read_from),
		TEST(what_is_made_while_it_is_sent_comes_in_chunks),
		TEST(events_come_when_there_are_some),
		TEST(a_page_that_does_not_take_its_events_is_ended),
		TEST(slow_requests_end),
		TEST(a_refusal_reaches_who_goes_on_sending),
		TEST(a_request_that_ends_early_is_refused),
		TEST(who_has_finished_is_still_answered),
		TEST(a_crowd_displaces_who_waits_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
