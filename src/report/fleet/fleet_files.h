/*
 * Reads files of a fleet's results, as `meari bench --json` or --json-lines writes them. What is broken does not
 * hide what stands behind it: a result that was cut off is named, and reading goes on at the next one. All of a file is
 * foreign.
 */
#pragma once

#include "report/fleet/fleet.h"

/*
 * Adds the results of a file ("-": standard input) to `fleet`, and what in it is none, as broken; a file that cannot be
 * read, too. Limits as runs.h has them for a file. -ENOMEM; -EOVERFLOW as fleet_add().
 */
int fleet_files_read(struct fleet *fleet, const char *path);

/* The same of what has been read already. */
int fleet_files_parse(struct fleet *fleet, const char *path, const char *bytes, size_t length);
