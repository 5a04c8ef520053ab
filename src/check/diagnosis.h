/*
 * Finds the mistakes of a service that `check --run` starts, before any rule is tried: each by a small experiment
 * on a service started anew where that may matter, so that one mistake is seen once and by its name. Takes 2 s where all is well.
 * Says nothing by itself. Main thread; blocks.
 */
#pragma once

#include "check/cause.h"
#include "check/rule.h"
#include "check/service.h"

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

/*
 * 0: `found` and the notes are complete; -errno: the service could not be started because of this machine
 * (-EADDRINUSE: see service_start()).
 */
int diagnosis_run(struct diagnosis *diagnosis);

/* The mistake that a rule fails with; NULL: none. */
const struct cause_found *diagnosis_cause_of(const struct diagnosis *diagnosis, const char *rule);
/* The mistake because of which a rule is not judged; NULL: none. */
const struct cause_found *diagnosis_explanation_of(
	const struct diagnosis *diagnosis, const char *rule);
/* NULL: nothing was found out about that rule. */
const struct diagnosis_note *diagnosis_note_of(const struct diagnosis *diagnosis, const char *rule);
/* Whether a mistake of this name was found. */
bool diagnosis_has(const struct diagnosis *diagnosis, enum cause_number number);
