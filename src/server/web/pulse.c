/*
 * Text, not a tree of JSON: it is written once a second for each page that looks, and nothing in it comes from a peer
 * but an address in our own words.
 */
#include "server/web/pulse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config.h"

/* A row: a name with each character escaped, and its figures. */
#define ROW_BYTES (2 * FIGURES_NAME_SIZE + 512)

_Static_assert(PULSE_LEAST_BYTES >= 4096 + ROW_BYTES, "a row always fits");

enum part { TICK, LISTENERS, THREADS, SLOWEST, BUSIEST, END, PARTS };

struct text {
	char *at;
	size_t length, size;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text->at + text->length, text->size - text->length, format, arguments);
	va_end(arguments);
	if (n > 0)
		text->length += (size_t)n;
	if (text->length >= text->size)
		text->length = text->size - 1; /* the sizes above rule it out */
}

/* Names of addresses are printable ASCII (addr_format). */
static void put_string(struct text *text, const char *string)
{
	put(text, "\"");
	for (; *string != '\0'; string++)
		put(text, *string == '"' || *string == '\\' ? "\\%c" : "%c", *string);
	put(text, "\"");
}

static bool has_room(const struct text *text)
{
	return text->size - text->length > ROW_BYTES;
}

/* ---- parts ---- */

static void put_sums(struct text *text, const struct counters *sum)
{
	put(text, "\"sums\":{\"connections_open\":%" PRIu64 ",\"bytes_pending\":%" PRIu64,
		counters_open(sum), counters_pending(sum));
#define PUT(name) put(text, ",\"" #name "\":%" PRIu64, sum->name);
	COUNTERS_EACH(PUT)
#undef PUT
	put(text, "}");
}

static void put_tick(struct text *text, const struct figures *figures)
{
	const struct figures_limits *limits = &figures->limits;
	struct counters sum = figures_sum(figures);

	put(text,
		"event: tick\ndata: {\"version\":\"%s\",\"engine\":\"%s\",\"started_unix_ms\":%" PRIu64
		",\"taken_ns\":%" PRIu64 ",\"up_ns\":%" PRIu64
		",\"ready\":%s,\"threads\":%u,\"listeners\":%u,\"looked\":%" PRIu64 ",",
		MEARI_VERSION, figures->engine,
		(uint64_t)(figures->started_wall_ns / CLOCK_NS_PER_MS), figures->taken_ns,
		figures->up_ns, figures->ready ? "true" : "false", figures->thread_count,
		figures->listener_count, figures->census.looked);
	put_sums(text, &sum);
	put(text,
		",\"limits\":{\"connections\":%" PRIu64 ",\"memory_connections\":%" PRIu64
		",\"pending_bytes\":%" PRIu64 ",\"descriptors\":%" PRIu64
		",\"connects_per_s\":%" PRIu64 "},\"memory_peak_bytes\":%" PRIu64
		",\"cpu_ns\":%" PRIu64 "}\n\n",
		limits->connections, limits->memory_connections, limits->pending_bytes,
		limits->descriptors, limits->connects_per_s, figures->process_most_bytes,
		figures->process_user_ns + figures->process_system_ns);
}

static uint64_t refused(const struct counters *counters)
{
	return counters->refused_by_access + counters->refused_by_count +
		counters->refused_by_memory + counters->refused_by_source +
		counters->refused_by_rate + counters->refused_by_proxy +
		counters->datagrams_refused + counters->datagrams_limited;
}

static uint64_t faults(const struct counters *counters)
{
	uint64_t sum = 0;

#define ADD(name) sum += strncmp(#name, "faults_", 7) == 0 ? counters->name : 0;
	COUNTERS_EACH(ADD)
#undef ADD
	return sum;
}

static void put_listener(struct text *text, const struct figures *figures, unsigned row)
{
	const struct counters *counters = &figures->listeners[row].counters;

	put(text, "[");
	put_string(text, figures->names[row]);
	put(text,
		",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		",%" PRIu64 "]",
		counters_open(counters), counters->connections_accepted, counters->bytes_received,
		counters->bytes_sent, counters_pending(counters), counters->datagrams_sent,
		refused(counters), faults(counters));
}

static void put_thread(struct text *text, const struct figures *figures, unsigned row)
{
	const struct figures_thread *thread = &figures->threads[row];

	put(text, "[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d]", thread->user_ns, thread->system_ns,
		thread->sleeps, thread->answered);
}

/* As many rows as there is room for; true: all are written. */
static bool put_rows(struct text *text, const struct figures *figures, struct pulse_cursor *cursor,
	const char *event, unsigned count,
	void (*put_row)(struct text *text, const struct figures *figures, unsigned row))
{
	bool first = true;

	if (!has_room(text))
		return false;
	put(text, "event: %s\ndata: {\"from\":%u,\"rows\":[", event, cursor->row);
	for (; cursor->row < count && has_room(text); first = false) {
		if (!first)
			put(text, ",");
		put_row(text, figures, cursor->row++);
	}
	put(text, "]}\n\n");
	return cursor->row == count;
}

static void put_connections(struct text *text, const struct figures *figures, const char *event,
	const struct census_entry *entries)
{
	bool first = true;

	put(text, "event: %s\ndata: {\"rows\":[", event);
	for (unsigned i = 0; i < CENSUS_MOST; i++) {
		const struct census_entry *entry = &entries[i];

		if (entry->opened_ns == 0 || entry->listener >= figures->listener_count)
			continue;
		put(text, "%s{\"peer\":", first ? "" : ",");
		first = false;
		put_string(text, entry->peer);
		put(text, ",\"listener\":%u,\"rtt_us\":", entry->listener);
		if (entry->is_tcp)
			put(text, "%u,\"retransmits\":%u", entry->rtt_us, entry->retransmits);
		else
			put(text, "null,\"retransmits\":null");
		put(text,
			",\"pending_bytes\":%" PRIu64 ",\"received_bytes\":%" PRIu64
			",\"bytes_per_s\":%.0f,\"age_ns\":%" PRIu64 "}",
			entry->pending_bytes, entry->received_bytes, entry->bytes_per_s,
			figures->taken_ns > entry->opened_ns ? figures->taken_ns - entry->opened_ns
							     : 0);
	}
	put(text, "]}\n\n");
}

/* One part, or as much of it as there is room for. False: there was none for it. */
static bool put_part(struct text *text, const struct figures *figures, struct pulse_cursor *cursor)
{
	switch (cursor->part) {
	case TICK: put_tick(text, figures); return true;
	case LISTENERS:
		return put_rows(
			text, figures, cursor, "listeners", figures->listener_count, put_listener);
	case THREADS:
		return put_rows(
			text, figures, cursor, "threads", figures->thread_count, put_thread);
	case SLOWEST:
	case BUSIEST:
		if (text->size - text->length < PULSE_LEAST_BYTES - 1)
			return false;
		if (cursor->part == SLOWEST)
			put_connections(text, figures, "slowest", figures->census.slowest);
		else
			put_connections(text, figures, "busiest", figures->census.busiest);
		return true;
	default: put(text, "event: end\ndata: {}\n\n"); return true;
	}
}

size_t pulse_next(
	const struct figures *figures, struct pulse_cursor *cursor, char *buffer, size_t size)
{
	struct text text = { .at = buffer, .size = size };

	while (cursor->part < PARTS && has_room(&text)) {
		if (!put_part(&text, figures, cursor))
			break;
		cursor->part++;
		cursor->row = 0;
	}
	return text.length;
}
