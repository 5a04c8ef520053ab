/*
 * A line that was typed into `meari talk`, or pasted: what it says lies within it, and a line that is no command is
 * said as it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "talk/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *line = (const char *)bytes;
	struct command command = command_parse(line, length);

	ASSERT(command.kind <= COMMAND_WRONG);
	if (command.length > 0)
		ASSERT(command.text >= line && command.text + command.length <= line + length);
	if (length == 0 || line[0] != '/')
		ASSERT(command.kind == COMMAND_SAY && command.length == length);
	if (length >= 2 && memcmp(line, "//", 2) == 0)
		ASSERT(command.kind == COMMAND_SAY && command.text == line + 1 &&
			command.length == length - 1);
	if (command.kind == COMMAND_URGENT)
		ASSERT(command.length == 1);
	return 0;
}
