/*
 * What was found out about a program that `check` runs: its mistakes, and what became of the rules that only such
 * experiments judge. Filled by examination.h (a service) and rehearsal.h (a client). At most DIAGNOSIS_MOST of
 * each. One thread.
 */
#pragma once

#include "check/program/cause.h"
#include "check/program/service.h"
#include "check/rule.h"

#define DIAGNOSIS_MOST 16

/* What came of a rule that only the diagnosis judges. */
struct diagnosis_note {
	const char *rule;
	enum rule_verdict verdict;
	const struct cause_found
		*cause; /* it passed, but is slow because of that; NULL: it is not */
	char evidence[RULE_EVIDENCE_SIZE];
};

struct diagnosis {
	struct service *service;
	struct rule_trial *trial; /* its patience, and its signal */
	enum rule_profile profile;
	uint64_t until_ns; /* once a mistake was found, no experiment begins after that */
	/* What was found: */
	struct cause_found found[DIAGNOSIS_MOST];
	size_t count;
	struct cause_found slow_cause; /* that of a note, and not among `found` */
	bool is_steady; /* clients come and go: it need not be started anew as long as all is well */
	bool sends_single_bytes; /* it should not be given many at once */
	struct diagnosis_note notes[DIAGNOSIS_MOST];
	size_t note_count;
};

/* The mistake that a rule fails with; NULL: none. */
const struct cause_found *diagnosis_cause_of(const struct diagnosis *diagnosis, const char *rule);
/* The mistake because of which a rule is not judged; NULL: none. */
const struct cause_found *diagnosis_explanation_of(
	const struct diagnosis *diagnosis, const char *rule);
/* NULL: nothing was found out about that rule. */
const struct diagnosis_note *diagnosis_note_of(const struct diagnosis *diagnosis, const char *rule);
/* Whether a mistake of this name was found. */
bool diagnosis_has(const struct diagnosis *diagnosis, enum cause_number number);

/* The next one of `found`, to be filled (cause_note()). There is place for each experiment's one. */
struct cause_found *diagnosis_add_cause(struct diagnosis *diagnosis);
/* What became of a rule. Returns the note. */
struct diagnosis_note *diagnosis_add_note(struct diagnosis *diagnosis, const char *rule,
	enum rule_verdict verdict, const char *format, ...) __attribute__((format(printf, 4, 5)));
