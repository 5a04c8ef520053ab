/*
 * The faults to be injected, and the random sequences that decide: each rule draws from its own
 * sequence, made of its seed, its place in the plan and the number of the connection (or datagram).
 * So the same seed gives the same faults, whatever the other rules do.
 *
 * Limits: FAULT_PLAN_MOST_RULES. Thread: a plan is written once, and then read by any thread. It
 * owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Rules for all listeners; a listener may have as many again of its own. */
#define FAULT_PLAN_MOST_GIVEN 16
#define FAULT_PLAN_MOST_RULES (2 * FAULT_PLAN_MOST_GIVEN)
#define FAULT_PLAN_MOST_QUANTILES 16
/* The longest time that is drawn: pareto has no upper end. */
#define FAULT_PLAN_MOST_NS (3600ull * 1000000000)

/* kind, its key in specifications and logs; each has a counter faults_KIND (stats/counters.h). */
#define FAULT_PLAN_EACH(X)                                                                         \
	X(DELAY, delay, "delay")                                                                   \
	X(STALL, stall, "stall")                                                                   \
	X(ACCEPT_DELAY, accept_delay, "accept-delay")                                              \
	X(THROTTLE, throttle, "throttle")                                                          \
	X(CHOP, chop, "chop")                                                                      \
	X(DRIBBLE, dribble, "dribble")                                                             \
	X(CLOSE, close, "close")                                                                   \
	X(HALF_CLOSE, half_close, "half-close")                                                    \
	X(RESET, reset, "reset")                                                                   \
	X(REFUSE, refuse, "refuse")                                                                \
	X(CORRUPT, corrupt, "corrupt")                                                             \
	X(DROP, drop, "drop")                                                                      \
	X(TRUNCATE, truncate, "truncate")                                                          \
	X(DUPLICATE, duplicate, "duplicate")                                                       \
	X(REORDER, reorder, "reorder")

enum fault_plan_kind {
#define FAULT_PLAN_KIND(kind, counter, key) FAULT_PLAN_##kind,
	FAULT_PLAN_EACH(FAULT_PLAN_KIND)
#undef FAULT_PLAN_KIND
		FAULT_PLAN_KINDS,
};

enum fault_plan_shape {
	FAULT_PLAN_FIXED, /* first_ns */
	FAULT_PLAN_UNIFORM, /* from first_ns to second_ns */
	FAULT_PLAN_NORMAL, /* mean first_ns, deviation second_ns; what is below zero becomes zero */
	FAULT_PLAN_PARETO, /* at least first_ns; its tail is as heavy as `exponent` is small */
	FAULT_PLAN_TABLE, /* quantiles, between them linear; below the first: the first */
};

struct fault_plan_quantile {
	double percent;
	uint64_t ns;
};

struct fault_plan_time {
	enum fault_plan_shape shape;
	uint64_t first_ns, second_ns;
	double exponent;
	unsigned quantile_count;
	struct fault_plan_quantile quantiles[FAULT_PLAN_MOST_QUANTILES];
};

struct fault_plan_rule {
	enum fault_plan_kind kind;
	double probability; /* of a connection, or of each message */
	bool per_message; /* of a stream: drawn for each message, instead of once for the connection */
	uint64_t seed;
	/*
	 * stall, close, half-close, reset: when so many have been received; of messages: from then
	 * on
	 */
	uint64_t after_bytes;
	/* chop: of a write; throttle: a second; corrupt: mean distance; truncate: what is left */
	uint64_t bytes;
	struct fault_plan_time time; /* delay, stall, accept-delay */
};

struct fault_plan {
	unsigned count;
	struct fault_plan_rule rules[FAULT_PLAN_MOST_RULES];
};

const char *fault_plan_key(enum fault_plan_kind kind);

/* Whether a kind can happen to streams, to datagrams; each to one of the two at least. */
bool fault_plan_is_of_streams(enum fault_plan_kind kind);
bool fault_plan_is_of_datagrams(enum fault_plan_kind kind);

/* Appends the rules of `more`; the sum must not pass FAULT_PLAN_MOST_RULES. */
void fault_plan_append(struct fault_plan *plan, const struct fault_plan *more);

/* Where the sequence of the rule with this index begins, for this connection or datagram. */
uint64_t fault_plan_begin(const struct fault_plan *plan, unsigned index, uint64_t number);

/* The next of a sequence: 64 even bits; at least 0 and less than 1; whether it happens; a time. */
uint64_t fault_plan_draw(uint64_t *state);
double fault_plan_draw_share(uint64_t *state);
bool fault_plan_draw_chance(uint64_t *state, double probability);
uint64_t fault_plan_draw_ns(uint64_t *state, const struct fault_plan_time *time);
/* Flips one bit of these bytes, of which there is at least one. Gives the place of its byte. */
uint32_t fault_plan_flip(uint64_t *state, unsigned char *bytes, uint32_t length);
/* A distance with this mean, at least 1: as if each byte were hit with the same probability. */
uint64_t fault_plan_draw_gap(uint64_t *state, uint64_t mean);
