/*
 * Entries come nearly in the order of their times, so neighbours are close to each other.
 */
#include "protocol/load_gone.h"

#include <errno.h>
#include <stdlib.h>

int load_gone_init(struct load_gone *gone)
{
	*gone = (struct load_gone){ .joined = 1 };
	gone->entries = calloc(LOAD_GONE_MOST, sizeof(*gone->entries));
	return gone->entries != NULL ? 0 : -ENOMEM;
}

void load_gone_fini(struct load_gone *gone)
{
	free(gone->entries);
	*gone = (struct load_gone){ 0 };
}

static void join(struct load_gone_entry *into, const struct load_gone_entry *with)
{
	if (with->intended_ns > into->intended_ns)
		into->intended_ns = with->intended_ns;
	if (with->sent_ns > into->sent_ns)
		into->sent_ns = with->sent_ns;
	into->count += with->count;
}

static void join_neighbours(struct load_gone *gone)
{
	for (uint32_t i = 0; i < LOAD_GONE_MOST / 2; i++) {
		struct load_gone_entry entry = gone->entries[2 * i];

		join(&entry, &gone->entries[2 * i + 1]);
		gone->entries[i] = entry;
	}
	gone->count = LOAD_GONE_MOST / 2;
	gone->joined *= 2;
	gone->in_last = gone->joined;
}

void load_gone_add(struct load_gone *gone, uint64_t intended_ns, uint64_t sent_ns, uint64_t count)
{
	struct load_gone_entry entry = { intended_ns, sent_ns, count };

	if (gone->count > 0 && gone->in_last < gone->joined) {
		join(&gone->entries[gone->count - 1], &entry);
		gone->in_last++;
		return;
	}
	if (gone->count == LOAD_GONE_MOST) {
		join_neighbours(gone);
		load_gone_add(gone, intended_ns, sent_ns, count);
		return;
	}
	gone->entries[gone->count++] = entry;
	gone->in_last = 1;
}
