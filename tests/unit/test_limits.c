/*
 * limits.c: each cap at the cap, with a clock of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>

#include "base/clock.h"
#include "server/admission/limits.h"

#define START (1000 * CLOCK_NS_PER_S)

static struct sockaddr_storage source(const char *text)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		in6->sin6_family = AF_INET6;
	}
	return storage;
}

static enum limits_verdict admit(
	struct limits *limits, const char *text, uint64_t now_ns, struct limits_source **ret_source)
{
	struct sockaddr_storage storage = source(text);

	return limits_admit(limits, (struct sockaddr *)&storage, now_ns, ret_source);
}

static struct limits *make(const struct limits_options *options)
{
	struct limits *limits;

	assert_int_equal(limits_new(options, &limits), 0);
	return limits;
}

static void connections_up_to_the_cap(void **state)
{
	struct limits *limits = make(&(struct limits_options){ .connections = 3 });
	struct limits_source *held = NULL;

	for (int i = 0; i < 3; i++)
		assert_int_equal(admit(limits, "192.0.2.1", START, &held), LIMITS_ADMITTED);
	assert_int_equal(admit(limits, "192.0.2.2", START, &held), LIMITS_CONNECTIONS);
	limits_release(limits, NULL);
	assert_int_equal(limits_admit(limits, NULL, START, &held), LIMITS_ADMITTED);
	assert_int_equal(limits_admit(limits, NULL, START, &held), LIMITS_CONNECTIONS);
	limits_force(limits);
	limits_release(limits, NULL);
	assert_int_equal(limits_admit(limits, NULL, START, &held), LIMITS_CONNECTIONS);
	limits_free(limits);
}

static void memory_is_told_apart(void **state)
{
	struct limits *limits = make(
		&(struct limits_options){ .connections = 3, .memory_connections = 2 });
	struct limits_source *held;

	assert_int_equal(limits_admit(limits, NULL, START, &held), LIMITS_ADMITTED);
	assert_int_equal(limits_admit(limits, NULL, START, &held), LIMITS_ADMITTED);
	assert_int_equal(limits_admit(limits, NULL, START, &held), LIMITS_MEMORY);
	limits_free(limits);
}

static void each_source_has_its_own_cap(void **state)
{
	struct limits *limits = make(
		&(struct limits_options){ .per_source = 2, .source_bits = 64 });
	struct limits_source *one, *two, *three, *other;

	assert_int_equal(admit(limits, "192.0.2.1", START, &one), LIMITS_ADMITTED);
	/* The same one, as a dual-stack socket tells it. */
	assert_int_equal(admit(limits, "::ffff:192.0.2.1", START, &two), LIMITS_ADMITTED);
	assert_ptr_equal(one, two);
	assert_int_equal(admit(limits, "192.0.2.1", START, &three), LIMITS_PER_SOURCE);
	assert_int_equal(admit(limits, "192.0.2.2", START, &other), LIMITS_ADMITTED);
	limits_release(limits, one);
	assert_int_equal(admit(limits, "192.0.2.1", START, &one), LIMITS_ADMITTED);
	limits_release(limits, one);
	limits_release(limits, two);
	limits_release(limits, other);
	limits_free(limits);
}

static void an_ipv6_source_is_a_prefix(void **state)
{
	struct limits *limits = make(
		&(struct limits_options){ .per_source = 1, .source_bits = 64 });
	struct limits_source *held;

	assert_int_equal(admit(limits, "2001:db8::1", START, &held), LIMITS_ADMITTED);
	assert_int_equal(admit(limits, "2001:db8::2", START, &held), LIMITS_PER_SOURCE);
	assert_int_equal(admit(limits, "2001:db8:0:1::1", START, &held), LIMITS_ADMITTED);
	limits_free(limits);

	limits = make(&(struct limits_options){ .per_source = 1, .source_bits = 128 });
	assert_int_equal(admit(limits, "2001:db8::1", START, &held), LIMITS_ADMITTED);
	assert_int_equal(admit(limits, "2001:db8::2", START, &held), LIMITS_ADMITTED);
	limits_free(limits);
}

static void a_refusal_leaves_nothing_behind(void **state)
{
	struct limits *limits = make(&(struct limits_options){
		.connections = 10, .per_source = 1, .source_bits = 64, .connects_per_s = 2 });
	struct limits_source *held;

	assert_int_equal(admit(limits, "192.0.2.1", START, &held), LIMITS_ADMITTED);
	for (int i = 0; i < 100; i++)
		assert_int_equal(admit(limits, "192.0.2.1", START, &held), LIMITS_PER_SOURCE);
	/* Neither the connections nor the rate of the others have been used up. */
	assert_int_equal(admit(limits, "192.0.2.2", START, &held), LIMITS_ADMITTED);
	for (int i = 0; i < 100; i++)
		assert_int_equal(admit(limits, "192.0.2.3", START, &held), LIMITS_CONNECT_RATE);
	assert_int_equal(
		admit(limits, "192.0.2.3", START + CLOCK_NS_PER_S, &held), LIMITS_ADMITTED);
	limits_free(limits);
}

