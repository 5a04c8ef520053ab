/*
 * A comparison as one JSON object.
 */
#include "report/compare_json.h"

#include <math.h>

/* null where there is none: not known, or a factor of nothing. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers(const double *values, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, number(values[i]));
	return array;
}

static json_t *figure_object(const struct compare_figure *one)
{
	static const char *const units[] = {
		[FIGURE_PER_S] = "per_s",
		[FIGURE_NS] = "ns",
		[FIGURE_PER_MILLION] = "per_million",
	};

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s}", "figure",
		one->figure->name, "unit", units[one->figure->unit], "baseline",
		numbers(one->baseline, one->baseline_count), "values",
		numbers(one->values, one->count), "baseline_median", number(one->baseline_median),
		"median", number(one->median), "effect",
		compare_is_factor(one) ? "factor" : "difference", "change", number(one->effect),
		"low", number(one->low), "high", number(one->high), "verdict",
		compare_verdict_name(one->verdict));
}

static json_t *objection_object(const struct objection *objection)
{
	char text[OBJECTION_TEXT_SIZE];

	return json_pack("{s:s, s:I, s:I, s:s?, s:s}", "code", objection_code(objection->kind),
		"count", (json_int_t)objection->count, "of", (json_int_t)objection->of, "what",
		objection->what, "text", objection_format(objection, false, text, sizeof(text)));
}

json_t *compare_json(
	const struct compare *compare, const struct difference *differences, int difference_count)
{
	json_t *figures = json_array(), *differing = json_array(), *objections = json_array();

	for (size_t i = 0; i < compare->figure_count; i++)
		json_array_append_new(figures, figure_object(&compare->figures[i]));
	for (int i = 0; i < difference_count; i++)
		json_array_append_new(differing,
			json_pack("{s:s, s:s, s:s}", "field", differences[i].field, "first",
				differences[i].first, "other", differences[i].other));
	for (size_t i = 0; i < compare->objection_count; i++)
		json_array_append_new(objections, objection_object(&compare->objections[i]));
	return json_pack("{s:s, s:i, s:f, s:f, s:I, s:I, s:o, s:o, s:o, s:s}", "format",
		"meari-comparison", "version", 1, "confidence", COMPARE_CONFIDENCE, "margin",
		compare->margin, "baseline_runs", (json_int_t)compare->baseline_runs, "runs",
		(json_int_t)compare->runs, "figures", figures, "differences", differing,
		"objections", objections, "verdict", compare_verdict_name(compare->verdict));
}
