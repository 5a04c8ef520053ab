/*
 * Reading results from JSON, by the table of fields. Jansson has checked that it is JSON in UTF-8
 * without NUL; here each field's type, range and size is.
 */
#include "report/model/model_read.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "report/model/model_field.h"
#include "report/model/model_histogram.h"

/* Where we are, from the leaf to the root. */
struct place {
	const struct place *above;
	const char *key; /* NULL: `index` */
	size_t index;
};

static int read_fields(const struct model_field *fields, json_t *object, void *base,
	const struct place *place, struct model_fault *fault);

static size_t format_place(const struct place *place, char *buffer, size_t size)
{
	if (place == NULL)
		return 0;

	size_t used = format_place(place->above, buffer, size);
	const char *dot = used > 0 ? "." : "";

	if (used >= size)
		return used;
	if (place->key != NULL)
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", dot, place->key);
	else
		used += (size_t)snprintf(buffer + used, size - used, "[%zu]", place->index);
	return used;
}

__attribute__((format(printf, 3, 4))) static int fail(
	struct model_fault *fault, const struct place *place, const char *format, ...)
{
	va_list arguments;

	memset(fault, 0, sizeof(*fault));
	format_place(place, fault->place, sizeof(fault->place));
	va_start(arguments, format);
	vsnprintf(fault->reason, sizeof(fault->reason), format, arguments);
	va_end(arguments);
	return -EBADMSG;
}

static int read_count(
	json_t *value, uint64_t *count, const struct place *place, struct model_fault *fault)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return fail(fault, place, _("a whole number, 0 or more, is expected"));
	*count = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_real(
	json_t *value, double *real, const struct place *place, struct model_fault *fault)
{
	if (!json_is_number(value) || json_number_value(value) < 0)
		return fail(fault, place, _("a number, 0 or more, is expected"));
	*real = json_number_value(value);
	return 0;
}

static int read_flag(json_t *value, bool turned, bool *flag, const struct place *place,
	struct model_fault *fault)
{
	if (!json_is_boolean(value))
		return fail(fault, place, _("true or false is expected"));
	*flag = json_is_true(value) != turned;
	return 0;
}

static int check_text(json_t *value, const struct place *place, struct model_fault *fault)
{
	if (!json_is_string(value))
		return fail(fault, place, _("a text is expected"));
	if (json_string_length(value) > MODEL_MOST_TEXT_BYTES)
		return fail(
			fault, place, _("the text is longer than %d bytes"), MODEL_MOST_TEXT_BYTES);
	return 0;
}

static int read_text(
	json_t *value, char **text, const struct place *place, struct model_fault *fault)
{
	int r = check_text(value, place, fault);

	return r < 0 ? r : model_set_text(text, json_string_value(value));
}

static int read_choice(json_t *value, const char *const *choices, unsigned *choice,
	const struct place *place, struct model_fault *fault)
{
	char known[80] = "";

	for (unsigned i = 0; choices[i] != NULL; i++) {
		size_t used = strlen(known);

		if (json_is_string(value) && strcmp(json_string_value(value), choices[i]) == 0) {
			*choice = i;
			return 0;
		}
		snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "", choices[i]);
	}
	return fail(fault, place, _("one of these is expected: %s"), known);
}

static int check_array(json_t *value, const struct place *place, struct model_fault *fault)
{
	if (!json_is_array(value))
		return fail(fault, place, _("an array is expected"));
	if (json_array_size(value) > MODEL_MOST_ITEMS)
		return fail(fault, place, _("there are more than %d"), MODEL_MOST_ITEMS);
	return 0;
}

