/*
 * Building and freeing results. What there is to free is read from the table of fields.
 */
#include "report/model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/model_field.h"

const double model_percentiles[MODEL_PERCENTILE_COUNT] = { 50, 75, 90, 95, 99, 99.9, 99.99,
	99.999 };

static void free_fields(const struct model_field *fields, void *base);

static void free_field(const struct model_field *field, void *at)
{
	struct model_list *list = at;

	switch (field->kind) {
	case MODEL_FIELD_TEXT: free(*(char **)at); return;
	case MODEL_FIELD_HISTOGRAM: histogram_free(*(struct histogram **)at); return;
	case MODEL_FIELD_GROUP: free_fields(field->fields, at); return;
	case MODEL_FIELD_LIST:
		for (size_t i = 0; i < list->count; i++)
			free_fields(field->fields, (char *)list->items + i * field->size);
		break;
	case MODEL_FIELD_TEXTS:
		for (size_t i = 0; i < list->count; i++)
			free(((char **)list->items)[i]);
		break;
	case MODEL_FIELD_OPTIONS:
		for (size_t i = 0; i < list->count; i++) {
			struct model_option *option = (struct model_option *)list->items + i;

			free(option->name);
			free(option->value);
		}
		break;
	default: return;
	}
	free(list->items);
}

static void free_fields(const struct model_field *fields, void *base)
{
	for (const struct model_field *field = fields; field->key != NULL; field++)
		free_field(field, model_field_at(field, base));
}

void model_fini(struct model *model)
{
	free_fields(model_field_table, model);
	memset(model, 0, sizeof(*model));
}

int model_set_text(char **text, const char *value)
{
	char *copy = NULL;

	if (value != NULL) {
		copy = strdup(value);
		if (copy == NULL)
			return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

void *model_append(struct model_list *list, size_t size)
{
	/* The capacity is the next power of two. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t capacity = list->count == 0 ? 1 : 2 * list->count;

		if (list->count >= MODEL_MOST_ITEMS)
			return NULL;

		void *items = reallocarray(list->items, capacity, size);

		if (items == NULL)
			return NULL;
		list->items = items;
	}

	void *item = (char *)list->items + list->count * size;

	memset(item, 0, size);
	list->count++;
	return item;
}

int model_append_text(struct model_list *list, const char *text)
{
	if (list->count >= MODEL_MOST_ITEMS)
		return -E2BIG;

	char *copy = strdup(text);

	if (copy == NULL)
		return -ENOMEM;

	char **item = model_append(list, sizeof(*item));

	if (item == NULL) {
		free(copy);
		return -ENOMEM;
	}
	*item = copy;
	return 0;
}

const struct histogram *model_main_latency(const struct model *model)
{
	const struct model_latency *latency = &model->latency;

	return latency->intended != NULL ? latency->intended : latency->sent;
}
