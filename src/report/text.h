/*
 * Results for people at a terminal, in their language. `width` is the terminal's; 0: any. What comes
 * from files is made plain first. -ENOMEM is the only failure; whether it could be written, the
 * stream knows.
 */
#pragma once

#include <stdio.h>

#include "report/difference.h"
#include "report/model.h"

/* `merged` of `count` runs, and a line for each if there are several. */
int text_result(const struct model *merged, const struct model *runs, size_t count, unsigned width,
	FILE *out);

/* In what runs differ that should not, a line each. */
void text_differences(const struct difference *differences, int count, FILE *out);
