/*
 * What a run of ping adds up to: counts, and the spread of a time. One for the whole, and one for
 * each source port where there are several. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "stats/histogram.h"

/*
 * Times: least, mean, greatest and deviation exactly, percentiles to the digits of the
 * histogram.
 */
struct tally_times {
	uint64_t count, min_ns, max_ns;
	double mean_ns, squares; /* Welford: stable however many there are */
	double ewma_ns; /* moving average, the newest with a weight of 1/8, as ping(8) */
	struct histogram *histogram;
};

struct tally {
	uint64_t sent;
	uint64_t received; /* sound, each counted once; the late ones too */
	uint64_t late, duplicates, reordered;
	uint64_t damaged; /* count as lost */
	uint64_t foreign; /* replies to nothing that was sent */
	struct tally_times round_trip;
};

/* `digits`: of the percentiles, see histogram_new. -ENOMEM. The caller ends it with tally_fini. */
int tally_init(struct tally *tally, unsigned digits);
void tally_fini(struct tally *tally);

int tally_times_init(struct tally_times *times, unsigned digits);
void tally_times_fini(struct tally_times *times);
void tally_times_add(struct tally_times *times, uint64_t ns);
/* The standard deviation, which ping(8) calls mdev. */
double tally_times_deviation_ns(const struct tally_times *times);

/* The part of the probes that was lost, without those still `under_way`: 0 to 100. */
double tally_loss_percent(const struct tally *tally, uint64_t under_way);
