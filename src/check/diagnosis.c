/*
 * Only the record; what is written into it is found by examination.c and rehearsal.c.
 */
#include "check/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool diagnosis_has(const struct diagnosis *diagnosis, enum cause_number number)
{
	for (size_t i = 0; i < diagnosis->count; i++) {
		if (diagnosis->found[i].cause == cause_of(number))
			return true;
	}
	return false;
}

const struct cause_found *diagnosis_cause_of(const struct diagnosis *diagnosis, const char *rule)
{
	for (size_t i = 0; i < diagnosis->count; i++) {
		if (strcmp(diagnosis->found[i].cause->rule, rule) == 0)
			return &diagnosis->found[i];
	}
	return NULL;
}

const struct cause_found *diagnosis_explanation_of(
	const struct diagnosis *diagnosis, const char *rule)
{
	for (size_t i = 0; i < diagnosis->count; i++) {
		if (cause_explains(diagnosis->found[i].cause, rule))
			return &diagnosis->found[i];
	}
	return NULL;
}

const struct diagnosis_note *diagnosis_note_of(const struct diagnosis *diagnosis, const char *rule)
{
	for (size_t i = 0; i < diagnosis->note_count; i++) {
		if (strcmp(diagnosis->notes[i].rule, rule) == 0)
			return &diagnosis->notes[i];
	}
	return NULL;
}

struct cause_found *diagnosis_add_cause(struct diagnosis *diagnosis)
{
	return &diagnosis->found[diagnosis->count++];
}

struct diagnosis_note *diagnosis_add_note(struct diagnosis *diagnosis, const char *rule,
	enum rule_verdict verdict, const char *format, ...)
{
	struct diagnosis_note *one = &diagnosis->notes[diagnosis->note_count++];
	va_list arguments;

	*one = (struct diagnosis_note){ .rule = rule, .verdict = verdict };
	va_start(arguments, format);
	vsnprintf(one->evidence, sizeof(one->evidence), format, arguments);
	va_end(arguments);
	return one;
}
