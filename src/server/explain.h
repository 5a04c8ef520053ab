/*
 * What `meari serve --explain` prints: what the server would use on this machine, and why not the
 * rest. Main thread; nothing is opened that stays open.
 */
#pragma once

#include <stdio.h>

#include "server/server.h"

/*
 * One line for each thing: its name (never translated), "yes" or "no", the reason. 0, or -errno where
 * the server could not run so: then one line has gone to the log.
 */
int explain_print(const struct server_options *options, FILE *stream);
