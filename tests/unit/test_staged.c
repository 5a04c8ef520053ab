/*
 * An echo behind TLS, driven event by event; a client's stage is the peer. No socket.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/staged/staged.h"
#include "protocol/echo.h"
#include "wire/tls.h"

#define CAP 65536u
#define MOST (4u << 20)
#define WIRE (1u << 20)

struct fixture {
	struct tls_context *server_context, *client_context;
	struct counters counters;
	struct echo echo;
	struct staged staged;
	struct protocol_conn conn;
	uint32_t credit;
	uint64_t wake_ns, now_ns, in_flight;
	enum protocol_end_kind end;
	unsigned news[8];
	struct stage *client;
	unsigned char *to_server, *to_client; /* on the wire */
	size_t to_server_length, to_client_length;
};

static struct fixture *current;

static uint64_t read_now(void)
{
	return current->now_ns;
}

static struct stage *make(void *context, unsigned tag, bool *reterr_plain)
{
	*reterr_plain = tag == 1;
	return *reterr_plain ? NULL : tls_new(context, NULL);
}

static void note_news(void *context, const struct stage *stage, enum staged_news news)
{
	current->news[news]++;
}

static int take_wire(void *context, const unsigned char *bytes, size_t length)
{
	struct fixture *f = context;

	assert_true(f->to_server_length + length <= MOST);
	memcpy(f->to_server + f->to_server_length, bytes, length);
	f->to_server_length += length;
	return 0;
}

static void report(struct fixture *f, struct protocol_event event)
{
	struct protocol_answer answer = { .credit = f->credit };

	assert_true(f->end != PROTOCOL_CLOSE && f->end != PROTOCOL_RESET);
	f->staged.protocol.handle(&f->staged.protocol, &f->conn, &event, &answer);
	f->credit = answer.credit;
	if (answer.wake_ns != 0)
		f->wake_ns = answer.wake_ns;
	if (answer.end > f->end)
		f->end = answer.end;
	assert_true(f->to_client_length + answer.send.length <= MOST);
	if (answer.send.length > 0)
		memcpy(f->to_client + f->to_client_length, answer.send.bytes, answer.send.length);
	f->to_client_length += answer.send.length;
	f->in_flight += answer.send.length;
}

static void report_sent(struct fixture *f, size_t most)
{
	size_t some = f->in_flight < most ? f->in_flight : most;

	f->in_flight -= some;
	report(f, (struct protocol_event){ .kind = PROTOCOL_SENT, .count = some });
}

/* Gives the server so much of the wire, at most what its credit allows. */
static size_t deliver(struct fixture *f, size_t most)
{
	size_t some = f->to_server_length < most ? f->to_server_length : most;
	unsigned char *bytes;

	if (some > f->credit)
		some = f->credit;
	if (some == 0)
		return 0;
	bytes = malloc(some); /* exactly, so that a sanitizer sees who keeps it */
	memcpy(bytes, f->to_server, some);
	f->to_server_length -= some;
	memmove(f->to_server, f->to_server + some, f->to_server_length);
	report(f,
		(struct protocol_event){
			.kind = PROTOCOL_BYTES, .span = { bytes, (uint32_t)some, bytes } });
	free(bytes);
	return some;
}

/* What the client reads now; as stage_read(). */
static ssize_t client_read(struct fixture *f, void *bytes, size_t size)
{
	ssize_t n;

	stage_feed(f->client, f->to_client, f->to_client_length);
	n = stage_read(f->client, bytes, size);
	assert_int_equal(stage_keep(f->client), 0);
	f->to_client_length = 0;
	return n;
}

