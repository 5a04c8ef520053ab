/*
 * What was demanded of runs (--assert, --find-max), for people at a terminal: whether it was kept.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "report/model/model.h"

/* A line for each demand; of several runs, only for those that were not met. */
void terminal_demands(const struct model *runs, size_t count, FILE *out);
