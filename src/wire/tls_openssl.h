/*
 * What the files of wire/tls* share of OpenSSL. No other file includes it. Ownership: a context owns
 * all that it points to.
 */
#pragma once

#include "config.h"
#include "wire/tls_context.h"

#if MEARI_HAVE_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

struct tls_context {
	_Atomic unsigned references;
	SSL_CTX **ctxs; /* a server's: one for each certificate; a client's: one */
	size_t count;
	bool server, insecure;
	char *sni; /* a client's; NULL: the host's name */
	unsigned char *alpn; /* as on the wire: each name behind its length */
	unsigned alpn_length;
	/* A client's that resumes: the newest session, taken and put under the lock. */
	bool resume;
	pthread_mutex_t lock;
	SSL_SESSION *session;
};

/* The newest error of this thread in words, and none is left behind. Returns `buffer`. */
const char *tls_context_why(char *buffer, size_t size);
#endif
