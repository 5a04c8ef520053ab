/*
 * ping/conversation, on one end of a socket pair, with a clock of the test's own: when a stream is given up, and what is told
 * of a reply that begins wrong and does not go on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ping/conversation.h"

#define SIZE 56
#define TIMEOUT_NS (2 * CLOCK_NS_PER_S)

/* What the conversation has reported. */
struct news {
	unsigned replied, cut_short, ended, out_of_step;
	uint64_t number;
	size_t length;
	struct probe_damage damage;
	char head[CONVERSATION_HEAD_SIZE + 1];
	int error;
};

struct subject {
	struct news news;
	struct flight flight;
	struct probe probe;
	struct conversation_settings settings;
	struct conversation_scratch scratch;
	struct conversation conversation;
	unsigned char receive[CONVERSATION_RECEIVE_SIZE], outgoing[SIZE], expected[SIZE];
	int service; /* the other end */
	uint64_t start_ns;
};

static void on_connected(void *context, struct conversation *conversation, uint64_t now_ns)
{
}

static void on_replied(void *context, struct conversation *conversation, uint64_t number,
	const struct probe_damage *damage, uint64_t now_ns)
{
	struct subject *subject = context;

	subject->news.replied++;
	subject->news.number = number;
	flight_back(&subject->flight, number);
}

static void on_cut_short(void *context, struct conversation *conversation, uint64_t number,
	size_t length, const struct probe_damage *damage, uint64_t now_ns)
{
	struct subject *subject = context;

	subject->news.cut_short++;
	subject->news.number = number;
	subject->news.length = length;
	subject->news.damage = *damage;
	memcpy(subject->news.head, conversation->head,
		length < CONVERSATION_HEAD_SIZE ? length : CONVERSATION_HEAD_SIZE);
	flight_lost(&subject->flight, number);
}

static void on_ended(void *context, struct conversation *conversation, int error, uint64_t now_ns)
{
	struct subject *subject = context;

	subject->news.ended++;
	subject->news.error = error;
}

static void on_out_of_step(void *context, struct conversation *conversation,
	const unsigned char *bytes, size_t length, uint64_t now_ns)
{
	struct subject *subject = context;

	subject->news.out_of_step++;
	subject->news.length = bytes != NULL ? length : 0;
}

static uint64_t never_stopped(void *context)
{
	return 0;
}

static const struct conversation_host host = {
	.connected = on_connected,
	.replied = on_replied,
	.cut_short = on_cut_short,
	.ended = on_ended,
	.out_of_step = on_out_of_step,
	.stops = never_stopped,
};

