/*
 * The three encodings that HdrHistogram has had, all numbers big-endian:
 *
 *	compressed:  cookie, length, so many bytes of zlib, in which there is one of
 *	V0:          cookie, digits, lowest, highest, total count (64 bits), counters to the end
 *	V1, V2:      cookie, length of the counters, index offset, digits, lowest, highest, ratio, counters
 *
 *	cookies:     0x1c8493 and 09/08 (V0), 02/01 (V1), 04/03 (V2): compressed/not; the bits 0xf0 say
 *	             how many bytes a counter has: 2, 4 or 8; in V2 nothing
 *	counters:    in V0 and V1 of that width, signed; in V2 zigzag LEB128 (hdrlog.c)
 *
 * Index offset and ratio belong to histograms of floating point, whose counters mean other values.
 * Offset 0 and ratio 1.0 mean whole numbers. Writers that know of nothing else put integers there,
 * 0 or 1 (hdr-histogram-js 1 into both), as no floating point has them. Everything else is refused.
 *
 * What is read is foreign: it is inflated in small pieces straight into counters, of which there
 * are never more than the bounds in the head ask for, so a little text cannot become much memory.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "stats/hdrlog.h"

#define COOKIE_FAMILY 0x1c8493u /* all but the last byte */
#define COOKIE_FLOATING 0x0c72124fu /* of a histogram of floating point, compressed */
#define COOKIE_WORDS_MASK 0xf0u
#define COMPRESSED_HEAD_BYTES 8
#define HEAD_BYTES 40
#define HEAD_V0_BYTES 32
#define COUNTER_MOST_BYTES 9
#define RATIO_ONE UINT64_C(0x3ff0000000000000) /* 1.0 */

enum version { V0, V1, V2 };

static const struct {
	unsigned char compressed, plain; /* the last byte of the cookies, without the width */
} cookies[] = {
	[V0] = { 0x09, 0x08 },
	[V1] = { 0x02, 0x01 },
	[V2] = { 0x04, 0x03 },
};

/* Inflates piece by piece. */
struct unpacker {
	z_stream stream;
	bool ended; /* the compressed stream is over, its checksum was right */
	const unsigned char *at, *end; /* in `piece`: not yet taken */
	unsigned char piece[4096];
};

/* What the head of the encoding says. */
struct head {
	enum version version;
	unsigned width; /* of a counter in bytes; V0 and V1 */
	uint32_t digits;
	uint64_t lowest, highest;
	uint32_t bytes; /* of all counters; V1 and V2 */
	uint64_t total; /* V0 */
};

static uint32_t get_32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		bytes[3];
}

static uint64_t get_64(const unsigned char *bytes)
{
	return (uint64_t)get_32(bytes) << 32 | get_32(bytes + 4);
}

/* ---- bytes ---- */

/* The next piece; an empty one is the end. */
static int unpack_piece(struct unpacker *unpacker)
{
	z_stream *stream = &unpacker->stream;

	unpacker->at = unpacker->end = unpacker->piece;
	if (unpacker->ended)
		return 0;
	stream->next_out = unpacker->piece;
	stream->avail_out = sizeof(unpacker->piece);

	int r = inflate(stream, Z_NO_FLUSH);

	unpacker->end = stream->next_out;
	unpacker->ended = r == Z_STREAM_END;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	/* Z_BUF_ERROR: the text ends before the stream does. */
	return r == Z_OK || r == Z_STREAM_END ? 0 : -EBADMSG;
}

/* Makes sure that there is a byte to take. 1: there is; 0: the stream is over. */
static int unpack_more(struct unpacker *unpacker)
{
	while (unpacker->at == unpacker->end) {
		if (unpacker->ended)
			return 0;

		int r = unpack_piece(unpacker);

		if (r < 0)
			return r;
	}
	return 1;
}

