/*
 * The mistakes that `check --run` and `check --client` know by name. A cause belongs to one rule, which fails with
 * it; the rules that it explains are not judged, because they would fail for the same reason. Constant; any
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CAUSE_SEEN_SIZE 512
#define CAUSE_MOST_FACTS 3

struct cause {
	const char *name; /* stable; in results; never translated */
	const char *rule; /* the one that fails */
	const char *explains; /* names of other rules between blanks, or "*" for all */
	const char *means; /* N_(): one or two sentences */
	const char *read; /* where to read; never translated: names of examples and manual pages */
};

enum cause_number {
	CAUSE_NOT_STARTED,
	CAUSE_CANNOT_RUN,
	CAUSE_NO_HTONS,
	CAUSE_WRONG_ADDRESS,
	CAUSE_WAITS_FOR_NEWLINE,
	CAUSE_SENDS_WHOLE_BUFFER,
	CAUSE_STOPS_AT_NUL,
	CAUSE_ONE_BYTE_SENDS,
	CAUSE_NO_EOF,
	CAUSE_NEVER_CLOSES,
	CAUSE_EXITS_AFTER_ONE,
	CAUSE_ONE_CLIENT_ONLY,
	CAUSE_DIES_OF_SIGPIPE,
	CAUSE_DIES_WITH_CLIENT,
	CAUSE_SHORT_SEND,
	CAUSE_DROPS_ON_HALF_CLOSE,
	CAUSE_LEAKS_DESCRIPTORS,
	CAUSE_LEAKS_IN_PARENT,
	CAUSE_SMALL_BACKLOG,
	/* of clients: */
	CAUSE_CLIENT_CANNOT_RUN,
	CAUSE_CLIENT_NOT_CONNECTED,
	CAUSE_CLIENT_NO_HTONS,
	CAUSE_CLIENT_SENDS_WHOLE_BUFFER,
	CAUSE_CLIENT_CUTS_REPLIES,
	CAUSE_CLIENT_IGNORES_INPUT_END,
	CAUSE_CLIENT_NO_EOF,
	CAUSE_CLIENT_DIES_OF_SIGPIPE,
	CAUSES
};

/* A number that was seen, for results that need no language; `name` NULL: none. */
struct cause_fact {
	const char *name;
	int64_t value;
};

/* A mistake that was found. */
struct cause_found {
	const struct cause *cause;
	char seen[CAUSE_SEEN_SIZE]; /* one line in the user's language */
	struct cause_fact facts[CAUSE_MOST_FACTS];
};

const struct cause *cause_of(enum cause_number number);

/* Whether a rule's failure would follow from the cause. False for the cause's own rule. */
bool cause_explains(const struct cause *cause, const char *rule);

/* Notes one that was found; `found` is filled. */
void cause_note(struct cause_found *found, enum cause_number number, const char *seen, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds a number to it. */
void cause_add_fact(struct cause_found *found, const char *name, int64_t value);
