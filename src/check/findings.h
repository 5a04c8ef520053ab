/*
 * What `check` has found: kept, shown line by line as it comes, and written as JSON or JUnit XML for a CI
 * system. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "check/rule.h"

struct finding {
	const struct rule *rule;
	enum rule_verdict verdict;
	bool slow; /* passed, but took long */
	char *evidence;
	uint64_t took_ns;
};

/* Zeroed is ready. */
struct findings {
	struct finding *list;
	size_t count;
	size_t verdicts[RULE_VERDICTS]; /* how many of each */
	uint64_t took_ns;
	const struct rule *dead_since; /* the rule from which on nobody answers; NULL: none */
	char *error; /* why the check could not begin, or ended early; NULL: it did not */
};

/* 0 or -ENOMEM. */
int findings_add(struct findings *findings, const struct rule *rule, enum rule_verdict verdict,
	const char *evidence, uint64_t took_ns);
/* Why it could not begin or ended early; the first one counts. 0 or -ENOMEM. */
int findings_set_error(struct findings *findings, const char *text);
void findings_fini(struct findings *findings);

/* The last one, as a line for people; and the line behind all of them. */
void findings_print_last(const struct findings *findings, FILE *file);
void findings_print_sum(const struct findings *findings, FILE *file);

/*
 * `target` is what was checked as it was given, `address` where that is; NULL: it was not found. Written at once
 * when all of it is known. 0 or -errno.
 */
int findings_write_json(
	const struct findings *findings, const char *target, const char *address, FILE *file);
int findings_write_junit(const struct findings *findings, const char *target, FILE *file);

/* Pads a translated text to a width on the terminal. */
void findings_print_padded(FILE *file, const char *text, int columns);
