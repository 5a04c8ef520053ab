/*
 * The moment at which a load is to begin, as --start-at takes it, by CLOCK_REALTIME: the one clock that
 * generators on several machines have in common, as far as NTP or PTP keep it.
 *
 *	2026-01-31T12:00:00Z     RFC 3339; also +09:00 for Z, and parts of a second
 *	12:00:00                 today, in this system's time zone
 *	@1769860800.5            seconds since 1970 (UTC), as `date +@%s` prints them
 *	+10s                     from now on
 *
 * A time of today that the clocks skip (the begin of summer time) or show twice (its end) is refused:
 * generators in doubt would begin an hour apart. So is a leap second, which CLOCK_REALTIME does not have.
 * Any thread; nothing is kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a text of start_format(). */
#define START_TEXT_SIZE 40

/*
 * `now_unix_ns` is the time by which "today", "from now on" and "passed" are meant. -EINVAL: it is no moment;
 * `ret_column` (from 0) and `ret_why`, a translated sentence without a full stop, say where and why. -ETIME: it is
 * not in the future; `ret_unix_ns` is set, too.
 */
int start_parse(const char *text, uint64_t now_unix_ns, uint64_t *ret_unix_ns, size_t *ret_column,
	const char **ret_why);

/* "2026-01-31 12:00:00.250 UTC", to the millisecond. Returns buffer. */
const char *start_format(uint64_t unix_ns, char *buffer, size_t size);

/* ---- a run that waits for it ---- */

/*
 * When a load begins, where a time was asked for (start.h): by CLOCK_REALTIME until shortly before, then by
 * CLOCK_MONOTONIC, since CLOCK_REALTIME may be set at any moment. How late it was is noted, not hidden.
 *
 * Pure: the caller reads the clocks, waits, and connects. One thread.
 */

/*
 * From here on a clock that is set is not followed: threads get their order to begin so long before, because a busy
 * machine may let them wait for a processor.
 */
#define START_LEAD_NS 100000000u

struct start {
	uint64_t unix_ns; /* asked for; 0: at once */
	bool over; /* it is the first run's: for those behind it nothing is asked */
	bool began;
	uint64_t late_ns;
};

/* A time to begin at is still ahead of this run. */
bool start_is_asked(const struct start *beginning);

/*
 * When to connect: 5 s and half a millisecond for each connection before, so that all are open in time and none is
 * idle for hours, since services cut idle connections. 0: at once.
 */
uint64_t start_connect_unix_ns(const struct start *beginning, uint32_t connections);

/* When to give the order to begin. 0: at once. */
uint64_t start_order_unix_ns(const struct start *beginning);

/* That time by CLOCK_MONOTONIC, from both clocks read together; at least `lead_ns` from now. */
uint64_t start_monotonic_ns(
	const struct start *beginning, uint64_t now_ns, uint64_t unix_ns, uint64_t lead_ns);

/* The first run has ended. Its load was to begin at `start_ns`, which was `start_unix_ns`, and did at `began_ns` (0: not). */
void start_note(
	struct start *beginning, uint64_t start_ns, uint64_t start_unix_ns, uint64_t began_ns);
