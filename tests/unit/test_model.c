/*
 * model*.c: what is written is read again, what is wrong is told with its place, lists and texts
 * have an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/environment.h"
#include "report/model/model.h"
#include "report/model/model_read.h"
#include "report/model/model_write.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HEAD "{\"format\": \"meari-result\", \"version\": 1"

static void fill_lists(struct model *model)
{
	for (unsigned i = 0; i < 5; i++) {
		struct model_interval *interval = model_append(
			&model->intervals, sizeof(*interval));

		*interval = (struct model_interval){ i * 1000, 1000, 10 + i, 9 + i, 12.5, 5, 9, 11,
			i };
	}

	struct model_size *size = model_append(&model->load.sizes, sizeof(*size));

	*size = (struct model_size){ 64, 9 };

	struct model_option *option = model_append(&model->environment.options, sizeof(*option));

	model_set_text(&option->name, "nodelay");
	model_set_text(&option->value, "on");

	struct model_step *step = model_append(&model->search, sizeof(*step));

	*step = (struct model_step){ 1000, 999.5, strdup("p99"), NAN, false };

	struct model_assert *asserted = model_append(&model->asserts, sizeof(*asserted));

	*asserted = (struct model_assert){ strdup("p99<5ms"), 1234567, true };

	struct model_reason *reason = model_append(&model->trust.reasons, sizeof(*reason));

	*reason = (struct model_reason){ .code = strdup("generator-cpu"),
		.text = strdup("no CPU was left") };
	*(struct model_figure *)model_append(&reason->figures,
		sizeof(struct model_figure)) = (struct model_figure){ strdup("running_share"),
		0.75 };
	model->trust.doubted = true;
}

static void fill(struct model *model)
{
	*model = (struct model){
		.started_unix_ns = 1234567890123456789,
		.duration_ns = 10000000000,
		.warm_up_ns = 1000000000,
		.interrupted = true,
		.load = { .mode = MODEL_OPEN,
			.connections = 50,
			.pipeline = 1,
			.rate_per_s = 1e5,
			.arrivals = MODEL_POISSON,
			.threads = 2,
			.verify = true },
		.counts = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, INT64_MAX },
		.rate = { 100000, 99999.25, 6.4e6 },
	};
	model_set_text(&model->program, "meari bench");
	model_append_text(&model->command, "meari");
	model_append_text(&model->command, "bench");
	model_set_text(&model->label, "</script> \"메아리\"\n");
	model_set_text(&model->target.address, "tcp://[::1]:7");
	model_set_text(&model->target.scheme, "tcp");
	fill_lists(model);
}

static char *written(const struct model *model)
{
	json_t *object;

	assert_int_equal(model_write_json(model, &object), 0);

	char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12));

	json_decref(object);
	return text;
}

static void round_trip(void **state)
{
	struct model model, again;
	struct model_fault fault;
	size_t used;

	fill(&model);

	char *once = written(&model);

	assert_int_equal(model_read(once, strlen(once), &again, &used, &fault), 0);
	assert_int_equal(used, strlen(once));
	assert_string_equal(again.label, model.label);
	assert_int_equal(again.intervals.count, 5);
	assert_int_equal(((struct model_interval *)again.intervals.items)[4].errors, 4);
	assert_true(isnan(((struct model_step *)again.search.items)[0].value));
	assert_true(again.trust.doubted);

	char *twice = written(&again);

	assert_string_equal(once, twice);
	free(once);
	free(twice);
	model_fini(&model);
	model_fini(&again);
}

static void histogram_round_trip(void **state)
{
	struct model model = { 0 }, again;
	struct model_fault fault;
	size_t used;

	assert_int_equal(histogram_new(1, 1000000, 3, &model.latency.sent), 0);
	for (uint64_t value = 1001; value < 900000; value += 977)
		histogram_record(model.latency.sent, value);
	histogram_record_many(model.latency.sent, 5000000, 3);
	assert_int_equal(histogram_new(1, HISTOGRAM_HIGHEST_NS, 3, &model.latency.connect), 0);
	assert_int_equal(histogram_new(1, 1000, 1, &model.latency.intended), 0);
	histogram_record(model.latency.intended, 70000);

	char *text = written(&model);

	assert_int_equal(model_read(text, strlen(text), &again, &used, &fault), 0);

	const struct histogram *sent = again.latency.sent;

	assert_int_equal(histogram_count(sent), histogram_count(model.latency.sent));
	/* What the encoding itself does not keep. */
	assert_int_equal(histogram_min(sent), 1001);
	assert_int_equal(histogram_max(sent), 5000000);
	assert_int_equal(sent->overflow_count, 3);
	assert_int_equal(histogram_count(again.latency.connect), 0);
	assert_int_equal(histogram_min(again.latency.intended), 70000);

	char *twice = written(&again);

	assert_string_equal(text, twice);
	free(text);
	free(twice);
	model_fini(&model);
	model_fini(&again);
}

