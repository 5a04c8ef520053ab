/*
 * hdrlog.c: what another implementation wrote is read to the last count, ours comes back, and what
 * is damaged, foreign or hostile is refused. (That others read ours: tests/e2e/test_hdrlog.py.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/base64.h"
#include "skipping.h"
#include "stats/hdrlog.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Written by hdr-histogram-js 3.0.1. */
static const char foreign_times[] =
	"HISTFAAAADp4nJNpmSzMwMAgwsDAwMjAwMDMAAGMDAzMbgY7FjDA+EwsP+WZWA4qM/1Wu8D/15np8m0mJgDLkAow";
static const char foreign_empty[] = "HISTFAAAACB4nJNpmSzMwMDACMXMDBDAyMDA7GawYwEDnA8ASQ8DHw==";
static const char foreign_coarse[] =
	"HISTFAAAAFZ4nJNpmSzMwMA4jYGBgZGBgYGJAQyYXzAwMLsZ7FjAAAWMskzSTPiwKBMvEzcTLxhip1mhkBnOwsbHJ8"
	"uAAbEI0VASA7BgCtFSkoWFjQUFMAEAzmYKMA==";

static struct histogram *decode(const char *text)
{
	struct histogram *histogram;

	assert_int_equal(hdrlog_decode(text, strlen(text), &histogram), 0);
	return histogram;
}

static void reads_what_others_wrote(void **state)
{
	static const uint64_t once[] = { 0, 2047, 10000, 999999, 3599999999999 };
	struct histogram *histogram = decode(foreign_times);

	assert_int_equal(histogram->lowest, 1);
	assert_int_equal(histogram->highest, 3600000000000);
	assert_int_equal(histogram->digits, 3);
	assert_int_equal(histogram_count(histogram), 1009);
	for (size_t i = 0; i < COUNT(once); i++)
		assert_int_equal(histogram_count_between(histogram, once[i], once[i]), 1);
	assert_int_equal(histogram_count_between(histogram, 1, 1), 2);
	assert_int_equal(histogram_count_between(histogram, 2048, 2049), 2);
	assert_int_equal(histogram_count_between(histogram, 54321, 54321), 1000);
	assert_int_equal(histogram_min(histogram), 0);
	assert_int_equal(histogram_max(histogram), histogram_step_upper(histogram, 3599999999999));
	histogram_free(histogram);

	histogram = decode(foreign_empty);
	assert_int_equal(histogram_count(histogram), 0);
	assert_int_equal(histogram_max(histogram), 0);
	histogram_free(histogram);

	histogram = decode(foreign_coarse); /* 7919, 2 * 7919, ... in steps of 512 and more */
	assert_int_equal(histogram->lowest, 1000);
	assert_int_equal(histogram->digits, 2);
	assert_int_equal(histogram_count(histogram), 300);
	assert_int_equal(histogram_min(histogram), 7680);
	assert_int_equal(histogram_percentile(histogram, 50), 1196031);
	histogram_free(histogram);
}

static void assert_comes_back(const struct histogram *histogram)
{
	struct histogram *again;
	char *text;

	assert_int_equal(hdrlog_encode(histogram, &text), 0);
	again = decode(text);
	assert_int_equal(again->lowest, histogram->lowest);
	assert_int_equal(again->highest, histogram->highest);
	assert_int_equal(again->digits, histogram->digits);
	assert_int_equal(again->count, histogram->count);
	assert_int_equal(again->counter_count, histogram->counter_count);
	assert_memory_equal(again->counters, histogram->counters, 8 * histogram->counter_count);
	if (histogram->count > 0) {
		assert_int_equal(again->min, histogram_step_lower(histogram, histogram->min));
		assert_int_equal(again->max, histogram_step_upper(histogram, histogram->max));
	}
	histogram_free(again);
	free(text);
}

static void ours_comes_back(void **state)
{
	static const uint64_t counts[] = { 1, 63, 64, 8191, 8192, UINT64_C(1) << 55,
		(UINT64_C(1) << 55) - 1, UINT64_C(1) << 62 };

	for (unsigned digits = 1; digits <= 5; digits++) {
		for (uint64_t lowest = 1; lowest < 2000000; lowest *= 1369) {
			struct histogram *histogram;

			assert_int_equal(
				histogram_new(lowest, 3600000000000, digits, &histogram), 0);
			assert_comes_back(histogram);
			for (size_t i = 0; i < COUNT(counts); i++)
				histogram_record_many(histogram, i * i * i * 9973, counts[i]);
			histogram_record(histogram, histogram->limit);
			assert_comes_back(histogram);
			histogram_record(histogram, UINT64_MAX);
			assert_comes_back(histogram);
			histogram_free(histogram);
		}
	}
}

