/*
 * No SPEC has an ampersand, so that one ends it, whatever is in it.
 */
#include "server/fault/fault_address.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "server/fault/fault_spec.h"

#define FAULT "fault="
#define PROXY "proxy="

struct reader {
	const char *text;
	bool datagrams;
	size_t column; /* of the value that is read next, then of what is wrong */
	struct fault_address *parts;
	struct fault_address_flaw *flaw;
};

static bool begins_with(const char *text, const char *name)
{
	return strncmp(text, name, strlen(name)) == 0;
}

size_t fault_address_length(const char *text)
{
	const char *mark = strchr(text, '?');

	while (mark != NULL && !begins_with(mark + 1, FAULT) && !begins_with(mark + 1, PROXY))
		mark = strchr(mark + 1, '?');
	return mark != NULL ? (size_t)(mark - text) : strlen(text);
}

static int refuse(struct reader *reader, size_t column, const char *why)
{
	reader->flaw->column = column;
	reader->flaw->why = why;
	return -EINVAL;
}

/* The one from the reader's column up to there. */
static int read_fault(struct reader *reader, size_t length)
{
	struct fault_plan *plan = &reader->parts->plan;
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

static bool is_word(const struct reader *reader, size_t length, const char *word)
{
	return length == strlen(word) && begins_with(reader->text + reader->column, word);
}

static int read_proxy(struct reader *reader, size_t length)
{
	reader->flaw->in_proxy = true;
	if (reader->parts->proxy != LISTENER_NO_PROXY)
		return refuse(reader, reader->column, _("'proxy=' has been said before"));
	if (is_word(reader, length, "require"))
		reader->parts->proxy = LISTENER_PROXY_REQUIRED;
	else if (is_word(reader, length, "accept"))
		reader->parts->proxy = LISTENER_PROXY_ACCEPTED;
	else
		return refuse(reader, reader->column, _("'require' or 'accept' is expected here"));
	if (reader->datagrams)
		return refuse(reader, reader->column,
			_("a proxy's header is for streams, and this address serves datagrams"));
	reader->flaw->in_proxy = false;
	return 0;
}

static int read_all(struct reader *reader)
{
	for (;;) {
		const char *part = reader->text + reader->column;
		bool proxy = begins_with(part, PROXY);
		size_t length;
		int r;

		if (!proxy && !begins_with(part, FAULT))
			return refuse(
				reader, reader->column, _("'fault=' or 'proxy=' is expected here"));
		reader->column += strlen(proxy ? PROXY : FAULT);
		length = strcspn(reader->text + reader->column, "&");
		r = proxy ? read_proxy(reader, length) : read_fault(reader, length);
		if (r < 0)
			return r;
		reader->column += length;
		if (reader->text[reader->column] == '\0')
			return 0;
		reader->column++;
	}
}

int fault_address_parse(const char *text, size_t length, bool datagrams,
	struct fault_address *ret_parts, struct fault_address_flaw *reterr_flaw)
{
	struct fault_address parts;
	struct fault_address_flaw flaw = { 0 };
	struct reader reader = {
		.text = text,
		.datagrams = datagrams,
		.column = length + 1,
		.parts = &parts,
		.flaw = &flaw,
	};
	int r;

	parts.plan.count = 0;
	parts.proxy = LISTENER_NO_PROXY;
	r = text[length] != '\0' ? read_all(&reader) : 0;
	if (r < 0)
		*reterr_flaw = flaw;
	else
		*ret_parts = parts;
	return r;
}
