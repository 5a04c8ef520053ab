/*
 * talk/passage: which ways there are, that each moves every byte once, and what each says where
 * nothing can be moved.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/call.h"
#include "talk/passage.h"

#define SIZE 300000u /* more than any pipe here holds */

static unsigned char sent[SIZE], got[SIZE];

struct ends {
	int own, other;
};

static struct ends open_tcp(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct ends ends;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
	ends.own = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(ends.own, (struct sockaddr *)&name, sizeof(name)), 0);
	ends.other = accept(listener, NULL, NULL);
	assert_true(ends.other >= 0);
	close(listener);
	fcntl(ends.own, F_SETFL, O_NONBLOCK);
	return ends;
}

static struct ends open_unix(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	return (struct ends){ fds[0], fds[1] };
}

static void close_ends(struct ends ends)
{
	close(ends.own);
	close(ends.other);
}

static int open_file(int flags)
{
	char path[] = "/tmp/test-passage-XXXXXX";
	int fd = mkstemp(path), again;

	assert_true(fd >= 0);
	again = open(path, flags | O_CLOEXEC);
	unlink(path);
	close(fd);
	assert_true(again >= 0);
	return again;
}

/* One step, once something has come: loopback, too, may take its time. */
static ssize_t step_when_ready(struct passage *passage)
{
	struct pollfd ready = { .fd = passage->from, .events = POLLIN };

	assert_int_equal(poll(&ready, 1, -1), 1);
	return passage_step(passage);
}

