/*
 * What a typed line means: text to be sent, or a command to the client; and how a command that is
 * being typed goes on. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The largest numbers that commands take. */
#define COMMAND_READ_MOST (64u << 10)
#define COMMAND_BUFFER_MOST INT32_MAX
#define COMMAND_LINGER_MOST_S 3600
/* What /linger alone stands for. */
#define COMMAND_LINGER_DEFAULT_S 10

enum command_kind {
	COMMAND_SAY, /* send `text` */
	COMMAND_HELP,
	COMMAND_URGENT, /* send the one byte of `text` as urgent data */
	COMMAND_HALF_CLOSE,
	COMMAND_RESET,
	COMMAND_STATE,
	COMMAND_PAUSE, /* stop receiving, or go on */
	COMMAND_READ, /* receive at most `number` bytes a call; 0: no limit */
	COMMAND_PIECES, /* send at most `number` bytes a call; 0: no limit */
	COMMAND_RCVBUF, /* SO_RCVBUF of `number` bytes */
	COMMAND_SNDBUF, /* SO_SNDBUF of `number` bytes */
	COMMAND_LINGER, /* SO_LINGER of `number` seconds */
	COMMAND_QUIT,
	COMMAND_UNKNOWN, /* `text` is the word that was meant to be a command */
	COMMAND_WRONG, /* `meant` lacks its argument, has one too many, or one that does not fit */
};

/* `text` points into the line that was parsed. */
struct command {
	enum command_kind kind;
	const char *text;
	size_t length;
	uint64_t number;
	enum command_kind meant;
};

/*
 * `line` has no newline at its end; it may hold zero bytes. A line that begins with "//" says the
 * rest of it from the second slash on.
 */
struct command command_parse(const char *line, size_t length);

/* The list for /help, one command a line, each with its newline, translated. */
const char *command_help(void);

/*
 * Writes which argument a command takes, for `meant` of COMMAND_WRONG, translated. Returns
 * `buffer`.
 */
#define COMMAND_USAGE_SIZE 256
const char *command_usage(enum command_kind meant, char *buffer, size_t size);

/* The command that a COMMAND_UNKNOWN was most likely meant to be; NULL: none is near. */
const char *command_nearest(const struct command *unknown);

#define COMMAND_NAME_SIZE 16
#define COMMAND_NAMES_SIZE 192

struct command_completion {
	size_t count; /* commands that begin with what was typed */
	char added
		[COMMAND_NAME_SIZE]; /* what all of them have behind it; the only one also gets its blank */
	char names[COMMAND_NAMES_SIZE]; /* all of them, with two blanks between */
};

/*
 * Completes the first word of a line; `count` is 0 where it is no command, or already followed
 * by a blank.
 */
struct command_completion command_complete(const char *typed, size_t length);
