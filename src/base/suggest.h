/*
 * "Did you mean ...?": the known name that is nearest to an unknown one.
 *
 * Near means: few letters inserted, left out, changed or swapped with their neighbour (Damerau and
 * Levenshtein's distance, case ignored): one in a name of 3 or 4 letters, two up to 8, three
 * beyond; or that three letters or more are the beginning of it. Texts over SUGGEST_MOST_BYTES have
 * no neighbour. Nothing is allocated. Any thread.
 */
#pragma once

#include <stddef.h>

#define SUGGEST_MOST_BYTES 64

/*
 * One of `candidates`, which may hold NULLs; among equally near ones the first. NULL: none is near.
 */
const char *suggest_nearest(const char *text, const char *const *candidates, size_t count);
