/*
 * Writing results as JSON, by the table of fields.
 */
#include "report/model/model_write.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_text.h"
#include "base/outfile.h"
#include "report/model/model_field.h"
#include "report/model/model_histogram.h"

static int write_fields(
	const struct model_field *fields, const void *base, bool whole, json_t *object);

json_t *model_write_text(const char *text)
{
	json_t *value = json_string(text);

	if (value != NULL)
		return value;

	CLEANUP_FREE char *copy = strdup(text);

	if (copy == NULL)
		return NULL;
	for (char *at = copy; *at != '\0'; at++) {
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	}
	return json_string(copy);
}

static json_t *write_list(
	const struct model_field *field, const struct model_list *list, bool whole, int *ret)
{
	json_t *array = json_array();

	for (size_t i = 0; array != NULL && i < list->count && *ret == 0; i++) {
		const char *item = (const char *)list->items + i * field->size;
		json_t *object = json_object();

		*ret = object != NULL ? write_fields(field->fields, item, whole, object) : -ENOMEM;
		if (json_array_append_new(array, object) < 0 && *ret == 0)
			*ret = -ENOMEM;
	}
	return array;
}

static json_t *write_texts(const struct model_list *list, int *ret)
{
	json_t *array = json_array();

	for (size_t i = 0; array != NULL && i < list->count; i++) {
		if (json_array_append_new(array, model_write_text(((char **)list->items)[i])) < 0)
			*ret = -ENOMEM;
	}
	return array;
}

static json_t *write_options(const struct model_list *list, int *ret)
{
	const struct model_option *options = list->items;
	json_t *object = json_object();

	for (size_t i = 0; object != NULL && i < list->count; i++) {
		if (json_object_set_new(
			    object, options[i].name, model_write_text(options[i].value)) < 0)
			*ret = -ENOMEM;
	}
	return object;
}

static json_t *write_count(uint64_t count, int *ret)
{
	if (count > INT64_MAX)
		*ret = -EINVAL;
	return json_integer((json_int_t)(count & INT64_MAX));
}

static json_t *write_real(double real, bool may_lack, int *ret)
{
	if (isfinite(real) && real >= 0)
		return json_real(real);
	if (!may_lack || !isnan(real))
		*ret = -EINVAL;
	return json_null();
}

static json_t *write_group(const struct model_field *fields, const void *base, bool whole, int *ret)
{
	json_t *object = json_object();

	if (object != NULL)
		*ret = write_fields(fields, base, whole, object);
	return object;
}

/* The value of a field; NULL without an error in *ret: it is not known and left out. */
static json_t *write_field(const struct model_field *field, const void *at, bool whole, int *ret)
{
	json_t *value = NULL;

	switch (field->kind) {
	case MODEL_FIELD_COUNT: value = write_count(*(const uint64_t *)at, ret); break;
	case MODEL_FIELD_MAYBE:
		value = *(const uint64_t *)at > 0 ? write_count(*(const uint64_t *)at, ret)
						  : json_null();
		break;
	case MODEL_FIELD_KNOWN:
		if (!((const struct model_known *)at)->known)
			return NULL;
		value = write_count(((const struct model_known *)at)->count, ret);
		break;
	case MODEL_FIELD_REAL: value = write_real(*(const double *)at, false, ret); break;
	case MODEL_FIELD_FIGURE: value = write_real(*(const double *)at, true, ret); break;
	case MODEL_FIELD_FLAG: value = json_boolean(*(const bool *)at); break;
	case MODEL_FIELD_NOT: value = json_boolean(!*(const bool *)at); break;
	case MODEL_FIELD_TEXT:
		if (*(char *const *)at == NULL)
			return NULL;
		value = model_write_text(*(char *const *)at);
		break;
	case MODEL_FIELD_CHOICE: value = json_string(field->choices[*(const unsigned *)at]); break;
	case MODEL_FIELD_GROUP:
		value = write_group(field->fields, at, whole, ret);
		if (*ret == 0 && field->may_lack && json_object_size(value) == 0) {
			json_decref(value);
			return NULL;
		}
		break;
	case MODEL_FIELD_LIST: value = write_list(field, at, whole, ret); break;
	case MODEL_FIELD_TEXTS: value = write_texts(at, ret); break;
	case MODEL_FIELD_OPTIONS: value = write_options(at, ret); break;
	case MODEL_FIELD_HISTOGRAM:
		if (*(struct histogram *const *)at == NULL)
			return NULL;
		*ret = model_histogram_write(*(struct histogram *const *)at, whole, &value);
		break;
	}
	if (value == NULL && *ret == 0)
		*ret = -ENOMEM;
	return value;
}

static int write_fields(
	const struct model_field *fields, const void *base, bool whole, json_t *object)
{
	int r = 0;

	for (const struct model_field *field = fields; field->key != NULL && r == 0; field++) {
		json_t *value = write_field(field, model_field_at(field, base), whole, &r);

		if (value != NULL && json_object_set_new(object, field->key, value) < 0 && r == 0)
			r = -ENOMEM;
	}
	return r;
}

static int write_model(const struct model *model, bool whole, json_t **ret_object)
{
	json_t *object = json_pack("{s:s, s:i}", "format", MODEL_FORMAT, "version", MODEL_VERSION);
	int r = object != NULL ? write_fields(model_field_table, model, whole, object) : -ENOMEM;

	if (r < 0) {
		json_decref(object);
		return r;
	}
	*ret_object = object;
	return 0;
}

int model_write_json(const struct model *model, json_t **ret_object)
{
	return write_model(model, true, ret_object);
}

int model_write_summary(const struct model *model, json_t **ret_object)
{
	return write_model(model, false, ret_object);
}

int model_write_interval(const struct model_interval *interval, json_t **ret_object)
{
	json_t *object = json_object();
	int r = object != NULL ? write_fields(model_field_interval, interval, true, object)
			       : -ENOMEM;

	if (r < 0) {
		json_decref(object);
		return r;
	}
	*ret_object = object;
	return 0;
}

int model_write(const struct model *model, FILE *out)
{
	json_t *object;
	int r = model_write_json(model, &object);

	if (r < 0)
		return r;
	r = json_text_write(object, JSON_COMPACT | JSON_REAL_PRECISION(12), out);
	json_decref(object);
	if (r == 0)
		r = outfile_put(out, "\n", 1);
	return r;
}
