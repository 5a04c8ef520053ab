/*
 * Commands begin with a slash in the first column, so that everything else can be said as it is, and
 * what begins with a slash by writing it twice. Blanks around an argument do not count, except that
 * "/urgent  " with a blank to spare sends a blank.
 */
#include "talk/command.h"

#include <stdbool.h>
#include <string.h>

#include "base/i18n.h"

static const struct {
	const char *name;
	enum command_kind kind;
} names[] = {
	{ "/help", COMMAND_HELP },
	{ "/urgent", COMMAND_URGENT },
	{ "/half-close", COMMAND_HALF_CLOSE },
	{ "/reset", COMMAND_RESET },
	{ "/state", COMMAND_STATE },
	{ "/quit", COMMAND_QUIT },
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum command_kind find(const char *word, size_t length)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == length && memcmp(names[i].name, word, length) == 0)
			return names[i].kind;
	}
	return COMMAND_UNKNOWN;
}

struct command command_parse(const char *line, size_t length)
{
	if (length == 0 || line[0] != '/')
		return (struct command){ COMMAND_SAY, line, length };
	if (length >= 2 && line[1] == '/')
		return (struct command){ COMMAND_SAY, line + 1, length - 1 };

	size_t word = 0;

	while (word < length && !is_blank(line[word]))
		word++;

	enum command_kind kind = find(line, word);
	const char *argument = line + word;
	size_t left = length - word;

	if (kind == COMMAND_UNKNOWN)
		return (struct command){ kind, line, word };
	if (kind == COMMAND_URGENT && left > 0) {
		argument++; /* the one blank that parts them */
		left--;
	}
	while (left > 1 && is_blank(argument[0])) {
		argument++;
		left--;
	}
	while (left > 1 && is_blank(argument[left - 1]))
		left--;
	if (kind == COMMAND_URGENT)
		return (struct command){ left == 1 ? kind : COMMAND_WRONG, argument, left };
	if (left == 1 && is_blank(argument[0]))
		left = 0;
	return (struct command){ left == 0 ? kind : COMMAND_WRONG, argument, left };
}

const char *command_help(void)
{
	return _("/help        this list\n"
		 "/urgent X    send the byte X as urgent data (MSG_OOB)\n"
		 "/half-close  finish sending, go on receiving\n"
		 "/reset       break the conversation off (RST)\n"
		 "/state       what the kernel knows of the conversation\n"
		 "/quit        finish sending, receive the rest and leave (also Ctrl-D)\n"
		 "//TEXT       send /TEXT\n");
}