static void shake_hands(struct fixture *f)
{
	for (int i = 0; i < 10 && !(stage_is_open(f->client) && f->news[STAGED_OPENED]); i++) {
		client_read(f, NULL, 0);
		while (deliver(f, WIRE) > 0)
			;
		while (f->in_flight > 0)
			report_sent(f, WIRE);
	}
	assert_int_equal(f->news[STAGED_OPENED], 1);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct tls_server_options server = { .self_signed = true };
	const struct tls_client_options client = { .insecure = true };
	struct staged_options options = {
		.make = make,
		.report = note_news,
		.opening_ns = CLOCK_NS_PER_S,
		.now_ns = read_now,
	};
	char why[TLS_CONTEXT_WHY_SIZE];

	if (tls_context_library() == NULL) {
		free(f);
		*state = NULL;
		return 0;
	}
	current = f;
	f->now_ns = 1;
	f->to_server = malloc(MOST);
	f->to_client = malloc(MOST);
	assert_int_equal(tls_context_new_server(&server, &f->server_context, why, sizeof(why)), 0);
	assert_int_equal(tls_context_new_client(&client, &f->client_context, why, sizeof(why)), 0);
	options.context = f->server_context;
	echo_init(&f->echo, &f->counters, CAP, false);
	assert_int_equal(staged_init(&f->staged, &f->echo.protocol, &options), 0);
	f->client = tls_new(f->client_context, "localhost");
	f->client->sink = (struct stage_sink){ take_wire, f };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f == NULL)
		return 0;
	staged_forget(&f->staged, &f->conn);
	assert_int_equal(f->staged.store.bytes, 0);
	staged_fini(&f->staged);
	stage_free(f->client);
	tls_context_free(f->server_context);
	tls_context_free(f->client_context);
	free(f->to_server);
	free(f->to_client);
	free(f);
	return 0;
}

static struct fixture *begin(void **state)
{
	struct fixture *f = *state;

	if (f == NULL)
		skip();
	report(f, (struct protocol_event){ .kind = PROTOCOL_OPENED });
	return f;
}

/* All that the client has written comes back, in whatever pieces. */
static void expect_echo(struct fixture *f, const unsigned char *bytes, size_t length, size_t piece)
{
	unsigned char *back = malloc(length);
	size_t got = 0;

	for (int still = 0; got < length && still < 100; still++) {
		ssize_t n;

		if (deliver(f, piece) > 0)
			still = 0;
		if (f->in_flight > 0)
			report_sent(f, piece);
		while ((n = client_read(f, back + got, length - got)) > 0) {
			got += (size_t)n;
			still = 0;
		}
		assert_int_equal(n, got == length ? n : -EAGAIN);
	}
	assert_int_equal(got, length);
	assert_memory_equal(back, bytes, length);
	while (f->in_flight > 0)
		report_sent(f, piece);
	free(back);
}

static void test_bytes_come_back_in_any_pieces(void **state)
{
	static const size_t pieces[] = { 1, 7, 100, 4096, 65536 };
	struct fixture *f = begin(state);
	unsigned char bytes[3000];

	shake_hands(f);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(stage_write(f->client, bytes, sizeof(bytes)), 0);
		expect_echo(f, bytes, sizeof(bytes), pieces[i]);
		assert_int_equal(f->counters.bytes_sent, (i + 1) * sizeof(bytes));
	}
}

static void test_a_peer_that_does_not_read_is_not_read_from(void **state)
{
	struct fixture *f = begin(state);
	static unsigned char bytes[1 << 20];
	size_t taken = 0, n;

	shake_hands(f);
	assert_int_equal(stage_write(f->client, bytes, sizeof(bytes)), 0);
	while ((n = deliver(f, 65536)) > 0)
		taken += n;
	/* The cap, one record of it that is held, and what records add. */
	assert_true(taken <= CAP + 2 * STAGE_RECORD_BYTES + 65536);
	assert_true(f->counters.bytes_received <= CAP);
	assert_int_equal(f->credit, 0);
	assert_true(f->staged.store.bytes <= 3 * CAP);
	while (f->in_flight > 0)
		report_sent(f, 10000);
	assert_true(f->credit > 0);
	expect_echo(f, bytes, sizeof(bytes), 65536);
}

static void test_small_messages_of_a_slow_peer_take_little_memory(void **state)
{
	struct fixture *f = begin(state);

	shake_hands(f);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(stage_write(f->client, "0123456789", 10), 0);
		deliver(f, WIRE);
	}
	assert_int_equal(f->counters.bytes_received, 5000);
	assert_int_equal(f->counters.bytes_sent, 0);
	assert_true(f->staged.store.bytes < 64 * 1024);
	while (f->in_flight > 0)
		report_sent(f, 33);
	assert_int_equal(f->counters.bytes_sent, 5000);
}

