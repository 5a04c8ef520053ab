/*
 * tls_certificate.c: a certificate of one's own is one that others can read, whatever chance gives it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/tls_certificate.h"

#if MEARI_HAVE_TLS

/* One serial number in 256 had a zero in front that DER forbids. */
#define MADE 600

static void each_can_be_read(void **state)
{
	for (int i = 0; i < MADE; i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
		unsigned char *bytes = NULL;
		const unsigned char *at;
		X509 *read_back;
		int length;

		assert_non_null(ctx);
		assert_int_equal(tls_certificate_sign_own(ctx), 0);
		length = i2d_X509(SSL_CTX_get0_certificate(ctx), &bytes);
		assert_true(length > 0);
		at = bytes;
		read_back = d2i_X509(NULL, &at, length);
		assert_non_null(read_back);
		X509_free(read_back);
		OPENSSL_free(bytes);
		SSL_CTX_free(ctx);
	}
}

#else

static void each_can_be_read(void **state)
{
	skip();
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_can_be_read) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
