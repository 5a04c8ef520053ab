/*
 * One thread of a load generator: an engine, a load, a share of the connections and of the schedule.
 * Threads share nothing; the main thread posts its orders to a thread's engine.
 *
 *	new ──▶ start ──all connected──▶ begin ──exchange, exchange, ...──▶ stop ──▶ join ──▶ conclude
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/pace.h"
#include "bench/secured.h"
#include "bench/source.h"
#include "client/send_proxy.h"
#include "engine/engine.h"
#include "protocol/load.h"

struct generator;

struct generator_options {
	const struct engine_ops *engine;
	struct load_options load; /* this thread's share; first_number counts through all threads */
	unsigned index, share_count; /* this thread's, and how many threads there are */
	const struct addr *to;
	struct secured_options tls; /* without a context: no TLS */
	const struct source *source; /* NULL: the kernel's choice */
	const struct send_proxy *proxy; /* NULL: nothing comes before the messages */
	enum pace_arrivals arrivals;
	uint64_t seed;
	uint64_t connect_timeout_ns;
	uint64_t busy_poll_ns;
	int event_fd; /* eventfd(2), the caller's: written when all have settled, and at the end */
};

/* How far the making of connections has come. */
struct generator_progress {
	uint32_t open; /* of the connections asked for, now */
	bool reached; /* at least one has been open */
	uint64_t began_ns; /* when the load proper did; 0: it has not yet */
	uint32_t settled; /* are open, or have failed once */
	int error; /* -errno of the last connect that failed; 0: none has */
	bool ended; /* the thread ends; `result` is its engine's */
	int result;
};

/* What an exchange brings. */
struct generator_sample {
	struct load_record *record; /* what was recorded since the last one; the caller's */
	uint64_t at_ns; /* when, on the thread */
	uint64_t cpu_ns; /* the thread's processor time so far */
	uint64_t delay_ns; /* ... and how long it was ready and waited for a processor */
};

/* Main thread, all of them. -errno of what failed. */
int generator_new(const struct generator_options *options, struct generator **ret_generator);
/* Begins to connect. */
int generator_start(struct generator *generator);
struct generator_progress generator_progress(struct generator *generator);

/*
 * The load proper: the schedule (NULL: closed loop; the caller's) begins at `start_ns`, and so does a closed loop
 * that was held (load.h), once all have been read by the thread. What belongs to the time from `from_ns` to `until_ns` is counted.
 */
void generator_begin(struct generator *generator, const struct profile *profile, uint64_t start_ns,
	uint64_t from_ns, uint64_t until_ns);

/* Exchanges the record for `fresh`, an empty one; blocks until the thread has done so. */
void generator_exchange(struct generator *generator, struct load_record *fresh,
	struct generator_sample *ret_sample);

/* Nothing new is sent from now on; the thread ends when what is under way has come back. */
void generator_stop(struct generator *generator);
/* Ends every connection now, and then the thread. */
void generator_cut(struct generator *generator);

/* Waits for the end of a started thread. Its engine's error, or 0. */
int generator_join(struct generator *generator);

/*
 * After the end: what is still under way counts as lost, and what was due but not sent as unsent
 * (generator_exchange brings both). Returns how late the generator kept its schedule; the histogram
 * stays the generator's.
 */
const struct histogram *generator_conclude(struct generator *generator);

/* After the end: messages that were due, and that the generator was too far behind to hand out. */
uint64_t generator_given_up(const struct generator *generator);

/* NULL is fine. Not while the thread runs. */
void generator_free(struct generator *generator);
