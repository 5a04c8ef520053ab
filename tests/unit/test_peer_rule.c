/* Which UDP peers are answered: by address, by port, and how often. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "server/admission/peer_rule.h"

static uint64_t now_ns = CLOCK_NS_PER_S;
static unsigned clock_reads;

static uint64_t read_clock(void)
{
	clock_reads++;
	return now_ns;
}

static struct in6_addr address_of(const char *text)
{
	struct in6_addr address = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (inet_pton(AF_INET, text, &address.s6_addr[12]) != 1)
		assert_int_equal(inet_pton(AF_INET6, text, &address), 1);
	return address;
}

static enum peer_rule_verdict judge(
	struct peer_rule *rule, const char *text, uint16_t port, const char *asked_text)
{
	struct in6_addr asked = address_of(asked_text);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	enum peer_rule_verdict plain, mapped;

	in6.sin6_addr = address_of(text);
	mapped = peer_rule_judge(rule, (struct sockaddr *)&in6, &asked, read_clock);
	if (inet_pton(AF_INET, text, &in.sin_addr) != 1 || mapped == PEER_RULE_TOO_FAST)
		return mapped;
	plain = peer_rule_judge(rule, (struct sockaddr *)&in, NULL, read_clock);
	/* Without the address asked, only that one may make a difference. */
	if (strcmp(text, asked_text) != 0)
		assert_int_equal(plain, mapped);
	return mapped;
}

static struct own_addresses *own_set(void)
{
	const struct own_addresses_entry entries[] = {
		{ address_of("198.51.100.1"), OWN_ADDRESSES_OURS },
		{ address_of("198.51.100.255"), OWN_ADDRESSES_BROADCAST },
		{ address_of("198.51.100.0"), OWN_ADDRESSES_BROADCAST },
		{ address_of("203.0.113.1"), OWN_ADDRESSES_OURS },
		{ address_of("203.0.113.1"), OWN_ADDRESSES_BROADCAST }, /* a /32 */
		{ address_of("2001:db8::1"), OWN_ADDRESSES_OURS },
		{ address_of("fe80::1"), OWN_ADDRESSES_OURS },
	};
	struct own_addresses *own;

	assert_int_equal(own_addresses_new(entries, sizeof(entries) / sizeof(entries[0]), &own), 0);
	return own;
}

static const struct peer_rule_options usual = {
	.first_port = 32768,
	.last_port = 60999,
	.per_s = 1000,
};

static void addresses_decide_and_then_ports(void **state)
{
	static const struct {
		const char *peer;
		uint16_t port;
		enum peer_rule_verdict verdict;
	} cases[] = {
		{ "192.0.2.1", 40000, PEER_RULE_ANSWER },
		{ "192.0.2.1", 5000, PEER_RULE_ANSWER },
		{ "192.0.2.1", 61000, PEER_RULE_ANSWER },
		{ "2001:db8::2", 40000, PEER_RULE_ANSWER },
		{ "0.0.0.0", 40000, PEER_RULE_NO_HOST },
		{ "0.1.2.3", 40000, PEER_RULE_NO_HOST },
		{ "::", 40000, PEER_RULE_NO_HOST },
		{ "224.0.0.1", 40000, PEER_RULE_NO_HOST },
		{ "239.255.255.255", 40000, PEER_RULE_NO_HOST },
		{ "255.255.255.255", 40000, PEER_RULE_NO_HOST },
		{ "ff02::1", 40000, PEER_RULE_NO_HOST },
		{ "198.51.100.255", 40000, PEER_RULE_NO_HOST },
		{ "198.51.100.0", 40000, PEER_RULE_NO_HOST },
		{ "198.51.100.2", 40000, PEER_RULE_ANSWER },
		{ "198.51.100.1", 40000, PEER_RULE_OWN },
		{ "203.0.113.1", 40000, PEER_RULE_OWN },
		{ "2001:db8::1", 40000, PEER_RULE_OWN },
		{ "fe80::1", 40000, PEER_RULE_OWN },
		{ "192.0.2.99", 40000, PEER_RULE_OWN }, /* the address asked */
		{ "127.0.0.1", 40000, PEER_RULE_ANSWER },
		{ "127.0.0.1", 32768, PEER_RULE_ANSWER },
		{ "127.0.0.1", 60999, PEER_RULE_ANSWER },
		{ "127.0.0.1", 32767, PEER_RULE_OWN },
		{ "127.0.0.1", 61000, PEER_RULE_OWN },
		{ "127.9.9.9", 5001, PEER_RULE_OWN },
		{ "::1", 40000, PEER_RULE_ANSWER },
		{ "::1", 5001, PEER_RULE_OWN },
	};
	struct own_addresses *own = own_set();
	struct peer_rule rule;

	assert_int_equal(peer_rule_init(&rule, &usual), 0);
	rule.own = own;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum peer_rule_verdict verdict = judge(
			&rule, cases[i].peer, cases[i].port, "192.0.2.99");

		if (verdict != cases[i].verdict)
			fail_msg("%s port %u: %d", cases[i].peer, cases[i].port, (int)verdict);
	}
	peer_rule_fini(&rule);
	own_addresses_free(own);
}

