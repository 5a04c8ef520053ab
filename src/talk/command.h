/*
 * What a typed line means: text to be sent, or a command to the client. Pure; any thread.
 */
#pragma once

#include <stddef.h>

enum command_kind {
	COMMAND_SAY, /* send `text` */
	COMMAND_HELP,
	COMMAND_URGENT, /* send the one byte of `text` as urgent data */
	COMMAND_HALF_CLOSE,
	COMMAND_RESET,
	COMMAND_STATE,
	COMMAND_QUIT,
	COMMAND_UNKNOWN, /* `text` is the word that was meant to be a command */
	COMMAND_WRONG, /* a command that lacks its argument or has one too many */
};

/* `text` points into the line that was parsed. */
struct command {
	enum command_kind kind;
	const char *text;
	size_t length;
};

/*
 * `line` has no newline at its end; it may hold zero bytes. A line that begins with "//" says the
 * rest of it from the second slash on.
 */
struct command command_parse(const char *line, size_t length);

/* The list for /help, one command a line, each with its newline, translated. */
const char *command_help(void);
