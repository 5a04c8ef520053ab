/*
 * Slots are reused lowest first, so the table is about as long as there were connections at once.
 */
#include "server/web/lives.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define S CLOCK_NS_PER_S

const uint64_t lives_age_bounds[BUCKETS_BOUNDS] = { S / 1000, S / 100, S / 10, S, 10 * S, 60 * S,
	600 * S, 3600 * S, 6 * 3600 * S, 24 * 3600 * S };
const uint64_t lives_bytes_bounds[BUCKETS_BOUNDS] = { 0, 64, 1ull << 10, 16ull << 10, 256ull << 10,
	4ull << 20, 64ull << 20, 1ull << 30, 16ull << 30, 1ull << 40 };

int lives_init(struct lives *lives, unsigned listener_count)
{
	*lives = (struct lives){ .sums = calloc(listener_count, sizeof(*lives->sums)) };
	return lives->sums != NULL ? 0 : -ENOMEM;
}

void lives_fini(struct lives *lives)
{
	free(lives->sums);
	free(lives->opened_ns);
	*lives = (struct lives){ 0 };
}

static bool reserve(struct lives *lives, uint32_t slot)
{
	uint32_t count = slot + 64 + slot / 2;
	uint64_t *longer;

	if (slot < lives->slot_count)
		return true;
	longer = reallocarray(lives->opened_ns, count, sizeof(*longer));
	if (longer == NULL)
		return false;
	memset(longer + lives->slot_count, 0, (count - lives->slot_count) * sizeof(*longer));
	lives->opened_ns = longer;
	lives->slot_count = count;
	return true;
}

void lives_opened(struct lives *lives, uint32_t slot)
{
	if (lives->sums != NULL && reserve(lives, slot))
		lives->opened_ns[slot] = clock_now_ns();
}

void lives_closed(struct lives *lives, uint32_t slot, unsigned listener, uint64_t bytes)
{
	uint64_t opened_ns = lives_opened_ns(lives, slot);

	if (opened_ns == 0)
		return;
	lives->opened_ns[slot] = 0;
	buckets_add(&lives->sums[listener].ages, lives_age_bounds, clock_now_ns() - opened_ns);
	buckets_add(&lives->sums[listener].bytes, lives_bytes_bounds, bytes);
}

uint64_t lives_opened_ns(const struct lives *lives, uint32_t slot)
{
	return slot < lives->slot_count ? lives->opened_ns[slot] : 0;
}