/* Millions of clients: their ports are never limited, and cost no look at the clock. */
static void ephemeral_ports_are_never_limited(void **state)
{
	struct peer_rule rule;

	assert_int_equal(peer_rule_init(&rule, &usual), 0);
	clock_reads = 0;
	for (unsigned i = 0; i < 100 * 1000; i++)
		assert_int_equal(
			judge(&rule, "192.0.2.1", (uint16_t)(32768 + i % 28000), "192.0.2.99"),
			PEER_RULE_ANSWER);
	assert_int_equal(clock_reads, 0);
	peer_rule_fini(&rule);
}

static unsigned answered(struct peer_rule *rule, const char *peer, uint16_t port, unsigned asked)
{
	unsigned count = 0;

	for (unsigned i = 0; i < asked; i++)
		count += judge(rule, peer, port, "2001:db8::99") == PEER_RULE_ANSWER;
	return count;
}

/* In three seconds of a loop at full speed: three thousand. */
static void other_ports_are_answered_so_often_a_second(void **state)
{
	struct peer_rule rule;
	unsigned count = 0;

	assert_int_equal(peer_rule_init(&rule, &usual), 0);
	for (unsigned ms = 0; ms < 3000; ms++) {
		count += answered(&rule, "2001:db8::2", 5001, 50);
		now_ns += CLOCK_NS_PER_MS;
	}
	assert_int_equal(count, 3000);
	/* Who keeps below it loses nothing, and another peer has its own. */
	for (unsigned i = 0; i < 2000; i++) {
		now_ns += 2 * CLOCK_NS_PER_MS;
		assert_int_equal(answered(&rule, "2001:db8::2", 5001, 1), 1);
		assert_int_equal(answered(&rule, "2001:db8::3", 5001, 1), 1);
	}
	peer_rule_fini(&rule);
}

static void the_rate_can_be_chosen(void **state)
{
	struct peer_rule_options options = usual;
	struct peer_rule rule;

	options.per_s = 0;
	assert_int_equal(peer_rule_init(&rule, &options), 0);
	assert_int_equal(answered(&rule, "2001:db8::2", 5001, 10), 0);
	assert_int_equal(answered(&rule, "2001:db8::2", 40000, 10), 10);
	peer_rule_fini(&rule);
	options.per_s = 1;
	assert_int_equal(peer_rule_init(&rule, &options), 0);
	assert_int_equal(answered(&rule, "2001:db8::2", 5001, 10), 1);
	now_ns += CLOCK_NS_PER_S;
	assert_int_equal(answered(&rule, "2001:db8::2", 5001, 10), 1);
	peer_rule_fini(&rule);
}

static void the_kernel_tells_its_ephemeral_ports(void **state)
{
	struct peer_rule_options options;

	peer_rule_take_ports(&options);
	assert_true(options.first_port > 0 && options.first_port <= options.last_port);
}

static void the_kernel_tells_our_addresses(void **state)
{
	struct in6_addr loopback = address_of("127.0.0.1"), other = address_of("192.0.2.1");
	struct own_addresses_watch *watch;
	struct own_addresses *own, *changed;

	assert_int_equal(own_addresses_watch_open(&watch, &own), 0);
	assert_int_equal(own_addresses_find(own, &loopback), OWN_ADDRESSES_OURS);
	assert_int_equal(own_addresses_find(own, &other), OWN_ADDRESSES_FOREIGN);
	assert_true(own_addresses_watch_fd(watch) >= 0);
	assert_false(own_addresses_watch_follow(watch, now_ns, &changed));
	assert_int_equal(own_addresses_watch_due_ns(watch), CLOCK_NEVER);
	own_addresses_free(own);
	own_addresses_watch_close(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_decide_and_then_ports),
		cmocka_unit_test(ephemeral_ports_are_never_limited),
		cmocka_unit_test(other_ports_are_answered_so_often_a_second),
		cmocka_unit_test(the_rate_can_be_chosen),
		cmocka_unit_test(the_kernel_tells_its_ephemeral_ports),
		cmocka_unit_test(the_kernel_tells_our_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
