/*
 * One stop being played: which step is next, what the last one came to, and whether the kernel agrees with
 * what the table says. No screen and no keys: tour.c has them. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tour/stops/tour_stop.h"
#include "tour/tour_facts.h"
#include "tour/tour_log.h"
#include "tour/tour_runner.h"
#include "tour/tour_world.h"

enum tour_verdict {
	TOUR_HOLDS,
	TOUR_DISAGREES,
	TOUR_NOT_SEEN, /* it cannot be seen here */
	TOUR_NOT_JUDGED, /* a time that may be the busy machine's, and not the call's */
};

struct tour_play {
	struct tour_world world;
	struct tour_log log;
	struct tour_runner *runner;
	const struct tour_stop *stop;
	const struct tour_break *broken; /* NULL: as it should be */
	size_t made; /* steps */
	bool doubted; /* a claim did not hold, at this stop or before */
	/* Of the last step: */
	struct tour_facts facts;
	struct tour_outcome outcome;
	bool returned[TOUR_WORKERS]; /* one that waited has returned */
	struct tour_outcome outcomes[TOUR_WORKERS];
	unsigned packets;
	bool packet_seen[TOUR_CLAIMS_MOST];
	enum tour_verdict verdicts[TOUR_CLAIMS_MOST];
	bool agrees; /* no claim of this step is TOUR_DISAGREES */
};

/* `packets`: tour_packets_open(), becomes the play's; -1: they are inferred. -errno. */
int tour_play_init(struct tour_play *play, bool isolated, int packets);
void tour_play_fini(struct tour_play *play);

/*
 * The beginning of a stop, or of a break of it: the prelude has been made, and so many of its steps
 * (SIZE_MAX: for a break, those before it; otherwise none). False: a call of the prelude failed.
 */
bool tour_play_start(struct tour_play *play, const struct tour_stop *stop,
	const struct tour_break *broken, size_t steps);

/* All steps, the stop's own and then those of the break. NULL behind the last one. */
const struct tour_step *tour_play_step(const struct tour_play *play, size_t index);

/* Makes the next step, and holds its claims to the kernel, for 3 s at most. */
void tour_play_next(struct tour_play *play);