static void a_rate_is_a_seconds_worth_and_then_so_many_a_second(void **state)
{
	static const uint32_t rates[] = { 1, 3, 100, 1000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct limits *limits = make(
			&(struct limits_options){ .connects_per_s = rates[i] });
		struct limits_source *held;
		uint32_t admitted = 0;

		for (uint32_t n = 0; n < 3 * rates[i]; n++)
			admitted += limits_admit(limits, NULL, START, &held) == LIMITS_ADMITTED;
		assert_int_equal(admitted, rates[i]);
		for (uint64_t ms = 0; ms < 10000; ms++) {
			for (int n = 0; n < 3; n++)
				admitted += limits_admit(limits, NULL, START + ms * CLOCK_NS_PER_MS,
						    &held) == LIMITS_ADMITTED;
		}
		assert_in_range(admitted, 11 * rates[i] - 1, 11 * rates[i] + 1);
		limits_free(limits);
	}
}

static bool admit_datagram(struct limits *limits, const char *text, uint64_t now_ns)
{
	struct sockaddr_storage storage = source(text);

	return limits_admit_datagram(limits, (struct sockaddr *)&storage, now_ns);
}

static void datagrams_of_each_source(void **state)
{
	struct limits *limits = make(
		&(struct limits_options){ .datagrams_per_s = 5, .source_bits = 64 });

	for (int i = 0; i < 5; i++)
		assert_true(admit_datagram(limits, "192.0.2.1", START));
	assert_false(admit_datagram(limits, "192.0.2.1", START));
	assert_false(admit_datagram(limits, "::ffff:192.0.2.1", START));
	assert_true(admit_datagram(limits, "192.0.2.2", START));
	assert_true(admit_datagram(limits, "192.0.2.1", START + CLOCK_NS_PER_S / 5));
	assert_false(admit_datagram(limits, "192.0.2.1", START + CLOCK_NS_PER_S / 5));
	limits_free(limits);
}

/* A flood from forged sources finds a table of a fixed size, and none of them has more than its rate. */
static void a_million_sources_share_what_there_is(void **state)
{
	struct limits *limits = make(
		&(struct limits_options){ .datagrams_per_s = 2, .source_bits = 64 });
	struct sockaddr_in in = { .sin_family = AF_INET };
	uint32_t admitted = 0;

	for (uint32_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < 1u << 20; i++) {
			in.sin_addr.s_addr = htonl(0x0a000000 + i);
			admitted += limits_admit_datagram(limits, (struct sockaddr *)&in, START);
		}
	}
	/* What the places of the table have together, and not what a million would have. */
	assert_in_range(admitted, 1u << 16, 2u << 16);
	/* A second later everything has recovered. */
	assert_true(limits_admit_datagram(limits, (struct sockaddr *)&in, START + CLOCK_NS_PER_S));
	limits_free(limits);
}

static void *come_and_go(void *context)
{
	struct limits *limits = context;
	struct sockaddr_storage storage = source("192.0.2.1");

	for (int i = 0; i < 20000; i++) {
		struct limits_source *held = NULL;

		if (limits_admit(limits, (struct sockaddr *)&storage, START, &held) ==
			LIMITS_ADMITTED)
			limits_release(limits, held);
	}
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	struct limits *limits = make(
		&(struct limits_options){ .connections = 2, .per_source = 2, .source_bits = 64 });
	struct limits_source *held;
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, limits), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(admit(limits, "192.0.2.1", START, &held), LIMITS_ADMITTED);
	assert_int_equal(admit(limits, "192.0.2.1", START, &held), LIMITS_CONNECTIONS);
	limits_free(limits);
}

static void limits_can_change(void **state)
{
	struct limits_options options = { .adjustable = true, .source_bits = 64 };
	struct limits *limits = make(&options);
	struct limits_source *early = NULL, *held = NULL, *other = NULL;

	assert_int_equal(admit(limits, "192.0.2.1", START, &early), LIMITS_ADMITTED);
	assert_null(early);
	options.per_source = 1;
	options.datagrams_per_s = 1;
	limits_set(limits, &options);
	/* Who came before is not counted. */
	assert_int_equal(admit(limits, "192.0.2.1", START, &held), LIMITS_ADMITTED);
	assert_non_null(held);
	assert_int_equal(admit(limits, "192.0.2.1", START, &other), LIMITS_PER_SOURCE);
	options.per_source = 0;
	options.connections = 2;
	limits_set(limits, &options);
	assert_int_equal(admit(limits, "192.0.2.1", START, &other), LIMITS_CONNECTIONS);
	limits_release(limits, held); /* though nobody is counted by source any more */
	limits_release(limits, early);
	assert_int_equal(admit(limits, "192.0.2.1", START, &other), LIMITS_ADMITTED);
	limits_release(limits, other);
	limits_free(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_can_change),
		cmocka_unit_test(connections_up_to_the_cap),
		cmocka_unit_test(memory_is_told_apart),
		cmocka_unit_test(each_source_has_its_own_cap),
		cmocka_unit_test(an_ipv6_source_is_a_prefix),
		cmocka_unit_test(a_refusal_leaves_nothing_behind),
		cmocka_unit_test(a_rate_is_a_seconds_worth_and_then_so_many_a_second),
		cmocka_unit_test(datagrams_of_each_source),
		cmocka_unit_test(a_million_sources_share_what_there_is),
		cmocka_unit_test(threads_lose_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
