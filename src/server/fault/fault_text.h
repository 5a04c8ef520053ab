/*
 * A fault as it is written, from what was read (fault_spec.h): for the log. Any thread.
 */
#pragma once

#include <stddef.h>

#include "protocol/fault_plan.h"

/* Room for any rule. */
#define FAULT_TEXT_SIZE 1024

/* What is so by itself is left out; what is written can be read again. Returns buffer. */
const char *fault_text_write(const struct fault_plan_rule *rule, char buffer[FAULT_TEXT_SIZE]);
