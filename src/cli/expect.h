/*
 * `meari report --expect N`: the results of a fleet, read, judged and printed in every form asked for. What fails is
 * reported through the log. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"

struct expect_options {
	uint32_t ranks; /* --expect */
	const char *const *paths;
	size_t path_count;
	const char *label; /* NULL: none */
	const char *html; /* NULL: none */
	bool json;
};

/* CLI_UNMET: not every rank is there once, or something is there that does not belong to them. */
enum cli_status expect_report(const struct expect_options *options);
