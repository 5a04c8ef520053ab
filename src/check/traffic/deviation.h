/*
 * What became of bytes that did not come back as they were sent: changed, missing, repeated or added. The
 * pattern (protocol/pattern.h) does not repeat itself within PATTERN_PERIOD bytes, so a few bytes tell the
 * place in the stream that they come from. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* So many bytes from the difference on are enough; fewer may do. */
#define DEVIATION_WINDOW_BYTES 256u

enum deviation_kind {
	DEVIATION_OTHER, /* nothing of the stream is recognized: these are other bytes */
	DEVIATION_CHANGED, /* `bytes` bytes have other values; then the stream goes on in its place */
	DEVIATION_MISSING, /* `bytes` bytes of the stream are not there; it goes on behind them */
	DEVIATION_REPEATED, /* the stream goes on `bytes` bytes before: what was there comes again */
	DEVIATION_ADDED, /* `bytes` bytes are between that were never sent; then the stream goes on */
};

struct deviation {
	enum deviation_kind kind;
	uint64_t at; /* offset in the stream of the first byte that is not as it was sent */
	uint64_t bytes;
};

/*
 * `seen` is what came in the place of offset `at` of the stream that begins at `start`, of which `sent_bytes`
 * have been sent. The first byte of `seen` is the first that differs.
 */
struct deviation deviation_find(
	const unsigned char *seen, size_t length, uint32_t start, uint64_t at, uint64_t sent_bytes);
