/*
 * A wait for something that a program should do, which is longer while the machine gives that program no processor: time
 * in which it was ready to run and did not says nothing of it. Without a source it is a plain limit.
 *
 * Limits: PATIENCE_MOST times the time at most, in slices. Blocks in the source only. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_MOST 4

/* What the program is doing; zeroed: nothing is known of it. The subject stays the caller's. */
struct patience_source {
	/* True: a thread of it is ready to run; `ret_processor_ns` is what it has used, always set. */
	bool (*look)(const void *subject, uint64_t *ret_processor_ns);
	const void *subject;
};

struct patience {
	struct patience_source source;
	uint64_t ns, until_ns;
	uint64_t processor_ns; /* when it was looked at the last time */
	unsigned slices; /* by which it was made longer */
};

/* From now on, for `ns`. */
void patience_begin(struct patience *patience, struct patience_source source, uint64_t ns);
/* Something has moved: for as long again. */
void patience_renew(struct patience *patience);
/* Whether it is over now, after it was made longer if that is right; otherwise `until_ns` lies ahead. */
bool patience_is_over(struct patience *patience);
