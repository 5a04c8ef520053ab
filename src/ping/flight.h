/*
 * The probes that are under way, by number: when each was sent, and what became of it. Each reply
 * is looked up here, in whatever order they come: it is the first one, a late one, or a second one.
 * Pure; one thread.
 *
 *	UNDER_WAY ──timeout──▶ OVERDUE ──reply──▶ BACK (late)
 *	    ├──reply──▶ BACK ──reply──▶ BACK (a duplicate)
 *	    └──conversation broken, damaged──▶ LOST ──reply──▶ BACK (late)
 *
 * At most FLIGHT_MOST are remembered: older ones are forgotten, and never found again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLIGHT_MOST 65536 /* a power of two */

enum flight_state { FLIGHT_UNDER_WAY, FLIGHT_OVERDUE, FLIGHT_BACK, FLIGHT_LOST };

/* What a reply is. */
enum flight_match {
	FLIGHT_REPLY, /* the first, in time */
	FLIGHT_LATE, /* the first, when it was no longer waited for */
	FLIGHT_DUPLICATE, /* not the first */
	FLIGHT_FORGOTTEN, /* too old to be known */
	FLIGHT_NEVER_SENT,
};

struct flight {
	struct flight_entry *entries;
	uint64_t next; /* the number of the next probe; the first is 1, as with ping(8) */
	uint64_t unchecked; /* all below have been looked at by flight_overdue */
	uint64_t under_way; /* how many */
};

/* -ENOMEM. The caller ends it with flight_fini. */
int flight_init(struct flight *flight);
void flight_fini(struct flight *flight);

/*
 * A probe is sent at `now_ns` (never before the last one). Gives its number. The one whose place it
 * takes, if it is still under way, is lost.
 */
uint64_t flight_start(struct flight *flight, uint64_t now_ns);

/* It had to wait for a connection: its time counts from now. */
void flight_restart(struct flight *flight, uint64_t number, uint64_t now_ns);

/* When a probe was sent; false where it is forgotten, or has never been. */
bool flight_sent_at(const struct flight *flight, uint64_t number, uint64_t *ret_sent_ns);

bool flight_is_under_way(const struct flight *flight, uint64_t number);

/* A sound reply. */
enum flight_match flight_back(struct flight *flight, uint64_t number);

/* Its reply will not come, or came damaged. False where it was not under way (any more). */
bool flight_lost(struct flight *flight, uint64_t number);

/*
 * The next one that has been under way for `timeout_ns`: it is overdue from now on. False: there is
 * none, and `ret_next_ns` (CLOCK_NEVER: nothing is under way) is when to ask again.
 */
bool flight_overdue(struct flight *flight, uint64_t now_ns, uint64_t timeout_ns,
	uint64_t *ret_number, uint64_t *ret_next_ns);
