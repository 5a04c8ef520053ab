/*
 * All rules of `meari check`, in the order of trying. On top of the files that hold them (rule_*). Pure; any
 * thread.
 */
#pragma once

#include "check/rule.h"

/* The rules from 0; NULL behind the last. At most CHECK_MOST_RULES (check.h). */
const struct rule *rules_nth(unsigned n);
/* NULL: no rule has that name. */
const struct rule *rules_find(const char *name);
