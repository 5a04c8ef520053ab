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
