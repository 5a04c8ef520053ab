/*
 * Datagrams under way together, with a service in the test's own hands: what comes late, twice, changed, from
 * elsewhere, or not at all is told of the datagram that it answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/traffic/volley.h"

#define MOST 8

/* A service that keeps `expect` datagrams, and then answers them, the last one first, as it is told to. */
struct service {
	int fd, other_fd;
	struct addr addr;
	size_t expect;
	enum { ANSWER, TWICE, CHANGE, CUT, ELSEWHERE, SILENCE } what;
};

static int open_socket(const char *host, struct addr *ret_addr)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, host, &name.sin_addr);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	*ret_addr = (struct addr){ .scheme = ADDR_UDP, .length = sizeof(name) };
	ret_addr->in = name;
	return fd;
}

static void *serve(void *context)
{
	struct service *service = context;
	static unsigned char bytes[MOST][4096];
	struct sockaddr_in from[MOST];
	size_t lengths[MOST];

	for (size_t i = 0; i < service->expect; i++) {
		socklen_t length = sizeof(from[i]);

		lengths[i] = (size_t)recvfrom(service->fd, bytes[i], sizeof(bytes[i]), 0,
			(struct sockaddr *)&from[i], &length);
	}
	for (size_t i = service->expect; i-- > 0;) {
		int fd = service->what == ELSEWHERE ? service->other_fd : service->fd;
		int times = service->what == TWICE ? 2 : service->what == SILENCE ? 0 : 1;

		if (service->what == CUT)
			lengths[i]--;
		if (service->what == CHANGE)
			bytes[i][0] ^= 1;
		while (times-- > 0)
			sendto(fd, bytes[i], lengths[i], 0, (struct sockaddr *)&from[i],
				sizeof(from[i]));
	}
	return NULL;
}

static void fire(int what, struct volley_shot *shots, size_t count)
{
	struct service service = { .what = what, .expect = count };
	struct volley volley;
	struct addr unused;
	pthread_t thread;

	service.fd = open_socket("127.0.0.1", &service.addr);
	service.other_fd = open_socket("127.0.0.2", &unused);
	assert_int_equal(pthread_create(&thread, NULL, serve, &service), 0);
	volley_init(&volley, &service.addr,
		(what == SILENCE || what == ELSEWHERE ? 100 : 5000) * CLOCK_NS_PER_MS, -1);
	assert_true(volley_fire(&volley, shots, count));
	assert_true(volley_listen(&volley, shots, count, 50 * CLOCK_NS_PER_MS));
	pthread_join(thread, NULL);
	volley_fini(&volley);
	close(service.fd);
	close(service.other_fd);
}

static void answers_out_of_order_find_their_datagrams(void **state)
{
	/* Twice the same length, and two that have hardly any bytes. */
	struct volley_shot shots[] = { { .length = 0 }, { .length = 0 }, { .length = 1 },
		{ .length = 1 }, { .length = 2 }, { .length = 64 }, { .length = 4096 } };

	fire(ANSWER, shots, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(shots[i].reply, VOLLEY_RIGHT);
		assert_int_equal(shots[i].right_count, 1);
	}
}

static void a_second_answer_is_counted(void **state)
{
	struct volley_shot shots[] = { { .length = 0 }, { .length = 1 }, { .length = 64 } };

	fire(TWICE, shots, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(shots[i].reply, VOLLEY_RIGHT);
		assert_int_equal(shots[i].right_count, 2);
	}
}

static void what_is_wrong_is_told_apart(void **state)
{
	static const struct {
		int what;
		enum volley_reply reply;
	} cases[] = { { CHANGE, VOLLEY_WRONG }, { CUT, VOLLEY_SHORTER },
		{ ELSEWHERE, VOLLEY_ELSEWHERE }, { SILENCE, VOLLEY_NONE } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct volley_shot shots[] = { { .length = 64 }, { .length = 1 } };

		fire(cases[i].what, shots, 2);
		assert_int_equal(shots[0].reply, cases[i].reply);
		assert_int_equal(shots[1].reply, cases[i].reply);
	}
}

static void nobody_refuses(void **state)
{
	struct volley_shot shots[] = { { .length = 64 }, { .length = 0 } };
	struct volley volley;
	struct addr addr;

	close(open_socket("127.0.0.1", &addr));
	volley_init(&volley, &addr, 5 * CLOCK_NS_PER_S, -1);
	assert_true(volley_fire(&volley, shots, 2));
	assert_int_equal(shots[0].reply, VOLLEY_REFUSED);
	assert_int_equal(shots[0].error, -ECONNREFUSED);
	assert_int_equal(volley.heard, 0);
	volley_fini(&volley);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_out_of_order_find_their_datagrams),
		cmocka_unit_test(a_second_answer_is_counted),
		cmocka_unit_test(what_is_wrong_is_told_apart),
		cmocka_unit_test(nobody_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
