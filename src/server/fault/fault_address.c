/*
 * No SPEC has an ampersand, so that one ends it, whatever is in it.
 */
#include "server/fault/fault_address.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "server/fault/fault_spec.h"

#define FIRST "?fault="
#define NEXT "fault="

struct reader {
	const char *text;
	bool datagrams;
	size_t column; /* of the fault that is read next, then of what is wrong */
	const char *why;
};

size_t fault_address_length(const char *text)
{
	const char *faults = strstr(text, FIRST);

	return faults != NULL ? (size_t)(faults - text) : strlen(text);
}

static int refuse(struct reader *reader, size_t column, const char *why)
{
	reader->column = column;
	reader->why = why;
	return -EINVAL;
}

/* The one from the reader's column up to there. */
static int read_one(struct reader *reader, size_t length, struct fault_plan *plan)
{
	struct fault_plan_rule *rule = &plan->rules[plan->count];
	char spec[FAULT_SPEC_MOST + 1];
	const char *why;
	size_t column;

	if (plan->count == FAULT_PLAN_MOST_GIVEN)
		return refuse(reader, reader->column, _("an address may have at most 16 faults"));
	if (length > FAULT_SPEC_MOST)
		return refuse(reader, reader->column + FAULT_SPEC_MOST, _("that is too long"));
	memcpy(spec, reader->text + reader->column, length);
	spec[length] = '\0';
	if (fault_spec_parse(spec, rule, &column, &why) < 0)
		return refuse(reader, reader->column + column, why);
	if (reader->datagrams && !fault_plan_is_of_datagrams(rule->kind))
		return refuse(reader, reader->column,
			_("this fault is for streams, and this address serves datagrams"));
	if (!reader->datagrams && !fault_plan_is_of_streams(rule->kind))
		return refuse(reader, reader->column,
			_("this fault is for datagrams, and this address serves streams"));
	plan->count++;
	return 0;
}

static int read_all(struct reader *reader, struct fault_plan *plan)
{
	for (;;) {
		const char *spec = reader->text + reader->column;
		size_t length = strcspn(spec, "&");
		int r = read_one(reader, length, plan);

		if (r < 0)
			return r;
		if (spec[length] == '\0')
			return 0;
		reader->column += length + 1;
		if (strncmp(spec + length + 1, NEXT, strlen(NEXT)) != 0)
			return refuse(reader, reader->column, _("'fault=' is expected here"));
		reader->column += strlen(NEXT);
	}
}

int fault_address_parse(const char *text, size_t length, bool datagrams,
	struct fault_plan *ret_plan, size_t *ret_column, const char **ret_why)
{
	struct reader reader = { .text = text, .datagrams = datagrams };
	struct fault_plan plan;
	int r = 0;

	plan.count = 0;
	if (text[length] != '\0') {
		reader.column = length + strlen(FIRST);
		r = read_all(&reader, &plan);
	}
	if (r < 0) {
		*ret_column = reader.column;
		*ret_why = reader.why;
		return r;
	}
	*ret_plan = plan;
	return 0;
}
