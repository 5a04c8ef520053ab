/*
 * gate.c: who is refused is counted each time, told now and then, and whoever came to nothing between
 * being admitted and having a slot is given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/admission/gate.h"

struct pair {
	int ours, theirs;
};

/* A connection over loopback, both of its ends. */
static struct pair make_pair(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(in);
	struct pair pair;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &length), 0);
	pair.theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(pair.theirs, (struct sockaddr *)&in, sizeof(in)), 0);
	pair.ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(pair.ours >= 0);
	close(listener);
	return pair;
}

static void close_pair(struct pair *pair)
{
	close(pair->ours);
	close(pair->theirs);
}

static struct engine_conn seen(const struct pair *pair, uint32_t slot)
{
	return (struct engine_conn){ .slot = slot, .fd = pair->ours, .scheme = ADDR_TCP };
}

/* What was written to standard error since; the caller frees it. */
static int saved_stderr, heard_fd;

static void listen_to_stderr(void)
{
	char name[] = "/tmp/meari-gate-XXXXXX";

	heard_fd = mkstemp(name);
	unlink(name);
	saved_stderr = dup(STDERR_FILENO);
	dup2(heard_fd, STDERR_FILENO);
}

static char *heard(void)
{
	char *text = calloc(1, 10000);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	assert_true(pread(heard_fd, text, 9999, 0) >= 0);
	close(heard_fd);
	return text;
}

static unsigned count_lines(const char *text)
{
	unsigned count = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return count;
}

