/*
 * Results for people at a terminal, in their language. `width` is the terminal's; 0: any. What comes
 * from files is made plain first. -ENOMEM is the only failure; whether it could be written, the
 * stream knows.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "report/difference.h"
#include "report/model/model.h"

/* `merged` of `count` runs, and a line for each if there are several. */
int terminal_result(const struct model *merged, const struct model *runs, size_t count,
	unsigned width, FILE *out);

/* `merged` of `count` runs alone, without a word on trust. */
int terminal_merged(const struct model *merged, size_t count, unsigned width, FILE *out);

/*
 * What is to be known of both sides of a comparison besides its figures, and a line for each run. The
 * figures of all messages together are left out: they are others than the medians of the comparison.
 */
int terminal_compared(const struct model *merged, const struct model *runs, size_t count,
	const struct model *baseline, size_t baseline_count, unsigned width, FILE *out);

/* Why figures cannot be trusted; nothing if they can. */
void terminal_trust(const struct model_trust *trust, bool is_baseline, unsigned width, FILE *out);

/* In what runs differ that should not, a line each. */
void terminal_differences(const struct difference *differences, int count, FILE *out);
