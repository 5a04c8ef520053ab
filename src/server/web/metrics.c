/*
 * Families one after the other, each with its rows: one for each listener, thread or bucket. A family is a line of the
 * table; the counters' lines are made from their list, so that none can be forgotten.
 */
#include "server/web/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config.h"

/* Bytes of a row's text; 0: there is no such row. */
typedef size_t row_fn(const struct figures *figures, unsigned row, char *line);

struct family {
	const char *name, *type, *help;
	row_fn *row; /* NULL: a counter of each listener, at this offset */
	size_t offset;
};

#define ROOM METRICS_LINE_SIZE

/* As the format wants it: backslash, quote and line feed escaped. */
static const char *escape(const char *text, char *buffer, size_t size)
{
	size_t length = 0;

	for (; *text != '\0' && length + 3 < size; text++) {
		if (*text == '\\' || *text == '"' || *text == '\n')
			buffer[length++] = '\\';
		buffer[length++] = *text == '\n' ? 'n' : *text;
	}
	buffer[length] = '\0';
	return buffer;
}

/* {listener="..."}; the same for each use. */
static size_t write_listener(const struct figures *figures, unsigned listener, const char *name,
	uint64_t value, char *line)
{
	char label[2 * FIGURES_NAME_SIZE];

	return (size_t)snprintf(line, ROOM, "%s{listener=\"%s\"} %" PRIu64 "\n", name,
		escape(figures->names[listener], label, sizeof(label)), value);
}

/* ---- rows ---- */

#define OF_LISTENERS(stem, name, value)                                                            \
	static size_t stem(const struct figures *figures, unsigned row, char *line)                \
	{                                                                                          \
		const struct counters *counters;                                                   \
		if (row >= figures->listener_count)                                                \
			return 0;                                                                  \
		counters = &figures->listeners[row].counters;                                      \
		return write_listener(figures, row, name, value, line);                            \
	}
OF_LISTENERS(rows_open, "meari_connections_open", counters_open(counters))
OF_LISTENERS(rows_pending, "meari_bytes_pending", counters_pending(counters))

#define OF_ONE(stem, format, ...)                                                                  \
	static size_t stem(const struct figures *figures, unsigned row, char *line)                \
	{                                                                                          \
		return row == 0 ? (size_t)snprintf(line, ROOM, format "\n", __VA_ARGS__) : 0;      \
	}
OF_ONE(rows_accept_pauses, "meari_accept_pauses_total %" PRIu64, figures_sum(figures).accept_pauses)
OF_ONE(rows_build, "meari_build_info{version=\"%s\",engine=\"%s\"} 1", MEARI_VERSION,
	figures->engine)
OF_ONE(rows_ready, "meari_ready %d", figures->ready)
OF_ONE(rows_start, "process_start_time_seconds %.3f", (double)figures->started_wall_ns / 1e9)
OF_ONE(rows_cpu, "process_cpu_seconds_total %.6f",
	(double)(figures->process_user_ns + figures->process_system_ns) / 1e9)
OF_ONE(rows_memory, "meari_memory_peak_bytes %" PRIu64, figures->process_most_bytes)
OF_ONE(rows_descriptors, "process_max_fds %" PRIu64, figures->limits.descriptors)
OF_ONE(rows_web_open, "meari_web_connections_open %" PRIu64, figures->web_connections)
OF_ONE(rows_web_answers, "meari_web_answers_total %" PRIu64, figures->web_answers)

static size_t rows_web_refused(const struct figures *figures, unsigned row, char *line)
{
	const struct {
		const char *reason;
		uint64_t count;
	} reasons[] = {
		{ "request", figures->web_refusals },
		{ "peer", figures->web_refused_peers },
		{ "crowd", figures->web_displaced },
	};

	if (row >= sizeof(reasons) / sizeof(reasons[0]))
		return 0;
	return (size_t)snprintf(line, ROOM, "meari_web_refused_total{reason=\"%s\"} %" PRIu64 "\n",
		reasons[row].reason, reasons[row].count);
}

static size_t rows_limits(const struct figures *figures, unsigned row, char *line)
{
	const struct figures_limits *limits = &figures->limits;
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{ "connections", limits->connections },
		{ "connections_per_source", limits->per_source },
		{ "connects_per_second", limits->connects_per_s },
		{ "datagrams_per_second", limits->datagrams_per_s },
		{ "memory_connections", limits->memory_connections },
		{ "pending_bytes", limits->pending_bytes },
	};
	unsigned set = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].value != 0 && set++ == row)
			return (size_t)snprintf(line, ROOM,
				"meari_limit{limit=\"%s\"} %" PRIu64 "\n", all[i].name,
				all[i].value);
	}
	return 0;
}

/* ---- threads ---- */

static size_t rows_thread_cpu(const struct figures *figures, unsigned row, char *line)
{
	const struct figures_thread *thread = &figures->threads[row / 2];
	bool user = row % 2 == 0;

	if (row / 2 >= figures->thread_count)
		return 0;
	return (size_t)snprintf(line, ROOM,
		"meari_thread_cpu_seconds_total{thread=\"%u\",mode=\"%s\"} %.6f\n", row / 2 + 1,
		user ? "user" : "system",
		(double)(user ? thread->user_ns : thread->system_ns) / 1e9);
}

