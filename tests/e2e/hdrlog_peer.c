/*
 * One of two that must agree about logs of histograms (test_hdrlog.py); the other is hdrlog_peer.js,
 * which does the same with the published implementation for JavaScript.
 *
 *	hdrlog_peer write <WHAT >LOG    "interval TAG START_MS LENGTH_MS LOWEST HIGHEST DIGITS" (TAG -:
 *	                                none), then "value VALUE COUNT" for what is in it
 *	hdrlog_peer read <LOG >WHAT     the same "interval" lines; then all that can be asked of it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/hdrlog_reader.h"

#define MS UINT64_C(1000000)

static void fail(const char *what)
{
	fprintf(stderr, "hdrlog_peer: %s\n", what);
	exit(1);
}

static int write_log(void)
{
	struct histogram *histogram = NULL;
	char line[512], tag[256] = "-", next_tag[256];
	uint64_t start_ms = 0, length_ms = 0;

	if (hdrlog_write_head(stdout, UINT64_C(1700000000000) * MS) < 0)
		fail("cannot write");
	for (bool more = true; more;) {
		unsigned long long a, b, c, d;
		unsigned digits;

		more = fgets(line, sizeof(line), stdin) != NULL;
		if (more && sscanf(line, "value %llu %llu", &a, &b) == 2) {
			histogram_record_many(histogram, a, b);
			continue;
		}
		if (histogram != NULL &&
			hdrlog_write_interval(stdout, strcmp(tag, "-") != 0 ? tag : NULL,
				start_ms * MS, length_ms * MS, histogram) < 0)
			fail("cannot write an interval");
		histogram_free(histogram);
		if (!more)
			break;
		if (sscanf(line, "interval %255s %llu %llu %llu %llu %u", next_tag, &a, &b, &c, &d,
			    &digits) != 6)
			fail("not understood");
		strcpy(tag, next_tag);
		start_ms = a;
		length_ms = b;
		if (histogram_new(c, d, digits, &histogram) < 0)
			fail("bounds that cannot be");
	}
	return 0;
}

static void tell(const struct hdrlog_reader_interval *interval)
{
	static const double percentiles[] = { 0, 1, 10, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100 };
	const struct histogram *histogram = interval->histogram;
	struct histogram_step step = { 0 };

	printf("interval %s %llu %llu %llu %llu %u\n",
		interval->tag[0] != '\0' ? interval->tag : "-",
		(unsigned long long)(interval->start_ns / MS),
		(unsigned long long)(interval->length_ns / MS),
		(unsigned long long)histogram->lowest, (unsigned long long)histogram->highest,
		histogram->digits);
	printf("count %llu\n", (unsigned long long)histogram_count(histogram));
	printf("mean %.6f\n", histogram_mean(histogram));
	printf("stddev %.6f\n", histogram_stddev(histogram));
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		printf("percentile %g %llu\n", percentiles[i],
			(unsigned long long)histogram_percentile(histogram, percentiles[i]));
	while (histogram_next(histogram, &step))
		printf("step %llu %llu %llu\n", (unsigned long long)step.lower,
			(unsigned long long)step.upper, (unsigned long long)step.count);
}

static int read_log(void)
{
	struct hdrlog_reader_interval interval;
	struct hdrlog_reader *reader;
	int r;

	if (hdrlog_reader_new(stdin, &reader) < 0)
		fail("out of memory");
	while ((r = hdrlog_reader_next(reader, &interval)) > 0) {
		tell(&interval);
		histogram_free(interval.histogram);
	}
	if (r < 0) {
		const char *why = hdrlog_reader_why(reader);

		fprintf(stderr, "line %llu: ", (unsigned long long)hdrlog_reader_line(reader));
		fail(why != NULL ? why : strerror(-r));
	}
	hdrlog_reader_free(reader);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "write") == 0)
		return write_log();
	if (argc == 2 && strcmp(argv[1], "read") == 0)
		return read_log();
	fail("'write' or 'read'");
}
