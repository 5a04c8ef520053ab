/*
 * What somebody meant who has mistyped a word: "did you mean". Any thread.
 */
#pragma once

#include <stddef.h>

/*
 * The candidate that is nearest to the text, if one is near enough to be meant: with a third of its
 * letters wrong at most, a swap of two neighbours counting once. Of equally near ones the first. NULL: none.
 * Texts and candidates of more than SUGGEST_MOST_LENGTH bytes are near to nothing.
 */
#define SUGGEST_MOST_LENGTH 40
const char *suggest_nearest(const char *text, const char *const *candidates, size_t count);