static void refusals_are_counted_each_and_told_now_and_then(void **state)
{
	const char *deny = "127.0.0.0/8";
	const struct access_entries none = { 0 }, some = { &deny, 1 };
	struct counters counters = { 0 };
	struct access *access;
	struct gate gate;
	struct pair pair = make_pair();
	char *text;

	assert_int_equal(access_new(&none, &some, &access), 0);
	gate_init(&gate, NULL, access, &counters);
	listen_to_stderr();
	for (int i = 0; i < 1000; i++)
		assert_false(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	gate.log_limits[GATE_BY_ACCESS].logged_ns -= LOG_LIMIT_NS;
	for (int i = 0; i < 1000; i++)
		assert_false(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	text = heard();
	assert_int_equal(counters.refused_by_access, 2000);
	assert_int_equal(count_lines(text), 2);
	assert_non_null(strstr(text, "refused tcp://127.0.0.1:"));
	assert_non_null(strstr(text, "; and 999 more since the last line\n"));
	free(text);
	gate_fini(&gate);
	access_free(access);
	close_pair(&pair);
}

static void what_came_to_nothing_is_given_back(void **state)
{
	const struct limits_options options = {
		.connections = 1, .per_source = 1, .source_bits = 64
	};
	struct counters counters = { 0 };
	struct limits *limits;
	struct gate gate;
	struct pair pair = make_pair();
	struct engine_conn conn = seen(&pair, 5);

	assert_int_equal(limits_new(&options, &limits), 0);
	gate_init(&gate, limits, NULL, &counters);
	/* Admitted twice without having been opened: the first came to nothing. */
	assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	gate_opened(&gate, &conn);
	listen_to_stderr();
	assert_false(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	free(heard());
	gate_closed(&gate, &conn, GUARD_NOT_ENDED);
	assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	gate_fini(&gate); /* gives back the last one */
	gate_init(&gate, limits, NULL, &counters);
	assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	gate_fini(&gate);
	limits_free(limits);
	close_pair(&pair);
}

static void who_was_handed_over_counts_too(void **state)
{
	const struct limits_options options = { .connections = 1 };
	struct counters counters = { 0 };
	struct limits *limits;
	struct gate gate;
	struct pair pair = make_pair();
	struct engine_conn conn = seen(&pair, 0);

	assert_int_equal(limits_new(&options, &limits), 0);
	gate_init(&gate, limits, NULL, &counters);
	gate_opened(&gate, &conn);
	listen_to_stderr();
	assert_false(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	free(heard());
	assert_int_equal(counters.refused_by_count, 1);
	gate_closed(&gate, &conn, GUARD_NOT_ENDED);
	assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	gate_fini(&gate);
	limits_free(limits);
	close_pair(&pair);
}

static void endings_are_counted_and_told_by_their_limit(void **state)
{
	struct counters counters = { 0 };
	struct gate gate;
	struct pair pair = make_pair();
	struct engine_conn conn = seen(&pair, 0);
	char *text;

	gate_init(&gate, NULL, NULL, &counters);
	listen_to_stderr();
	gate_closed(&gate, &conn, GUARD_IDLE);
	gate_closed(&gate, &conn, GUARD_OLD);
	gate_closed(&gate, &conn, GUARD_NOT_ENDED);
	text = heard();
	assert_int_equal(counters.ended_idle, 1);
	assert_int_equal(counters.ended_old, 1);
	assert_int_equal(count_lines(text), 2);
	assert_non_null(strstr(text, "(--idle-timeout)"));
	assert_non_null(strstr(text, "(--max-lifetime)"));
	free(text);
	gate_fini(&gate);
	close_pair(&pair);
}

static struct sockaddr_in source_for(enum gate_reason reason)
{
	struct sockaddr_in source = { .sin_family = AF_INET, .sin_port = htons(40000) };

	source.sin_addr.s_addr = htonl(reason == GATE_NO_HOST ? 0xe0000001
			: reason == GATE_OWN_ADDRESS          ? 0x7f000001
							      : 0xc0000201);
	if (reason == GATE_OWN_ADDRESS || reason == GATE_FIXED_PORT)
		source.sin_port = htons(5000);
	return source;
}

static bool is_of_proxy(enum gate_reason reason)
{
	return reason >= GATE_PROXY_OUTSIDE && reason <= GATE_PROXY_CUT_SHORT;
}

/* One that comes to a listener where a proxy must stand in front. */
static void come_behind_proxy(struct gate *gate, enum gate_reason reason, const struct pair *pair)
{
	struct engine_conn conn = seen(pair, 7);
	struct engine_preface preface = { .bytes = (const unsigned char *)"hello", .length = 5 };
	size_t length;

	if (reason == GATE_PROXY_OUTSIDE) {
		assert_false(gate_admit(gate, pair->ours, ADDR_TCP, 0));
		return;
	}
	assert_true(gate_admit(gate, pair->ours, ADDR_TCP, 0));
	assert_true(gate_preface_limit(gate, &conn, 0) > clock_now_ns());
	if (reason != GATE_PROXY_MISSING) {
		preface.bytes = (const unsigned char *)"PROXY TCP4 x y z\r\n";
		preface.length = reason == GATE_PROXY_WRONG ? 18 : 12;
	}
	if (reason == GATE_PROXY_LATE)
		preface.state = ENGINE_PREFACE_LATE;
	if (reason == GATE_PROXY_CUT_SHORT)
		preface.state = ENGINE_PREFACE_ENDED;
	assert_int_equal(gate_preface(gate, &conn, 0, &preface, &length), ENGINE_PREFACE_REFUSED);
	assert_true(gate_waits_for_header(gate, &conn));
	gate_abandoned(gate, &conn);
	assert_false(gate_waits_for_header(gate, &conn));
}

/* 1,000 of each, then, 11 seconds later, as many again: two lines, the second with what was left out. */
static void flood(struct gate *gate, enum gate_reason reason, const struct pair *pair)
{
	struct engine_conn conn = seen(pair, 0);
	struct sockaddr_in source = source_for(reason);
	struct engine_datagram datagram = {
		.scheme = ADDR_UDP,
		.peer = (const struct sockaddr *)&source,
	};

	for (int i = 0; i < 1000; i++) {
		switch (reason) {
		case GATE_IDLE: gate_closed(gate, &conn, GUARD_IDLE); break;
		case GATE_OLD: gate_closed(gate, &conn, GUARD_OLD); break;
		case GATE_NO_LONGER_ALLOWED: assert_true(gate_condemns(gate, &conn)); break;
		case GATE_BY_BYTES: gate_slowed(gate); break;
		case GATE_BY_LOOP: gate_looped(gate, 7); break;
		case GATE_DATAGRAM_ACCESS:
		case GATE_DATAGRAM_RATE:
		case GATE_NO_HOST:
		case GATE_OWN_ADDRESS:
		case GATE_FIXED_PORT: assert_false(gate_admit_datagram(gate, &datagram)); break;
		case GATE_PROXY_OUTSIDE:
		case GATE_PROXY_MISSING:
		case GATE_PROXY_WRONG:
		case GATE_PROXY_LATE:
		case GATE_PROXY_CUT_SHORT: come_behind_proxy(gate, reason, pair); break;
		default: assert_false(gate_admit(gate, pair->ours, ADDR_TCP, 0));
		}
	}
}

static void no_limit_floods_the_log(void **state)
{
	static const struct {
		enum gate_reason reason;
		struct limits_options limits; /* one connection is in already */
		const char *text;
	} cases[] = {
		{ GATE_BY_ACCESS, { 0 }, "refused tcp://127.0.0.1:" },
		{ GATE_BY_COUNT, { .connections = 1 }, "(--max-connections)" },
		{ GATE_BY_MEMORY, { .memory_connections = 1 }, "(--max-memory)" },
		{ GATE_BY_SOURCE, { .per_source = 1, .source_bits = 64 }, "(--max-per-source)" },
		{ GATE_BY_RATE, { .connects_per_s = 1 }, "(--connect-rate)" },
		{ GATE_PROXY_OUTSIDE, { 0 }, "(--proxy-from)" },
		{ GATE_PROXY_MISSING, { 0 }, "has sent no header of the PROXY protocol" },
		{ GATE_PROXY_WRONG, { 0 }, "is wrong: its line is not one of version 1" },
		{ GATE_PROXY_LATE, { 0 }, "(--proxy-timeout)" },
		{ GATE_PROXY_CUT_SHORT, { 0 }, "has ended within its header" },
		{ GATE_DATAGRAM_ACCESS, { 0 }, "not answered udp://192.0.2.1:40000: it is not" },
		{ GATE_DATAGRAM_RATE, { .datagrams_per_s = 1 }, "(--datagram-rate)" },
		{ GATE_NO_HOST, { 0 }, "not answered udp://224.0.0.1:40000: that is not" },
		{ GATE_OWN_ADDRESS, { 0 }, "not answered udp://127.0.0.1:5000: that is this" },
		{ GATE_FIXED_PORT, { 0 }, "udp://192.0.2.1:5000: a server may be" },
		{ GATE_IDLE, { 0 }, "(--idle-timeout)" },
		{ GATE_OLD, { 0 }, "(--max-lifetime)" },
		{ GATE_NO_LONGER_ALLOWED, { 0 }, "no longer allowed" },
		{ GATE_BY_BYTES, { 0 }, "a connection is not read from for a moment: " },
		{ GATE_BY_LOOP, { 0 }, "a datagram from port 7: the answer could come back" },
	};
	const char *deny = "0.0.0.0/0";
	const struct access_entries none = { 0 }, some = { &deny, 1 };
	const struct peer_rule_options ports = { .first_port = 32768, .last_port = 60999 };
	const char *loopback = "127.0.0.0/8";
	const struct access_entries from = { &loopback, 1 };
	const enum listener_proxy modes[] = { LISTENER_PROXY_REQUIRED };
	const struct proxied_options proxies = { .modes = modes, .limit_ns = CLOCK_NS_PER_S };
	struct access *access, *trusting;
	struct pair pair = make_pair();

	assert_int_equal(access_new(&none, &none, &trusting), 0);
	assert_int_equal(access_read_proxies(trusting, &from), 0);
	assert_int_equal(sizeof(cases) / sizeof(cases[0]), GATE_REASONS);
	assert_int_equal(access_new(&none, &some, &access), 0);
	for (size_t i = 0; i < GATE_REASONS; i++) {
		enum gate_reason reason = cases[i].reason;
		bool by_access = reason == GATE_BY_ACCESS || reason == GATE_DATAGRAM_ACCESS ||
			reason == GATE_NO_LONGER_ALLOWED;
		struct engine_conn conn = seen(&pair, 0);
		struct sockaddr_in source = source_for(reason);
		struct engine_datagram datagram = {
			.scheme = ADDR_UDP,
			.peer = (const struct sockaddr *)&source,
		};
		struct counters counters = { 0 };
		struct limits *limits;
		struct peer_rule rule;
		struct gate gate;
		char *text;

		assert_int_equal(limits_new(&cases[i].limits, &limits), 0);
		assert_int_equal(peer_rule_init(&rule, &ports), 0);
		gate_init(&gate, limits, by_access ? access : NULL, &counters);
		gate.peer_rule = &rule;
		if (is_of_proxy(reason)) {
			proxied_init(&gate.proxied, &proxies);
			gate.access = reason != GATE_PROXY_OUTSIDE ? trusting : NULL;
		}
		if (reason == GATE_DATAGRAM_RATE)
			assert_true(gate_admit_datagram(&gate, &datagram));
		if (reason < GATE_DATAGRAM_ACCESS && !by_access && !is_of_proxy(reason)) {
			assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
			gate_opened(&gate, &conn);
		}
		listen_to_stderr();
		flood(&gate, reason, &pair);
		gate.log_limits[reason].logged_ns -= LOG_LIMIT_NS;
		flood(&gate, reason, &pair);
		text = heard();
		if (count_lines(text) != 2 || strstr(text, cases[i].text) == NULL ||
			strstr(text, "; and 999 more since the last line\n") == NULL)
			fail_msg("reason %u: %s", (unsigned)reason, text);
		free(text);
		gate_fini(&gate);
		peer_rule_fini(&rule);
		/* What was admitted stays: nothing here asks for it at the end. */
		limits_free(limits);
	}
	access_free(access);
	access_free(trusting);
	close_pair(&pair);
}

/* The proxy takes a place, its client is counted as a source; all of it is given back. */
static void behind_a_proxy_the_gate_is_asked_twice(void **state)
{
	const char *loopback = "127.0.0.0/8", *deny = "192.0.2.9";
	const struct access_entries none = { 0 }, from = { &loopback, 1 }, denied = { &deny, 1 };
	const enum listener_proxy modes[] = { LISTENER_NO_PROXY, LISTENER_PROXY_REQUIRED };
	const struct proxied_options proxies = { .modes = modes, .limit_ns = CLOCK_NS_PER_S };
	const struct limits_options options = {
		.connections = 3, .per_source = 1, .source_bits = 64
	};
	static const char *const lines[] = { "PROXY TCP4 192.0.2.7 192.0.2.1 1 7\r\n",
		"PROXY TCP4 192.0.2.8 192.0.2.1 1 7\r\n", "PROXY TCP4 192.0.2.8 192.0.2.1 2 7\r\n",
		"PROXY TCP4 192.0.2.9 192.0.2.1 1 7\r\n" };
	struct counters counters[2] = { 0 }; /* of the second listener, which is behind a proxy */
	struct limits *limits;
	struct access *access;
	struct gate gate;
	struct pair pair = make_pair();

	assert_int_equal(limits_new(&options, &limits), 0);
	assert_int_equal(access_new(&none, &denied, &access), 0);
	assert_int_equal(access_read_proxies(access, &from), 0);
	gate_init(&gate, limits, access, counters);
	proxied_init(&gate.proxied, &proxies);
	for (int round = 0; round < 3; round++) {
		for (uint32_t slot = 0; slot < 4; slot++) {
			struct engine_conn conn = seen(&pair, slot);
			struct engine_preface preface = {
				.bytes = (const unsigned char *)lines[slot],
				.length = strlen(lines[slot]),
			};
			size_t length = 0;

			assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 1));
			assert_true(gate_preface_limit(&gate, &conn, 1) > 0);
			if (slot < 2) {
				assert_int_equal(gate_preface(&gate, &conn, 1, &preface, &length),
					ENGINE_PREFACE_WHOLE);
				assert_int_equal(length, preface.length);
				assert_true(gate_client(&gate, &conn)->named);
				gate_opened(&gate, &conn);
				continue;
			}
			assert_int_equal(gate_preface(&gate, &conn, 1, &preface, &length),
				ENGINE_PREFACE_REFUSED);
			gate_abandoned(&gate, &conn);
		}
		/* The third place is free, a fourth is not. */
		assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 1));
		struct engine_conn third = seen(&pair, 5);

		assert_true(gate_preface_limit(&gate, &third, 1) > 0);
		assert_false(gate_admit(&gate, pair.ours, ADDR_TCP, 1));
		gate_abandoned(&gate, &third);
		for (uint32_t slot = 0; slot < 2; slot++) {
			struct engine_conn conn = seen(&pair, slot);

			gate_closed(&gate, &conn, GUARD_NOT_ENDED);
		}
	}
	assert_int_equal(counters[1].refused_by_source, 3);
	assert_int_equal(counters[1].refused_by_access, 3);
	assert_int_equal(counters[1].refused_by_count, 3);
	assert_int_equal(counters[1].proxy_headers, 12);
	/* Elsewhere there is no proxy, and no header to wait for. */
	struct engine_conn plain = seen(&pair, 9);

	assert_true(gate_admit(&gate, pair.ours, ADDR_TCP, 0));
	assert_int_equal(gate_preface_limit(&gate, &plain, 0), 0);
	gate_opened(&gate, &plain);
	gate_closed(&gate, &plain, GUARD_NOT_ENDED);
	gate_fini(&gate);
	limits_free(limits);
	access_free(access);
	close_pair(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_are_counted_each_and_told_now_and_then),
		cmocka_unit_test(what_came_to_nothing_is_given_back),
		cmocka_unit_test(who_was_handed_over_counts_too),
		cmocka_unit_test(endings_are_counted_and_told_by_their_limit),
		cmocka_unit_test(no_limit_floods_the_log),
		cmocka_unit_test(behind_a_proxy_the_gate_is_asked_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
