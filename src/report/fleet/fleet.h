/*
 * The results of many generators that worked at once, each with a rank (docs/fleet.md): who is there and who is not,
 * what belongs together, how far apart they began, and one result of all that counts.
 *
 * Nothing is left out in silence. A result counts, or fleet_place says why it does not; what cannot be read is kept
 * by its file; a rank without a result that counts is missing. Results belong together if they are of one kind (program,
 * scheme, mode) and were measured at the same time; of several such groups the largest one is the fleet, and of
 * two as large the later one. So what an earlier fleet has left behind does not stand in for a rank that died today.
 *
 * Histograms are added as results come, and then given back: a thousand results take the memory of a few.
 *
 * Limits: FLEET_MOST_RANKS, and FLEET_MOST_GROUPS of other kinds or times; what goes beyond is OTHER_TIME.
 * One thread. A zeroed struct is empty; fleet_init() sets what is expected.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/figure.h"
#include "report/model/model.h"
#include "report/model/model_read.h"

#define FLEET_MOST_RANKS 65536u
#define FLEET_MOST_GROUPS 8u
#define FLEET_NONE SIZE_MAX

enum fleet_place {
	FLEET_COUNTED,
	FLEET_DOUBLED, /* another result of its rank counts */
	FLEET_SURPLUS, /* its rank is beyond those expected */
	FLEET_UNRANKED,
	FLEET_OTHER_KIND,
	FLEET_OTHER_TIME,
	FLEET_NOTHING, /* it was stopped before anything was measured */
};

struct fleet_member {
	struct model run; /* without its histograms and intervals */
	char *path;
	enum fleet_place place;
	size_t group; /* FLEET_NONE: of none */
	uint64_t begun_unix_ns; /* its load, warm-up included, by its own clock; 0: not known */
	double figures[FIGURE_COUNT]; /* NAN: not known */
	/* Of those that count, after fleet_settle(). */
	bool late, early; /* than most, or (late) than was asked for */
	uint64_t apart_ns; /* from the middle of all, or from the time asked for if that is more */
};

/* A file, or a piece of one, that is no result. */
struct fleet_broken {
	char *path;
	int error; /* -errno; -EBADMSG: `fault` */
	struct model_fault fault;
};

struct fleet_group {
	size_t first; /* a member */
	size_t count;
	struct model merged;
	unsigned char *taken; /* a bit for each rank */
};

struct fleet {
	uint32_t expected;
	size_t member_count, broken_count, group_count;
	struct fleet_member
		*members; /* in the order of their coming; after fleet_settle() by rank */
	struct fleet_broken *broken;
	struct fleet_group groups[FLEET_MOST_GROUPS];

	/* After fleet_settle(). */
	size_t counted; /* members: the first ones */
	size_t chosen; /* the group; FLEET_NONE: there is none */
	uint64_t skew_ns; /* between the first and the last to begin */
	size_t slowest; /* the member with the highest p99, or the lowest rate where no latency is known; FLEET_NONE */
	size_t interrupted_count, late_count, limited_count; /* of those that count */
};

/* `expected` ranks, 1 to FLEET_MOST_RANKS. */
void fleet_init(struct fleet *fleet, uint32_t expected);
void fleet_fini(struct fleet *fleet);

/* Takes over what `run` holds, also on failure. -ENOMEM; -EOVERFLOW: the sum has more than a count can hold. */
int fleet_add(struct fleet *fleet, const char *path, struct model *run);
/* -ENOMEM. `fault` may be NULL unless `error` is -EBADMSG. */
int fleet_add_broken(
	struct fleet *fleet, const char *path, int error, const struct model_fault *fault);

/* Once all have come: says of each where it belongs. -ENOMEM. */
int fleet_settle(struct fleet *fleet);

/* The result of all that count; NULL: none does. */
const struct model *fleet_merged(const struct fleet *fleet);
/* Every rank is there once, and did its whole part; and nothing else is there. */
bool fleet_is_complete(const struct fleet *fleet);
/* The first missing rank from `rank` on; FLEET_MOST_RANKS: none is. */
uint32_t fleet_next_missing(const struct fleet *fleet, uint32_t rank);

/* "doubled" and so on, in JSON; never translated. */
const char *fleet_place_name(enum fleet_place place);
