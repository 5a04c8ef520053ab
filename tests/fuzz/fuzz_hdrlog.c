/*
 * Logs of histograms: whatever is read can be written again, and then reads the same. The whole
 * input is also taken for one encoded histogram, and for what would be inside of one, so that the
 * fuzzer need not guess at base64 and checksums.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/base64.h"
#include "stats/hdrlog_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_histogram(const struct histogram *histogram)
{
	struct histogram_step step = { 0 };
	uint64_t count = 0, last = 0;

	ASSERT(histogram_size_bytes(histogram) <= HISTOGRAM_MOST_BYTES);
	while (histogram_next(histogram, &step)) {
		ASSERT(count == 0 ? step.lower == histogram_min(histogram) : step.lower > last);
		count += step.count;
		last = step.upper;
	}
	ASSERT(count == histogram_count(histogram) && last == histogram_max(histogram));
	for (double percentile = 0; percentile <= 100; percentile += 12.5)
		ASSERT(histogram_percentile(histogram, percentile) <= last);
}

static void check_again(const struct histogram *histogram)
{
	struct histogram *again;
	char *text;

	ASSERT(hdrlog_encode(histogram, &text) == 0);
	ASSERT(hdrlog_decode(text, strlen(text), &again) == 0);
	ASSERT(again->counter_count == histogram->counter_count);
	ASSERT(again->count == histogram->count && again->max == histogram->max);
	ASSERT(memcmp(again->counters, histogram->counters,
		       histogram->counter_count * sizeof(histogram->counters[0])) == 0);
	histogram_free(again);
	free(text);
}

static bool try_text(const char *text, size_t length)
{
	struct histogram *histogram;

	if (hdrlog_decode(text, length, &histogram) < 0)
		return false;
	check_histogram(histogram);
	check_again(histogram);
	histogram_free(histogram);
	return true;
}

/* The input as the plain encoding, packed by us with the cookie of a version. */
static void try_inside(const uint8_t *bytes, size_t length, const char *cookie)
{
	uLongf packed_bytes = compressBound(length);
	unsigned char *packed = malloc(8 + packed_bytes);

	ASSERT(packed != NULL);
	ASSERT(compress2(packed + 8, &packed_bytes, bytes, length, 1) == Z_OK);
	memcpy(packed, cookie, 4);
	for (int i = 0; i < 4; i++)
		packed[4 + i] = (unsigned char)(packed_bytes >> (24 - 8 * i));

	char *text = malloc(BASE64_TEXT_SIZE(8 + packed_bytes));

	ASSERT(text != NULL);
	base64_encode(packed, 8 + packed_bytes, text);
	try_text(text, strlen(text));
	free(text);
	free(packed);
}

static void try_log(const uint8_t *bytes, size_t length)
{
	FILE *file = fmemopen((void *)bytes, length, "r");
	struct hdrlog_reader_interval interval;
	struct hdrlog_reader *reader;
	uint64_t line = 0;
	int r;

	ASSERT(file != NULL && hdrlog_reader_new(file, &reader) == 0);
	while ((r = hdrlog_reader_next(reader, &interval)) != 0) {
		ASSERT(hdrlog_reader_line(reader) > line);
		line = hdrlog_reader_line(reader);
		if (r < 0)
			continue;
		ASSERT(strpbrk(interval.tag, ", \n") == NULL);
		check_histogram(interval.histogram);
		histogram_free(interval.histogram);
	}
	hdrlog_reader_free(reader);
	fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length > 0)
		try_log(bytes, length);
	if (!try_text((const char *)bytes, length)) {
		try_inside(bytes, length, "\x1c\x84\x93\x14");
		try_inside(bytes, length, "\x1c\x84\x93\x22");
		try_inside(bytes, length, "\x1c\x84\x93\x29");
	}
	return 0;
}