static int set_up(void **state)
{
	static struct subject subject;
	int fds[2];

	subject = (struct subject){ .probe = { .run = 0x1234, .size = SIZE } };
	if (flight_init(&subject.flight) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	subject.service = fds[0];
	subject.settings = (struct conversation_settings){
		.host = &host,
		.context = &subject,
		.probe = &subject.probe,
		.flight = &subject.flight,
		.target = { .scheme = ADDR_UNIX },
		.timeout_ns = TIMEOUT_NS,
		.step = 1,
		.scratch = &subject.scratch,
	};
	subject.scratch = (struct conversation_scratch){
		.receive = subject.receive,
		.outgoing = subject.outgoing,
		.expected = subject.expected,
	};
	stamp_init(&subject.scratch.stamp);
	subject.start_ns = clock_now_ns();
	conversation_init(&subject.conversation, &subject.settings, 0);
	conversation_adopt(&subject.conversation, fds[1], 0, subject.start_ns);
	*state = &subject;
	return 0;
}

static int tear_down(void **state)
{
	struct subject *subject = *state;

	conversation_close(&subject->conversation, false);
	close(subject->service);
	flight_fini(&subject->flight);
	return 0;
}

static uint64_t send_probe(struct subject *subject, uint64_t now_ns)
{
	uint64_t number = flight_start(&subject->flight, now_ns);

	conversation_submit(&subject->conversation, number, now_ns);
	return number;
}

static void answer(struct subject *subject, const void *bytes, size_t length)
{
	assert_int_equal(send(subject->service, bytes, length, 0), length);
	conversation_receive(&subject->conversation);
}

static void test_a_silent_stream_is_given_up_after_five_timeouts(void **state)
{
	struct subject *subject = *state;
	uint64_t sent_ns = subject->start_ns + CLOCK_NS_PER_S, end_ns = sent_ns + 5 * TIMEOUT_NS;

	send_probe(subject, sent_ns);
	/* Those that are sent later do not put it off. */
	send_probe(subject, sent_ns + TIMEOUT_NS);
	assert_int_equal(conversation_tick(&subject->conversation, sent_ns), end_ns);
	assert_int_equal(conversation_tick(&subject->conversation, end_ns - 1), end_ns);
	assert_int_equal(subject->news.ended, 0);
	assert_int_equal(conversation_tick(&subject->conversation, end_ns), CLOCK_NEVER);
	assert_int_equal(subject->news.ended, 1);
	assert_int_equal(subject->news.error, -ETIMEDOUT);
	assert_int_equal(subject->conversation.state, CONVERSATION_CLOSED);
}

static void test_a_stream_that_owes_nothing_is_kept(void **state)
{
	struct subject *subject = *state;

	assert_int_equal(
		conversation_tick(&subject->conversation, subject->start_ns + 100 * TIMEOUT_NS),
		CLOCK_NEVER);
	assert_int_equal(subject->news.ended, 0);
}

static void test_a_wrong_beginning_is_told_when_its_time_is_over(void **state)
{
	struct subject *subject = *state;
	uint64_t sent_ns = subject->start_ns;

	send_probe(subject, sent_ns);
	assert_int_equal(conversation_judge(&subject->conversation, sent_ns + 100 * TIMEOUT_NS),
		CLOCK_NEVER);
	answer(subject, "SSH-2.0-", 8);
	answer(subject, "x\r\n", 3);
	assert_int_equal(subject->news.cut_short, 0);
	assert_int_equal(conversation_judge(&subject->conversation, sent_ns + TIMEOUT_NS - 1),
		sent_ns + TIMEOUT_NS);
	assert_int_equal(
		conversation_judge(&subject->conversation, sent_ns + TIMEOUT_NS), CLOCK_NEVER);
	assert_int_equal(subject->news.cut_short, 1);
	assert_int_equal(subject->news.number, 1);
	assert_int_equal(subject->news.damage.offset, 0);
	assert_int_equal(subject->news.damage.got, 'S');
	assert_int_equal(subject->news.damage.expected, 1); /* the number's lowest byte */
	assert_string_equal(subject->news.head, "SSH-2.0-x\r\n");
	assert_int_equal(subject->news.out_of_step, 1);
	assert_int_equal(subject->news.ended, 0);
	assert_int_equal(subject->conversation.state, CONVERSATION_CLOSED);
}

static void test_a_wrong_beginning_is_told_before_the_end(void **state)
{
	struct subject *subject = *state;

	send_probe(subject, subject->start_ns);
	answer(subject, "go away", 7);
	shutdown(subject->service, SHUT_RDWR);
	conversation_receive(&subject->conversation);
	assert_int_equal(subject->news.cut_short, 1);
	assert_int_equal(subject->news.length, 7);
	assert_int_equal(subject->news.damage.count, SIZE);
	assert_int_equal(subject->news.ended, 1);
	assert_int_equal(subject->news.out_of_step, 0);
}

static void test_a_right_beginning_is_no_damage(void **state)
{
	struct subject *subject = *state;
	unsigned char probe[SIZE];

	send_probe(subject, subject->start_ns);
	assert_int_equal(recv(subject->service, probe, SIZE, 0), SIZE);
	answer(subject, probe, SIZE - 1);
	assert_int_equal(
		conversation_judge(&subject->conversation, subject->start_ns + 100 * TIMEOUT_NS),
		CLOCK_NEVER);
	conversation_conclude(&subject->conversation, subject->start_ns);
	assert_int_equal(subject->news.cut_short, 0);
	answer(subject, probe + SIZE - 1, 1);
	assert_int_equal(subject->news.replied, 1);
}

static void test_what_nobody_asked_for_is_told_with_its_bytes(void **state)
{
	struct subject *subject = *state;

	answer(subject, "220 welcome\r\n", 13);
	assert_int_equal(subject->news.out_of_step, 1);
	assert_int_equal(subject->news.length, 13);
	assert_int_equal(subject->news.cut_short, 0);
	assert_int_equal(subject->conversation.state, CONVERSATION_CLOSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_silent_stream_is_given_up_after_five_timeouts),
		TEST(test_a_stream_that_owes_nothing_is_kept),
		TEST(test_a_wrong_beginning_is_told_when_its_time_is_over),
		TEST(test_a_wrong_beginning_is_told_before_the_end),
		TEST(test_a_right_beginning_is_no_damage),
		TEST(test_what_nobody_asked_for_is_told_with_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
