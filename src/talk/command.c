/*
 * Commands begin with a slash in the first column, so that everything else can be said as it is,
 * and what begins with a slash by writing it twice. Blanks around an argument do not count, except
 * that "/urgent  " with a blank to spare sends a blank.
 */
#include "talk/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"
#include "base/suggest.h"

enum argument { NOTHING, ONE_BYTE, BYTES, SECONDS };

static const struct {
	const char *name;
	enum command_kind kind;
	enum argument argument;
	uint64_t least, most;
} commands[] = {
	{ "/help", COMMAND_HELP, NOTHING },
	{ "/urgent", COMMAND_URGENT, ONE_BYTE },
	{ "/half-close", COMMAND_HALF_CLOSE, NOTHING },
	{ "/reset", COMMAND_RESET, NOTHING },
	{ "/state", COMMAND_STATE, NOTHING },
	{ "/pause", COMMAND_PAUSE, NOTHING },
	{ "/read", COMMAND_READ, BYTES, 0, COMMAND_READ_MOST },
	{ "/pieces", COMMAND_PIECES, BYTES, 0, COMMAND_BUFFER_MOST },
	{ "/rcvbuf", COMMAND_RCVBUF, BYTES, 1, COMMAND_BUFFER_MOST },
	{ "/sndbuf", COMMAND_SNDBUF, BYTES, 1, COMMAND_BUFFER_MOST },
	{ "/linger", COMMAND_LINGER, SECONDS, 0, COMMAND_LINGER_MOST_S },
	{ "/quit", COMMAND_QUIT, NOTHING },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The index of a command; COMMAND_COUNT: there is none of this name. */
static size_t find(const char *word, size_t length)
{
	size_t i = 0;

	while (i < COMMAND_COUNT &&
		(strlen(commands[i].name) != length || memcmp(commands[i].name, word, length) != 0))
		i++;
	return i;
}

static size_t find_kind(enum command_kind kind)
{
	size_t i = 0;

	while (commands[i].kind != kind)
		i++;
	return i;
}

/* Reads the number of command `i`. */
static bool read_number(size_t i, const char *argument, size_t length, uint64_t *ret_number)
{
	char text[32] = { 0 };

	if (length == 0 && commands[i].argument == SECONDS) {
		*ret_number = COMMAND_LINGER_DEFAULT_S;
		return true;
	}
	if (length == 0 || length >= sizeof(text) || memchr(argument, 0, length) != NULL)
		return false;
	memcpy(text, argument, length);
	if (commands[i].argument == SECONDS)
		return number_parse(text, commands[i].least, commands[i].most, ret_number) == 0;
	return number_parse_size(text, commands[i].least, commands[i].most, ret_number) == 0;
}

static bool fits(size_t i, const char *argument, size_t length, uint64_t *ret_number)
{
	switch (commands[i].argument) {
	case NOTHING: return length == 0;
	case ONE_BYTE: return length == 1;
	case BYTES:
	case SECONDS: return read_number(i, argument, length, ret_number);
	}
	return false;
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

	size_t i = find(line, word);

	if (i == COMMAND_COUNT)
		return (struct command){ COMMAND_UNKNOWN, line, word };

	bool takes_blank = commands[i].argument == ONE_BYTE;
	const char *argument = line + word;
	size_t left = length - word;

	if (takes_blank && left > 0) {
		argument++; /* the one blank between them */
		left--;
	}
	while (left > 1 && is_blank(argument[0])) {
		argument++;
		left--;
	}
	while (left > 1 && is_blank(argument[left - 1]))
		left--;
	if (!takes_blank && left == 1 && is_blank(argument[0]))
		left = 0;

	struct command command = { commands[i].kind, argument, left };

	if (!fits(i, argument, left, &command.number)) {
		command.meant = command.kind;
		command.kind = COMMAND_WRONG;
	}
	return command;
}

const char *command_help(void)
{
	return _("/help        this list\n"
		 "/urgent X    send the byte X as urgent data (MSG_OOB)\n"
		 "/half-close  finish sending, go on receiving\n"
		 "/reset       reset the connection (RST)\n"
		 "/state       what the kernel knows of the connection\n"
		 "/pause       stop receiving; again: go on\n"
		 "/read N      receive at most N bytes in one call (0: no limit)\n"
		 "/pieces N    send at most N bytes in one call (0: no limit)\n"
		 "/rcvbuf N    set the receive buffer to N bytes (SO_RCVBUF)\n"
		 "/sndbuf N    set the send buffer to N bytes (SO_SNDBUF)\n"
		 "/linger [S]  wait up to S seconds for the last ACK when closing (0: RST)\n"
		 "/quit        finish sending, receive the rest and leave (also Ctrl-D)\n"
		 "//TEXT       send /TEXT\n");
}

const char *command_usage(enum command_kind meant, char *buffer, size_t size)
{
	size_t i = find_kind(meant);
	const char *name = commands[i].name;

	switch (commands[i].argument) {
	case NOTHING: snprintf(buffer, size, _("%s takes no argument (see /help)"), name); break;
	case ONE_BYTE:
		snprintf(
			buffer, size, _("%s takes one byte, as in '%s X' (see /help)"), name, name);
		break;
	case BYTES:
		snprintf(buffer, size,
			_("%s takes a number of bytes from %llu to %llu, as in '%s 1K' (see /help)"),
			name, (unsigned long long)commands[i].least,
			(unsigned long long)commands[i].most, name);
		break;
	case SECONDS:
		snprintf(buffer, size,
			_("%s takes whole seconds from 0 to %d; without a number, %d (see /help)"),
			name, COMMAND_LINGER_MOST_S, COMMAND_LINGER_DEFAULT_S);
		break;
	}
	return buffer;
}

const char *command_nearest(const struct command *unknown)
{
	const char *names[COMMAND_COUNT];
	char word[COMMAND_NAME_SIZE * 2] = { 0 };

	if (unknown->length >= sizeof(word))
		return NULL;
	memcpy(word, unknown->text, unknown->length);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	return suggest_nearest(word, names, COMMAND_COUNT);
}

static size_t common_length(const char *a, const char *b)
{
	size_t length = 0;

	while (a[length] != '\0' && a[length] == b[length])
		length++;
	return length;
}

struct command_completion command_complete(const char *typed, size_t length)
{
	struct command_completion completion = { 0 };
	size_t used = 0, common = 0, only = 0;

	if (length == 0 || typed[0] != '/')
		return completion;
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const char *name = commands[i].name;

		if (strlen(name) < length || memcmp(name, typed, length) != 0)
			continue;
		if (completion.count == 0) {
			only = i;
			common = strlen(name);
		}

		size_t shared = common_length(name, commands[only].name);

		common = shared < common ? shared : common;
		used += (size_t)snprintf(completion.names + used, sizeof(completion.names) - used,
			"%s%s", completion.count > 0 ? "  " : "", name);
		completion.count++;
	}
	if (completion.count > 0)
		snprintf(completion.added, sizeof(completion.added), "%.*s%s",
			(int)(common - length), commands[only].name + length,
			completion.count == 1 && commands[only].argument != NOTHING ? " " : "");
	return completion;
}
