/*
 * Files of points from anywhere: what is refused names a line or the whole, and says why; what is taken has each rule
 * once, and the right sum.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check/grade.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length > 0 ? length : 1);
	struct grade grade;
	struct grade_fault fault;
	uint64_t sum = 0;

	memcpy(text, bytes, length);
	if (grade_parse(text, length, &grade, &fault) < 0) {
		ASSERT(fault.why != NULL && fault.line <= length);
		for (const char *at = fault.name; *at != '\0'; at++)
			ASSERT(*at > ' ' && *at < 0x7f);
	} else {
		ASSERT(grade.count >= 1 && grade.count <= GRADE_MOST_LINES);
		for (size_t i = 0; i < grade.count; i++) {
			ASSERT(grade.lines[i].points <= GRADE_MOST_POINTS);
			ASSERT(grade_points(&grade, grade.lines[i].rule) == grade.lines[i].points);
			sum += grade.lines[i].points;
		}
		ASSERT(sum == grade.of && sum > 0);
	}
	free(text);
	return 0;
}