/* The next bytes. -EBADMSG: there are not so many. */
static int unpack_bytes(struct unpacker *unpacker, unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = unpack_more(unpacker);

		if (r <= 0)
			return r < 0 ? r : -EBADMSG;
		bytes[i] = *unpacker->at++;
	}
	return 0;
}

/* Nothing may follow, and the checksum must be right. */
static int unpack_end(struct unpacker *unpacker)
{
	int r = unpack_more(unpacker);

	if (r != 0)
		return r < 0 ? r : -EBADMSG;
	return unpacker->stream.avail_in == 0 ? 0 : -EBADMSG;
}

/* ---- counters ---- */

/* One number of V2; takes its bytes off `left`. */
static int unpack_packed(struct unpacker *unpacker, uint32_t *left, int64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < COUNTER_MOST_BYTES; i++) {
		unsigned char byte;
		bool last = i == COUNTER_MOST_BYTES - 1;
		int r = *left > 0 ? unpack_bytes(unpacker, &byte, 1) : -EBADMSG;

		if (r < 0)
			return r;
		(*left)--;
		value |= (uint64_t)(last ? byte : byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
			break;
	}
	*ret_value = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
	return 0;
}

static int unpack_packed_counters(
	struct unpacker *unpacker, uint32_t bytes, struct histogram *histogram)
{
	size_t index = 0, end = histogram->counter_count;

	while (bytes > 0) {
		int64_t value;
		int r = unpack_packed(unpacker, &bytes, &value);

		if (r < 0)
			return r;
		if (value >= 0) {
			if (index == end)
				return -EBADMSG;
			histogram->counters[index++] = (uint64_t)value;
		} else {
			if (value < -(int64_t)(end - index))
				return -EBADMSG;
			index += (size_t)-value;
		}
	}
	return 0;
}

/* One counter of V0 or V1. None was ever negative; one that seems so has run over. */
static int unpack_word(struct unpacker *unpacker, unsigned width, uint64_t *ret_value)
{
	unsigned char bytes[8] = { 0 };
	uint64_t value = 0;
	int r = unpack_bytes(unpacker, bytes, width);

	if (r < 0)
		return r;
	if ((bytes[0] & 0x80) != 0)
		return -EBADMSG;
	for (unsigned i = 0; i < width; i++)
		value = value << 8 | bytes[i];
	*ret_value = value;
	return 0;
}

/*
 * `most` words, or fewer where the stream ends. Old writers had a bucket more for some bounds:
 * words beyond our counters must be 0.
 */
static int unpack_words(
	struct unpacker *unpacker, unsigned width, size_t most, struct histogram *histogram)
{
	for (size_t index = 0; index < most; index++) {
		uint64_t value;
		int r = unpack_more(unpacker);

		if (r <= 0)
			return r;
		r = unpack_word(unpacker, width, &value);
		if (r < 0)
			return r;
		if (index < histogram->counter_count)
			histogram->counters[index] = value;
		else if (value != 0)
			return -EBADMSG;
	}
	return 0;
}

static int unpack_counters(
	struct unpacker *unpacker, const struct head *head, struct histogram *histogram)
{
	size_t bucket = (size_t)1 << histogram->half_shift;
	size_t most = histogram->counter_count + bucket;

	switch (head->version) {
	case V0: return unpack_words(unpacker, head->width, most, histogram);
	case V1:
		if (head->bytes % head->width != 0 || head->bytes / head->width > most)
			return -EBADMSG;
		return unpack_words(unpacker, head->width, head->bytes / head->width, histogram);
	case V2: return unpack_packed_counters(unpacker, head->bytes, histogram);
	}
	return -EBADMSG;
}

/* ---- heads ---- */

/* The version of a cookie. -ENOTSUP: an unknown one. */
static int take_cookie(uint32_t cookie, bool compressed, enum version *ret_version)
{
	unsigned char kind = (unsigned char)(cookie & ~COOKIE_WORDS_MASK);

	for (unsigned i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++) {
		if (cookie >> 8 == COOKIE_FAMILY &&
			kind == (compressed ? cookies[i].compressed : cookies[i].plain)) {
			*ret_version = (enum version)i;
			return 0;
		}
	}
	return -ENOTSUP;
}

