/*
 * One conversation by plan, over a pair of sockets: what is sent, what is said of what comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/traffic/exchange.h"
#include "protocol/pattern.h"

/* What the other end does. */
struct peer {
	int fd;
	size_t echoes_most; /* it ends after so many bytes */
	size_t spoils_at; /* it changes this byte */
	size_t drops_at; /* it drops this byte, unless 0 */
	size_t more; /* it sends so many bytes of its own before its end */
};

static void *serve(void *context)
{
	struct peer *peer = context;
	unsigned char bytes[4096];
	size_t done = 0;

	while (done < peer->echoes_most) {
		ssize_t n = read(peer->fd, bytes, sizeof(bytes));

		if (n <= 0)
			break;
		if ((size_t)n > peer->echoes_most - done)
			n = (ssize_t)(peer->echoes_most - done);
		if (peer->spoils_at >= done && peer->spoils_at < done + (size_t)n)
			bytes[peer->spoils_at - done] ^= 1;

		size_t at = peer->drops_at > 0 ? peer->drops_at - done : SIZE_MAX;
		ssize_t kept = n;

		if (peer->drops_at >= done && at < (size_t)n)
			memmove(bytes + at, bytes + at + 1, (size_t)--kept - at);
		if (write(peer->fd, bytes, (size_t)kept) != kept)
			break;
		done += (size_t)n;
	}
	if (peer->more > 0 && write(peer->fd, bytes, peer->more) < 0)
		return NULL;
	close(peer->fd);
	return NULL;
}

static struct exchange_result converse_all(struct peer peer, struct exchange_plan plan)
{
	struct exchange_result result;
	pthread_t thread;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer.fd = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, serve, &peer), 0);
	exchange_run(fds[0], &plan, &result);
	close(fds[0]);
	pthread_join(thread, NULL);
	return result;
}

static struct ending converse(struct peer peer, struct exchange_plan plan)
{
	return converse_all(peer, plan).ending;
}

static struct exchange_plan plan_of(uint64_t bytes)
{
	return exchange_plan_of(bytes, 5 * CLOCK_NS_PER_S, -1);
}

static void finds_nothing_wrong_with_an_echo(void **state)
{
	struct peer peer = { .echoes_most = SIZE_MAX, .spoils_at = SIZE_MAX };
	struct exchange_plan plan = plan_of(100000);

	assert_int_equal(converse(peer, plan).kind, ENDING_FINE);
	plan.piece_most = 300;
	plan.receive_most = 77;
	assert_int_equal(converse(peer, plan).kind, ENDING_FINE);
	plan.in_turn = true;
	assert_int_equal(converse(peer, plan).kind, ENDING_FINE);
	plan.finish = true;
	assert_int_equal(converse(peer, plan).kind, ENDING_FINE);
	plan.pause_ns = CLOCK_NS_PER_MS;
	assert_int_equal(converse(peer, plan).kind, ENDING_FINE);
}

static void nothing_and_an_end_is_a_conversation(void **state)
{
	struct peer peer = { .echoes_most = SIZE_MAX, .spoils_at = SIZE_MAX };
	struct exchange_plan plan = plan_of(0);

	plan.finish = true;
	assert_int_equal(converse(peer, plan).kind, ENDING_FINE);
	peer.more = 3;
	assert_int_equal(converse(peer, plan).kind, ENDING_MORE);
}

static void finds_a_changed_byte(void **state)
{
	struct peer peer = { .echoes_most = SIZE_MAX, .spoils_at = 54321 };
	struct ending ending = converse(peer, plan_of(100000));

	assert_int_equal(ending.kind, ENDING_DIFFERENT);
	assert_int_equal(ending.differs_at, 54321);
}

static void tells_missing_bytes_from_changed_ones(void **state)
{
	struct peer peer = { .echoes_most = SIZE_MAX, .spoils_at = SIZE_MAX, .drops_at = 54321 };
	struct exchange_result result = converse_all(peer, plan_of(100000));
	char text[EXCHANGE_TEXT_SIZE];

	assert_int_equal(result.ending.kind, ENDING_DIFFERENT);
	assert_int_equal(result.deviation.kind, DEVIATION_MISSING);
	assert_int_equal(result.deviation.at, 54321);
	assert_int_equal(result.deviation.bytes, 1);
	assert_non_null(strstr(exchange_format(&result, text, sizeof(text)), "missing"));

	peer.drops_at = 0;
	peer.spoils_at = 54321;
	result = converse_all(peer, plan_of(100000));
	assert_int_equal(result.deviation.kind, DEVIATION_CHANGED);
	assert_int_equal(result.deviation.bytes, 1);
	assert_non_null(strstr(exchange_format(&result, text, sizeof(text)), "changed"));
}

