/*
 * What shells complete on the command line of meari: a script for each shell, made from the tables of options.
 * `meari --completions SHELL` prints it for packagers; it is in no help.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "cli/cli.h"

/* The shells, and "plain": a line an option with tabs between verb, names, value, kind and choices. */
const char *completion_shell(size_t index);

/* -EINVAL: there is no such shell. Errors of `out` stay in its error flag. */
int completion_print(const char *shell, const struct cli_verb *verbs, size_t count, FILE *out);