/* ---- refused ---- */

static int try_decode(const char *text, size_t length)
{
	struct histogram *histogram = (void *)text; /* untouched on failure */
	int r = hdrlog_decode(text, length, &histogram);

	if (r == 0)
		histogram_free(histogram);
	else
		assert_ptr_equal(histogram, text);
	return r;
}

static void refuses_parts(void **state)
{
	for (size_t length = 0; length < strlen(foreign_times); length++)
		assert_int_equal(try_decode(foreign_times, length), -EBADMSG);
}

static void refuses_damage(void **state)
{
	char text[sizeof(foreign_times)];

	for (size_t i = 0; i < strlen(foreign_times); i++) {
		memcpy(text, foreign_times, sizeof(text));
		text[i] = text[i] == 'A' ? 'B' : 'A';
		int r = try_decode(text, strlen(text));

		assert_true(r == -EBADMSG || r == -ENOTSUP);
	}
}

struct plain {
	uint32_t cookie, counter_bytes, offset, digits;
	uint64_t lowest, highest;
	const unsigned char *counters;
	size_t length;
};

/* Any head and any counters, packed as they should be, with the cookie of the outside. */
static char *pack_as(const struct plain *plain, const char *cookie)
{
	static unsigned char bytes[70000], packed[80000];
	static char text[BASE64_TEXT_SIZE(sizeof(packed))];
	uint64_t words[] = { (uint64_t)plain->cookie << 32 | plain->counter_bytes,
		(uint64_t)plain->offset << 32 | plain->digits, plain->lowest, plain->highest, 0 };
	uLongf length = sizeof(packed) - 8;

	for (size_t i = 0; i < sizeof(words); i++)
		bytes[i] = (unsigned char)(words[i / 8] >> (56 - 8 * (i % 8)));
	assert_true(sizeof(words) + plain->length <= sizeof(bytes));
	if (plain->length > 0)
		memcpy(bytes + sizeof(words), plain->counters, plain->length);
	assert_int_equal(compress(packed + 8, &length, bytes, sizeof(words) + plain->length), Z_OK);
	memcpy(packed, cookie, 4);
	packed[4] = 0;
	packed[5] = (unsigned char)(length >> 16);
	packed[6] = (unsigned char)(length >> 8);
	packed[7] = (unsigned char)length;
	base64_encode(packed, 8 + length, text);
	return text;
}

static char *pack(const struct plain *plain)
{
	return pack_as(plain, "\x1c\x84\x93\x14");
}

