/*
 * Bytes that can be made again: splitmix64 over the number and the offset. A shift by any number of
 * bytes, a swap of two blocks or a reply to the probe before is therefore seen at once, as it would
 * not be with a pattern that repeats.
 */
#include "ping/probe.h"

#include <string.h>

static uint64_t mix(uint64_t value)
{
	value += 0x9e3779b97f4a7c15;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

static void put_lowest_first(unsigned char *bytes, uint64_t value, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get_lowest_first(const unsigned char *bytes, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

void probe_fill(const struct probe *probe, uint64_t number, uint64_t sent_ns, void *ret_bytes)
{
	unsigned char *bytes = ret_bytes;
	unsigned char head[PROBE_TIME_END];
	size_t head_length = probe->size < sizeof(head) ? probe->size : sizeof(head);
	uint64_t seed = mix(number ^ (uint64_t)probe->run << 32);

	put_lowest_first(head, number, PROBE_NUMBER_END);
	put_lowest_first(head + PROBE_NUMBER_END, probe->run, PROBE_RUN_END - PROBE_NUMBER_END);
	put_lowest_first(head + PROBE_RUN_END, sent_ns, PROBE_TIME_END - PROBE_RUN_END);
	memcpy(bytes, head, head_length);
	for (size_t i = sizeof(head); i < probe->size; i += 8) {
		size_t left = probe->size - i;

		put_lowest_first(bytes + i, mix(seed + i), left < 8 ? left : 8);
	}
}

void probe_stamp(const struct probe *probe, uint64_t sent_ns, void *bytes)
{
	unsigned char time[PROBE_TIME_END - PROBE_RUN_END];

	if (probe->size <= PROBE_RUN_END)
		return;
	put_lowest_first(time, sent_ns, sizeof(time));
	memcpy((unsigned char *)bytes + PROBE_RUN_END, time,
		probe->size < PROBE_TIME_END ? probe->size - PROBE_RUN_END : sizeof(time));
}

bool probe_compare(const void *expected, size_t expected_length, const void *got, size_t got_length,
	struct probe_damage *ret_damage)
{
	const unsigned char *one = expected, *other = got;
	size_t both = expected_length < got_length ? expected_length : got_length;
	size_t more = expected_length > got_length ? expected_length : got_length;

	if (expected_length == got_length && memcmp(one, other, both) == 0)
		return true;

	struct probe_damage damage = { .offset = both, .count = more - both };

	for (size_t i = both; i-- > 0;) {
		if (one[i] != other[i]) {
			damage.offset = i;
			damage.count++;
		}
	}
	damage.expected = damage.offset < expected_length ? one[damage.offset] : -1;
	damage.got = damage.offset < got_length ? other[damage.offset] : -1;
	*ret_damage = damage;
	return false;
}

bool probe_read_number(const struct probe *probe, const void *reply, size_t length, uint64_t latest,
	uint64_t *ret_number)
{
	size_t count = probe->size < PROBE_NUMBER_END ? probe->size : PROBE_NUMBER_END;
	const unsigned char *bytes = reply;

	if (count == 0 || length < count)
		return false;
	if (probe->size >= PROBE_RUN_END &&
		(length < PROBE_RUN_END ||
			get_lowest_first(bytes + PROBE_NUMBER_END,
				PROBE_RUN_END - PROBE_NUMBER_END) != probe->run))
		return false;

	uint64_t mask = (UINT64_C(1) << 8 * count) - 1;
	uint64_t behind = (latest - get_lowest_first(bytes, count)) & mask;

	if (behind > latest)
		return false;
	*ret_number = latest - behind;
	return true;
}

bool probe_read_time(
	const struct probe *probe, const void *reply, size_t length, uint64_t *ret_sent_ns)
{
	if (probe->size < PROBE_TIME_END || length < PROBE_TIME_END)
		return false;
	*ret_sent_ns = get_lowest_first(
		(const unsigned char *)reply + PROBE_RUN_END, PROBE_TIME_END - PROBE_RUN_END);
	return true;
}
