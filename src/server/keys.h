/*
 * The server's keys and certificates: read before the sandbox closes, and again on SIGHUP. What is
 * wrong then changes nothing: the old ones go on. Connections keep what they began with.
 *
 * The files are read by their paths. The sandbox leaves their folders readable, since a renewed
 * certificate is mostly another file of the same name; with --user it is that user who must be able
 * to read them again, and a line at the start tells where it cannot.
 *
 * Thread: keys_get() any; the rest the main thread's. Speaks when it fails.
 */
#pragma once

#include <pthread.h>

#include "server/server.h"
#include "wire/tls_context.h"

struct keys {
	pthread_mutex_t lock;
	struct tls_context *context; /* NULL: no address needs one */
};

/* Whether one of the addresses is of tls://. */
bool keys_are_needed(const struct server_options *options);

/*
 * Reads what the options name, where it is needed, and keeps this process out of core files.
 * -errno, and one line has been printed.
 */
int keys_open(struct keys *keys, const struct server_options *options);
void keys_close(struct keys *keys);

/* Logs the certificates: the fingerprint of one that was made here, and one that has expired. */
void keys_log_start(struct keys *keys, const struct server_options *options);

/* Inside the sandbox: whether what was read can be read again. Logs what cannot. */
void keys_check_again(const struct server_options *options);

/* There is something to be read again. */
bool keys_can_change(const struct server_options *options);
/* Reads it. -errno: the old ones stay in force, and lines have been printed. */
int keys_reload(struct keys *keys, const struct server_options *options);

/* A reference of what is in force. */
struct tls_context *keys_get(struct keys *keys);
