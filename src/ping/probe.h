/*
 * What ping sends, and whether what came back is the same: the payload of one probe is made from
 * its number alone, so nothing that was sent has to be kept. Pure; any thread.
 *
 *	offset 0  the number, 32 bits, lowest byte first
 *	       4  the run, 32 bits: replies to other programs are not taken for ours
 *	       8  when it was sent, 64 bits of nanoseconds (monotonic)
 *	      16  bytes that look like chance, different in every probe
 *
 * A smaller probe is cut: below 16 bytes there is no time inside, below 8 no run, and of fewer than
 * 4 bytes the number is completed from those sent last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_SIZE_DEFAULT 56 /* as ping(8) */
#define PROBE_SIZE_MOST (1u << 20)
#define PROBE_DATAGRAM_SIZE_MOST 65507

#define PROBE_NUMBER_END 4
#define PROBE_RUN_END 8
#define PROBE_TIME_END 16

/* What all probes of a run have in common. */
struct probe {
	uint32_t run;
	size_t size;
};

/* How a reply differs. A byte that is not there, on either side, is -1. */
struct probe_damage {
	size_t offset; /* of the first difference */
	int expected, got;
	size_t count; /* bytes that differ, or lack, or are too many */
};

void probe_fill(const struct probe *probe, uint64_t number, uint64_t sent_ns, void *ret_bytes);

/*
 * Changes only the time inside, where there is one: a large probe is made before its time
 * begins.
 */
void probe_stamp(const struct probe *probe, uint64_t sent_ns, void *bytes);

/* True: the same. Otherwise `ret_damage` says where it differs. */
bool probe_compare(const void *expected, size_t expected_length, const void *got, size_t got_length,
	struct probe_damage *ret_damage);

/*
 * The number that a reply claims to have, at most `latest`: false where it is too short, or of
 * another run. Only a comparison proves it.
 */
bool probe_read_number(const struct probe *probe, const void *reply, size_t length, uint64_t latest,
	uint64_t *ret_number);

/* The time inside a reply; false where it has none. */
bool probe_read_time(
	const struct probe *probe, const void *reply, size_t length, uint64_t *ret_sent_ns);
