/*
 * TLS 1.2 and 1.3 (RFC 5246, RFC 8446) as a stage (wire/stage.h), by OpenSSL 3: no compression, no
 * renegotiation, no early data. Half-close is close_notify: tls stage_finish() sends it, and
 * stage_read() gives 0 when the peer's has come. That the wire has ended without one is for the
 * caller to see: it is a truncation (RFC 8446 6.1).
 *
 * Limits: an idle connection holds no record buffers (SSL_MODE_RELEASE_BUFFERS). Thread and
 * ownership: as wire/stage.h; it holds a reference of its context.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/stage.h"
#include "wire/tls_context.h"

/* Size of the texts of struct tls_facts. */
#define TLS_NAME_SIZE 256

/* What has been agreed on; texts are "" where there is nothing. */
struct tls_facts {
	const char *version; /* "TLSv1.3" */
	const char *cipher; /* "TLS_AES_256_GCM_SHA384" */
	bool resumed;
	char alpn[TLS_NAME_SIZE]; /* the protocol that was agreed on (RFC 7301) */
	char sni[TLS_NAME_SIZE]; /* the name that the client has asked for */
	struct tls_certificate peer; /* of the other end */
};

/*
 * A stage of a server's or a client's context. `host`: for a client, the name or address that is
 * verified, and sent as SNI where it is a name; NULL for a server. NULL: no memory.
 */
struct stage *tls_new(struct tls_context *context, const char *host);

/* Of a stage that has been open. */
void tls_facts(const struct stage *stage, struct tls_facts *ret_facts);

/* Whether it goes on with the keys of an earlier connection. */
bool tls_is_resumed(const struct stage *stage);

/* Gives back what the library keeps for this thread, which ends, and does so before the process may. */
void tls_end_thread(void);
