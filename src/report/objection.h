/*
 * What stands against a verdict of a comparison: too little was seen, what was seen cannot be
 * trusted, or the two sides are not alike. A comparison with an objection may still find that
 * something is worse; that nothing is, it cannot say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report/figure.h"
#include "report/model/model.h"

enum objection_kind {
	OBJECTION_TOO_FEW, /* runs on a side: `count` here, `of` in the baseline */
	OBJECTION_NOTHING_IN_COMMON, /* no figure is known of both sides */
	OBJECTION_MISSING, /* the figure `what` is known of `count` of all `of` runs */
	OBJECTION_NO_ANSWER, /* nothing came back in `count` of `of` runs */
	OBJECTION_NOT_TRUSTED, /* `count` of `of` runs here */
	OBJECTION_BASELINE_NOT_TRUSTED,
	OBJECTION_INTERRUPTED, /* `count` of `of` runs */
	OBJECTION_LOAD, /* the runs differ in the field `what` */
	OBJECTION_TWICE, /* `count` of `of` runs are there more than once */
	OBJECTION_KIND_COUNT,
};

/* There is at most one of a kind. */
#define OBJECTION_MOST OBJECTION_KIND_COUNT
/* Holds any sentence, also in a language whose letters have three bytes. */
#define OBJECTION_TEXT_SIZE 384

struct objection {
	enum objection_kind kind;
	size_t count, of;
	const char *what; /* a name as JSON has it; not to be freed */
};

/* Of how many runs a figure is known. */
struct objection_known {
	const struct figure *figure;
	size_t baseline_count, count;
};

/* Finds all of them; `known` are the figures that both sides have. Gives their number. */
size_t objection_find(const struct model *baseline, size_t baseline_count, const struct model *runs,
	size_t count, size_t least_runs, const struct objection_known *known, size_t known_count,
	struct objection objections[OBJECTION_MOST]);

/* "too-few-runs" and so on, in JSON; never translated. */
const char *objection_code(enum objection_kind kind);

/* The sentence, without a full stop. `translated`: in the user's language, otherwise in English. */
const char *objection_format(
	const struct objection *objection, bool translated, char *buffer, size_t size);
