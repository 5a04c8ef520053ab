/*
 * How a conversation ended, as a value that its loop fills in, and as one
 * sentence for the person. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size for any sentence of ending_format. */
#define ENDING_TEXT_SIZE 400

enum ending_kind {
	ENDING_FINE, /* everything that was sent came back, and both ends have finished */
	ENDING_SIGNAL, /* a signal; `error` is its number */
	ENDING_SERVER, /* the server's end came first; `error` is 0 (FIN) or -errno */
	ENDING_SHORT, /* both ends have finished, but less came back than was sent */
	ENDING_MORE, /* more came back than was sent */
	ENDING_DIFFERENT, /* what came back differs at offset `differs_at` */
	ENDING_SILENT, /* nothing came for `timeout_ns` though something was due */
	ENDING_LOST, /* datagrams that did not come back in time */
	ENDING_INPUT, /* standard input cannot be read: `error` */
	ENDING_OUTPUT, /* standard output cannot be written: `error` */
	ENDING_LOCAL, /* this side failed: `error` */
};

struct ending {
	enum ending_kind kind;
	int error;
	uint64_t sent_bytes; /* handed to the kernel */
	uint64_t received_bytes;
	uint64_t differs_at;
	uint64_t timeout_ns;
	uint64_t sent_datagrams;
	uint64_t lost_datagrams;
	uint64_t lost_at; /* offset in the input of the first one lost */
	bool lost_differs; /* one came in its place that differs first at `differs_at` */
};

/* What the server did, by the error that it shows as: 0, or -errno. Translated, no full stop. */
const char *ending_server_words(int error);

/* One sentence without a full stop; "" for ENDING_FINE. Returns `buffer`. */
const char *ending_format(const struct ending *ending, char *buffer, size_t size);
