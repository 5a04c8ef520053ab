/*
 * Faults from anywhere: what is refused says where, inside the text, and why; what is taken can be drawn from,
 * and every time that is drawn is one that an engine can wait for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/fault/fault_spec.h"
#include "server/fault/fault_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void draw(const struct fault_plan_rule *rule)
{
	struct fault_plan plan = { .count = 1, .rules = { *rule } };
	uint64_t state = fault_plan_begin(&plan, 0, 1);

	ASSERT(rule->kind < FAULT_PLAN_KINDS);
	ASSERT(rule->probability >= 0 && rule->probability <= 1);
	for (int i = 0; i < 20; i++) {
		uint64_t ns = fault_plan_draw_ns(&state, &rule->time);

		ASSERT(ns <= FAULT_PLAN_MOST_NS ||
			(rule->kind == FAULT_PLAN_STALL && ns == UINT64_MAX));
		ASSERT(fault_plan_draw_gap(&state, rule->bytes) >= 1);
	}
}

/* As it is written in the log: it could be given again. A table's times may be too long for one option. */
static void write_back(const struct fault_plan_rule *rule)
{
	char text[FAULT_TEXT_SIZE];
	struct fault_plan_rule again;
	const char *why;
	size_t column;

	fault_text_write(rule, text);
	ASSERT(strlen(text) < FAULT_TEXT_SIZE - 1);
	if (strlen(text) > FAULT_SPEC_MOST || rule->time.shape == FAULT_PLAN_TABLE)
		return;
	ASSERT(fault_spec_parse(text, &again, &column, &why) == 0);
	ASSERT(again.kind == rule->kind && again.per_message == rule->per_message &&
		again.bytes == rule->bytes && again.after_bytes == rule->after_bytes &&
		again.seed == rule->seed && again.time.first_ns == rule->time.first_ns &&
		again.time.second_ns == rule->time.second_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct fault_plan_rule rule;
	const char *why = NULL;
	size_t column = SIZE_MAX;

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (fault_spec_parse(text, &rule, &column, &why) == 0) {
		draw(&rule);
		write_back(&rule);
	} else {
		ASSERT(column <= strlen(text) && why != NULL && why[0] != '\0');
	}
	free(text);
	return 0;
}
