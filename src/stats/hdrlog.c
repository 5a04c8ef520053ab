/*
 * The V2 encoding, all numbers big-endian:
 *
 *	compressed:  cookie 0x1c849304 | 0x10, length, so many bytes of zlib, in which there is
 *	encoding:    cookie 0x1c849303 | 0x10, length of the counters, index offset, digits,
 *	             lowest (64 bits), highest (64 bits), ratio (64 bits), counters
 *	counters:    from the first to that of the maximum, each a zigzag LEB128 of at most 9 bytes
 *	             (the ninth has 8 bits); a negative one is a run of so many zeros
 *
 * Index offset and ratio belong to histograms of floating point; some writers leave nonsense in
 * them, every writer of whole numbers means 0 and 1, and so they are not looked at.
 *
 * What is read is foreign: it is inflated in small pieces straight into counters, of which there are
 * never more than the bounds in the head ask for, so a little text cannot become much memory.
 */
#include "stats/hdrlog.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/base64.h"
#include "base/cleanup.h"

#define COOKIE 0x1c849303u
#define COOKIE_COMPRESSED 0x1c849304u
#define COOKIE_WORDS 0x10u /* how wide a counter is: in V2 always LEB128 */
#define COOKIE_WORDS_MASK 0xf0u
#define HEAD_BYTES 40
#define COMPRESSED_HEAD_BYTES 8
#define COUNTER_MOST_BYTES 9
#define RATIO_ONE UINT64_C(0x3ff0000000000000) /* 1.0 */

/* ---- encoding ---- */

static unsigned char *put_32(unsigned char *at, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (unsigned char)(value >> shift);
	return at;
}

static unsigned char *put_64(unsigned char *at, uint64_t value)
{
	return put_32(put_32(at, (uint32_t)(value >> 32)), (uint32_t)value);
}

/* Returns how many bytes; with `at` NULL only that. */
static size_t put_counter(unsigned char *at, int64_t value)
{
	uint64_t rest = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
	size_t bytes = 1;

	for (; bytes < COUNTER_MOST_BYTES && rest > 0x7f; bytes++, rest >>= 7) {
		if (at != NULL)
			at[bytes - 1] = (unsigned char)(rest | 0x80);
	}
	if (at != NULL)
		at[bytes - 1] = (unsigned char)rest;
	return bytes;
}

/* All counters up to that of the maximum. Returns how many bytes; with `at` NULL only that. */
static size_t put_counters(unsigned char *at, const struct histogram *histogram)
{
	uint64_t max = histogram->max < histogram->limit ? histogram->max : histogram->limit;
	size_t end = histogram->count > 0 ? histogram_index(histogram, max) + 1 : 0, bytes = 0;

	for (size_t i = 0; i < end;) {
		int64_t value = (int64_t)histogram->counters[i++];

		if (value == 0) {
			int64_t zeros = 1;

			for (; i < end && histogram->counters[i] == 0; i++)
				zeros++;
			value = zeros > 1 ? -zeros : 0;
		}
		bytes += put_counter(at != NULL ? at + bytes : NULL, value);
	}
	return bytes;
}

int hdrlog_encode(const struct histogram *histogram, char **ret_text)
{
	size_t counter_bytes = put_counters(NULL, histogram);
	size_t plain_bytes = HEAD_BYTES + counter_bytes;
	uLongf packed_bytes = compressBound(plain_bytes);
	CLEANUP_FREE unsigned char *plain = malloc(plain_bytes);
	CLEANUP_FREE unsigned char *packed = malloc(COMPRESSED_HEAD_BYTES + packed_bytes);

	if (plain == NULL || packed == NULL)
		return -ENOMEM;

	unsigned char *at = put_32(plain, COOKIE | COOKIE_WORDS);

	at = put_32(at, (uint32_t)counter_bytes);
	at = put_32(at, 0);
	at = put_32(at, histogram->digits);
	at = put_64(at, histogram->lowest);
	at = put_64(at, histogram->highest);
	at = put_64(at, RATIO_ONE);
	put_counters(at, histogram);
	if (compress(packed + COMPRESSED_HEAD_BYTES, &packed_bytes, plain, plain_bytes) != Z_OK)
		return -ENOMEM; /* the only reason there can be */
	put_32(put_32(packed, COOKIE_COMPRESSED | COOKIE_WORDS), (uint32_t)packed_bytes);

	size_t all = COMPRESSED_HEAD_BYTES + packed_bytes;
	char *text = malloc(BASE64_TEXT_SIZE(all));

	if (text == NULL)
		return -ENOMEM;
	base64_encode(packed, all, text);
	*ret_text = text;
	return 0;
}

/* ---- decoding ---- */

