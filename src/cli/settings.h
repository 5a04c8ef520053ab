/*
 * A file of settings: the long options of a verb, one a line, as on the command line or without what makes
 * them options there:
 *
 *	# threads that serve
 *	threads 4
 *	--idle-timeout=5m
 *	max-rate = 10M
 *	address udp://localhost:5000
 *
 * A value goes to the end of the line, without the blanks around it; nothing is quoted. Main thread.
 */
#pragma once

#include <stddef.h>

#include "cli/cli.h"

/* A file's size, at most. */
#define SETTINGS_MOST_BYTES (1u << 20)

struct settings_reader {
	char *next, *end;
	unsigned line; /* of what was given last, from 1 */
};

struct settings_entry {
	const char *name; /* without the two dashes; never empty */
	const char *value; /* NULL: none */
	size_t name_column, value_column; /* from 0; where there is no value, where it would be */
};

struct settings_fault {
	size_t column; /* from 0 */
	const char *why; /* translated */
};

/* `text` has `length` bytes and room for one more; it is changed, and the entries point into it. */
void settings_init(struct settings_reader *reader, char *text, size_t length);
/* 1: an entry; 0: the end; -EINVAL: `ret_fault` says why the line is none. */
int settings_next(struct settings_reader *reader, struct settings_entry *ret_entry,
	struct settings_fault *ret_fault);

/*
 * Gives what stands in the file to the verb, as if it stood on the command line; "address" is an argument that
 * is no option. `ret_text` is what the values point into, the caller's to free, also on failure. 0, or what the
 * verb returned when it had complained.
 */
int settings_apply(const char *path, struct cli_state *state, char **ret_text);
