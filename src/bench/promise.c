/*
 * One table of figures and one of comparisons serve the parser and what is printed. Every value has
 * the unit that its figure asks for, and a latency without one is refused: 'p99<5' would be seconds
 * for one reader and milliseconds for the next.
 */
#include "bench/promise.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"

static const struct {
	const char *name;
	enum promise_figure figure;
} figures[] = {
	{ "min", PROMISE_MIN },
	{ "mean", PROMISE_MEAN },
	{ "stddev", PROMISE_STDDEV },
	{ "max", PROMISE_MAX },
	{ "rate", PROMISE_RATE },
	{ "bandwidth", PROMISE_BANDWIDTH },
	{ "loss", PROMISE_LOSS },
	{ "errors", PROMISE_ERRORS },
	{ "damaged", PROMISE_DAMAGED },
	{ "duplicates", PROMISE_DUPLICATES },
	{ "reordered", PROMISE_REORDERED },
	{ "late", PROMISE_LATE },
	{ "unsent", PROMISE_UNSENT },
	{ "silent", PROMISE_SILENT },
	{ "stalled", PROMISE_STALLED },
};

/* The longer ones first: "<" begins "<=". */
static const struct {
	const char *text;
	enum promise_comparison comparison;
} comparisons[] = {
	{ "<=", PROMISE_AT_MOST },
	{ ">=", PROMISE_AT_LEAST },
	{ "==", PROMISE_EQUAL },
	{ "!=", PROMISE_NOT_EQUAL },
	{ "<", PROMISE_BELOW },
	{ ">", PROMISE_ABOVE },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct reader {
	const char *text, *at;
	const char *why;
};

static int refuse(struct reader *reader, const char *why)
{
	reader->why = why;
	return -EINVAL;
}

static void skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, " ");
}

static bool skip_word(struct reader *reader, const char *word)
{
	if (strncmp(reader->at, word, strlen(word)) != 0)
		return false;
	reader->at += strlen(word);
	return true;
}

static bool is_latency(enum promise_figure figure)
{
	return figure <= PROMISE_MAX;
}

/* A plain decimal number, without a sign or an exponent. */
static bool read_decimal(struct reader *reader, double *ret_number)
{
	const char *at = reader->at;
	double number = 0, place = 0.1;

	for (; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	if (at == reader->at)
		return false;
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9'; at++, place /= 10)
			number += place * (*at - '0');
	}
	reader->at = at;
	*ret_number = number;
	return true;
}

static int read_figure(struct reader *reader, struct promise *promise)
{
	const char *start = reader->at;
	double percentile;

	if (skip_word(reader, "sent."))
		promise->latency = PROMISE_SENT;
	else if (skip_word(reader, "connect."))
		promise->latency = PROMISE_CONNECT;
	if (*reader->at == 'p') {
		reader->at++;
		if (!read_decimal(reader, &percentile) || percentile > 100)
			return refuse(
				reader, _("a percentile is expected here, such as p99 or p99.9"));
		promise->figure = PROMISE_PERCENTILE;
		promise->percentile = percentile;
		return 0;
	}
	for (size_t i = 0; i < COUNT(figures); i++) {
		size_t length = strlen(figures[i].name);

		if (strncmp(reader->at, figures[i].name, length) != 0)
			continue;
		if (promise->latency != PROMISE_OF_MODE && !is_latency(figures[i].figure)) {
			reader->at = start;
			return refuse(reader, _("'sent.' and 'connect.' are for latencies"));
		}
		promise->figure = figures[i].figure;
		reader->at += length;
		return 0;
	}
	return refuse(reader,
		_("a figure is expected here: p99, min, mean, stddev, max, rate, bandwidth, loss, "
		  "errors, damaged, duplicates, reordered, late, unsent, silent or stalled"));
}

static int read_comparison(struct reader *reader, struct promise *promise)
{
	for (size_t i = 0; i < COUNT(comparisons); i++) {
		if (skip_word(reader, comparisons[i].text)) {
			promise->comparison = comparisons[i].comparison;
			return 0;
		}
	}
	return refuse(reader, _("a comparison is expected here: <, <=, >, >=, == or !="));
}

static int read_time(struct reader *reader, double *ret_ns)
{
	uint64_t ns;

	if (duration_parse(reader->at, &ns) < 0)
		return refuse(reader, _("a time is expected here, such as 500us or 5ms"));
	/* 0 is the same in every unit. */
	if (ns != 0 && strpbrk(reader->at, "smh") == NULL)
		return refuse(reader, _("a time needs its unit here, such as 500us or 5ms"));
	reader->at += strlen(reader->at);
	*ret_ns = (double)ns;
	return 0;
}

static int read_ratio(struct reader *reader, double *ret_ratio)
{
	const char *start = reader->at;
	double number;

	if (!read_decimal(reader, &number))
		return refuse(reader, _("a share is expected here, such as 0 or 0.1%"));
	if (skip_word(reader, "%"))
		number /= 100;
	else if (number != 0) {
		reader->at = start;
		return refuse(reader, _("a share other than 0 needs its unit, such as 0.1%"));
	}
	if (number > 1) {
		reader->at = start;
		/* xgettext:no-c-format */
		return refuse(reader, _("more than 100% cannot be lost"));
	}
	*ret_ratio = number;
	return 0;
}

