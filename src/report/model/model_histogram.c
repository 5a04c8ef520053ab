/*
 * A histogram to JSON and back. The encoding itself is stats/hdrlog.c's.
 */
#include "report/model/model_histogram.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "report/model/model.h"
#include "stats/hdrlog.h"

static json_t *write_percentiles(const struct histogram *histogram)
{
	json_t *object = json_object();

	for (size_t i = 0; object != NULL && i < MODEL_PERCENTILE_COUNT; i++) {
		uint64_t value = histogram_percentile(histogram, model_percentiles[i]);
		char key[16];

		snprintf(key, sizeof(key), "%g", model_percentiles[i]);
		json_object_set_new(object, key, json_integer((json_int_t)value));
	}
	return object;
}

int model_histogram_write(const struct histogram *histogram, bool whole, json_t **ret_object)
{
	CLEANUP_FREE char *hdr = NULL;
	int r = whole ? hdrlog_encode(histogram, &hdr) : 0;

	if (r < 0)
		return r;

	json_t *object = json_pack("{s:I, s:I, s:f, s:f, s:I, s:I, s:o}", "count",
		(json_int_t)histogram_count(histogram), "min_ns",
		(json_int_t)histogram_min(histogram), "mean_ns", histogram_mean(histogram),
		"stddev_ns", histogram_stddev(histogram), "max_ns",
		(json_int_t)histogram_max(histogram), "above_range",
		(json_int_t)histogram->overflow_count, "percentiles_ns",
		write_percentiles(histogram));

	if (object == NULL)
		return -ENOMEM;
	if (whole && json_object_set_new(object, "hdr", json_string(hdr)) < 0) {
		json_decref(object);
		return -ENOMEM;
	}
	*ret_object = object;
	return 0;
}

static int fail(struct model_histogram_fault *fault, const char *key, const char *reason)
{
	*fault = (struct model_histogram_fault){ key, reason };
	return -EBADMSG;
}

/* The number of a field; *value stays what it was where there is none. */
static int read_number(
	json_t *object, const char *key, uint64_t *value, struct model_histogram_fault *fault)
{
	json_t *number = json_object_get(object, key);

	if (number == NULL)
		return 0;
	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return fail(fault, key, _("a whole number, 0 or more, is expected"));
	*value = (uint64_t)json_integer_value(number);
	return 0;
}

/* Whether `value` can be the end that the encoding has as `end`. */
static bool is_end(const struct histogram *histogram, uint64_t value, uint64_t end, bool above)
{
	/* A value beyond the range was counted in the last step. */
	if (above && value > histogram->limit && end >= histogram->limit)
		return true;
	return value >= histogram_step_lower(histogram, end) &&
		value <= histogram_step_upper(histogram, end);
}

/* Brings back what the encoding has lost, if it agrees with what it has kept. */
static int restore(json_t *object, struct histogram *histogram, struct model_histogram_fault *fault)
{
	const char *differs = _("this does not agree with \"hdr\"");
	uint64_t count = histogram->count, above = 0;
	uint64_t min = histogram->min, max = histogram->max;
	uint64_t last = histogram_step_upper(histogram, min);
	int r = read_number(object, "count", &count, fault);

	if (r == 0)
		r = read_number(object, "min_ns", &min, fault);
	if (r == 0)
		r = read_number(object, "max_ns", &max, fault);
	if (r == 0)
		r = read_number(object, "above_range", &above, fault);
	if (r < 0)
		return r;
	if (count != histogram->count)
		return fail(fault, "count", differs);
	if (count == 0)
		return 0;
	if (above > count)
		return fail(fault, "above_range", differs);
	if (!is_end(histogram, max, histogram->max, above > 0))
		return fail(fault, "max_ns", differs);
	/* Only where all lies beyond the range does the least. */
	if (min > max || !is_end(histogram, min, last, above == count))
		return fail(fault, "min_ns", differs);
	histogram->min = min;
	histogram->max = max;
	histogram->overflow_count = above;
	return 0;
}

int model_histogram_read(
	json_t *object, struct histogram **ret_histogram, struct model_histogram_fault *fault)
{
	json_t *hdr = json_object_get(object, "hdr");
	struct histogram *histogram;
	int r;

	if (!json_is_object(object))
		return fail(fault, NULL, _("an object is expected"));
	if (!json_is_string(hdr))
		return fail(fault, "hdr", _("a text is expected"));
	r = hdrlog_decode(json_string_value(hdr), json_string_length(hdr), &histogram);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return fail(fault, "hdr",
			r == -ENOTSUP
				? _("this kind of histogram is not known here (V0, V1 and V2 of "
				    "whole numbers are)")
				: _("this is not HdrHistogram's encoding, or damaged"));
	r = restore(object, histogram, fault);
	if (r < 0) {
		histogram_free(histogram);
		return r;
	}
	*ret_histogram = histogram;
	return 0;
}
