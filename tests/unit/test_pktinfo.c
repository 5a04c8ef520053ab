/*
 * Where an answer leaves from: what the kernel reports of the question, and what it is given for the
 * answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "engine/pktinfo.h"

union control {
	struct cmsghdr header;
	char bytes[PKTINFO_COMING_BYTES];
};

static struct pktinfo note(int level, int type, const void *content, size_t length)
{
	struct pktinfo info = { 0 };
	union control control = {
		.header = { .cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(length) }
	};

	memcpy(CMSG_DATA(&control.header), content, length);
	pktinfo_note(&info, &control.header);
	return info;
}

static struct pktinfo note_ipv4(const char *header, const char *own, int interface)
{
	struct in_pktinfo asked = { .ipi_ifindex = interface };

	assert_int_equal(inet_pton(AF_INET, header, &asked.ipi_addr), 1);
	assert_int_equal(inet_pton(AF_INET, own, &asked.ipi_spec_dst), 1);
	return note(IPPROTO_IP, IP_PKTINFO, &asked, sizeof(asked));
}

static struct pktinfo note_ipv6(const char *own, unsigned interface)
{
	struct in6_pktinfo asked = { .ipi6_ifindex = interface };

	assert_int_equal(inet_pton(AF_INET6, own, &asked.ipi6_addr), 1);
	return note(IPPROTO_IPV6, IPV6_PKTINFO, &asked, sizeof(asked));
}

/* The address and the interface that an answer on a socket of this family names. */
static void expect_source(
	const struct pktinfo *info, int family, const char *address, int interface)
{
	union control control;
	char text[INET6_ADDRSTRLEN];

	memset(&control, 0xff, sizeof(control));
	if (family == AF_INET) {
		struct in_pktinfo source;

		assert_int_equal(
			pktinfo_write(info, family, &control.header), CMSG_SPACE(sizeof(source)));
		assert_int_equal(control.header.cmsg_level, IPPROTO_IP);
		assert_int_equal(control.header.cmsg_type, IP_PKTINFO);
		memcpy(&source, CMSG_DATA(&control.header), sizeof(source));
		assert_int_equal(source.ipi_addr.s_addr, 0);
		assert_int_equal(source.ipi_ifindex, interface);
		inet_ntop(family, &source.ipi_spec_dst, text, sizeof(text));
	} else {
		struct in6_pktinfo source;

		assert_int_equal(
			pktinfo_write(info, family, &control.header), CMSG_SPACE(sizeof(source)));
		assert_int_equal(control.header.cmsg_level, IPPROTO_IPV6);
		assert_int_equal(control.header.cmsg_type, IPV6_PKTINFO);
		memcpy(&source, CMSG_DATA(&control.header), sizeof(source));
		assert_int_equal(source.ipi6_ifindex, interface);
		inet_ntop(family, &source.ipi6_addr, text, sizeof(text));
	}
	assert_string_equal(text, address);
}

static void the_answer_leaves_from_the_address_asked(void **state)
{
	struct pktinfo info = note_ipv4("127.0.0.2", "127.0.0.2", 1);

	assert_true(info.known);
	assert_false(info.to_group);
	expect_source(&info, AF_INET, "127.0.0.2", 0);
	expect_source(&info, AF_INET6, "::ffff:127.0.0.2", 0); /* one socket for both families */
	info = note_ipv6("2001:db8::1", 3);
	assert_false(info.to_group);
	expect_source(&info, AF_INET6, "2001:db8::1", 0);
}

static void a_link_local_address_keeps_its_interface(void **state)
{
	struct pktinfo info = note_ipv6("fe80::1", 3);

	expect_source(&info, AF_INET6, "fe80::1", 3);
	info = note_ipv4("169.254.7.7", "169.254.7.7", 4);
	expect_source(&info, AF_INET, "169.254.7.7", 4);
	info = note_ipv4("169.253.7.7", "169.253.7.7", 4);
	expect_source(&info, AF_INET, "169.253.7.7", 0);
}

static void groups_are_distinguished(void **state)
{
	/* A broadcast, a multicast: our own address is another than the one in the header. */
	assert_true(note_ipv4("192.0.2.255", "192.0.2.1", 2).to_group);
	assert_true(note_ipv4("224.0.0.1", "192.0.2.1", 2).to_group);
	assert_true(note_ipv6("ff02::1", 2).to_group);
}

static void of_a_mapped_address_the_other_message_knows_more(void **state)
{
	assert_false(note_ipv6("::ffff:192.0.2.255", 2).known);
}

static void what_says_something_else_is_passed_over(void **state)
{
	union control control;
	struct pktinfo info = note(IPPROTO_IP, IP_TTL, "abcd", 4);

	assert_false(info.known);
	assert_int_equal(pktinfo_write(&info, AF_INET, &control.header), 0);
}

static void same_is_the_same_source(void **state)
{
	struct pktinfo unknown = { 0 }, one = note_ipv4("192.0.2.1", "192.0.2.1", 2);
	struct pktinfo again = note_ipv4("192.0.2.1", "192.0.2.1", 3);
	struct pktinfo other = note_ipv4("192.0.2.2", "192.0.2.2", 2);

	assert_true(pktinfo_is_same(&unknown, &unknown));
	assert_false(pktinfo_is_same(&unknown, &one));
	assert_true(pktinfo_is_same(&one, &again)); /* whichever way they came by */
	assert_false(pktinfo_is_same(&one, &other));
	one = note_ipv6("fe80::1", 3);
	other = note_ipv6("fe80::1", 4);
	assert_false(pktinfo_is_same(&one, &other));
}

/* Whatever claims to be one and is shorter says nothing: what lies behind it is not ours to read. */
static void what_is_too_short_says_nothing(void **state)
{
	struct in_pktinfo asked = { .ipi_ifindex = 1 };
	struct in6_pktinfo asked6 = { .ipi6_ifindex = 1 };

	for (size_t length = 0; length < sizeof(asked); length++)
		assert_false(note(IPPROTO_IP, IP_PKTINFO, &asked, length).known);
	for (size_t length = 0; length < sizeof(asked6); length++)
		assert_false(note(IPPROTO_IPV6, IPV6_PKTINFO, &asked6, length).known);
	assert_true(note(IPPROTO_IP, IP_PKTINFO, &asked, sizeof(asked)).known);
	assert_true(note(IPPROTO_IPV6, IPV6_PKTINFO, &asked6, sizeof(asked6)).known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_leaves_from_the_address_asked),
		cmocka_unit_test(a_link_local_address_keeps_its_interface),
		cmocka_unit_test(groups_are_distinguished),
		cmocka_unit_test(of_a_mapped_address_the_other_message_knows_more),
		cmocka_unit_test(what_says_something_else_is_passed_over),
		cmocka_unit_test(same_is_the_same_source),
		cmocka_unit_test(what_is_too_short_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
