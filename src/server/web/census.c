/*
 * Those that are remembered are looked at again, so that their figures are of now and who has ended is forgotten; the
 * rest of a round goes to the next connections by slot. So every one has its turn, and none has it twice before the
 * others.
 */
#include "server/web/census.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/call.h"
#include "net/socket.h"

struct round {
	struct census *census;
	census_know_fn *know;
	void *context;
	uint64_t now_ns;
	unsigned left;
};

/* ---- one connection ---- */

static const struct census_entry *find(
	const struct census_entry *entries, uint32_t slot, uint64_t opened_ns)
{
	for (unsigned i = 0; i < CENSUS_MOST; i++) {
		if (entries[i].slot == slot && entries[i].opened_ns == opened_ns)
			return &entries[i];
	}
	return NULL;
}

static void ask_kernel(const struct engine_conn *conn, struct census_entry *entry)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (conn->scheme != ADDR_TCP ||
		call_getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return;
	entry->is_tcp = true;
	entry->rtt_us = info.tcpi_rtt;
	entry->retransmits = info.tcpi_total_retrans;
	/* Linux 4.6; an older kernel leaves it 0. */
	entry->pending_bytes += info.tcpi_notsent_bytes;
}

/* Its speed since it was last looked at; if that was just now, as it was. */
static double speed(const struct census_entry *entry, const struct census_entry *before)
{
	uint64_t since_ns = before != NULL ? before->looked_ns : entry->opened_ns;
	uint64_t bytes = entry->received_bytes - (before != NULL ? before->received_bytes : 0);
	uint64_t span_ns = entry->looked_ns - since_ns;

	if (span_ns < CLOCK_NS_PER_MS)
		return before != NULL ? before->bytes_per_s : 0;
	return (double)bytes * (double)CLOCK_NS_PER_S / (double)span_ns;
}

static void name_peer(const struct engine_conn *conn, struct census_entry *entry)
{
	char text[ADDR_TEXT_SIZE];
	struct addr peer;

	if (socket_peer(conn->fd, conn->scheme, &peer) == 0)
		snprintf(entry->peer, sizeof(entry->peer), "%.*s", (int)sizeof(entry->peer) - 1,
			addr_format(&peer, text, sizeof(text)));
	else
		snprintf(entry->peer, sizeof(entry->peer), "%s:?", addr_scheme_name(conn->scheme));
}

static double slowness(const struct census_entry *entry)
{
	return entry->is_tcp ? (double)entry->rtt_us : -1;
}

static double busyness(const struct census_entry *entry)
{
	return entry->bytes_per_s;
}

/* ---- ranks ---- */

static void take_out(struct census_entry *entries, uint32_t slot, uint64_t opened_ns)
{
	const struct census_entry *found = find(entries, slot, opened_ns);
	size_t at = found != NULL ? (size_t)(found - entries) : CENSUS_MOST;

	if (found == NULL)
		return;
	memmove(entries + at, entries + at + 1, (CENSUS_MOST - at - 1) * sizeof(*entries));
	entries[CENSUS_MOST - 1].opened_ns = 0;
}

static void offer(struct census_entry *entries, const struct census_entry *entry,
	double (*rank)(const struct census_entry *entry))
{
	unsigned at = CENSUS_MOST;

	while (at > 0 && (entries[at - 1].opened_ns == 0 || rank(entry) > rank(&entries[at - 1])))
		at--;
	if (at == CENSUS_MOST || rank(entry) < 0)
		return;
	memmove(entries + at + 1, entries + at, (CENSUS_MOST - at - 1) * sizeof(*entries));
	entries[at] = *entry;
}

static bool look(void *context, const struct engine_conn *conn)
{
	struct round *round = context;
	struct census *census = round->census;
	struct census_fact fact = { 0 };
	const struct census_entry *before;
	struct census_entry entry;

	round->know(round->context, conn, &fact);
	if (fact.opened_ns == 0)
		return true;
	before = find(census->busiest, conn->slot, fact.opened_ns);
	if (before == NULL)
		before = find(census->slowest, conn->slot, fact.opened_ns);
	if (before != NULL && before->looked_ns == round->now_ns)
		return true;
	entry = (struct census_entry){
		.slot = conn->slot,
		.opened_ns = fact.opened_ns,
		.looked_ns = round->now_ns,
		.listener = fact.listener,
		.pending_bytes = fact.pending_bytes,
		.received_bytes = fact.received_bytes,
	};
	entry.bytes_per_s = speed(&entry, before);
	if (before != NULL)
		memcpy(entry.peer, before->peer, sizeof(entry.peer));
	else
		name_peer(conn, &entry);
	ask_kernel(conn, &entry);
	take_out(census->slowest, entry.slot, entry.opened_ns);
	take_out(census->busiest, entry.slot, entry.opened_ns);
	offer(census->slowest, &entry, slowness);
	offer(census->busiest, &entry, busyness);
	census->looked++;
	return --round->left > 0;
}

/* ---- rounds ---- */

/* Looks at those of one list that have not been looked at in this round. */
static void look_again(struct round *round, struct engine *engine, struct census_entry *entries)
{
	struct census_entry kept[CENSUS_MOST];

	memcpy(kept, entries, sizeof(kept));
	for (unsigned i = 0; i < CENSUS_MOST && round->left > 0; i++) {
		if (kept[i].opened_ns != 0)
			engine_look(engine, kept[i].slot, 1, look, round);
	}
}

static void drop_old(struct census_entry *entries, uint64_t now_ns)
{
	for (unsigned i = CENSUS_MOST; i-- > 0;) {
		if (entries[i].opened_ns != 0 && entries[i].looked_ns != now_ns)
			take_out(entries, entries[i].slot, entries[i].opened_ns);
	}
}

void census_take(struct census *census, struct engine *engine, unsigned most, census_know_fn *know,
	void *context)
{
	struct round round = {
		.census = census,
		.know = know,
		.context = context,
		.now_ns = clock_now_ns(),
		.left = most,
	};

	look_again(&round, engine, census->slowest);
	look_again(&round, engine, census->busiest);
	/* Who could not be looked at again is not known to be there any more. */
	drop_old(census->slowest, round.now_ns);
	drop_old(census->busiest, round.now_ns);
	if (round.left > 0)
		census->next_slot = engine_look(
			engine, census->next_slot, CENSUS_SLOTS, look, &round);
}

void census_merge(struct census *census, const struct census *more)
{
	census->looked += more->looked;
	for (unsigned i = 0; i < CENSUS_MOST; i++) {
		if (more->slowest[i].opened_ns != 0)
			offer(census->slowest, &more->slowest[i], slowness);
		if (more->busiest[i].opened_ns != 0)
			offer(census->busiest, &more->busiest[i], busyness);
	}
}
