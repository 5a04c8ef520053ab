/*
 * The glossary of the tour: the field's words in both languages. Constant.
 */
#pragma once

#include <stddef.h>

#include "tour/stops/tour_stop.h"

struct tour_word {
	const char *word; /* by which a text is found to use it */
	struct tour_text meaning; /* one line, at most 78 columns, begins with the word itself */
};

/*
 * The words that a text in English uses, at most `most`, in the order of the glossary, those found first.
 * Returns how many.
 */
size_t tour_words_find(const char *text, const struct tour_word **ret_words, size_t most);

extern const struct tour_word tour_words_list[];
extern const size_t tour_words_count;
