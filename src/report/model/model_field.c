/*
 * The table of a result's fields, in the order in which they are written.
 */
#include "report/model/model_field.h"

#define FIELD(type, member, field_kind)                                                            \
	{                                                                                          \
		.key = #member, .kind = MODEL_FIELD_##field_kind, .offset = offsetof(type, member) \
	}
#define GROUP(type, member, table)                                                                 \
	{                                                                                          \
		.key = #member, .kind = MODEL_FIELD_GROUP, .offset = offsetof(type, member),       \
		.fields = (table)                                                                  \
	}
#define LIST(type, member, item, table)                                                            \
	{                                                                                          \
		.key = #member, .kind = MODEL_FIELD_LIST, .offset = offsetof(type, member),        \
		.size = sizeof(struct item), .fields = (table)                                     \
	}
#define CHOICE(type, member, names)                                                                \
	{                                                                                          \
		.key = #member, .kind = MODEL_FIELD_CHOICE, .offset = offsetof(type, member),      \
		.choices = (names)                                                                 \
	}
#define END                                                                                        \
	{                                                                                          \
		.key = NULL                                                                        \
	}

static const char *const modes[] = { "closed", "open", "churn", NULL };
static const char *const arrivals[] = { "constant", "poisson", NULL };

static const struct model_field environment[] = {
	FIELD(struct model_environment, kernel, TEXT),
	FIELD(struct model_environment, machine, TEXT),
	FIELD(struct model_environment, cpu, TEXT),
	FIELD(struct model_environment, cpus, COUNT),
	FIELD(struct model_environment, version, TEXT),
	FIELD(struct model_environment, engine, TEXT),
	FIELD(struct model_environment, options, OPTIONS),
	END,
};

static const struct model_field fleet[] = {
	FIELD(struct model_fleet, rank, KNOWN),
	FIELD(struct model_fleet, size, KNOWN),
	FIELD(struct model_fleet, host, TEXT),
	FIELD(struct model_fleet, from, TEXT),
	FIELD(struct model_fleet, start_unix_ns, KNOWN),
	FIELD(struct model_fleet, late_ns, KNOWN),
	END,
};

static const struct model_field target[] = {
	FIELD(struct model_target, address, TEXT),
	FIELD(struct model_target, scheme, TEXT),
	END,
};

static const struct model_field size[] = {
	FIELD(struct model_size, bytes, COUNT),
	FIELD(struct model_size, weight, COUNT),
	END,
};

static const struct model_field load[] = {
	CHOICE(struct model_load, mode, modes),
	FIELD(struct model_load, connections, COUNT),
	FIELD(struct model_load, pipeline, COUNT),
	LIST(struct model_load, sizes, model_size, size),
	FIELD(struct model_load, rate_per_s, REAL),
	CHOICE(struct model_load, arrivals, arrivals),
	FIELD(struct model_load, profile, TEXT),
	FIELD(struct model_load, threads, COUNT),
	FIELD(struct model_load, verify, FLAG),
	FIELD(struct model_load, busy_poll_ns, COUNT),
	END,
};

static const struct model_field counts[] = {
	FIELD(struct model_counts, unsent, COUNT),
	FIELD(struct model_counts, sent, COUNT),
	FIELD(struct model_counts, received, COUNT),
	FIELD(struct model_counts, lost, COUNT),
	FIELD(struct model_counts, late, COUNT),
	FIELD(struct model_counts, duplicates, COUNT),
	FIELD(struct model_counts, reordered, COUNT),
	FIELD(struct model_counts, damaged, COUNT),
	FIELD(struct model_counts, connects, COUNT),
	FIELD(struct model_counts, connect_errors, COUNT),
	FIELD(struct model_counts, resets, COUNT),
	FIELD(struct model_counts, silent, COUNT),
	FIELD(struct model_counts, stalled, COUNT),
	FIELD(struct model_counts, overruns, COUNT),
	FIELD(struct model_counts, faults, COUNT),
	FIELD(struct model_counts, strays, COUNT),
	FIELD(struct model_counts, handshakes_full, COUNT),
	FIELD(struct model_counts, handshakes_resumed, COUNT),
	FIELD(struct model_counts, bytes_sent, COUNT),
	FIELD(struct model_counts, bytes_received, COUNT),
	END,
};