static void test_close_notify_is_the_end(void **state)
{
	struct fixture *f = begin(state);
	unsigned char byte;

	shake_hands(f);
	assert_int_equal(stage_write(f->client, "x", 1), 0);
	assert_int_equal(stage_finish(f->client), 0);
	while (deliver(f, WIRE) > 0)
		;
	assert_int_equal(f->end, PROTOCOL_CLOSE);
	assert_int_equal(client_read(f, &byte, 1), 1);
	assert_int_equal(client_read(f, &byte, 1), 0); /* it said so, too */
	assert_int_equal(f->news[STAGED_TRUNCATED], 0);
}

static void test_a_bare_fin_is_an_end_and_told(void **state)
{
	struct fixture *f = begin(state);
	unsigned char byte;

	shake_hands(f);
	assert_int_equal(stage_write(f->client, "x", 1), 0);
	deliver(f, WIRE);
	report(f, (struct protocol_event){ .kind = PROTOCOL_END });
	assert_int_equal(f->end, PROTOCOL_CLOSE);
	assert_int_equal(f->news[STAGED_TRUNCATED], 1);
	assert_int_equal(client_read(f, &byte, 1), 1);
	assert_int_equal(client_read(f, &byte, 1), 0);
	assert_int_equal(staged_error(&f->conn), 0);
}

static void test_a_plain_client_gets_an_alert_and_may_leave(void **state)
{
	struct fixture *f = begin(state);

	memcpy(f->to_server, "hello\n", 6);
	f->to_server_length = 6;
	deliver(f, WIRE);
	assert_int_equal(f->news[STAGED_FAILED], 1);
	assert_int_equal(staged_stage(&f->conn)->failure, STAGE_NOT_SPOKEN);
	assert_int_equal(f->to_client_length, 7);
	assert_int_equal(f->to_client[0], 21);
	assert_int_equal(f->end, PROTOCOL_FINISH);
	assert_int_equal(f->wake_ns, f->now_ns + STAGED_PARTING_NS);
	report_sent(f, WIRE);
	report(f, (struct protocol_event){ .kind = PROTOCOL_END });
	assert_int_equal(f->end, PROTOCOL_CLOSE);
	assert_int_equal(f->counters.bytes_received, 0);
}

static void test_opening_has_a_limit(void **state)
{
	struct fixture *f = begin(state);

	assert_int_equal(f->wake_ns, f->now_ns + CLOCK_NS_PER_S);
	f->now_ns = f->wake_ns;
	report(f, (struct protocol_event){ .kind = PROTOCOL_DEADLINE });
	assert_int_equal(f->news[STAGED_SLOW], 1);
	assert_int_equal(staged_error(&f->conn), -ETIMEDOUT);
	assert_int_equal(f->end, PROTOCOL_RESET); /* at once: there is no alert to be read */
}

static void test_damage_is_the_end_of_it(void **state)
{
	struct fixture *f = begin(state);

	shake_hands(f);
	assert_int_equal(stage_write(f->client, "hello", 5), 0);
	f->to_server[f->to_server_length - 1] ^= 1;
	deliver(f, WIRE);
	assert_int_equal(f->news[STAGED_BROKEN], 1);
	assert_int_equal(f->counters.bytes_received, 0);
	assert_true(f->to_client_length > 0); /* bad_record_mac */
	assert_int_equal(f->end, PROTOCOL_FINISH);
}

static void test_a_listener_without_tls_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct protocol_answer answer = { 0 };
	static unsigned char bytes[] = "plain";

	if (f == NULL)
		skip();
	report(f, (struct protocol_event){ .kind = PROTOCOL_OPENED, .tag = 1 });
	f->staged.protocol.handle(&f->staged.protocol, &f->conn,
		&(struct protocol_event){ .kind = PROTOCOL_BYTES, .span = { bytes, 5, bytes } },
		&answer);
	assert_ptr_equal(answer.send.bytes, bytes);
	assert_null(staged_stage(&f->conn));
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH(test_bytes_come_back_in_any_pieces),
		WITH(test_a_peer_that_does_not_read_is_not_read_from),
		WITH(test_small_messages_of_a_slow_peer_take_little_memory),
		WITH(test_close_notify_is_the_end),
		WITH(test_a_bare_fin_is_an_end_and_told),
		WITH(test_a_plain_client_gets_an_alert_and_may_leave),
		WITH(test_opening_has_a_limit),
		WITH(test_damage_is_the_end_of_it),
		WITH(test_a_listener_without_tls_is_left_alone),
	};

	return cmocka_run_group_tests_name("staged", tests, NULL, NULL);
}