/* Inflates piece by piece. */
struct unpacker {
	z_stream stream;
	bool ended; /* the compressed stream is over, its checksum was right */
	const unsigned char *at, *end; /* in `piece`: not yet taken */
	unsigned char piece[4096];
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

/* The next byte. -EBADMSG at the end. */
static int unpack_byte(struct unpacker *unpacker, unsigned char *ret_byte)
{
	while (unpacker->at == unpacker->end) {
		if (unpacker->ended)
			return -EBADMSG;

		int r = unpack_piece(unpacker);

		if (r < 0)
			return r;
	}
	*ret_byte = *unpacker->at++;
	return 0;
}

/* Nothing may follow, and the checksum must be right. */
static int unpack_end(struct unpacker *unpacker)
{
	while (unpacker->at == unpacker->end && !unpacker->ended) {
		int r = unpack_piece(unpacker);

		if (r < 0)
			return r;
	}
	return unpacker->at == unpacker->end && unpacker->stream.avail_in == 0 ? 0 : -EBADMSG;
}

/* One number; takes its bytes off `left`. */
static int unpack_counter(struct unpacker *unpacker, uint32_t *left, int64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < COUNTER_MOST_BYTES; i++) {
		unsigned char byte;
		bool last = i == COUNTER_MOST_BYTES - 1;
		int r = *left > 0 ? unpack_byte(unpacker, &byte) : -EBADMSG;

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

static int unpack_counters(struct unpacker *unpacker, uint32_t bytes, struct histogram *histogram)
{
	size_t index = 0, end = histogram->counter_count;

	while (bytes > 0) {
		int64_t value;
		int r = unpack_counter(unpacker, &bytes, &value);

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

static int unpack(struct unpacker *unpacker, struct histogram **ret_histogram)
{
	unsigned char head[HEAD_BYTES];
	struct histogram *histogram;
	int r;

	for (size_t i = 0; i < sizeof(head); i++) {
		r = unpack_byte(unpacker, &head[i]);
		if (r < 0)
			return r;
	}
	if ((get_32(head) & ~COOKIE_WORDS_MASK) != COOKIE)
		return -ENOTSUP;
	r = histogram_new(get_64(head + 16), get_64(head + 24), get_32(head + 12), &histogram);
	if (r < 0)
		return r == -EINVAL ? -ENOTSUP : r;
	r = unpack_counters(unpacker, get_32(head + 4), histogram);
	if (r == 0)
		r = unpack_end(unpacker);
	if (r == 0 && histogram_recount(histogram) < 0)
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
	size_t bytes;

	if (packed == NULL)
		return -ENOMEM;
	if (base64_decode(text, length, packed, &bytes) < 0 || bytes < COMPRESSED_HEAD_BYTES)
		return -EBADMSG;

	/* All encodings there have been have a cookie of these three bytes. */
	if ((get_32(packed) & ~COOKIE_WORDS_MASK) != COOKIE_COMPRESSED)
		return get_32(packed) >> 8 == COOKIE >> 8 ? -ENOTSUP : -EBADMSG;
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

	int r = unpack(&unpacker, ret_histogram);

	inflateEnd(&unpacker.stream);
	return r;
}

/* ---- writing a log ---- */

/* What a call of stdio's left: it does not promise to set errno. */
static int status_of(int written)
{
	if (written >= 0)
		return 0;
	return errno > 0 ? -errno : -EIO;
}

int hdrlog_write_head(FILE *file, uint64_t start_ns)
{
	unsigned long long s = start_ns / 1000000000;
	unsigned ms = (unsigned)(start_ns / 1000000 % 1000);

	errno = 0;
	/* The base is what the stamps of the intervals count from. */
	return status_of(fprintf(file,
		"#[Histogram log format version 1.3]\n"
		"#[StartTime: %llu.%03u (seconds since epoch)]\n"
		"#[BaseTime: %llu.%03u (seconds since epoch)]\n"
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
		"\"Interval_Compressed_Histogram\"\n",
		s, ms, s, ms));
}

static bool is_tag(const char *tag)
{
	size_t length = strlen(tag);

	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)tag[i] <= ' ' || tag[i] == ',' || tag[i] == '\x7f')
			return false;
	}
	return length > 0 && length < HDRLOG_TAG_SIZE;
}

int hdrlog_write_interval(FILE *file, const char *tag, uint64_t start_ns, uint64_t length_ns,
	const struct histogram *histogram)
{
	CLEANUP_FREE char *text = NULL;
	uint64_t max_us = histogram_max(histogram) / 1000;
	uint64_t start_ms = start_ns / 1000000, length_ms = length_ns / 1000000;

	if (tag != NULL && !is_tag(tag))
		return -EINVAL;

	int r = hdrlog_encode(histogram, &text);

	if (r < 0)
		return r;
	errno = 0;
	/* The maximum is for people's eyes: readers take it from the histogram. In milliseconds, as
	 * the reference writes it. */
	return status_of(fprintf(file, "%s%s%s%llu.%03u,%llu.%03u,%llu.%03u,%s\n",
		tag != NULL ? "Tag=" : "", tag != NULL ? tag : "", tag != NULL ? "," : "",
		(unsigned long long)(start_ms / 1000), (unsigned)(start_ms % 1000),
		(unsigned long long)(length_ms / 1000), (unsigned)(length_ms % 1000),
		(unsigned long long)(max_us / 1000), (unsigned)(max_us % 1000), text));
}
