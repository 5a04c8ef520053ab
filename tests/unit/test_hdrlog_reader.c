/*
 * hdrlog_reader.c: logs of ours and in the shapes that others write, what their stamps count from,
 * and which line is wrong for what reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/hdrlog_reader.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define EMPTY "HISTFAAAACB4nJNpmSzMwMDACMXMDBDAyMDA7GawYwEDnA8ASQ8DHw=="

static FILE *open_text(const char *text)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");

	assert_non_null(file);
	return file;
}

static struct hdrlog_reader *read_from(FILE *file)
{
	struct hdrlog_reader *reader;

	assert_int_equal(hdrlog_reader_new(file, &reader), 0);
	return reader;
}

/* Reads one interval: its start; the histogram must be there. */
static void expect_interval(
	struct hdrlog_reader *reader, const char *tag, uint64_t start_ns, uint64_t length_ns)
{
	struct hdrlog_reader_interval interval;

	assert_int_equal(hdrlog_reader_next(reader, &interval), 1);
	assert_string_equal(interval.tag, tag);
	assert_int_equal(interval.start_ns, start_ns);
	assert_int_equal(interval.length_ns, length_ns);
	assert_int_equal(interval.histogram->digits, 3);
	histogram_free(interval.histogram);
}

static void expect_end(struct hdrlog_reader *reader)
{
	struct hdrlog_reader_interval interval;

	assert_int_equal(hdrlog_reader_next(reader, &interval), 0);
	assert_int_equal(hdrlog_reader_next(reader, &interval), 0);
}

static void ours_comes_back(void **state)
{
	struct histogram *histogram;
	struct hdrlog_reader_interval interval;
	char *log;
	size_t size;
	FILE *file = open_memstream(&log, &size);

	assert_int_equal(histogram_new(1, 3600000000000, 3, &histogram), 0);
	assert_int_equal(hdrlog_write_head(file, 1700000000012000000), 0);
	for (uint64_t i = 0; i < 50; i++) {
		histogram_record_many(histogram, 1000 * i * i, i + 1);
		assert_int_equal(hdrlog_write_interval(file, i % 2 != 0 ? "sent" : NULL,
					 i * 100000000, 100000000, histogram),
			0);
	}
	fclose(file);
	file = open_text(log);

	struct hdrlog_reader *reader = read_from(file);
	uint64_t count = 0;

	for (uint64_t i = 0; i < 50; i++) {
		count += i + 1;
		assert_int_equal(hdrlog_reader_next(reader, &interval), 1);
		assert_string_equal(interval.tag, i % 2 != 0 ? "sent" : "");
		assert_int_equal(interval.start_ns, 1700000000012000000 + i * 100000000);
		assert_int_equal(interval.length_ns, 100000000);
		assert_int_equal(histogram_count(interval.histogram), count);
		assert_int_equal(hdrlog_reader_line(reader), 5 + i);
		histogram_free(interval.histogram);
	}
	expect_end(reader);
	assert_int_equal(hdrlog_reader_start_ns(reader), 1700000000012000000);
	hdrlog_reader_free(reader);
	fclose(file);
	free(log);
	histogram_free(histogram);
}

static void stamps_count_from_what_the_log_says(void **state)
{
	static const struct {
		const char *head;
		const char *stamp;
		uint64_t start_ns;
	} cases[] = {
		{ "", "0.25", 250000000 }, { "", "1700000000.123456789", 1700000000123456789 },
		{ "#[BaseTime: 1700000000.5 (seconds since epoch)]\n", "1.5", 1700000002000000000 },
		{ "#[StartTime: 1700000000.000 (seconds since epoch), Tue Nov 14]\n", "1.000",
			1700000001000000000 }, /* more than a year before: from StartTime */
		{ "#[StartTime: 1700000000.000 (seconds since epoch), Tue Nov 14]\n",
			"1700000001.000", 1700000001000000000 },
		{ "#[StartTime: 1700000000.000 (x)]\n#[BaseTime: 0.0 (x)]\n", "1.000", 1000000000 },
		{ "#[BaseTime: x]\n", "1", 1000000000 }, /* a comment like any other */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[400];

		snprintf(text, sizeof(text), "%s%s,1.0,0.0," EMPTY "\n", cases[i].head,
			cases[i].stamp);
		FILE *file = open_text(text);
		struct hdrlog_reader *reader = read_from(file);

		expect_interval(reader, "", cases[i].start_ns, 1000000000);
		expect_end(reader);
		hdrlog_reader_free(reader);
		fclose(file);
	}
}