static void tells_a_missing_end_from_a_missing_answer(void **state)
{
	struct exchange_plan plan = exchange_plan_of(10, 50 * CLOCK_NS_PER_MS, -1);
	struct exchange_result result;
	unsigned char bytes[10];
	char text[EXCHANGE_TEXT_SIZE];
	int fds[2];

	plan.finish = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	/* What the echo will be is known: it is there before the question. */
	pattern_init();
	memcpy(bytes, pattern_at(pattern_start(0), 0), sizeof(bytes));
	assert_int_equal(exchange_stuff(fds[0], 10, CLOCK_NS_PER_MS, -1), 10);
	assert_int_equal(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
	plan.sent_before = 10;
	exchange_run(fds[0], &plan, &result);
	assert_int_equal(result.ending.kind, ENDING_SILENT);
	assert_non_null(strstr(exchange_format(&result, text, sizeof(text)), "no FIN"));
	close(fds[0]);
	close(fds[1]);
}

static void says_whether_a_pause_filled_the_buffers(void **state)
{
	struct peer peer = { .echoes_most = SIZE_MAX, .spoils_at = SIZE_MAX };
	struct exchange_plan plan = plan_of(8u << 20);

	plan.pause_ns = 50 * CLOCK_NS_PER_MS;
	assert_true(converse_all(peer, plan).was_stuck);
	plan.bytes = 1000;
	assert_false(converse_all(peer, plan).was_stuck);
}

static void takes_what_came_in_time_as_enough(void **state)
{
	struct peer peer = { .echoes_most = SIZE_MAX, .spoils_at = SIZE_MAX };
	struct exchange_plan plan = plan_of(1u << 30);
	struct ending ending;

	plan.piece_most = 10;
	plan.in_turn = true;
	plan.enough_ns = 20 * CLOCK_NS_PER_MS;
	ending = converse(peer, plan);
	assert_int_equal(ending.kind, ENDING_FINE);
	assert_int_equal(ending.received_bytes, ending.sent_bytes);
	assert_true(ending.sent_bytes > 0 && ending.sent_bytes < 1u << 30);
}

static void finds_an_early_end(void **state)
{
	struct peer peer = { .echoes_most = 10, .spoils_at = SIZE_MAX };
	struct exchange_plan plan = plan_of(100);
	struct ending ending = converse(peer, plan);

	assert_int_equal(ending.kind, ENDING_SERVER);
	assert_int_equal(ending.received_bytes, 10);
	plan.bytes = 20;
	plan.finish = true;
	assert_int_equal(converse(peer, plan).kind, ENDING_SHORT);
}

static void finds_silence(void **state)
{
	struct exchange_plan plan = exchange_plan_of(10, 20 * CLOCK_NS_PER_MS, -1);
	struct exchange_result result;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	exchange_run(fds[0], &plan, &result);
	assert_int_equal(result.ending.kind, ENDING_SILENT);
	assert_int_equal(result.ending.sent_bytes, 10);
	close(fds[0]);
	close(fds[1]);
}

static void gives_up_when_interrupted(void **state)
{
	struct exchange_plan plan = plan_of(10);
	struct exchange_result result;
	int fds[2], pipe_fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], "", 1), 1);
	plan.interrupt_fd = pipe_fds[0];
	exchange_run(fds[0], &plan, &result);
	assert_int_equal(result.ending.kind, ENDING_SIGNAL);
	close(fds[0]);
	close(fds[1]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_nothing_wrong_with_an_echo),
		cmocka_unit_test(nothing_and_an_end_is_a_conversation),
		cmocka_unit_test(finds_a_changed_byte),
		cmocka_unit_test(tells_missing_bytes_from_changed_ones),
		cmocka_unit_test(tells_a_missing_end_from_a_missing_answer),
		cmocka_unit_test(says_whether_a_pause_filled_the_buffers),
		cmocka_unit_test(takes_what_came_in_time_as_enough),
		cmocka_unit_test(finds_an_early_end),
		cmocka_unit_test(finds_silence),
		cmocka_unit_test(gives_up_when_interrupted),
	};

	signal(SIGPIPE, SIG_IGN); /* the other end writes to who is gone */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
