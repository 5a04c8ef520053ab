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

/* What was typed and what is added begin one of the names. */
static void check_completion(const char *line, size_t length)
{
	struct command_completion completion = command_complete(line, length);
	char word[2 * COMMAND_NAME_SIZE] = { 0 };

	ASSERT(strlen(completion.names) < sizeof(completion.names));
	if (completion.count == 0) {
		ASSERT(completion.added[0] == '\0' && completion.names[0] == '\0');
		return;
	}
	ASSERT(length > 0 && length < COMMAND_NAME_SIZE);
	memcpy(word, line, length);
	strcat(word, completion.added);
	if (completion.count == 1 && word[strlen(word) - 1] == ' ')
		word[strlen(word) - 1] = '\0';
	ASSERT(strstr(completion.names, word) != NULL);
}

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
	if (command.kind == COMMAND_READ)
		ASSERT(command.number <= COMMAND_READ_MOST);
	if (command.kind == COMMAND_RCVBUF || command.kind == COMMAND_SNDBUF)
		ASSERT(command.number > 0 && command.number <= COMMAND_BUFFER_MOST);
	if (command.kind == COMMAND_LINGER)
		ASSERT(command.number <= COMMAND_LINGER_MOST_S);
	if (command.kind == COMMAND_WRONG) {
		char usage[COMMAND_USAGE_SIZE];

		ASSERT(*command_usage(command.meant, usage, sizeof(usage)) == '/');
	}
	if (command.kind == COMMAND_UNKNOWN)
		command_nearest(&command);
	check_completion(line, length);
	return 0;
}
