/*
 * What was demanded of runs (--assert, --find-max), for people at a terminal: whether it was kept.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "report/model/model.h"

/* A line for each demand; of several runs, only for those that were not met. */
void terminal_demands(const struct model *runs, size_t count, FILE *out);

/* One of them, on a line of its own. `doubted`: its figure cannot be trusted. */
void terminal_demands_print(const struct model_assert *demand, bool doubted, FILE *out);
