/*
 * What `check` has found: kept, shown line by line as it comes, and written as JSON; as JUnit XML: junit.h.
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "check/grade.h"
#include "check/program/cause.h"
#include "check/rule.h"

struct finding {
	const struct rule *rule;
	enum rule_verdict verdict;
	bool slow; /* passed, but took long */
	char *evidence;
	uint64_t took_ns;
	/* The mistake that it failed with, or because of which it was not judged; NULL: none. Of `causes` below. */
	const struct cause_found *cause;
};

/* How much is shown (--hint): each also shows what stands above it. */
enum findings_hint {
	FINDINGS_VERDICT,
	FINDINGS_SEEN,
	FINDINGS_CAUSE,
	FINDINGS_READ,
};

/* Zeroed is ready. What it points to lives longer. */
struct findings {
	enum findings_hint hint;
	const struct grade *grade; /* NULL: no points are given */
	const char *
		through; /* what is judged: the way to the target of this name; NULL: the target itself */
	const struct cause_found *causes; /* the mistakes that were found */
	size_t cause_count;
	struct finding *list;
	size_t count;
	size_t verdicts[RULE_VERDICTS]; /* how many of each */
	uint64_t took_ns;
	const struct rule *dead_since; /* the rule from which on nothing answers; NULL: none */
	char *error; /* why the check could not begin, or ended early; NULL: it did not */
};

/* 0 or -ENOMEM. */
int findings_add(struct findings *findings, const struct rule *rule, enum rule_verdict verdict,
	const char *evidence, uint64_t took_ns);
/* Gives the last one its cause. */
void findings_set_cause(struct findings *findings, const struct cause_found *cause);
/* The points of all rules that passed; 0 where no points are given. */
uint64_t findings_score(const struct findings *findings);
/* Why it could not begin or ended early; the first one counts. 0 or -ENOMEM. */
int findings_set_error(struct findings *findings, const char *text);
void findings_fini(struct findings *findings);

/* The last one, as lines for people; and the lines behind all of them. */
void findings_print_last(const struct findings *findings, FILE *file);
void findings_print_sum(const struct findings *findings, FILE *file);

/*
 * `target` is what was checked as it was given, `address` where that is; NULL: it was not found. Written at once
 * when all of it is known. 0 or -errno.
 */
int findings_write_json(
	const struct findings *findings, const char *target, const char *address, FILE *file);

/* What may be shown of one, by the hint; returns `buffer` or a text of the findings. */
const char *findings_evidence(
	const struct findings *findings, const struct finding *finding, char *buffer, size_t size);

/* Pads a translated text to a width on the terminal. */
void findings_print_padded(FILE *file, const char *text, int columns);
