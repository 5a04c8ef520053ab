/*
 * Copies results field by field into an empty one, so that whatever goes wrong on the way, the copy
 * holds only what is its own.
 */
#include "report/model/model_copy.h"

#include <errno.h>
#include <string.h>

#include "report/model/model_field.h"

static int copy_fields(const struct model_field *fields, const void *from, void *to);

static int copy_list(
	const struct model_field *field, const struct model_list *from, struct model_list *to)
{
	for (size_t i = 0; i < from->count; i++) {
		void *item = model_append(to, field->size);
		int r = item == NULL ? -ENOMEM
				     : copy_fields(field->fields,
					       (const char *)from->items + i * field->size, item);

		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_texts(const struct model_list *from, struct model_list *to)
{
	int r = 0;

	for (size_t i = 0; i < from->count && r == 0; i++)
		r = model_append_text(to, ((char **)from->items)[i]);
	return r;
}

static int copy_options(const struct model_list *from, struct model_list *to)
{
	const struct model_option *options = from->items;

	for (size_t i = 0; i < from->count; i++) {
		struct model_option *option = model_append(to, sizeof(*option));

		if (option == NULL || model_set_text(&option->name, options[i].name) < 0 ||
			model_set_text(&option->value, options[i].value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int copy_histogram(const struct histogram *from, struct histogram **to)
{
	return from != NULL ? histogram_copy(from, to) : 0;
}

/* `to` is zeroed. */
static int copy_field(const struct model_field *field, const void *from, void *to)
{
	switch (field->kind) {
	case MODEL_FIELD_COUNT:
	case MODEL_FIELD_MAYBE: memcpy(to, from, sizeof(uint64_t)); return 0;
	case MODEL_FIELD_KNOWN: memcpy(to, from, sizeof(struct model_known)); return 0;
	case MODEL_FIELD_REAL:
	case MODEL_FIELD_FIGURE: memcpy(to, from, sizeof(double)); return 0;
	case MODEL_FIELD_FLAG:
	case MODEL_FIELD_NOT: memcpy(to, from, sizeof(bool)); return 0;
	case MODEL_FIELD_CHOICE: memcpy(to, from, sizeof(unsigned)); return 0;
	case MODEL_FIELD_TEXT: return model_set_text(to, *(char *const *)from);
	case MODEL_FIELD_GROUP: return copy_fields(field->fields, from, to);
	case MODEL_FIELD_LIST: return copy_list(field, from, to);
	case MODEL_FIELD_TEXTS: return copy_texts(from, to);
	case MODEL_FIELD_OPTIONS: return copy_options(from, to);
	case MODEL_FIELD_HISTOGRAM: return copy_histogram(*(struct histogram *const *)from, to);
	}
	return 0;
}

static int copy_fields(const struct model_field *fields, const void *from, void *to)
{
	int r = 0;

	for (const struct model_field *field = fields; field->key != NULL && r == 0; field++)
		r = copy_field(field, model_field_at(field, from), model_field_at(field, to));
	return r;
}

int model_copy(const struct model *model, struct model *ret_copy)
{
	struct model copy = { 0 };
	int r = copy_fields(model_field_table, model, &copy);

	if (r < 0) {
		model_fini(&copy);
		return r;
	}
	*ret_copy = copy;
	return 0;
}
