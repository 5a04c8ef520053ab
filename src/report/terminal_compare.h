/*
 * A comparison for people at a terminal, in their language.
 */
#pragma once

#include <stdio.h>

#include "report/compare.h"

/* `width` as in text.h. -ENOMEM. */
int terminal_compare(const struct compare *compare, unsigned width, FILE *out);

/* A verdict in the user's language. */
const char *terminal_compare_verdict(enum compare_verdict verdict);