/* Whether the counters are those of whole numbers, each in its own place. */
static bool is_of_whole_numbers(uint32_t offset, uint64_t ratio)
{
	return (offset == 0 && ratio == RATIO_ONE) || (offset <= 1 && ratio <= 1);
}

static int unpack_head(struct unpacker *unpacker, struct head *head)
{
	unsigned char bytes[HEAD_BYTES];
	bool is_v0 = head->version == V0;
	enum version version;
	uint32_t cookie;
	int r = unpack_bytes(unpacker, bytes, is_v0 ? HEAD_V0_BYTES : HEAD_BYTES);

	if (r < 0)
		return r;
	cookie = get_32(bytes);
	if (take_cookie(cookie, false, &version) < 0 || version != head->version)
		return -ENOTSUP;
	head->width = (cookie & COOKIE_WORDS_MASK) >> 4;
	if (version != V2 && head->width != 2 && head->width != 4 && head->width != 8)
		return -ENOTSUP;
	head->digits = get_32(bytes + (is_v0 ? 4 : 12));
	head->lowest = get_64(bytes + (is_v0 ? 8 : 16));
	head->highest = get_64(bytes + (is_v0 ? 16 : 24));
	if (is_v0) {
		head->total = get_64(bytes + 24);
		return 0;
	}
	head->bytes = get_32(bytes + 4);
	return is_of_whole_numbers(get_32(bytes + 8), get_64(bytes + 32)) ? 0 : -ENOTSUP;
}

static int unpack(struct unpacker *unpacker, enum version version, struct histogram **ret_histogram)
{
	struct head head = { .version = version };
	struct histogram *histogram;
	int r = unpack_head(unpacker, &head);

	if (r < 0)
		return r;
	r = histogram_new(head.lowest, head.highest, head.digits, &histogram);
	if (r < 0)
		return r == -EINVAL ? -ENOTSUP : r;
	r = unpack_counters(unpacker, &head, histogram);
	if (r == 0)
		r = unpack_end(unpacker);
	if (r == 0 && histogram_recount(histogram) < 0)
		r = -EBADMSG;
	/* Two statements of one file that contradict each other. */
	if (r == 0 && version == V0 && head.total != histogram->count)
		r = -EBADMSG;
	if (r < 0) {
		histogram_free(histogram);
		return r;
	}
	*ret_histogram = histogram;
	return 0;
}

int hdrlog_decode(const char *text, size_t length, struct histogram **ret_histogram)
{
	if (length > HDRLOG_LINE_CAP_BYTES)
		return -EMSGSIZE;

	CLEANUP_FREE unsigned char *packed = malloc(BASE64_BYTES_SIZE(length) + 1);
	enum version version;
	size_t bytes;

	if (packed == NULL)
		return -ENOMEM;
	if (base64_decode(text, length, packed, &bytes) < 0 || bytes < COMPRESSED_HEAD_BYTES)
		return -EBADMSG;
	if (take_cookie(get_32(packed), true, &version) < 0)
		return get_32(packed) >> 8 == COOKIE_FAMILY || get_32(packed) == COOKIE_FLOATING
			? -ENOTSUP
			: -EBADMSG;
	/* Behind it some writers leave what their buffer had left over. */
	if (get_32(packed + 4) > bytes - COMPRESSED_HEAD_BYTES)
		return -EBADMSG;

	struct unpacker unpacker = {
		.stream = {
			.next_in = packed + COMPRESSED_HEAD_BYTES,
			.avail_in = get_32(packed + 4),
		},
	};

	if (inflateInit(&unpacker.stream) != Z_OK)
		return -ENOMEM;

	int r = unpack(&unpacker, version, ret_histogram);

	inflateEnd(&unpacker.stream);
	return r;
}
