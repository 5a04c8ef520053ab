/*
 * What a result consists of, as a table: the key in JSON, the kind, the place in struct model, the
 * range. Writing, reading and freeing walk the same table, so they cannot disagree. To add a field:
 * one line in a struct of model.h, one in model_field.c, one in docs/result.md (a test compares).
 */
#pragma once

#include "report/model/model.h"

enum model_field_kind {
	MODEL_FIELD_COUNT, /* uint64_t, whole number */
	MODEL_FIELD_MAYBE, /* the same; null in JSON is 0 */
	MODEL_FIELD_KNOWN, /* struct model_known; left out where it is not known */
	MODEL_FIELD_REAL, /* double, 0 or more */
	MODEL_FIELD_FIGURE, /* double, 0 or more; null in JSON is NAN */
	MODEL_FIELD_FLAG, /* bool */
	MODEL_FIELD_NOT, /* bool, turned round in JSON */
	MODEL_FIELD_TEXT, /* char * */
	MODEL_FIELD_CHOICE, /* enum: index in `choices` */
	MODEL_FIELD_GROUP, /* object: `fields` */
	MODEL_FIELD_LIST, /* struct model_list of `size` bytes: `fields` */
	MODEL_FIELD_TEXTS, /* struct model_list of char * */
	MODEL_FIELD_OPTIONS, /* struct model_list of struct model_option; an object of texts */
	MODEL_FIELD_HISTOGRAM, /* struct histogram * */
};

/* Ends with key NULL. */
struct model_field {
	const char *key;
	enum model_field_kind kind;
	size_t offset;
	size_t size; /* of an item of a list */
	const struct model_field *fields;
	const char *const *choices; /* ends with NULL */
	bool may_lack; /* a group: left out where nothing in it is known */
};

/* All but "format" and "version". */
extern const struct model_field model_field_table[];
/* One of `intervals`. */
extern const struct model_field model_field_interval[];

/* The field of the struct at `base`. */
static inline void *model_field_at(const struct model_field *field, const void *base)
{
	return (char *)base + field->offset;
}
