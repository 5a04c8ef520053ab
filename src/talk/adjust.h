/*
 * The commands that change how the socket is used: /pause, /read, /pieces, /rcvbuf, /sndbuf,
 * /linger. One thread.
 */
#pragma once

#include <stddef.h>

#include "talk/command.h"
#include "talk/dialogue.h"

#define ADJUST_TEXT_SIZE 256

/*
 * Does what such a command says and describes, translated, what holds now, or why it failed.
 * Returns `buffer`.
 */
const char *adjust(
	struct dialogue *dialogue, const struct command *command, char *buffer, size_t size);