static void shapes_of_others_are_read(void **state)
{
	FILE *file = open_text("#[Histogram log format version 1.2]\r\n"
			       "#Anything at all\r\n"
			       "\r\n"
			       "\"StartTimestamp\",\"EndTimestamp\",\"and so on\"\r\n"
			       "1.000,2.000,1.2E10," EMPTY "\r\n"
			       "Tag=\xeb\xa9\x94\xec\x95\x84\xeb\xa6\xac, 3, 4, 5, " EMPTY ",more\n"
			       "\n"
			       "5.,0,," EMPTY);
	struct hdrlog_reader *reader = read_from(file);

	expect_interval(reader, "", 1000000000, 2000000000);
	expect_interval(reader, "\xeb\xa9\x94\xec\x95\x84\xeb\xa6\xac", 3000000000, 4000000000);
	expect_interval(reader, "", 5000000000, 0); /* no end of line */
	assert_int_equal(hdrlog_reader_line(reader), 8);
	expect_end(reader);
	hdrlog_reader_free(reader);
	fclose(file);
}

static void a_wrong_line_is_reported_and_passed_over(void **state)
{
	static const struct {
		const char *line;
		int error;
		const char *why;
	} cases[] = {
		{ "hello", -EBADMSG, "the start of the interval is not a time" },
		{ "-1.0,1.0,1.0," EMPTY, -EBADMSG, "the start of the interval is not a time" },
		{ "1e3,1.0,1.0," EMPTY, -EBADMSG, "the start of the interval is not a time" },
		{ "nan,1.0,1.0," EMPTY, -EBADMSG, "the start of the interval is not a time" },
		{ "9223372037,1.0,1.0," EMPTY, -EBADMSG,
			"the start of the interval is not a time" },
		{ "99999999999999999999,1.0,1.0," EMPTY, -EBADMSG,
			"the start of the interval is not a time" },
		{ "1.0,,1.0," EMPTY, -EBADMSG, "the length of the interval is not a time" },
		{ "1.0,1.0", -EBADMSG, "the length of the interval is not a time" },
		{ "1.0,1.0,1.0", -EBADMSG, "the histogram is missing" },
		{ "1.0,1.0,1.0,", -EBADMSG, "the histogram is damaged" },
		{ "1.0,1.0,1.0,HISTFAAAACB4", -EBADMSG, "the histogram is damaged" },
		{ "1.0,1.0,1.0,HISTEwAAAAAAAAAA", -ENOTSUP,
			"this kind of histogram is not known here (V0, V1 and V2 of whole numbers "
			"are)" },
		{ "1.0,31536000.0,1.0," EMPTY, -EBADMSG, "the interval is longer than a year" },
		{ "#[Histogram log format version 1.4]", -ENOTSUP,
			"this format of logs is not known here (1.0 to 1.3 are)" },
		{ "Tag=,1.0,1.0,1.0," EMPTY, -EBADMSG, "the tag is not one" },
		{ "Tag=a b,1.0,1.0,1.0," EMPTY, -EBADMSG, "the tag is not one" },
		{ "Tag=a\tb,1.0,1.0,1.0," EMPTY, -EBADMSG, "the tag is not one" },
		{ "Tag=a", -EBADMSG, "the tag is not one" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct hdrlog_reader_interval interval = { .start_ns = 4711 };
		char text[400];

		snprintf(text, sizeof(text), "#\n%s\n2.0,1.0,0.0," EMPTY "\n", cases[i].line);
		FILE *file = open_text(text);
		struct hdrlog_reader *reader = read_from(file);

		assert_int_equal(hdrlog_reader_next(reader, &interval), cases[i].error);
		assert_int_equal(interval.start_ns, 4711);
		assert_int_equal(hdrlog_reader_line(reader), 2);
		assert_string_equal(hdrlog_reader_why(reader), cases[i].why);
		expect_interval(reader, "", 2000000000, 1000000000);
		assert_null(hdrlog_reader_why(reader));
		expect_end(reader);
		hdrlog_reader_free(reader);
		fclose(file);
	}
}

/* Only a last line without its end may be one that is not finished. */
static void a_last_line_without_an_end(void **state)
{
	FILE *file = open_text("1.0,1.0,x,HIST\n1.0,1.0,2.5e3,HIST");
	struct hdrlog_reader *reader = read_from(file);
	struct hdrlog_reader_interval interval;

	assert_int_equal(hdrlog_reader_next(reader, &interval), -EBADMSG);
	assert_false(hdrlog_reader_is_cut(reader));
	assert_int_equal(hdrlog_reader_next(reader, &interval), -EBADMSG);
	assert_true(hdrlog_reader_is_cut(reader));
	assert_int_equal(hdrlog_reader_line(reader), 2);
	hdrlog_reader_free(reader);
	fclose(file);
}

/* MAX as it stands there, whatever the locale; its unit is the writer's. */
static void max_is_handed_on(void **state)
{
	static const struct {
		const char *text;
		double max;
	} cases[] = {
		{ "0.115", 0.115 },
		{ "3", 3 },
		{ "1.2E10", 1.2e10 },
		{ "5e-3", 0.005 },
		{ "1e400", -1 },
		{ "", -1 },
		{ "x", -1 },
		{ "1,5", 1 },
		{ "-1", -1 },
		{ "1e", 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct hdrlog_reader_interval interval;
		char text[400];

		/* "1,5" makes a field more, in which there is no histogram. */
		snprintf(text, sizeof(text), "1.0,1.0,%s," EMPTY "\n", cases[i].text);
		FILE *file = open_text(text);
		struct hdrlog_reader *reader = read_from(file);
		int r = hdrlog_reader_next(reader, &interval);

		if (strcmp(cases[i].text, "1,5") == 0) {
			assert_int_equal(r, -EBADMSG);
		} else {
			assert_int_equal(r, 1);
			if (cases[i].max < 0)
				assert_true(isnan(interval.max));
			else
				assert_true(
					fabs(interval.max - cases[i].max) < 1e-9 * cases[i].max);
			histogram_free(interval.histogram);
		}
		hdrlog_reader_free(reader);
		fclose(file);
	}
}

static void bytes_that_are_not_text(void **state)
{
	static char bytes[] = "1.0,1.0\0,1.0," EMPTY "\n2.0,1.0,0.0," EMPTY "\n";
	FILE *file = fmemopen(bytes, sizeof(bytes) - 1, "r");
	struct hdrlog_reader *reader = read_from(file);
	struct hdrlog_reader_interval interval;

	assert_int_equal(hdrlog_reader_next(reader, &interval), -EBADMSG);
	assert_string_equal(hdrlog_reader_why(reader), "this is not text");
	expect_interval(reader, "", 2000000000, 1000000000);
	hdrlog_reader_free(reader);
	fclose(file);
}

static void a_tag_and_its_cap(void **state)
{
	char tag[HDRLOG_TAG_SIZE + 1], text[800];

	for (size_t length = HDRLOG_TAG_SIZE - 1; length <= HDRLOG_TAG_SIZE; length++) {
		struct hdrlog_reader_interval interval;

		memset(tag, 'x', sizeof(tag));
		tag[length] = '\0';
		snprintf(text, sizeof(text), "Tag=%s,1.0,1.0,0.0," EMPTY "\n", tag);
		FILE *file = open_text(text);
		struct hdrlog_reader *reader = read_from(file);

		if (length < HDRLOG_TAG_SIZE)
			expect_interval(reader, tag, 1000000000, 1000000000);
		else
			assert_int_equal(hdrlog_reader_next(reader, &interval), -EBADMSG);
		hdrlog_reader_free(reader);
		fclose(file);
	}
}

static void a_line_and_its_cap(void **state)
{
	for (size_t over = 0; over < 2; over++) {
		size_t length = HDRLOG_LINE_CAP_BYTES + over;
		const char behind[] = "\n1.0,1.0,0.0," EMPTY "\n";
		char *text = malloc(length + sizeof(behind));
		struct hdrlog_reader_interval interval;

		memset(text, '#', length);
		memcpy(text + length, behind, sizeof(behind));
		FILE *file = open_text(text);
		struct hdrlog_reader *reader = read_from(file);

		if (over > 0) {
			assert_int_equal(hdrlog_reader_next(reader, &interval), -EMSGSIZE);
			assert_string_equal(hdrlog_reader_why(reader), "this line is too long");
		}
		expect_interval(reader, "", 1000000000, 1000000000);
		assert_int_equal(hdrlog_reader_line(reader), 2);
		hdrlog_reader_free(reader);
		fclose(file);
		free(text);
	}
}

static void errors_of_reading_are_reported(void **state)
{
	FILE *file = fopen("/", "r"); /* a folder opens, but does not read */
	struct hdrlog_reader *reader = read_from(file);
	struct hdrlog_reader_interval interval;

	assert_int_equal(hdrlog_reader_next(reader, &interval), -EISDIR);
	hdrlog_reader_free(reader);
	hdrlog_reader_free(NULL);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_comes_back),
		cmocka_unit_test(stamps_count_from_what_the_log_says),
		cmocka_unit_test(shapes_of_others_are_read),
		cmocka_unit_test(a_wrong_line_is_reported_and_passed_over),
		cmocka_unit_test(a_last_line_without_an_end),
		cmocka_unit_test(max_is_handed_on),
		cmocka_unit_test(bytes_that_are_not_text),
		cmocka_unit_test(a_tag_and_its_cap),
		cmocka_unit_test(a_line_and_its_cap),
		cmocka_unit_test(errors_of_reading_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