static int read_number(struct reader *reader, bool whole, double *ret_number)
{
	const char *start = reader->at;
	size_t length;
	int r = number_scan_rate(reader->at, ret_number, &length);

	if (r < 0)
		return refuse(reader, _("a number is expected here, such as 0, 500 or 10k"));
	reader->at += length;
	if (whole && *ret_number != floor(*ret_number)) {
		reader->at = start;
		return refuse(reader, _("this is counted in whole numbers"));
	}
	return 0;
}

static int read_value(struct reader *reader, struct promise *promise)
{
	if (is_latency(promise->figure))
		return read_time(reader, &promise->value);
	if (promise->figure == PROMISE_LOSS)
		return read_ratio(reader, &promise->value);
	return read_number(reader, promise->figure >= PROMISE_ERRORS, &promise->value);
}

static int read_promise(struct reader *reader, struct promise *promise)
{
	int r;

	if (strlen(reader->text) >= PROMISE_TEXT_SIZE)
		return refuse(reader, _("this is too long"));
	r = read_figure(reader, promise);
	if (r < 0)
		return r;
	skip_blanks(reader);
	r = read_comparison(reader, promise);
	if (r < 0)
		return r;
	skip_blanks(reader);
	r = read_value(reader, promise);
	if (r == 0 && *reader->at != '\0')
		return refuse(reader, _("nothing is expected after the value"));
	return r;
}

int promise_parse(
	const char *text, struct promise *ret_promise, size_t *ret_column, const char **ret_why)
{
	struct reader reader = { .text = text, .at = text };
	struct promise promise = { 0 };
	int r = read_promise(&reader, &promise);

	if (r < 0) {
		*ret_column = (size_t)(reader.at - text);
		*ret_why = reader.why;
		return r;
	}
	strcpy(promise.text, text);
	*ret_promise = promise;
	return 0;
}

static bool latency_value(
	const struct promise *promise, const struct histogram *histogram, double *ret_value)
{
	if (histogram == NULL || histogram_count(histogram) == 0)
		return false;
	switch (promise->figure) {
	case PROMISE_MIN: *ret_value = (double)histogram_min(histogram); break;
	case PROMISE_MEAN: *ret_value = histogram_mean(histogram); break;
	case PROMISE_STDDEV: *ret_value = histogram_stddev(histogram); break;
	case PROMISE_MAX: *ret_value = (double)histogram_max(histogram); break;
	default: *ret_value = (double)histogram_percentile(histogram, promise->percentile); break;
	}
	return true;
}

bool promise_value(
	const struct promise *promise, const struct promise_facts *facts, double *ret_value)
{
	uint64_t due = facts->sent + facts->unsent;

	if (is_latency(promise->figure))
		return latency_value(promise, facts->latency[promise->latency], ret_value);
	if (due == 0 && facts->errors == 0)
		return false;
	switch (promise->figure) {
	case PROMISE_RATE: *ret_value = facts->rate_per_s; return true;
	case PROMISE_BANDWIDTH: *ret_value = facts->bandwidth_bytes_per_s; return true;
	case PROMISE_LOSS:
		if (due == 0)
			return false;
		*ret_value = (double)(facts->unsent + facts->lost) / (double)due;
		return true;
	case PROMISE_ERRORS: *ret_value = (double)facts->errors; return true;
	case PROMISE_DAMAGED:
		if (!facts->verified && facts->damaged == 0)
			return false;
		*ret_value = (double)facts->damaged;
		return true;
	case PROMISE_UNSENT: *ret_value = (double)facts->unsent; return true;
	case PROMISE_SILENT: *ret_value = (double)facts->silent; return true;
	case PROMISE_STALLED: *ret_value = (double)facts->stalled; return true;
	case PROMISE_DUPLICATES: *ret_value = (double)facts->duplicates; return true;
	case PROMISE_REORDERED: *ret_value = (double)facts->reordered; return true;
	case PROMISE_LATE: *ret_value = (double)facts->late; return true;
	default: return false;
	}
}

bool promise_holds(const struct promise *promise, double value)
{
	switch (promise->comparison) {
	case PROMISE_BELOW: return value < promise->value;
	case PROMISE_AT_MOST: return value <= promise->value;
	case PROMISE_ABOVE: return value > promise->value;
	case PROMISE_AT_LEAST: return value >= promise->value;
	case PROMISE_EQUAL: return value == promise->value;
	case PROMISE_NOT_EQUAL: return value != promise->value;
	}
	return false;
}

const char *promise_format_value(
	const struct promise *promise, double value, char *buffer, size_t size)
{
	char number[NUMBER_TEXT_SIZE];

	if (is_latency(promise->figure))
		return duration_format(number_from_double(value), buffer, size);
	switch (promise->figure) {
	case PROMISE_RATE:
		snprintf(buffer, size, "%s/s", number_format_rate(value, number, sizeof(number)));
		break;
	case PROMISE_BANDWIDTH:
		snprintf(buffer, size, "%sB/s", number_format_rate(value, number, sizeof(number)));
		break;
	case PROMISE_LOSS: snprintf(buffer, size, "%.3g%%", value * 100); break;
	default: snprintf(buffer, size, "%.0f", value); break;
	}
	return buffer;
}

const char *promise_format_figure(const struct promise *promise, char *buffer, size_t size)
{
	size_t length = strcspn(promise->text, " <>=!");

	snprintf(buffer, size, "%.*s", (int)length, promise->text);
	return buffer;
}
