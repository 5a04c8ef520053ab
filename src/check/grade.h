/*
 * How many points each rule earns (check --grade): lines of RULE POINTS, with comments from # on. Pure; any thread.
 *
 * Limits: each rule once, GRADE_MOST_POINTS points a rule, GRADE_MOST_BYTES of text.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "check/rule.h"

#define GRADE_MOST_LINES 64
#define GRADE_MOST_POINTS 1000000
#define GRADE_MOST_BYTES 65536
#define GRADE_NAME_SIZE 64

struct grade_line {
	const struct rule *rule;
	uint32_t points;
};

struct grade {
	struct grade_line lines[GRADE_MOST_LINES];
	size_t count;
	uint64_t of; /* all points together: at least 1 */
};

/* What is wrong with a text. */
struct grade_fault {
	unsigned line; /* from 1; 0: the whole text */
	char name
		[GRADE_NAME_SIZE]; /* a name that is no rule, safe to print; "": something else is wrong */
	const char *why; /* translated */
};

/* 0; or -EINVAL with the fault. */
int grade_parse(
	const char *text, size_t length, struct grade *ret_grade, struct grade_fault *reterr_fault);

/* Reads a file and parses it. Also -EFBIG, and the errors of open(2) and read(2), without a fault (`why` NULL). */
int grade_load(const char *path, struct grade *ret_grade, struct grade_fault *reterr_fault);

/* The points of a rule; -1: it is not graded. */
int64_t grade_points(const struct grade *grade, const struct rule *rule);