#define OF_THREADS(stem, name, value)                                                              \
	static size_t stem(const struct figures *figures, unsigned row, char *line)                \
	{                                                                                          \
		const struct figures_thread *thread = &figures->threads[row];                      \
		if (row >= figures->thread_count)                                                  \
			return 0;                                                                  \
		return (size_t)snprintf(line, ROOM, name "{thread=\"%u\"} %" PRIu64 "\n", row + 1, \
			(uint64_t)(value));                                                        \
	}
OF_THREADS(rows_thread_sleeps, "meari_thread_sleeps_total", thread->sleeps)
OF_THREADS(rows_thread_preemptions, "meari_thread_preemptions_total", thread->preemptions)
OF_THREADS(rows_thread_answered, "meari_thread_answers", thread->answered)

/* ---- histograms ---- */

/* Of each listener: a row for each bound, one for all, the sum, the count. */
#define HISTOGRAM_ROWS (BUCKETS_BOUNDS + 3)

static size_t write_histogram(const char *name, const char *listener, const struct buckets *buckets,
	const uint64_t *bounds, double unit, unsigned part, char *line)
{
	char label[2 * FIGURES_NAME_SIZE];

	escape(listener, label, sizeof(label));
	if (part < BUCKETS_BOUNDS)
		return (size_t)snprintf(line, ROOM,
			"%s_bucket{listener=\"%s\",le=\"%.15g\"} %" PRIu64 "\n", name, label,
			(double)bounds[part] / unit, buckets_up_to(buckets, part));
	if (part == BUCKETS_BOUNDS)
		return (size_t)snprintf(line, ROOM,
			"%s_bucket{listener=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, label,
			buckets_up_to(buckets, BUCKETS_BOUNDS));
	if (part == BUCKETS_BOUNDS + 1)
		return (size_t)snprintf(line, ROOM, "%s_sum{listener=\"%s\"} %.15g\n", name, label,
			(double)buckets->sum / unit);
	return (size_t)snprintf(line, ROOM, "%s_count{listener=\"%s\"} %" PRIu64 "\n", name, label,
		buckets_up_to(buckets, BUCKETS_BOUNDS));
}

static size_t rows_ages(const struct figures *figures, unsigned row, char *line)
{
	unsigned listener = row / HISTOGRAM_ROWS;

	if (listener >= figures->listener_count)
		return 0;
	return write_histogram("meari_connection_lifetime_seconds", figures->names[listener],
		&figures->listeners[listener].lives.ages, lives_age_bounds, CLOCK_NS_PER_S,
		row % HISTOGRAM_ROWS, line);
}

static size_t rows_bytes(const struct figures *figures, unsigned row, char *line)
{
	unsigned listener = row / HISTOGRAM_ROWS;

	if (listener >= figures->listener_count)
		return 0;
	return write_histogram("meari_connection_received_bytes", figures->names[listener],
		&figures->listeners[listener].lives.bytes, lives_bytes_bounds, 1,
		row % HISTOGRAM_ROWS, line);
}

/* ---- the table ---- */

/* Of the counters, by the name in their list; a unit test looks for those that are missing. */
static const struct {
	const char *name, *help;
} counter_helps[] = {
	{ "connections_accepted", "Connections accepted." },
	{ "connections_finished",
		"Connections ended by the peer's end of stream, all bytes sent." },
	{ "connections_lost", "Connections ended by a reset, a broken pipe or a time-out." },
	{ "connections_cut", "Connections ended by the server." },
	{ "refused_by_access", "Connections and datagrams of peers that are not allowed." },
	{ "refused_by_count", "Connections refused: beyond --max-connections." },
	{ "refused_by_memory", "Connections refused: beyond --max-memory." },
	{ "refused_by_source", "Connections refused: beyond --max-per-source." },
	{ "refused_by_rate", "Connections refused: faster than --connect-rate." },
	{ "refused_by_proxy", "Connections refused: a PROXY header wrong, late or missing." },
	{ "proxy_headers", "PROXY headers that were right." },
	{ "handshakes_full", "Handshakes of TLS with new keys." },
	{ "handshakes_resumed", "Handshakes of TLS with the keys of an earlier connection." },
	{ "handshakes_failed",
		"Handshakes of TLS that failed: not TLS, refused, gone or too slow." },
	{ "streams_truncated", "Streams of TLS ended by FIN without close_notify." },
	{ "ended_idle", "Connections cut by --idle-timeout." },
	{ "ended_old", "Connections cut by --max-lifetime." },
	{ "ended_by_access", "Connections cut: their peer is not allowed any more." },
	{ "rate_pauses", "How often a connection was not read from because of --max-rate." },
	{ "bytes_received", "Bytes received on connections." },
	{ "bytes_sent", "Bytes sent back on connections." },
	{ "bytes_dropped", "Bytes received and never sent back: their connection ended before." },
	{ "urgent_bytes", "Bytes sent back as urgent data." },
	{ "datagrams_received", "Datagrams received." },
	{ "datagrams_sent", "Datagrams sent back." },
	{ "datagrams_refused",
		"Datagrams not answered: the answer could come back, or go to many." },
	{ "datagrams_limited", "Datagrams not answered: they come too fast." },
	{ "datagrams_lost", "Datagrams that were truncated, or could not be sent back." },
};
static const char fault_help[] = "Faults of this kind that were injected (--fault).";

