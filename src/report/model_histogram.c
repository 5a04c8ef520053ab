/*
 * A histogram to JSON and back. The encoding itself is stats/hdrlog.c's.
 */
#include "report/model_histogram.h"

#include <errno.h>
#include <stdio.h>

#include "base/i18n.h"
#include "report/model.h"

static json_t *write_percentiles(const struct histogram *histogram)
{
	json_t *object = json_object();

	for (size_t i = 0; object != NULL && i < MODEL_PERCENTILE_COUNT; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%g", model_percentiles[i]);
		json_object_set_new(object, key,
			json_integer(
				(json_int_t)histogram_percentile(histogram, model_percentiles[i])));
	}
	return object;
}

int model_histogram_write(const struct histogram *histogram, json_t **ret_object)
{
	json_t *object = json_pack("{s:I, s:I, s:f, s:f, s:I, s:I, s:o}", "count",
		(json_int_t)histogram_count(histogram), "min_ns",
		(json_int_t)histogram_min(histogram), "mean_ns", histogram_mean(histogram),
		"stddev_ns", histogram_stddev(histogram), "max_ns",
		(json_int_t)histogram_max(histogram), "above_range",
		(json_int_t)histogram->overflow_count, "percentiles_ns",
		write_percentiles(histogram));

	if (object == NULL)
		return -ENOMEM;
	*ret_object = object;
	return 0;
}

int model_histogram_read(
	json_t *object, struct histogram **ret_histogram, struct model_histogram_fault *fault)
{
	if (!json_is_object(object)) {
		*fault = (struct model_histogram_fault){ NULL, _("an object is expected") };
		return -EBADMSG;
	}
	*ret_histogram = NULL;
	return 0;
}