static const struct model_field rate[] = {
	FIELD(struct model_rate, asked_per_s, REAL),
	FIELD(struct model_rate, reached_per_s, REAL),
	FIELD(struct model_rate, bytes_per_s, REAL),
	END,
};

static const struct model_field latency[] = {
	FIELD(struct model_latency, intended, HISTOGRAM),
	FIELD(struct model_latency, sent, HISTOGRAM),
	FIELD(struct model_latency, connect, HISTOGRAM),
	END,
};

const struct model_field model_field_interval[] = {
	FIELD(struct model_interval, start_ns, COUNT),
	FIELD(struct model_interval, length_ns, COUNT),
	FIELD(struct model_interval, sent, COUNT),
	FIELD(struct model_interval, received, COUNT),
	FIELD(struct model_interval, unsent, KNOWN),
	FIELD(struct model_interval, asked_per_s, REAL),
	FIELD(struct model_interval, p50_ns, MAYBE),
	FIELD(struct model_interval, p99_ns, MAYBE),
	FIELD(struct model_interval, max_ns, MAYBE),
	FIELD(struct model_interval, errors, COUNT),
	END,
};

static const struct model_field figure[] = {
	FIELD(struct model_figure, name, TEXT),
	FIELD(struct model_figure, value, REAL),
	END,
};

static const struct model_field reason[] = {
	FIELD(struct model_reason, code, TEXT),
	LIST(struct model_reason, figures, model_figure, figure),
	FIELD(struct model_reason, text, TEXT),
	END,
};

static const struct model_field trust[] = {
	{ .key = "trusted",
		.kind = MODEL_FIELD_NOT,
		.offset = offsetof(struct model_trust, doubted) },
	LIST(struct model_trust, reasons, model_reason, reason),
	END,
};

static const struct model_field step[] = {
	FIELD(struct model_step, rate_per_s, REAL),
	FIELD(struct model_step, reached_per_s, REAL),
	FIELD(struct model_step, figure, TEXT),
	FIELD(struct model_step, value, FIGURE),
	FIELD(struct model_step, kept, FLAG),
	{ .key = "trusted",
		.kind = MODEL_FIELD_NOT,
		.offset = offsetof(struct model_step, doubted) },
	END,
};

static const char *const search_ends[] = { "not-searched", "found", "at-least", "whole-range",
	"no-rate", "interrupted", NULL };

static const struct model_field find_max[] = {
	FIELD(struct model_find_max, promise, TEXT),
	FIELD(struct model_find_max, limit, FIGURE),
	CHOICE(struct model_find_max, end, search_ends),
	FIELD(struct model_find_max, rate_per_s, REAL),
	END,
};

static const struct model_field asserted[] = {
	FIELD(struct model_assert, text, TEXT),
	FIELD(struct model_assert, value, FIGURE),
	FIELD(struct model_assert, holds, FLAG),
	END,
};

const struct model_field model_field_table[] = {
	FIELD(struct model, program, TEXT),
	FIELD(struct model, command, TEXTS),
	FIELD(struct model, label, TEXT),
	FIELD(struct model, started_unix_ns, COUNT),
	FIELD(struct model, duration_ns, COUNT),
	FIELD(struct model, warm_up_ns, COUNT),
	FIELD(struct model, interrupted, FLAG),
	{ .key = "fleet",
		.kind = MODEL_FIELD_GROUP,
		.offset = offsetof(struct model, fleet),
		.fields = fleet,
		.may_lack = true },
	GROUP(struct model, environment, environment),
	GROUP(struct model, target, target),
	GROUP(struct model, load, load),
	GROUP(struct model, counts, counts),
	GROUP(struct model, rate, rate),
	GROUP(struct model, latency, latency),
	LIST(struct model, intervals, model_interval, model_field_interval),
	GROUP(struct model, trust, trust),
	LIST(struct model, search, model_step, step),
	GROUP(struct model, find_max, find_max),
	LIST(struct model, asserts, model_assert, asserted),
	END,
};
