/*
 * A load generator as a whole: threads, connections, the phases of a run, and its outcome. Main thread.
 * Failures are reported through the log, one line each; the caller prints what was measured.
 *
 * One at a time: while it is open, signals that end a program arrive through it (interrupt.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/fleet/start.h"
#include "bench/outcome.h"
#include "bench/pace.h"
#include "bench/source.h"
#include "net/addr.h"
#include "protocol/load.h"

#define BENCH_MOST_THREADS 1024
#define BENCH_MOST_CONNECTIONS (4u << 20)
#define BENCH_DEFAULT_CONNECTIONS 10
#define BENCH_DEFAULT_DURATION_NS (10ull * 1000000000)
#define BENCH_DEFAULT_WARM_UP_NS (1ull * 1000000000)
#define BENCH_DEFAULT_TIMEOUT_NS (1ull * 1000000000)

struct bench_options {
	struct addr_spec target;
	struct tls_context *tls; /* where the target is of tls://; the caller's */
	const struct source *source; /* NULL: the kernel's choice */
	const struct send_proxy *proxy; /* what each connection begins with; NULL: its messages */
	const char *engine; /* "auto" or a name */
	unsigned threads; /* 0: half of the processors, but no more than connections */
	uint32_t connections;
	/* Of load.h: depth, open_loop, verify, end_by_reset, echoes, sizes. The rest is ours. */
	struct load_options load;
	enum pace_arrivals arrivals;
	uint64_t seed;
	uint64_t timeout_ns; /* for connecting, and for what is under way at the end */
	uint64_t busy_poll_ns;
	uint64_t tick_ns; /* how often `tick` is called; 0: once an interval */
	uint64_t interval_ns; /* of the figures over time */
	/* When the first run begins its load, warm-up included (start.h); 0: at once. It connects before. */
	uint64_t start_unix_ns;
};

enum bench_phase {
	BENCH_WAITING,
	BENCH_CONNECTING,
	BENCH_WARMING_UP,
	BENCH_MEASURING,
	BENCH_FINISHING
};

/* The progress of a run. */
struct bench_progress {
	enum bench_phase phase;
	uint64_t elapsed_ns, length_ns; /* of the phase */
	struct outcome_interval tick; /* since the last time */
	const struct load_record *sum; /* so far */
};

/* Called while a run goes on; every function may be NULL. */
struct bench_watch {
	void (*tick)(void *context, const struct bench_progress *progress);
	void (*interval)(void *context, const struct outcome_interval *interval,
		const struct load_record *record);
	void *context;
};

struct bench;

/* Resolves the target and connects to it once. 0, or -errno: one line has been printed. */
int bench_new(const struct bench_options *options, struct bench **ret_bench);
void bench_free(struct bench *bench);

const char *bench_engine(const struct bench *bench);
unsigned bench_threads(const struct bench *bench);
/* How the load of the first run began, by `start_unix_ns`; the bench's. */
const struct start *bench_beginning(const struct bench *bench);
/* The address that accepted. */
const struct addr *bench_target(const struct bench *bench);

/*
 * One run. `profile` (NULL: closed loop) is for the measuring; the warm-up before it goes at its first
 * rate. Fills `ret_outcome`, also when a signal interrupts the run; the caller calls outcome_fini(). -errno: it
 * could not run; one line has been printed.
 */
int bench_run(struct bench *bench, const struct profile *profile, uint64_t warm_up_ns,
	uint64_t duration_ns, const struct bench_watch *watch, struct outcome *ret_outcome);
