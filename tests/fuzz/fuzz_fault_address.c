/*
 * An address with faults behind it, from anywhere: what is refused says where, inside the text and behind
 * the address, and why; what is taken fits what comes there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/fault/fault_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void try(const char *text, bool datagrams)
{
	size_t length = fault_address_length(text);
	struct fault_address_flaw flaw = { .column = SIZE_MAX };
	struct fault_address parts;
	const struct fault_plan *plan = &parts.plan;

	ASSERT(length <= strlen(text));
	if (fault_address_parse(text, length, datagrams, &parts, &flaw) < 0) {
		ASSERT(flaw.column > length && flaw.column <= strlen(text));
		ASSERT(flaw.why != NULL && flaw.why[0] != '\0');
		return;
	}
	ASSERT((plan->count == 0 && parts.proxy == LISTENER_NO_PROXY) == (text[length] == '\0'));
	ASSERT(parts.proxy == LISTENER_NO_PROXY || !datagrams);
	ASSERT(plan->count <= FAULT_PLAN_MOST_GIVEN);
	for (unsigned i = 0; i < plan->count; i++)
		ASSERT(datagrams ? fault_plan_is_of_datagrams(plan->rules[i].kind)
				 : fault_plan_is_of_streams(plan->rules[i].kind));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);

	memcpy(text, bytes, length);
	text[length] = '\0';
	try(text, false);
	try(text, true);
	free(text);
	return 0;
}
