/*
 * The V2 encoding, all numbers big-endian:
 *
 *	compressed:  cookie 0x1c849304 | 0x10, length, so many bytes of zlib, in which there is
 *	encoding:    cookie 0x1c849303 | 0x10, length of the counters, index offset, digits,
 *	             lowest (64 bits), highest (64 bits), ratio (64 bits), counters
 *	counters:    from the first to that of the maximum, each a zigzag LEB128 of at most 9 bytes
 *	             (the ninth has 8 bits); a negative one is a run of so many zeros
 *
 * Reading, also of the older encodings: hdrlog_decode.c.
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