const char *metrics_counter_help(const char *name)
{
	for (size_t i = 0; i < sizeof(counter_helps) / sizeof(counter_helps[0]); i++) {
		if (strcmp(counter_helps[i].name, name) == 0)
			return counter_helps[i].help;
	}
	return strncmp(name, "faults_", strlen("faults_")) == 0 ? fault_help : NULL;
}

/* Without "meari_" and "_total". */
static const char *help_of(const struct family *family)
{
	char name[64];
	const char *help;

	if (family->help != NULL)
		return family->help;
	snprintf(name, sizeof(name), "%.*s",
		(int)(strlen(family->name) - strlen("meari_") - strlen("_total")),
		family->name + strlen("meari_"));
	help = metrics_counter_help(name);
	return help != NULL ? help : "See meari-serve(1).";
}

static const struct family families[] = {
#define COUNTER(name)                                                                              \
	{ "meari_" #name "_total", "counter", NULL, NULL, offsetof(struct counters, name) },
	COUNTERS_EACH(COUNTER)
#undef COUNTER
		{ "meari_accept_pauses_total", "counter",
			"How often a thread was out of descriptors or memory for connections.",
			rows_accept_pauses, 0 },
	{ "meari_connections_open", "gauge", "Connections that are open now.", rows_open, 0 },
	{ "meari_bytes_pending", "gauge", "Bytes received and not sent back yet.", rows_pending,
		0 },
	{ "meari_connection_lifetime_seconds", "histogram",
		"How long the connections that have ended lived.", rows_ages, 0 },
	{ "meari_connection_received_bytes", "histogram",
		"How many bytes the connections that have ended carried to the server.", rows_bytes,
		0 },
	{ "meari_thread_cpu_seconds_total", "counter", "Processor time of each thread.",
		rows_thread_cpu, 0 },
	{ "meari_thread_sleeps_total", "counter", "How often each thread had nothing to do.",
		rows_thread_sleeps, 0 },
	{ "meari_thread_preemptions_total", "counter",
		"How often each thread lost the processor to another.", rows_thread_preemptions,
		0 },
	{ "meari_thread_answers", "gauge",
		"Whether each thread has answered in time; 0: its figures are older.",
		rows_thread_answered, 0 },
	{ "meari_limit", "gauge", "Limits that are set.", rows_limits, 0 },
	{ "meari_ready", "gauge", "Whether new connections are served.", rows_ready, 0 },
	{ "meari_memory_peak_bytes", "gauge", "The most memory that was resident so far.",
		rows_memory, 0 },
	{ "meari_web_connections_open", "gauge", "Connections to these pages.", rows_web_open, 0 },
	{ "meari_web_answers_total", "counter", "Requests for these pages.", rows_web_answers, 0 },
	{ "meari_web_refused_total", "counter",
		"Requests and connections for these pages that were refused.", rows_web_refused,
		0 },
	{ "meari_build_info", "gauge", "The version and the engine; always 1.", rows_build, 0 },
	{ "process_start_time_seconds", "gauge", "When the server started, since 1970.", rows_start,
		0 },
	{ "process_cpu_seconds_total", "counter", "Processor time of the whole process.", rows_cpu,
		0 },
	{ "process_max_fds", "gauge", "How many descriptors may be open.", rows_descriptors, 0 },
};

/* Of the whole server: a line without a listener stands for it. */
static bool is_left_out(const struct family *family)
{
	return family->row == NULL && family->offset == offsetof(struct counters, accept_pauses);
}

static size_t write_row(
	const struct figures *figures, const struct family *family, unsigned row, char *line)
{
	const struct counters *counters;

	if (family->row != NULL)
		return family->row(figures, row, line);
	if (row >= figures->listener_count)
		return 0;
	counters = &figures->listeners[row].counters;
	return write_listener(figures, row, family->name,
		*(const uint64_t *)((const char *)counters + family->offset), line);
}

size_t metrics_next(const struct figures *figures, struct metrics_cursor *cursor, char *line)
{
	while (cursor->family < sizeof(families) / sizeof(families[0])) {
		const struct family *family = &families[cursor->family];
		size_t length;

		if (!is_left_out(family)) {
			if (!cursor->headed) {
				cursor->headed = true;
				return (size_t)snprintf(line, ROOM, "# HELP %s %s\n# TYPE %s %s\n",
					family->name, help_of(family), family->name, family->type);
			}
			length = write_row(figures, family, cursor->row++, line);
			if (length > 0)
				return length;
		}
		cursor->family++;
		cursor->row = 0;
		cursor->headed = false;
	}
	return 0;
}
