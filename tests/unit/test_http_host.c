/*
 * Whose names are answered: none that a page of another site could have lead here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "web/http_host.h"

static const char *const names[] = { "echo.example" };

static bool is_ours(const char *host)
{
	return http_host_is_ours((struct http_text){ host, strlen(host) }, names, 1);
}

static void what_cannot_be_rebound_is_ours(void **state)
{
	static const char *const ours[] = { "127.0.0.1", "127.0.0.1:9090", "[::1]", "[::1]:9090",
		"[fe80::1%eth0]:1", "192.0.2.1:80", "localhost", "LOCALHOST:9090", "localhost.",
		"a.localhost", "echo.example", "Echo.Example:443", "echo.example.", "localhost:" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_true(is_ours(ours[i]));
	assert_true(http_host_is_ours((struct http_text){ 0 }, NULL, 0));
}

static void what_can_is_not(void **state)
{
	static const char *const others[] = { "", "evil.example", "evil.example:9090",
		"localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost", ".localhost",
		"127.0.0.1:80:80", "127.0.0.1:x", "[::1", "[::1]x", "[127.0.0.1]", "[]",
		"[::1]:999999", "1", "127.1", "0x7f000001", "echo.example.evil",
		"sub.echo.example" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(is_ours(others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_rebound_is_ours),
		cmocka_unit_test(what_can_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