static int read_list(json_t *value, const struct model_field *field, struct model_list *list,
	const struct place *place, struct model_fault *fault)
{
	json_t *element;
	size_t i;
	int r = check_array(value, place, fault);

	if (r < 0)
		return r;
	json_array_foreach(value, i, element)
	{
		struct place here = { .above = place, .index = i };
		void *item = model_append(list, field->size);

		if (item == NULL)
			return -ENOMEM;
		r = read_fields(field->fields, element, item, &here, fault);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_texts(json_t *value, struct model_list *list, const struct place *place,
	struct model_fault *fault)
{
	json_t *element;
	size_t i;
	int r = check_array(value, place, fault);

	if (r < 0)
		return r;
	json_array_foreach(value, i, element)
	{
		struct place here = { .above = place, .index = i };

		r = check_text(element, &here, fault);
		if (r == 0)
			r = model_append_text(list, json_string_value(element));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_options(json_t *value, struct model_list *list, const struct place *place,
	struct model_fault *fault)
{
	const char *name;
	json_t *element;

	if (!json_is_object(value))
		return fail(fault, place, _("an object is expected"));
	if (json_object_size(value) > MODEL_MOST_ITEMS)
		return fail(fault, place, _("there are more than %d"), MODEL_MOST_ITEMS);
	json_object_foreach(value, name, element)
	{
		/* The name is the file's: it does not go into the message. */
		int r = check_text(element, place, fault);

		if (r < 0)
			return r;
		if (strlen(name) > MODEL_MOST_TEXT_BYTES)
			return fail(fault, place, _("the text is longer than %d bytes"),
				MODEL_MOST_TEXT_BYTES);

		struct model_option *option = model_append(list, sizeof(*option));

		if (option == NULL || model_set_text(&option->name, name) < 0 ||
			model_set_text(&option->value, json_string_value(element)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_histogram(json_t *value, struct histogram **histogram, const struct place *place,
	struct model_fault *fault)
{
	struct model_histogram_fault inner;
	int r = model_histogram_read(value, histogram, &inner);

	if (r == -EBADMSG) {
		struct place here = { .above = place, .key = inner.key };

		return fail(fault, inner.key != NULL ? &here : place, "%s", inner.reason);
	}
	return r;
}

static int read_known(json_t *value, struct model_known *known, const struct place *place,
	struct model_fault *fault)
{
	known->known = true;
	return read_count(value, &known->count, place, fault);
}

static int read_field(json_t *value, const struct model_field *field, void *at,
	const struct place *place, struct model_fault *fault)
{
	switch (field->kind) {
	case MODEL_FIELD_COUNT: return read_count(value, at, place, fault);
	case MODEL_FIELD_MAYBE:
		if (json_is_null(value)) {
			*(uint64_t *)at = 0;
			return 0;
		}
		return read_count(value, at, place, fault);
	case MODEL_FIELD_KNOWN: return read_known(value, at, place, fault);
	case MODEL_FIELD_REAL: return read_real(value, at, place, fault);
	case MODEL_FIELD_FIGURE:
		if (json_is_null(value)) {
			*(double *)at = NAN;
			return 0;
		}
		return read_real(value, at, place, fault);
	case MODEL_FIELD_FLAG: return read_flag(value, false, at, place, fault);
	case MODEL_FIELD_NOT: return read_flag(value, true, at, place, fault);
	case MODEL_FIELD_TEXT: return read_text(value, at, place, fault);
	case MODEL_FIELD_CHOICE: return read_choice(value, field->choices, at, place, fault);
	case MODEL_FIELD_GROUP: return read_fields(field->fields, value, at, place, fault);
	case MODEL_FIELD_LIST: return read_list(value, field, at, place, fault);
	case MODEL_FIELD_TEXTS: return read_texts(value, at, place, fault);
	case MODEL_FIELD_OPTIONS: return read_options(value, at, place, fault);
	case MODEL_FIELD_HISTOGRAM: return read_histogram(value, at, place, fault);
	}
	return 0;
}

static int read_fields(const struct model_field *fields, json_t *object, void *base,
	const struct place *place, struct model_fault *fault)
{
	if (!json_is_object(object))
		return fail(fault, place, _("an object is expected"));
	for (const struct model_field *field = fields; field->key != NULL; field++) {
		struct place here = { .above = place, .key = field->key };
		json_t *value = json_object_get(object, field->key);

		if (value == NULL)
			continue;

		int r = read_field(value, field, model_field_at(field, base), &here, fault);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Jansson's own words may quote the file; these do not. */
static int fail_json(const json_error_t *error, struct model_fault *fault)
{
	enum json_error_code code = json_error_code(error);

	if (code == json_error_out_of_memory)
		return -ENOMEM;
	fail(fault, NULL, "%s",
		code == json_error_premature_end_of_input     ? _("the file ends too early")
			: code == json_error_invalid_utf8     ? _("this is not UTF-8")
			: code == json_error_duplicate_key    ? _("a key is there twice")
			: code == json_error_stack_overflow   ? _("it is nested too deeply")
			: code == json_error_numeric_overflow ? _("the number is too large")
							      : _("this is not JSON"));
	fault->line = (unsigned)error->line;
	fault->column = (unsigned)error->column;
	return -EBADMSG;
}

static int check_head(json_t *object, struct model_fault *fault)
{
	static const struct place version_place = { .key = "version" };
	const char *format = json_string_value(json_object_get(object, "format"));
	json_t *version = json_object_get(object, "version");

	if (format == NULL || strcmp(format, MODEL_FORMAT) != 0)
		return fail(fault, NULL, _("this is JSON, but not a result of meari's"));
	if (!json_is_integer(version) || json_integer_value(version) < 1)
		return fail(fault, &version_place, _("a whole number, 1 or more, is expected"));
	if (json_integer_value(version) > MODEL_VERSION)
		return fail(fault, &version_place,
			_("a later meari has written this (%lld, known here: %d)"),
			(long long)json_integer_value(version), MODEL_VERSION);
	return 0;
}

int model_read(const char *bytes, size_t length, struct model *model, size_t *ret_used,
	struct model_fault *fault)
{
	struct model read = { 0 };
	json_error_t error;
	json_t *object;
	size_t window = length < MODEL_MOST_BYTES ? length : MODEL_MOST_BYTES, used;
	int r;

	/* Jansson needs up to forty times as much memory for what it reads. */
	object = json_loadb(bytes, window, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
	if (object == NULL && window < length &&
		json_error_code(&error) == json_error_premature_end_of_input)
		return -EFBIG;
	if (object == NULL)
		return fail_json(&error, fault);
	used = (size_t)error.position;
	while (used < length && isspace((unsigned char)bytes[used]))
		used++;
	if (json_object_size(object) == 1 && json_is_object(json_object_get(object, "interval"))) {
		json_decref(object);
		*ret_used = used;
		return -ENOMSG;
	}
	r = check_head(object, fault);
	if (r == 0)
		r = read_fields(model_field_table, object, &read, NULL, fault);
	json_decref(object);
	if (r < 0) {
		model_fini(&read);
		return r;
	}
	*model = read;
	*ret_used = used;
	return 0;
}
