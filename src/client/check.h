/*
 * `meari check`: holds an echo service to the rules (client/rule.h), one after the other, and says what it
 * found. Main thread only (it takes over signals).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/rule.h"
#include "net/addr.h"

#define CHECK_MOST_RULES 64
#define CHECK_DEFAULT_PATIENCE_NS 5000000000ull
#define CHECK_DEFAULT_MOST_BYTES (64ull << 20)

struct check_options {
	struct addr_spec target;
	bool wanted[CHECK_MOST_RULES]; /* by rule_nth's number */
	uint64_t patience_ns;
	uint64_t most_bytes;
	bool json; /* instead of lines */
	const char *junit_path; /* NULL: none */
	uint64_t idle_ns; /* find out how long silence is borne, up to that; 0: no */
};

enum check_outcome { CHECK_KEPT, CHECK_BROKEN };

/*
 * 0 and the outcome: all rules tried; a positive number: the signal that ended it; -errno: it could not
 * be tried. A line has been printed for the latter.
 */
int check(const struct check_options *options, enum check_outcome *ret_outcome);
