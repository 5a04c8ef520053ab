/*
 * Messages of a load that never came back right: when each was due and when it was sent, kept until
 * the run ends. Only then is it known how long they have waited, which is the lower bound of their
 * latency.
 *
 * Limits: LOAD_GONE_MOST entries. When they are used up, neighbours are joined, and from then on an
 * entry takes twice as many messages, with the latest of their times: so the result stays a lower
 * bound. Thread: one.
 */
#pragma once

#include <stdint.h>

#define LOAD_GONE_MOST 8192u /* even; 192 KiB, of which only what is used takes memory */

struct load_gone_entry {
	uint64_t intended_ns, sent_ns; /* of what was never sent, `sent_ns` says nothing */
	uint64_t count;
};

struct load_gone {
	struct load_gone_entry *entries;
	uint32_t count;
	uint64_t joined; /* calls that an entry stands for */
	uint64_t in_last; /* ... of which the last one has so many */
};

/* -ENOMEM. */
int load_gone_init(struct load_gone *gone);
void load_gone_fini(struct load_gone *gone);

/* `count` messages with the same times. */
void load_gone_add(struct load_gone *gone, uint64_t intended_ns, uint64_t sent_ns, uint64_t count);