static void refuses_what_does_not_fit_together(void **state)
{
	/* 5; a run of 31 zeros; of 32; of 2^63. */
	static const unsigned char five[] = { 10 }, fill[] = { 10, 61 }, over[] = { 10, 63 },
				   most[] = { 10, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
				   open[] = { 10, 128 }, many[33] = { 2 },
				   huge[] = { 254, 255, 255, 255, 255, 255, 255, 255, 255, 2 };
	static const struct {
		struct plain plain;
		int error;
	} cases[] = {
		{ { 0x1c849313, 1, 0, 1, 1, 2, five, 1 }, 0 },
		{ { 0x1c849313, 1, 1, 1, 1, 2, five, 1 }, 0 }, /* an offset, as some write it */
		{ { 0x1c849313, 1, 2, 1, 1, 2, five, 1 }, -ENOTSUP }, /* one that means something */
		{ { 0x1c849313, 2, 0, 1, 1, 2, fill, 2 }, 0 }, /* 32 counters, to the last */
		{ { 0x1c849313, 2, 0, 1, 1, 2, over, 2 }, -EBADMSG },
		{ { 0x1c849313, 10, 0, 1, 1, 2, most, 10 }, -EBADMSG },
		{ { 0x1c849313, 32, 0, 1, 1, 2, many, 32 }, 0 },
		{ { 0x1c849313, 33, 0, 1, 1, 2, many, 33 }, -EBADMSG },
		{ { 0x1c849313, 2, 0, 1, 1, 2, open, 2 }, -EBADMSG },
		{ { 0x1c849313, 9, 0, 1, 1, 2, huge, 9 }, 0 }, /* one counter of INT64_MAX ... */
		{ { 0x1c849313, 10, 0, 1, 1, 2, huge, 10 }, -EBADMSG }, /* ... and 1 more */
		{ { 0x1c849313, 0, 0, 1, 1, 2, five, 1 }, -EBADMSG }, /* bytes left over */
		{ { 0x1c849313, 2, 0, 1, 1, 2, five, 1 }, -EBADMSG }, /* too few */
		{ { 0x1c849313, UINT32_MAX, 0, 1, 1, 2, five, 1 }, -EBADMSG },
		{ { 0x1c849303, 1, 0, 1, 1, 2, five, 1 }, 0 },
		{ { 0x1c849301, 1, 0, 1, 1, 2, five, 1 }, -ENOTSUP }, /* V1 */
		{ { 0x1c849313, 1, 0, 0, 1, 2, five, 1 }, -ENOTSUP },
		{ { 0x1c849313, 1, 0, 6, 1, 2, five, 1 }, -ENOTSUP },
		{ { 0x1c849313, 1, 0, 0x10001, 1, 2, five, 1 }, -ENOTSUP },
		{ { 0x1c849313, 1, 0, 1, 0, 2, five, 1 }, -ENOTSUP },
		{ { 0x1c849313, 1, 0, 1, 2, 2, five, 1 }, -ENOTSUP },
		{ { 0x1c849313, 1, 0, 1, 1, UINT64_MAX, five, 1 }, -ENOTSUP },
		{ { 0x1c849313, 1, 0, 5, 1, INT64_MAX, five, 1 }, 0 }, /* the largest there is */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = pack(&cases[i].plain);

		assert_int_equal(try_decode(text, strlen(text)), cases[i].error);
	}
}

/* A few bytes that inflate to many: no more is inflated than there are counters. */
static void a_bomb_stays_small(void **state)
{
	static const unsigned char zeros[65000];
	struct plain plain = { 0x1c849313, sizeof(zeros), 0, 1, 1, 1000, zeros, sizeof(zeros) };
	const char *text = pack(&plain);

	assert_true(strlen(text) < 300);
	assert_int_equal(try_decode(text, strlen(text)), -EBADMSG);
}

/* V0 and V1 in their own words: each width, more words than counters, negative ones. */
static void reads_fixed_widths(void **state)
{
	static const unsigned char words[80] = { [7] = 5, [15] = 2 }, beyond[40 * 2] = { [79] = 1 },
				   negative[2] = { 0x80 },
				   largest[8] = { 0x7f, 255, 255, 255, 255, 255, 255, 255 };
	static const struct {
		const char *cookie; /* of the outside */
		struct plain plain;
		uint64_t count; /* 0: refused as damaged */
	} cases[] = {
		/* V1: 2 to 8 bytes, 32 counters, and a bucket of 16 that old writers had more. */
		{ "\x1c\x84\x93\x82", { 0x1c849381, 16, 0, 1, 1, 2, words, 16 }, 7 },
		{ "\x1c\x84\x93\x42", { 0x1c849341, 16, 0, 1, 1, 2, words, 16 }, 7 },
		{ "\x1c\x84\x93\x22", { 0x1c849321, 16, 0, 1, 1, 2, words, 16 }, 7 },
		{ "\x1c\x84\x93\x22", { 0x1c849321, 80, 0, 1, 1, 2, words, 80 }, 7 },
		{ "\x1c\x84\x93\x22", { 0x1c849321, 80, 0, 1, 1, 2, beyond, 80 }, 0 },
		{ "\x1c\x84\x93\x22", { 0x1c849321, 15, 0, 1, 1, 2, words, 15 }, 0 },
		{ "\x1c\x84\x93\x22", { 0x1c849321, 14, 0, 1, 1, 2, words, 16 }, 0 },
		{ "\x1c\x84\x93\x22", { 0x1c849321, 2, 0, 1, 1, 2, negative, 2 }, 0 },
		{ "\x1c\x84\x93\x82", { 0x1c849381, 8, 0, 1, 1, 2, largest, 8 }, INT64_MAX },
		{ "\x1c\x84\x93\x82", { 0x1c849381, 1u << 31, 0, 1, 1, 2, words, 16 }, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct histogram *histogram;
		char *text = pack_as(&cases[i].plain, cases[i].cookie);
		int r = hdrlog_decode(text, strlen(text), &histogram);

		assert_int_equal(r, cases[i].count > 0 ? 0 : -EBADMSG);
		if (r < 0)
			continue;
		assert_int_equal(histogram_count(histogram), cases[i].count);
		histogram_free(histogram);
	}
}

static void refuses_other_encodings(void **state)
{
	static const struct {
		const char *cookie;
		int error;
	} cases[] = {
		{ "\x1c\x84\x93\x05", -ENOTSUP }, /* none that there is */
		{ "\x1c\x84\x93\x28", -ENOTSUP }, /* V0, not compressed */
		{ "\x1c\x84\x93\x13", -ENOTSUP }, /* V2, not compressed */
		{ "\x0c\x72\x12\x4f", -ENOTSUP }, /* of floating point */
		{ "\x0c\x72\x12\x40", -EBADMSG },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char bytes[12] = { 0 };
		char text[BASE64_TEXT_SIZE(sizeof(bytes))];

		memcpy(bytes, cases[i].cookie, 4);
		base64_encode(bytes, sizeof(bytes), text);
		assert_int_equal(try_decode(text, strlen(text)), cases[i].error);
	}
}

static void the_cap(void **state)
{
	char *text = malloc(HDRLOG_LINE_CAP_BYTES + 4);

	memset(text, 'A', HDRLOG_LINE_CAP_BYTES + 4);
	assert_int_equal(try_decode(text, HDRLOG_LINE_CAP_BYTES), -EBADMSG);
	assert_int_equal(try_decode(text, HDRLOG_LINE_CAP_BYTES + 1), -EMSGSIZE);
	free(text);
}

/* The worst that we make ourselves must be readable: every counter used, nothing compressible. */
static void the_largest_of_ours_is_below_the_cap(void **state)
{
	struct histogram *histogram;
	uint64_t seed = 4711;
	char *text;

	assert_int_equal(histogram_new(1, 3600000000000, 5, &histogram), 0);
	for (size_t i = 0; i < histogram->counter_count; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		histogram->counters[i] = seed >> 57; /* two bytes or one each */
	}
	assert_int_equal(histogram_recount(histogram), 0);
	assert_int_equal(hdrlog_encode(histogram, &text), 0);
	assert_true(strlen(text) < HDRLOG_LINE_CAP_BYTES);
	assert_comes_back(histogram);
	free(text);
	histogram_free(histogram);
}

/* ---- writing a log ---- */

static void writes_a_log(void **state)
{
	struct histogram *histogram = decode(foreign_coarse);
	char *log, *text, *expected;
	size_t size;
	FILE *file = open_memstream(&log, &size);

	assert_int_equal(hdrlog_encode(histogram, &text), 0);
	assert_int_equal(hdrlog_write_head(file, 1700000000012345678), 0);
	assert_int_equal(hdrlog_write_interval(file, NULL, 0, 1000999999, histogram), 0);
	assert_int_equal(hdrlog_write_interval(file, "sent", 1001000000, 5000000, histogram), 0);
	assert_int_equal(fclose(file), 0);
	assert_true(asprintf(&expected,
			    "#[Histogram log format version 1.3]\n"
			    "#[StartTime: 1700000000.012 (seconds since epoch)]\n"
			    "#[BaseTime: 1700000000.012 (seconds since epoch)]\n"
			    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
			    "\"Interval_Compressed_Histogram\"\n"
			    "0.000,1.000,2.392,%s\n"
			    "Tag=sent,1.001,0.005,2.392,%s\n",
			    text, text) > 0);
	assert_string_equal(log, expected);
	free(expected);
	free(text);
	free(log);
	histogram_free(histogram);
}

static void refuses_tags(void **state)
{
	struct histogram *histogram = decode(foreign_empty);
	char longest[HDRLOG_TAG_SIZE + 1] = "", *log;
	const char *const tags[] = { "", "a b", "a,b", "a\nb", "\x7f", longest };
	size_t size;
	FILE *file = open_memstream(&log, &size);

	memset(longest, 'x', HDRLOG_TAG_SIZE);
	for (size_t i = 0; i < COUNT(tags); i++)
		assert_int_equal(hdrlog_write_interval(file, tags[i], 0, 0, histogram), -EINVAL);
	assert_int_equal(ftell(file), 0);
	longest[HDRLOG_TAG_SIZE - 1] = '\0';
	assert_int_equal(hdrlog_write_interval(file, longest, 0, 0, histogram), 0);
	fclose(file);
	free(log);
	histogram_free(histogram);
}

static void tells_that_it_could_not_write(void **state)
{
	FILE *file = fopen("/dev/full", "w");
	struct histogram *histogram = decode(foreign_empty);

	if (file == NULL)
		SKIP("there is no /dev/full");
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(hdrlog_write_head(file, 0), -ENOSPC);
	assert_int_equal(hdrlog_write_interval(file, NULL, 0, 0, histogram), -ENOSPC);
	fclose(file);
	histogram_free(histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_others_wrote),
		cmocka_unit_test(ours_comes_back),
		cmocka_unit_test(refuses_parts),
		cmocka_unit_test(refuses_damage),
		cmocka_unit_test(refuses_what_does_not_fit_together),
		cmocka_unit_test(a_bomb_stays_small),
		cmocka_unit_test(reads_fixed_widths),
		cmocka_unit_test(refuses_other_encodings),
		cmocka_unit_test(the_cap),
		cmocka_unit_test(the_largest_of_ours_is_below_the_cap),
		cmocka_unit_test(writes_a_log),
		cmocka_unit_test(refuses_tags),
		cmocka_unit_test(tells_that_it_could_not_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
