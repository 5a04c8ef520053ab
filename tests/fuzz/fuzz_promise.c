/*
 * Promises from anywhere: what is refused says where, inside the text, and why; what is taken can be
 * judged and shown.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	char shown[PROMISE_VALUE_TEXT_SIZE], figure[PROMISE_TEXT_SIZE];
	struct promise_facts facts = { .sent = 1 };
	struct promise promise;
	const char *why = NULL;
	size_t column = SIZE_MAX;
	double value;

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (promise_parse(text, &promise, &column, &why) < 0) {
		ASSERT(column <= strlen(text) && why != NULL);
	} else {
		ASSERT(strcmp(promise.text, text) == 0);
		ASSERT(isfinite(promise.value) && promise.value >= 0);
		ASSERT(promise.percentile >= 0 && promise.percentile <= 100);
		promise_format_value(&promise, promise.value, shown, sizeof(shown));
		ASSERT(shown[0] != '\0');
		promise_format_figure(&promise, figure, sizeof(figure));
		ASSERT(strncmp(figure, text, strlen(figure)) == 0 && figure[0] != '\0');
		ASSERT(promise_value(&promise, &facts, &value) == (promise.figure > PROMISE_MAX));
		promise_holds(&promise, promise.value);
	}
	free(text);
	return 0;
}
