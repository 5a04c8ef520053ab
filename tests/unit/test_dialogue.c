/*
 * talk/dialogue: what was said, what is due, and what has come back, over a socket pair whose other
 * end is the test's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "talk/dialogue.h"

struct pair {
	struct dialogue dialogue;
	int own, other;
};

static void open_pair(struct pair *pair, int type, enum addr_scheme scheme)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
	pair->own = fds[0];
	pair->other = fds[1];
	assert_int_equal(dialogue_init(&pair->dialogue, pair->own, scheme), 0);
}

static void close_pair(struct pair *pair)
{
	dialogue_fini(&pair->dialogue);
	close(pair->own);
	close(pair->other);
}

static void say(struct pair *pair, const char *text)
{
	assert_int_equal(dialogue_say(&pair->dialogue, text, strlen(text)), 0);
}

static void answer(struct pair *pair, const char *text)
{
	assert_int_equal(write(pair->other, text, strlen(text)), strlen(text));
}

/* Receives once: the text, and what it completes. */
static void expect(struct pair *pair, const char *text, enum dialogue_back back)
{
	char buffer[4096];
	bool urgent = false;
	uint64_t round_trip_ns = 0;
	ssize_t n = dialogue_receive(&pair->dialogue, buffer, sizeof(buffer), false, &urgent);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(buffer, text, (size_t)n);
	assert_int_equal(dialogue_take_mark(&pair->dialogue, buffer[n - 1], &round_trip_ns), back);
	assert_true(back != DIALOGUE_BACK || round_trip_ns > 0);
}

static void test_line_comes_back_whole(void **state)
{
	struct pair pair;
	char heard[16];

	open_pair(&pair, SOCK_STREAM, ADDR_UNIX);
	say(&pair, "hello\n");
	assert_int_equal(read(pair.other, heard, sizeof(heard)), 6);
	answer(&pair, "hello\n");
	expect(&pair, "hello\n", DIALOGUE_BACK);
	assert_int_equal(pair.dialogue.received, 6);
	close_pair(&pair);
}

static void test_pieces_complete_with_the_last(void **state)
{
	struct pair pair;

	open_pair(&pair, SOCK_STREAM, ADDR_UNIX);
	say(&pair, "hello\n");
	answer(&pair, "hel");
	expect(&pair, "hel", DIALOGUE_PART);
	answer(&pair, "lo\n");
	expect(&pair, "lo\n", DIALOGUE_BACK);
	close_pair(&pair);
}

static void test_lines_that_come_together_are_told_apart(void **state)
{
	struct pair pair;

	open_pair(&pair, SOCK_STREAM, ADDR_UNIX);
	say(&pair, "one\n");
	say(&pair, "two\n");
	answer(&pair, "one\ntwo\n");
	expect(&pair, "one\n", DIALOGUE_BACK);
	expect(&pair, "two\n", DIALOGUE_BACK);
	close_pair(&pair);
}

static void test_what_is_no_echo_is_not_timed(void **state)
{
	struct pair pair;

	open_pair(&pair, SOCK_STREAM, ADDR_UNIX);
	say(&pair, "time?\n");
	answer(&pair, "half past nine\n");
	expect(&pair, "half p", DIALOGUE_PART);
	expect(&pair, "ast nine\n", DIALOGUE_PART);
	close_pair(&pair);
}

static void test_more_lines_than_marks(void **state)
{
	struct pair pair;

	open_pair(&pair, SOCK_STREAM, ADDR_UNIX);
	for (int i = 0; i < DIALOGUE_MARKS + 10; i++)
		say(&pair, "x\n");
	assert_int_equal(pair.dialogue.mark_count, DIALOGUE_MARKS);
	for (int i = 0; i < DIALOGUE_MARKS + 10; i++)
		answer(&pair, "x\n");
	for (int i = 0; i < DIALOGUE_MARKS; i++)
		expect(&pair, "x\n", DIALOGUE_BACK);
	expect(&pair, "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\n", DIALOGUE_PART);
	close_pair(&pair);
}

/* A server that does not read fills the socket, then the queue up to its cap and not beyond. */
static void test_queue_has_a_cap(void **state)
{
	static char line[64 * 1024];
	struct pair pair;
	int r = 0;

	open_pair(&pair, SOCK_STREAM, ADDR_UNIX);
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 1000 && r == 0; i++)
		r = dialogue_say(&pair.dialogue, line, sizeof(line));
	assert_int_equal(r, -ENOBUFS);
	assert_true(pair.dialogue.queue_length <= DIALOGUE_QUEUE_CAP);
	assert_true(pair.dialogue.queue_length > DIALOGUE_QUEUE_CAP - sizeof(line));

	/* It reads after all: everything that was taken goes out. */
	uint64_t heard = 0;

	while (heard < pair.dialogue.said) {
		ssize_t n = read(pair.other, line, sizeof(line));

		if (n > 0)
			heard += (uint64_t)n;
		assert_int_equal(dialogue_flush(&pair.dialogue), 0);
	}
	assert_int_equal(pair.dialogue.queue_length, 0);
	assert_int_equal(pair.dialogue.sent, pair.dialogue.said);
	close_pair(&pair);
}

static void test_finish_comes_after_what_waits(void **state)
{
	static char line[DIALOGUE_QUEUE_CAP];
	struct pair pair;
	uint64_t heard = 0;
	ssize_t n;

	open_pair(&pair, SOCK_STREAM, ADDR_UNIX);
	assert_int_equal(dialogue_say(&pair.dialogue, line, sizeof(line)), 0);
	assert_int_equal(dialogue_finish(&pair.dialogue), 0);
	assert_false(pair.dialogue.finished);
	assert_int_equal(dialogue_say(&pair.dialogue, "more\n", 5), -ESHUTDOWN);
	while ((n = read(pair.other, line, sizeof(line))) != 0) {
		if (n > 0)
			heard += (uint64_t)n;
		assert_int_equal(dialogue_flush(&pair.dialogue), 0);
	}
	assert_true(pair.dialogue.finished);
	assert_int_equal(heard, sizeof(line));
	close_pair(&pair);
}

static void test_datagram_is_known_by_its_length(void **state)
{
	struct pair pair;

	open_pair(&pair, SOCK_DGRAM, ADDR_UNIXGRAM);
	say(&pair, "lost\n");
	say(&pair, "hello\n");
	answer(&pair, "lost\n");
	expect(&pair, "lost\n", DIALOGUE_PART);
	answer(&pair, "hello\n");
	expect(&pair, "hello\n", DIALOGUE_BACK);
	assert_int_equal(dialogue_say_urgent(&pair.dialogue, 'X'), -EOPNOTSUPP);
	close_pair(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_comes_back_whole),
		cmocka_unit_test(test_pieces_complete_with_the_last),
		cmocka_unit_test(test_lines_that_come_together_are_told_apart),
		cmocka_unit_test(test_what_is_no_echo_is_not_timed),
		cmocka_unit_test(test_more_lines_than_marks),
		cmocka_unit_test(test_queue_has_a_cap),
		cmocka_unit_test(test_finish_comes_after_what_waits),
		cmocka_unit_test(test_datagram_is_known_by_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