/* From the other end of the socket, all of `length`. */
static void receive_all(int fd, size_t length)
{
	size_t have = 0;

	while (have < length) {
		ssize_t n = read(fd, got + have, length - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_memory_equal(got, sent, length);
}

/* ---- from the input ---- */

static void pass_pipe(struct ends ends)
{
	struct passage passage;
	int input[2];
	size_t passed = 0;

	assert_int_equal(pipe(input), 0);
	passage_init_input(&passage, input[0], ends.own);
	assert_int_equal(passage.way, PASSAGE_SPLICE);
	while (passed < SIZE) {
		size_t some = SIZE - passed < 10000 ? SIZE - passed : 10000;

		assert_int_equal(write(input[1], sent + passed, some), some);
		for (size_t left = some; left > 0;) {
			ssize_t n = passage_step(&passage);

			assert_true(n > 0);
			left -= (size_t)n;
		}
		for (size_t left = some; left > 0;) {
			ssize_t n = read(ends.other, got, left);

			assert_true(n > 0);
			assert_memory_equal(got, sent + passed + (some - left), n);
			left -= (size_t)n;
		}
		passed += some;
	}
	assert_int_equal(passage_step(&passage), -EAGAIN); /* empty, and not at its end */
	close(input[1]);
	assert_int_equal(passage_step(&passage), 0);
	passage_fini(&passage);
	close(input[0]);
	close_ends(ends);
}

static void a_pipe_passes_whole_to_tcp(void **state)
{
	pass_pipe(open_tcp());
}

static void a_pipe_passes_whole_to_unix(void **state)
{
	pass_pipe(open_unix());
}

static void a_file_passes_whole(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int file = open_file(O_RDWR);
	ssize_t n;

	assert_int_equal(write(file, sent, 100000), 100000);
	lseek(file, 1, SEEK_SET); /* from where it stands, not from its beginning */
	passage_init_input(&passage, file, ends.own);
	assert_int_equal(passage.way, PASSAGE_SENDFILE);
	n = passage_step(&passage);
	assert_int_equal(n, 99999);
	for (size_t have = 0; have < 99999; have += (size_t)n) {
		n = read(ends.other, got + have, 99999 - have);
		assert_true(n > 0);
	}
	assert_memory_equal(got, sent + 1, 99999);
	assert_int_equal(passage_step(&passage), 0);
	passage_fini(&passage);
	close(file);
	close_ends(ends);
}

static void a_full_socket_is_not_now(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int input[2];
	size_t passed = 0;
	ssize_t n;

	assert_int_equal(pipe(input), 0);
	fcntl(input[1], F_SETFL, O_NONBLOCK);
	passage_init_input(&passage, input[0], ends.own);
	do {
		while (write(input[1], sent, 4096) > 0)
			;
		n = passage_step(&passage);
		passed += n > 0 ? (size_t)n : 0;
		assert_true(passed < 64u << 20);
	} while (n > 0);
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(passage.way, PASSAGE_SPLICE);
	passage_fini(&passage);
	close(input[0]);
	close(input[1]);
	close_ends(ends);
}

static void a_peer_that_is_gone_is_the_sockets_error(void **state)
{
	struct ends ends = open_unix();
	struct passage passage;
	int input[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(input), 0);
	assert_int_equal(write(input[1], "x", 1), 1);
	passage_init_input(&passage, input[0], ends.own);
	close(ends.other);
	assert_int_equal(passage_step(&passage), -EPIPE);
	assert_int_equal(passage.way, PASSAGE_SPLICE);
	passage_fini(&passage);
	close(input[0]);
	close(input[1]);
	close(ends.own);
}

static void what_cannot_be_spliced_is_refused_with_nothing_moved(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int input[2], file = open_file(O_WRONLY);

	/* A file that cannot be read: whose error that is, the caller's read(2) says. */
	passage_init_input(&passage, file, ends.own);
	assert_int_equal(passage_step(&passage), -EOPNOTSUPP);
	assert_int_equal(passage.way, PASSAGE_NONE);
	close(file);
	/* The wrong end of a pipe. */
	assert_int_equal(pipe(input), 0);
	passage_init_input(&passage, input[1], ends.own);
	assert_int_equal(passage_step(&passage), -EOPNOTSUPP);
	passage_fini(&passage);
	close(input[0]);
	close(input[1]);
	close_ends(ends);
}

/* ---- to the output ---- */

static void the_stream_passes_into_a_pipe(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int output[2];

	assert_int_equal(pipe(output), 0);
	passage_init_output(&passage, ends.own, ADDR_TCP, output[1]);
	assert_int_equal(passage.way, PASSAGE_SPLICE);
	assert_int_equal(passage_step(&passage), -EAGAIN);
	assert_int_equal(write(ends.other, sent, 20000), 20000);
	for (size_t moved = 0; moved < 20000;) {
		ssize_t n = step_when_ready(&passage);

		assert_true(n > 0);
		moved += (size_t)n;
	}
	receive_all(output[0], 20000);
	assert_false(passage_output_is_gone(&passage));
	shutdown(ends.other, SHUT_WR);
	assert_int_equal(step_when_ready(&passage), 0);
	close(output[0]);
	assert_true(passage_output_is_gone(&passage));
	passage_fini(&passage);
	close(output[1]);
	close_ends(ends);
}

static void a_full_pipe_is_not_now(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int output[2];

	assert_int_equal(pipe(output), 0);
	passage_init_output(&passage, ends.own, ADDR_TCP, output[1]);
	fcntl(output[1], F_SETFL, O_NONBLOCK);
	while (write(output[1], sent, 4096) > 0)
		;
	assert_int_equal(write(ends.other, "x", 1), 1);
	assert_int_equal(passage_step(&passage), -EAGAIN);
	passage_fini(&passage);
	close(output[0]);
	close(output[1]);
	close_ends(ends);
}

static void the_stream_passes_into_a_file(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int file = open_file(O_RDWR);
	size_t moved = 0;

	passage_init_output(&passage, ends.own, ADDR_TCP, file);
	assert_int_equal(passage.way, PASSAGE_RELAY);
	while (moved < SIZE) {
		size_t some = SIZE - moved < 50000 ? SIZE - moved : 50000;

		assert_int_equal(write(ends.other, sent + moved, some), some);
		for (size_t left = some; left > 0;) {
			ssize_t n = step_when_ready(&passage);

			assert_true(n > 0 && passage.relayed == (size_t)n);
			assert_int_equal(passage_flush(&passage), n);
			assert_int_equal(passage.relayed, 0);
			left -= (size_t)n;
		}
		moved += some;
	}
	assert_int_equal(passage_flush(&passage), 0);
	lseek(file, 0, SEEK_SET);
	receive_all(file, SIZE);
	passage_fini(&passage);
	close(file);
	close_ends(ends);
}

static void a_file_that_begins_to_append_leaves_the_bytes_with_us(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int file = open_file(O_RDWR);

	passage_init_output(&passage, ends.own, ADDR_TCP, file);
	assert_int_equal(write(ends.other, sent, 1000), 1000);
	assert_int_equal(step_when_ready(&passage), 1000);
	/* Whoever else has the file open may do so. */
	assert_int_equal(fcntl(file, F_SETFL, O_APPEND), 0);
	assert_int_equal(passage_flush(&passage), -EOPNOTSUPP);
	assert_int_equal(passage.way, PASSAGE_NONE);
	assert_int_equal(passage.relayed, 1000);
	receive_all(passage.relay[0], 1000);
	passage_fini(&passage);
	close(file);
	close_ends(ends);
}

static void what_is_dropped_is_counted(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int null = open("/dev/null", O_WRONLY);

	passage_init_output(&passage, ends.own, ADDR_TCP, null);
	assert_int_equal(passage.way, PASSAGE_DROP);
	assert_int_equal(passage_step(&passage), -EAGAIN);
	assert_int_equal(write(ends.other, sent, 10000), 10000);
	assert_int_equal(step_when_ready(&passage), 10000);
	close(ends.other);
	assert_int_equal(step_when_ready(&passage), 0);
	/* A unix socket would copy, so there it is not done. */
	passage_init_output(&passage, ends.own, ADDR_UNIX, null);
	assert_int_equal(passage.way, PASSAGE_NONE);
	close(null);
	close(ends.own);
}

static void urgent_data_stops_it_and_looks_like_nothing(void **state)
{
	struct ends ends = open_tcp();
	struct passage passage;
	int output[2], on = 1;
	char byte;

	assert_int_equal(pipe(output), 0);
	setsockopt(ends.own, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	passage_init_output(&passage, ends.own, ADDR_TCP, output[1]);
	assert_int_equal(send(ends.other, "before", 6, 0), 6);
	assert_int_equal(send(ends.other, "!", 1, MSG_OOB), 1);
	assert_int_equal(send(ends.other, "after", 5, 0), 5);
	assert_int_equal(step_when_ready(&passage), 6);
	assert_true(step_when_ready(&passage) <= 0);
	/* This is why the caller asks recv(2): neither "nothing" nor "the end" was true. */
	assert_int_equal(poll(&(struct pollfd){ .fd = ends.own, .events = POLLIN }, 1, -1), 1);
	assert_int_equal(recv(ends.own, &byte, 1, 0), 1);
	assert_int_equal(byte, '!');
	assert_int_equal(step_when_ready(&passage), 5);
	assert_int_equal(read(output[0], got, sizeof(got)), 11);
	assert_memory_equal(got, "beforeafter", 11);
	passage_fini(&passage);
	close(output[0]);
	close(output[1]);
	close_ends(ends);
}

static void other_descriptors_have_no_way(void **state)
{
	struct ends ends = open_unix(), others = open_unix();
	struct passage passage;
	int append = open_file(O_WRONLY | O_APPEND), full = open("/dev/full", O_WRONLY);

	passage_init_input(&passage, others.own, ends.own);
	assert_int_equal(passage.way, PASSAGE_NONE);
	assert_int_equal(passage_step(&passage), -EOPNOTSUPP);
	passage_init_output(&passage, ends.own, ADDR_UNIX, others.own);
	assert_int_equal(passage.way, PASSAGE_NONE);
	passage_init_output(&passage, ends.own, ADDR_UNIX, append);
	assert_int_equal(passage.way, PASSAGE_NONE);
	passage_init_output(&passage, ends.own, ADDR_UNIX, full);
	assert_int_equal(passage.way, PASSAGE_NONE);
	passage_init_output(&passage, ends.own, ADDR_UNIX, -1);
	assert_int_equal(passage.way, PASSAGE_NONE);
	passage_fini(&passage);
	close(append);
	close(full);
	close_ends(ends);
	close_ends(others);
}

static void look(const char *name, const char *arguments, int64_t result)
{
	(void)name;
	(void)arguments;
	(void)result;
}

static void where_each_call_is_shown_bytes_are_copied(void **state)
{
	struct ends ends = open_unix();
	struct passage passage;
	int both[2];

	assert_int_equal(pipe(both), 0);
	call_set_hook(look);
	passage_init_input(&passage, both[0], ends.own);
	assert_int_equal(passage.way, PASSAGE_NONE);
	passage_init_output(&passage, ends.own, ADDR_UNIX, both[1]);
	assert_int_equal(passage.way, PASSAGE_NONE);
	call_set_hook(NULL);
	close(both[0]);
	close(both[1]);
	close_ends(ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_passes_whole_to_tcp),
		cmocka_unit_test(a_pipe_passes_whole_to_unix),
		cmocka_unit_test(a_file_passes_whole),
		cmocka_unit_test(a_full_socket_is_not_now),
		cmocka_unit_test(a_peer_that_is_gone_is_the_sockets_error),
		cmocka_unit_test(what_cannot_be_spliced_is_refused_with_nothing_moved),
		cmocka_unit_test(the_stream_passes_into_a_pipe),
		cmocka_unit_test(a_full_pipe_is_not_now),
		cmocka_unit_test(the_stream_passes_into_a_file),
		cmocka_unit_test(a_file_that_begins_to_append_leaves_the_bytes_with_us),
		cmocka_unit_test(what_is_dropped_is_counted),
		cmocka_unit_test(urgent_data_stops_it_and_looks_like_nothing),
		cmocka_unit_test(other_descriptors_have_no_way),
		cmocka_unit_test(where_each_call_is_shown_bytes_are_copied),
	};

	srandom(1);
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (unsigned char)random();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
