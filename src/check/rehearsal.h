/*
 * Finds the mistakes of a client that `check --client` starts: on a terminal of its own (pty(7)), against a server
 * of ours. Says nothing by itself. Main thread; blocks.
 */
#pragma once

#include "check/diagnosis.h"
#include "check/program/program.h"

/* As examination_run(); the service of `diagnosis` is not used. */
int rehearsal_run(
	struct diagnosis *diagnosis, const char *command, const struct program_limits *limits);
