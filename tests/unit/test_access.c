/*
 * access.c: who may come, by blocks given and blocks in files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/admission/access.h"

#define ENTRIES(...)                                                                               \
	&(const struct access_entries)                                                             \
	{                                                                                          \
		(const char *[]){ __VA_ARGS__ },                                                   \
			sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)                   \
	}
#define NONE                                                                                       \
	&(const struct access_entries)                                                             \
	{                                                                                          \
		0                                                                                  \
	}

static bool may(const struct access *access, const char *text)
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
	return access_admits(access, (struct sockaddr *)&storage);
}

static struct access *make(const struct access_entries *allow, const struct access_entries *deny)
{
	struct access *access;

	assert_int_equal(access_new(allow, deny, &access), 0);
	return access;
}

static void only_who_is_allowed(void **state)
{
	struct access *access = make(ENTRIES("192.0.2.0/24", "2001:db8::/32"), NONE);

	assert_true(may(access, "192.0.2.0"));
	assert_true(may(access, "192.0.2.255"));
	assert_false(may(access, "192.0.1.255"));
	assert_false(may(access, "192.0.3.0"));
	assert_true(may(access, "::ffff:192.0.2.7"));
	assert_true(may(access, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_false(may(access, "2001:db9::"));
	access_free(access);
}

static void everybody_who_is_not_denied(void **state)
{
	struct access *access = make(NONE, ENTRIES("10.0.0.0/8"));

	assert_false(may(access, "10.1.2.3"));
	assert_false(may(access, "::ffff:10.1.2.3"));
	assert_true(may(access, "11.0.0.0"));
	assert_true(may(access, "::1"));
	access_free(access);
}

static void denying_wins(void **state)
{
	struct access *access = make(ENTRIES("10.0.0.0/8"), ENTRIES("10.1.0.0/16", "10.2.3.4"));

	assert_true(may(access, "10.0.0.1"));
	assert_false(may(access, "10.1.0.1"));
	assert_false(may(access, "10.2.3.4"));
	assert_true(may(access, "10.2.3.5"));
	assert_false(may(access, "192.0.2.1"));
	assert_false(may(access, "::1"));
	access_free(access);
}

static void all_of_ipv6_is_no_ipv4(void **state)
{
	struct access *access = make(ENTRIES("::/0"), NONE);

	assert_true(may(access, "2001:db8::1"));
	assert_false(may(access, "192.0.2.1"));
	assert_false(may(access, "::ffff:192.0.2.1"));
	access_free(access);
}

static void blocks_in_any_order_and_within_each_other(void **state)
{
	struct access *access = make(ENTRIES("10.9.0.0/16", "192.0.2.9", "10.0.0.0/8",
					     "10.0.0.0/16", "192.0.2.8", "10.255.255.255"),
		NONE);

	assert_true(may(access, "10.0.0.0"));
	assert_true(may(access, "10.200.0.1"));
	assert_true(may(access, "10.255.255.255"));
	assert_true(may(access, "192.0.2.8"));
	assert_true(may(access, "192.0.2.9"));
	assert_false(may(access, "192.0.2.7"));
	assert_false(may(access, "192.0.2.10"));
	assert_false(may(access, "11.0.0.0"));
	access_free(access);
}

static void unix_peers_have_no_address(void **state)
{
	struct access *access = make(ENTRIES("192.0.2.0/24"), ENTRIES("0.0.0.0/0"));
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	assert_true(access_admits(access, (struct sockaddr *)&un));
	access_free(access);
}

/* Makes a file and gives "@path"; the caller frees it. */
static char *make_file(const char *content)
{
	char *name = strdup("@/tmp/meari-access-XXXXXX");
	int fd = mkstemp(name + 1);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	return name;
}

static void remove_file(char *name)
{
	unlink(name + 1);
	free(name);
}

static void a_file_has_a_block_a_line(void **state)
{
	char *name = make_file(
		"# who may\n\n  192.0.2.0/24\t# the office\n::1\r\n#10.0.0.0/8\n   \n"
		"198.51.100.7");
	struct access *access = make(ENTRIES(name), NONE);

	assert_true(may(access, "192.0.2.1"));
	assert_true(may(access, "::1"));
	assert_true(may(access, "198.51.100.7"));
	assert_false(may(access, "10.0.0.1"));
	access_free(access);
	remove_file(name);
}

static void an_empty_file_allows_nobody(void **state)
{
	char *name = make_file("");
	struct access *access = make(ENTRIES(name), NONE);

	assert_false(may(access, "192.0.2.1"));
	access_free(access);
	access = make(NONE, ENTRIES(name));
	assert_true(may(access, "192.0.2.1"));
	access_free(access);
	remove_file(name);
}

static void what_is_wrong_is_refused_as_a_whole(void **state)
{
	char *name = make_file("192.0.2.0/24\n192.0.2.0/33\n");
	struct access *access = NULL;

	assert_int_equal(access_new(ENTRIES(name), NONE, &access), -EINVAL);
	assert_int_equal(access_new(ENTRIES("@/no/such/file"), NONE, &access), -ENOENT);
	assert_int_equal(access_new(ENTRIES("@/"), NONE, &access), -EISDIR);
	assert_int_equal(access_new(NONE, ENTRIES("10.0.0.1/8"), &access), -EINVAL);
	assert_null(access);
	remove_file(name);
}

static void a_list_has_a_cap(void **state)
{
	char name[] = "@/tmp/meari-access-XXXXXX";
	struct access *access = NULL;
	FILE *file = fdopen(mkstemp(name + 1), "w");

	assert_non_null(file);
	for (unsigned i = 0; i < ACCESS_MOST_BLOCKS; i++)
		fprintf(file, "10.%u.%u.%u\n", i >> 16, i >> 8 & 0xff, i & 0xff);
	fflush(file);
	assert_int_equal(access_new(ENTRIES(name), NONE, &access), 0);
	assert_true(may(access, "10.15.255.255"));
	assert_false(may(access, "10.16.0.0"));
	access_free(access);
	access = NULL;
	fprintf(file, "10.16.0.0\n");
	fclose(file);
	assert_int_equal(access_new(ENTRIES(name), NONE, &access), -E2BIG);
	assert_null(access);
	unlink(name + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_is_allowed),
		cmocka_unit_test(everybody_who_is_not_denied),
		cmocka_unit_test(denying_wins),
		cmocka_unit_test(all_of_ipv6_is_no_ipv4),
		cmocka_unit_test(blocks_in_any_order_and_within_each_other),
		cmocka_unit_test(unix_peers_have_no_address),
		cmocka_unit_test(a_file_has_a_block_a_line),
		cmocka_unit_test(an_empty_file_allows_nobody),
		cmocka_unit_test(what_is_wrong_is_refused_as_a_whole),
		cmocka_unit_test(a_list_has_a_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
