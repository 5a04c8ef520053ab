/*
 * Why figures cannot be trusted, in the language of the user. A file holds a code and figures;
 * the sentence is made here, in English for JSON and in the user's language for a terminal. What an
 * older or a newer meari wrote is shown as far as possible: without figures, or by its own text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report/model/model.h"

/* Holds any sentence, also in a language whose letters have three bytes. */
#define REASON_TEXT_SIZE (MODEL_MOST_TEXT_BYTES + 512)

/* Adds a figure of that name. 0, -ENOMEM or -E2BIG. */
int reason_add_figure(struct model_reason *reason, const char *name, double value);

/* The sentence. `translated`: in the user's language, otherwise in English. Returns buffer. */
const char *reason_format(
	const struct model_reason *reason, bool translated, char *buffer, size_t size);

/* Both are about one fault, so that one sentence is enough. */
bool reason_is_same(const struct model_reason *a, const struct model_reason *b);
/* Of two that are the same: whether `a` is the one to keep. */
bool reason_is_graver(const struct model_reason *a, const struct model_reason *b);
