/*
 * A ring of the last FLIGHT_MOST probes, indexed by number. Replies come in any order, so each has
 * a state of its own; deadlines come in the order of sending, so one cursor finds them all.
 */
#include "ping/flight.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

struct flight_entry {
	uint64_t sent_ns;
	enum flight_state state;
};

int flight_init(struct flight *flight)
{
	/* Pages that no probe has come to stay untouched: a short run costs a few kilobytes. */
	struct flight_entry *entries = calloc(FLIGHT_MOST, sizeof(*entries));

	if (entries == NULL)
		return -ENOMEM;
	*flight = (struct flight){ .entries = entries, .next = 1, .unchecked = 1 };
	return 0;
}

void flight_fini(struct flight *flight)
{
	free(flight->entries);
	*flight = (struct flight){ 0 };
}

static struct flight_entry *entry_of(const struct flight *flight, uint64_t number)
{
	return &flight->entries[number & (FLIGHT_MOST - 1)];
}

static bool is_known(const struct flight *flight, uint64_t number)
{
	return number > 0 && number < flight->next && flight->next - number <= FLIGHT_MOST;
}

uint64_t flight_start(struct flight *flight, uint64_t now_ns)
{
	uint64_t number = flight->next;

	if (number > FLIGHT_MOST)
		flight_lost(flight, number - FLIGHT_MOST);
	*entry_of(flight, number) = (struct flight_entry){
		.sent_ns = now_ns,
		.state = FLIGHT_UNDER_WAY,
	};
	flight->next++;
	flight->under_way++;
	return number;
}

void flight_restart(struct flight *flight, uint64_t number, uint64_t now_ns)
{
	if (flight_is_under_way(flight, number))
		entry_of(flight, number)->sent_ns = now_ns;
}

bool flight_sent_at(const struct flight *flight, uint64_t number, uint64_t *ret_sent_ns)
{
	if (!is_known(flight, number))
		return false;
	*ret_sent_ns = entry_of(flight, number)->sent_ns;
	return true;
}

bool flight_is_under_way(const struct flight *flight, uint64_t number)
{
	return is_known(flight, number) && entry_of(flight, number)->state == FLIGHT_UNDER_WAY;
}

enum flight_match flight_back(struct flight *flight, uint64_t number)
{
	if (number == 0 || number >= flight->next)
		return FLIGHT_NEVER_SENT;
	if (!is_known(flight, number))
		return FLIGHT_FORGOTTEN;

	struct flight_entry *entry = entry_of(flight, number);
	enum flight_state before = entry->state;

	entry->state = FLIGHT_BACK;
	switch (before) {
	case FLIGHT_UNDER_WAY: flight->under_way--; return FLIGHT_REPLY;
	case FLIGHT_OVERDUE:
	case FLIGHT_LOST: return FLIGHT_LATE;
	case FLIGHT_BACK: break;
	}
	return FLIGHT_DUPLICATE;
}

static bool leave(struct flight *flight, uint64_t number, enum flight_state state)
{
	if (!flight_is_under_way(flight, number))
		return false;
	entry_of(flight, number)->state = state;
	flight->under_way--;
	return true;
}

bool flight_lost(struct flight *flight, uint64_t number)
{
	return leave(flight, number, FLIGHT_LOST);
}

bool flight_overdue(struct flight *flight, uint64_t now_ns, uint64_t timeout_ns,
	uint64_t *ret_number, uint64_t *ret_next_ns)
{
	if (flight->next - flight->unchecked > FLIGHT_MOST)
		flight->unchecked = flight->next - FLIGHT_MOST;
	for (; flight->unchecked < flight->next; flight->unchecked++) {
		const struct flight_entry *entry = entry_of(flight, flight->unchecked);
		uint64_t deadline_ns = clock_after_ns(entry->sent_ns, timeout_ns);

		if (entry->state != FLIGHT_UNDER_WAY)
			continue;
		if (deadline_ns > now_ns) {
			*ret_next_ns = deadline_ns;
			return false;
		}
		leave(flight, flight->unchecked, FLIGHT_OVERDUE);
		*ret_number = flight->unchecked++;
		return true;
	}
	*ret_next_ns = CLOCK_NEVER;
	return false;
}
