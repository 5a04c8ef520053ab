/*
 * The page is made when meari is built (src/report/page, src/page/embed.py): markup, style, the charts'
 * library and what drives it, in two halves. Between them goes the data, as JSON in ASCII without
 * any of the characters that mean something in markup, so nothing in a result can end the script
 * element that it stands in, or begin another.
 */
#include "report/html.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config.h"
#include "report/compare_json.h"
#include "report/curve.h"
#include "report/figure.h"
#include "report/model/model_write.h"
#include "report/page_bytes.h"

/* Points over time of one run, and of the whole page; more are drawn together. */
#define RUN_POINTS 600
#define PAGE_POINTS 20000

bool html_available(void)
{
	return sizeof(page_head) > 1;
}

/* One of the two pictures of each histogram that a result has. */
static json_t *pictures(const struct model *model, json_t *(*draw)(const struct histogram *))
{
	const struct model_latency *latency = &model->latency;
	json_t *object = json_object();

	if (latency->intended != NULL)
		json_object_set_new(object, "intended", draw(latency->intended));
	if (latency->sent != NULL)
		json_object_set_new(object, "sent", draw(latency->sent));
	if (latency->connect != NULL)
		json_object_set_new(object, "connect", draw(latency->connect));
	return object;
}

static void join_interval(struct model_interval *sum, const struct model_interval *more)
{
	sum->asked_per_s = (sum->asked_per_s * (double)sum->length_ns +
				   more->asked_per_s * (double)more->length_ns) /
		(double)(sum->length_ns + more->length_ns + 1);
	sum->length_ns += more->length_ns;
	sum->sent += more->sent;
	sum->received += more->received;
	sum->errors += more->errors;
	/* Percentiles cannot be added: the worst stands for all. */
	sum->p50_ns = sum->p50_ns > more->p50_ns ? sum->p50_ns : more->p50_ns;
	sum->p99_ns = sum->p99_ns > more->p99_ns ? sum->p99_ns : more->p99_ns;
	sum->max_ns = sum->max_ns > more->max_ns ? sum->max_ns : more->max_ns;
}

/* [[seconds, length, asked, reached, p50, p99, max, errors], ...] */
static json_t *course(const struct model *run, size_t most)
{
	const struct model_interval *intervals = run->intervals.items;
	size_t count = run->intervals.count, together = count / most + (count % most != 0);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i += together) {
		struct model_interval sum = intervals[i];

		for (size_t k = i + 1; k < count && k < i + together; k++)
			join_interval(&sum, &intervals[k]);

		double seconds = (double)sum.length_ns / 1e9;

		json_array_append_new(array,
			json_pack("[f, f, f, f, I, I, I, I]", (double)sum.start_ns / 1e9, seconds,
				sum.asked_per_s, seconds > 0 ? (double)sum.received / seconds : 0.0,
				(json_int_t)sum.p50_ns, (json_int_t)sum.p99_ns,
				(json_int_t)sum.max_ns, (json_int_t)sum.errors));
	}
	return array;
}

static json_t *figures(const struct model *run)
{
	json_t *object = json_object();

	for (size_t i = 0; i < FIGURE_COUNT; i++) {
		double value = figure_value(&figure_table[i], run);

		/* JSON has no "not a number". */
		json_object_set_new(object, figure_table[i].name,
			value == value ? json_real(value) : json_null());
	}
	return object;
}

/* Promises that do not hold: with several runs nothing else on the page shows them. */
static json_t *broken(const struct model *run)
{
	const struct model_assert *asserts = run->asserts.items;
	json_t *array = json_array();

	for (size_t i = 0; i < run->asserts.count; i++) {
		if (!asserts[i].holds)
			json_array_append_new(array,
				model_write_text(asserts[i].text != NULL ? asserts[i].text : "?"));
	}
	return array;
}

static json_t *run_object(const struct model *run, size_t points)
{
	return json_pack("{s:o, s:f, s:o, s:o, s:o, s:b}", "label",
		run->label != NULL ? model_write_text(run->label) : json_null(), "asked_per_s",
		run->rate.asked_per_s, "figures", figures(run), "course", course(run, points),
		"broken", broken(run), "trusted", !run->trust.doubted);
}

static json_t *run_list(const struct html_page *page)
{
	size_t points = PAGE_POINTS / page->run_count;
	json_t *array = json_array();

	for (size_t i = 0; i < page->run_count; i++)
		json_array_append_new(array,
			run_object(&page->runs[i], points < RUN_POINTS ? points + 1 : RUN_POINTS));
	return array;
}

static int result_object(const struct model *model, json_t **ret_object)
{
	json_t *object;
	int r = model_write_summary(model, &object);

	if (r < 0)
		return r;
	/* The figures over time are drawn for each run. */
	json_object_del(object, "intervals");
	*ret_object = json_pack("{s:o, s:o, s:o, s:o}", "result", object, "figures", figures(model),
		"percentiles", pictures(model, curve_percentiles), "shape",
		pictures(model, curve_shape));
	return *ret_object != NULL ? 0 : -ENOMEM;
}

static int make_data(const struct html_page *page, json_t **ret_data)
{
	json_t *merged, *baseline = json_null(), *comparison = json_null();
	int r = result_object(page->merged, &merged);

	if (r == 0 && page->baseline != NULL) {
		r = result_object(page->baseline, &baseline);
		if (r < 0)
			json_decref(merged);
	}
	if (r < 0)
		return r;
	if (page->compare != NULL)
		comparison = compare_json(page->compare, page->differences, page->difference_count);

	json_t *differing = json_array();

	for (int i = 0; i < page->difference_count; i++)
		json_array_append_new(differing,
			json_pack("[s, s, s]", page->differences[i].field,
				page->differences[i].first, page->differences[i].other));
	*ret_data = json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:O?}", "version", MEARI_VERSION,
		"written_unix_ms", (json_int_t)(clock_wall_ns() / CLOCK_NS_PER_MS), "merged",
		merged, "baseline", baseline, "runs", run_list(page), "comparison", comparison,
		"differences", differing, "fleet", page->fleet);
	return *ret_data != NULL ? 0 : -ENOMEM;
}

/* For json_dump_callback(): takes the text in pieces. */
static int put_escaped(const char *text, size_t length, void *out)
{
	for (size_t i = 0; i < length; i++) {
		/* They can only stand inside of strings, where an escape means the same. */
		if (text[i] == '<' || text[i] == '>' || text[i] == '&')
			fprintf(out, "\\u%04x", (unsigned)text[i]);
		else
			fputc(text[i], out);
	}
	return ferror((FILE *)out) ? -1 : 0;
}

int html_write(const struct html_page *page, FILE *out)
{
	json_t *data;

	if (!html_available())
		return -ENOTSUP;

	int r = make_data(page, &data);

	if (r < 0)
		return r;
	fwrite(page_head, 1, sizeof(page_head) - 1, out);
	json_dump_callback(
		data, put_escaped, out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
	fwrite(page_tail, 1, sizeof(page_tail) - 1, out);
	json_decref(data);
	return ferror(out) ? -EIO : 0;
}

int html_write_run(const struct model *run, FILE *out)
{
	struct html_page page = { .merged = run, .runs = run, .run_count = 1 };

	return html_write(&page, out);
}
