/*
 * Certificates: one made in memory, for tests, and what one says in words. Any thread. Ownership:
 * the context takes what is made.
 */
#pragma once

#include "wire/tls_openssl.h"

/* How long one that is made here is good. */
#define TLS_CERTIFICATE_OWN_DAYS 30

#if MEARI_HAVE_TLS
/*
 * Makes a key (P-256) and a certificate for localhost, 127.0.0.1, ::1 and the name of this host,
 * and puts both into the context. -ENOMEM, where OpenSSL could not.
 */
int tls_certificate_sign_own(SSL_CTX *ctx);

/* NULL: all texts are "". */
void tls_certificate_describe(const X509 *certificate, struct tls_certificate *ret_certificate);
#endif