static void several_in_one_file(void **state)
{
	static const char text[] = HEAD ", \"label\": \"a\"}\n" HEAD ", \"label\": \"b\"}\n \n";
	struct model model;
	struct model_fault fault;
	size_t used, more;

	assert_int_equal(model_read(text, strlen(text), &model, &used, &fault), 0);
	assert_string_equal(model.label, "a");
	model_fini(&model);
	assert_int_equal(model_read(text + used, strlen(text) - used, &model, &more, &fault), 0);
	assert_string_equal(model.label, "b");
	assert_int_equal(used + more, strlen(text));
	model_fini(&model);
}

static void unknown_keys_are_passed_over(void **state)
{
	static const char text[] = HEAD ", \"later\": [{}], \"rate\": {\"new\": true}}";
	struct model model;
	struct model_fault fault;
	size_t used;

	assert_int_equal(model_read(text, strlen(text), &model, &used, &fault), 0);
	model_fini(&model);
}

static void says_where_it_is_wrong(void **state)
{
	static const struct {
		const char *text, *place, *reason;
		unsigned line, column;
	} cases[] = {
		{ "", "", "the file ends too early", 1, 0 },
		{ "[1, 2", "", "the file ends too early", 1, 5 },
		{ "{\n  x}", "", "this is not JSON", 2, 3 },
		{ "{\"a\": \"\xff\"}", "", "this is not UTF-8", 1, 7 },
		{ "{\"a\": 1, \"a\": 1}", "", "a key is there twice", 1, 12 },
		{ "[]", "", "this is JSON, but not a result of meari's" },
		{ "{}", "", "this is JSON, but not a result of meari's" },
		{ "{\"format\": \"meari-result\"}", "version",
			"a whole number, 1 or more, is expected" },
		{ "{\"format\": \"meari-result\", \"version\": 2}", "version",
			"a later meari has written this (2, known here: 1)" },
		{ HEAD ", \"label\": 1}", "label", "a text is expected" },
		{ HEAD ", \"duration_ns\": -1}", "duration_ns",
			"a whole number, 0 or more, is expected" },
		{ HEAD ", \"duration_ns\": 1.5}", "duration_ns",
			"a whole number, 0 or more, is expected" },
		{ HEAD ", \"duration_ns\": 9223372036854775808}", "", "the number is too large", 1,
			75 },
		{ HEAD ", \"rate\": {\"asked_per_s\": null}}", "rate.asked_per_s",
			"a number, 0 or more, is expected" },
		{ HEAD ", \"rate\": 1}", "rate", "an object is expected" },
		{ HEAD ", \"intervals\": {}}", "intervals", "an array is expected" },
		{ HEAD ", \"intervals\": [{}, {\"p99_ns\": \"1\"}]}", "intervals[1].p99_ns",
			"a whole number, 0 or more, is expected" },
		{ HEAD ", \"command\": [\"a\", 2]}", "command[1]", "a text is expected" },
		{ HEAD ", \"environment\": {\"options\": {\"\\u001b[2J\": 1}}}",
			"environment.options", "a text is expected" },
		{ HEAD ", \"load\": {\"mode\": \"half\"}}", "load.mode",
			"one of these is expected: closed, open, churn" },
		{ HEAD ", \"trust\": {\"trusted\": 1}}", "trust.trusted",
			"true or false is expected" },
		{ HEAD ", \"latency\": {\"sent\": 5}}", "latency.sent", "an object is expected" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct model model = { .duration_ns = 77 };
		struct model_fault fault;
		size_t used = 77;

		assert_int_equal(
			model_read(cases[i].text, strlen(cases[i].text), &model, &used, &fault),
			-EBADMSG);
		assert_string_equal(fault.reason, cases[i].reason);
		assert_string_equal(fault.place, cases[i].place);
		assert_int_equal(fault.line, cases[i].line);
		assert_int_equal(fault.column, cases[i].column);
		assert_int_equal(model.duration_ns, 77);
		assert_int_equal(used, 77);
	}
}

/* HEAD, `before`, `count` times `item` with commas, `after`. */
static int read_many(const char *before, const char *item, size_t count, const char *after)
{
	char *text;
	size_t size, used;
	FILE *memory = open_memstream(&text, &size);
	struct model model;
	struct model_fault fault;

	fprintf(memory, "%s%s", HEAD, before);
	for (size_t i = 0; i < count; i++)
		fprintf(memory, "%s%s", i > 0 && item[1] != '\0' ? "," : "", item);
	fputs(after, memory);
	fclose(memory);

	int r = model_read(text, size, &model, &used, &fault);

	if (r == 0)
		model_fini(&model);
	free(text);
	return r;
}

static void lists_and_texts_have_an_end(void **state)
{
	assert_int_equal(read_many(",\"search\":[", "{}", MODEL_MOST_ITEMS, "]}"), 0);
	assert_int_equal(read_many(",\"search\":[", "{}", MODEL_MOST_ITEMS + 1, "]}"), -EBADMSG);
	assert_int_equal(read_many(",\"command\":[", "\"\"", MODEL_MOST_ITEMS, "]}"), 0);
	assert_int_equal(read_many(",\"command\":[", "\"\"", MODEL_MOST_ITEMS + 1, "]}"), -EBADMSG);
	assert_int_equal(read_many(",\"label\":\"", "a", MODEL_MOST_TEXT_BYTES, "\"}"), 0);
	assert_int_equal(
		read_many(",\"label\":\"", "a", MODEL_MOST_TEXT_BYTES + 1, "\"}"), -EBADMSG);
	assert_int_equal(read_many(",\"x\":", "[", 100000, ""), -EBADMSG);

	struct model_list list = { 0 };

	for (size_t i = 0; i < MODEL_MOST_ITEMS; i++)
		assert_non_null(model_append(&list, 1));
	assert_null(model_append(&list, 1));
	assert_int_equal(model_append_text(&list, ""), -E2BIG);
	free(list.items);
}

static void writes_no_number_that_json_has_not(void **state)
{
	struct model model = { .rate.reached_per_s = NAN };
	json_t *object;

	assert_int_equal(model_write_json(&model, &object), -EINVAL);
	model.rate.reached_per_s = INFINITY;
	assert_int_equal(model_write_json(&model, &object), -EINVAL);
	model.rate.reached_per_s = -1;
	assert_int_equal(model_write_json(&model, &object), -EINVAL);
	model.rate.reached_per_s = 0;
	model.duration_ns = UINT64_MAX;
	assert_int_equal(model_write_json(&model, &object), -EINVAL);
}

static void bytes_that_are_no_utf8(void **state)
{
	json_t *text = model_write_text("a\xff\xea\xb0\x80z");

	assert_string_equal(json_string_value(text), "a????z");
	json_decref(text);
}

static void knows_its_environment(void **state)
{
	struct model model = { 0 };

	assert_int_equal(environment_read(&model.environment), 0);
	assert_memory_equal(model.environment.kernel, "Linux ", 6);
	assert_true(model.environment.cpus >= 1);
	model_fini(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(histogram_round_trip),
		cmocka_unit_test(several_in_one_file),
		cmocka_unit_test(unknown_keys_are_passed_over),
		cmocka_unit_test(says_where_it_is_wrong),
		cmocka_unit_test(lists_and_texts_have_an_end),
		cmocka_unit_test(writes_no_number_that_json_has_not),
		cmocka_unit_test(bytes_that_are_no_utf8),
		cmocka_unit_test(knows_its_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
