/*
 * How long the connections of one worker lived, and how many bytes each carried. Kept only where it can be asked for
 * (--web): a connection then costs two looks at the clock and eight bytes. Without memory a connection is not counted
 * here. One thread, the worker's.
 */
#pragma once

#include <stdint.h>

#include "stats/buckets.h"

/* In ns, in bytes. */
extern const uint64_t lives_age_bounds[BUCKETS_BOUNDS], lives_bytes_bounds[BUCKETS_BOUNDS];

/* Of one listener. */
struct lives_sum {
	struct buckets ages, bytes;
};

struct lives {
	struct lives_sum *sums; /* one for each listener; NULL: nothing is kept */
	uint64_t *opened_ns; /* by slot (engine_conn.slot); 0: not known */
	uint32_t slot_count;
};

/* -ENOMEM. */
int lives_init(struct lives *lives, unsigned listener_count);
/* Fine for one that is all zero. */
void lives_fini(struct lives *lives);

void lives_opened(struct lives *lives, uint32_t slot);
void lives_closed(struct lives *lives, uint32_t slot, unsigned listener, uint64_t bytes);
/* When the connection in this slot was opened; 0: not known. */
uint64_t lives_opened_ns(const struct lives *lives, uint32_t slot);
