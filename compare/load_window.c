/*
 * What load_stream.c and load_datagram.c stand on, and load.c reports: the options, the pattern, the phases
 * of a run with their counts, and the round-trip times.
 */
#include "load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUB_BITS = 7, SUBS = 1 << SUB_BITS, BUCKETS = 64 * SUBS };

unsigned char load_pattern[LOAD_PERIOD + LOAD_CHUNK];
struct load_options load_options = {
	.connections = 1,
	.size = 64,
	.depth = 1,
	.warm_ms = 200,
	.window_ms = 1000,
};
struct load_totals load_totals;

static uint64_t rtt_counts[BUCKETS];
struct load_window load_window;

uint64_t load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void load_fatal(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

void load_say(const char *word)
{
	printf("%s\n", word);
	fflush(stdout);
}

/* Buckets of less than one percent: seven bits behind the leading one. */
void load_rtt(uint64_t rtt_ns)
{
	int exponent;

	if (load_phase != LOAD_WINDOW)
		return;
	if (rtt_ns < SUBS) {
		rtt_counts[rtt_ns]++;
		return;
	}
	exponent = 63 - __builtin_clzll(rtt_ns) - SUB_BITS;
	rtt_counts[(exponent + 1) * SUBS + (int)((rtt_ns >> exponent) & (SUBS - 1))]++;
}

uint64_t load_rtt_quantile_ns(double quantile)
{
	uint64_t total = 0, wanted, seen = 0;

	for (int i = 0; i < BUCKETS; i++)
		total += rtt_counts[i];
	wanted = (uint64_t)((double)total * quantile);
	for (int i = 0; i < BUCKETS && total > 0; i++) {
		seen += rtt_counts[i];
		if (seen > wanted)
			return i < SUBS ? (uint64_t)i
					: (uint64_t)(SUBS + i % SUBS) << (i / SUBS - 1);
	}
	return 0;
}

enum load_phase load_phase = LOAD_WARM;
static uint64_t phase_until_ns;
static volatile sig_atomic_t end_asked;

void load_begin(void)
{
	load_say("open");
	phase_until_ns = load_now_ns() + load_options.warm_ms * 1000000u;
}

void load_end_window(int signal __attribute__((unused)))
{
	end_asked = 1;
}

void load_tick(uint64_t now_ns)
{
	if (now_ns < phase_until_ns && !(end_asked && load_phase == LOAD_WINDOW))
		return;
	switch (load_phase) {
	case LOAD_WARM:
		load_phase = LOAD_WINDOW;
		load_say("begin");
		load_window.at_begin = load_totals;
		load_window.begin_ns = load_now_ns();
		phase_until_ns = load_window.begin_ns + load_options.window_ms * 1000000u;
		break;
	case LOAD_WINDOW:
		load_window.end_ns = now_ns;
		load_window.at_end = load_totals;
		load_phase = LOAD_TAIL;
		load_say("end");
		phase_until_ns = load_now_ns() + LOAD_TAIL_MS * 1000000u;
		break;
	case LOAD_TAIL:
		load_phase = LOAD_DRAIN;
		phase_until_ns = now_ns + LOAD_DRAIN_MS * 1000000u;
		break;
	case LOAD_DRAIN: load_phase = LOAD_OVER; break;
	case LOAD_OVER: break;
	}
}
