/*
 * A handshake of a server's context with a client of our own, in memory. It shows that the key works,
 * and OpenSSL makes all that it makes only once: what it lacks memory for then would be missing for
 * ever. To be called before anything is served.
 *
 * Failing: -ENOMEM or -EPROTO, and the reason in `reterr_why`. Thread: any.
 */
#pragma once

#include "wire/tls_context.h"

int tls_rehearsal_run(struct tls_context *server, char *reterr_why, size_t size);
