/*
 * Each object has "time" (RFC 3339, UTC, of printing) and "event". Times that were measured are
 * whole nanoseconds with their unit in the key. The last object is the "summary".
 */
#include "ping/ping_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/errno_name.h"
#include "base/json_text.h"
#include "base/outfile.h"
#include "base/quote.h"
#include "ping/conversation.h"

#define TIME_SIZE 40

static const char *time_text(uint64_t wall_ns, char buffer[static TIME_SIZE])
{
	time_t seconds = (time_t)(wall_ns / CLOCK_NS_PER_S);
	struct tm parts;

	gmtime_r(&seconds, &parts);
	size_t used = strftime(buffer, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);

	snprintf(buffer + used, TIME_SIZE - used, ".%06uZ",
		(unsigned)(wall_ns % CLOCK_NS_PER_S / CLOCK_NS_PER_US));
	return buffer;
}

static json_t *make(const char *event)
{
	char time[TIME_SIZE];

	return json_pack("{s:s, s:s}", "time", time_text(clock_wall_ns(), time), "event", event);
}

static void set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_time(json_t *object, const char *key, uint64_t ns, bool unknown)
{
	if (unknown)
		json_object_set_new(object, key, json_null());
	else
		set(object, key, ns);
}

static void put(json_t *object)
{
	json_text_write(object, JSON_COMPACT, stdout);
	putchar('\n');
	outfile_flush_stdout();
	json_decref(object);
}

static json_t *peer_of(const struct ping_event_manner *manner)
{
	char peer[ADDR_TEXT_SIZE];
	json_t *text = json_string(addr_format(&manner->peer, peer, sizeof(peer)));

	return text != NULL ? text : json_null();
}

/* ---- as it happens ---- */

static const char *key_of(enum ping_event_kind kind)
{
	switch (kind) {
	case PING_EVENT_CONNECTED: return "connected";
	case PING_EVENT_REPLY: return "reply";
	case PING_EVENT_DUPLICATE: return "duplicate";
	case PING_EVENT_DAMAGED: return "damaged";
	case PING_EVENT_FOREIGN: return "foreign";
	case PING_EVENT_OUT_OF_STEP: return "out-of-step";
	case PING_EVENT_WAITING: return "waiting";
	case PING_EVENT_OVERDUE: return "overdue";
	case PING_EVENT_GAP_BEGIN: return "gap-begin";
	case PING_EVENT_GAP_END: return "gap-end";
	case PING_EVENT_SENT: break;
	}
	return NULL;
}

static json_t *ways_of(const struct gap *gap)
{
	json_t *ways = json_array();

	for (size_t i = 0; i < gap->way_count; i++)
		json_array_append_new(ways, json_string(gap_way_key(gap->ways[i])));
	return ways;
}

static void set_gap(json_t *object, const struct gap *gap)
{
	json_object_set_new(object, "how", ways_of(gap));
	if (gap->error < 0)
		/* An error that libc has no name for is null. */
		json_object_set_new(object, "error", json_pack("s?", errno_name(-gap->error)));
}

static void set_reply(
	json_t *object, const struct ping_event_manner *manner, const struct ping_event *event)
{
	const struct ping_event_kernel *kernel = event->kernel;

	set_time(object, "rtt_ns", event->round_trip_ns, event->untimed);
	if (manner->connect)
		set_time(object, "connect_ns", event->connect_ns, event->connect_untimed);
	if (manner->connect && event->handshake_ns > 0)
		set_time(object, "handshake_ns", event->handshake_ns, event->connect_untimed);
	json_object_set_new(object, "late", json_boolean(event->late));
	json_object_set_new(object, "reordered", json_boolean(event->reordered));
	if (kernel != NULL)
		json_object_set_new(object, "tcp_info",
			json_pack("{s:I, s:I, s:I, s:I, s:I}", "rtt_ns",
				(json_int_t)(kernel->round_trip_us * CLOCK_NS_PER_US), "rttvar_ns",
				(json_int_t)(kernel->variation_us * CLOCK_NS_PER_US), "min_rtt_ns",
				(json_int_t)(kernel->least_us * CLOCK_NS_PER_US), "retransmits",
				(json_int_t)kernel->retransmits, "cwnd",
				(json_int_t)kernel->window_segments));
}

/* -1, a byte that is not there, is null. */
static json_t *byte_of(int value)
{
	return value >= 0 ? json_integer(value) : json_null();
}

static void set_damage(json_t *object, const struct probe_damage *damage)
{
	set(object, "offset", damage->offset);
	json_object_set_new(object, "expected", byte_of(damage->expected));
	json_object_set_new(object, "got", byte_of(damage->got));
	set(object, "different_bytes", damage->count);
}

static void set_came(json_t *object, const struct ping_event *event)
{
	char shown[4 * CONVERSATION_HEAD_SIZE + 1];

	if (event->came == NULL)
		return;
	quote_bytes((const char *)event->came, event->came_length, shown, sizeof(shown));
	json_object_set_new(object, "came", json_string(shown));
}

static void json_event(const struct ping_event_manner *manner, const struct ping_event *event)
{
	const char *key = key_of(event->kind);

	if (manner->quiet || key == NULL)
		return;

	json_t *object = make(key);

	if (event->number != 0)
		set(object, "seq", event->number);
	if (event->port != 0)
		set(object, "port", event->port);
	switch (event->kind) {
	case PING_EVENT_REPLY:
	case PING_EVENT_DUPLICATE:
		set(object, "bytes", event->bytes);
		set_reply(object, manner, event);
		break;
	case PING_EVENT_DAMAGED:
		set(object, "bytes", event->bytes);
		set_damage(object, &event->damage);
		set_came(object, event);
		break;
	case PING_EVENT_FOREIGN:
		set(object, "bytes", event->bytes);
		set_came(object, event);
		break;
	case PING_EVENT_OUT_OF_STEP: set_came(object, event); break;
	case PING_EVENT_CONNECTED:
		set_time(object, "connect_ns", event->connect_ns, event->connect_untimed);
		if (event->handshake_ns > 0)
			set_time(object, "handshake_ns", event->handshake_ns,
				event->connect_untimed);
		break;
	case PING_EVENT_GAP_END:
		set(object, "length_ns", event->gap_ns);
		set_gap(object, event->gap);
		break;
	case PING_EVENT_GAP_BEGIN: set_gap(object, event->gap); break;
	case PING_EVENT_SENT:
	case PING_EVENT_WAITING:
	case PING_EVENT_OVERDUE: break;
	}
	put(object);
}

static void json_begin(const struct ping_event_manner *manner)
{
	json_t *object;

	if (manner->quiet)
		return;
	object = make("begin");
	json_object_set_new(object, "peer", peer_of(manner));
	set(object, "bytes", manner->size_bytes);
	json_object_set_new(object, "connect", json_boolean(manner->connect));
	set(object, "timeout_ns", manner->timeout_ns);
	put(object);
}

/* ---- the sums ---- */

static json_t *times_of(const struct tally_times *times)
{
	if (times->count == 0)
		return json_null();

	json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)times->count,
		"min_ns", (json_int_t)times->min_ns, "mean_ns", (json_int_t)times->mean_ns,
		"max_ns", (json_int_t)times->max_ns, "mdev_ns",
		(json_int_t)tally_times_deviation_ns(times));

	set(object, "p50_ns", histogram_percentile(times->histogram, 50));
	set(object, "p90_ns", histogram_percentile(times->histogram, 90));
	set(object, "p99_ns", histogram_percentile(times->histogram, 99));
	return object;
}

static void set_tally(json_t *object, const struct tally *tally, uint64_t under_way)
{
	set(object, "sent", tally->sent);
	set(object, "received", tally->received);
	set(object, "under_way", under_way);
	set(object, "lost",
		tally->sent - under_way > tally->received
			? tally->sent - under_way - tally->received
			: 0);
	json_object_set_new(
		object, "loss_percent", json_real(tally_loss_percent(tally, under_way)));
	set(object, "late", tally->late);
	set(object, "duplicates", tally->duplicates);
	set(object, "reordered", tally->reordered);
	set(object, "damaged", tally->damaged);
	set(object, "foreign", tally->foreign);
	json_object_set_new(object, "rtt", times_of(&tally->round_trip));
}

static json_t *gaps_of(const struct ping_event_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->gap_count && i < PING_EVENT_GAPS_MOST; i++) {
		const struct ping_event_gap *gap = &result->gaps[i];
		char time[TIME_SIZE];
		json_t *object = json_pack("{s:s, s:I, s:b}", "begin",
			time_text(gap->begin_wall_ns, time), "length_ns",
			(json_int_t)gap->length_ns, "lasts_on", gap->gap.away);

		set(object, "seq", gap->gap.begin_number);
		if (result->lane_count > 1)
			set(object, "port", result->lanes[gap->lane].port);
		set_gap(object, &gap->gap);
		json_array_append_new(list, object);
	}
	return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)result->gap_count, "length_ns",
		(json_int_t)result->gaps_ns, "list", list);
}

static json_t *sums_of(const struct ping_event_manner *manner, const char *event,
	const struct ping_event_result *result)
{
	json_t *object = make(event);

	json_object_set_new(object, "peer", peer_of(manner));
	set(object, "bytes", manner->size_bytes);
	set(object, "duration_ns", result->duration_ns);
	set_tally(object, result->tally, result->under_way);
	if (addr_socket_type(manner->peer.scheme) == SOCK_STREAM) {
		set(object, "connections", result->connections);
		json_object_set_new(object, "connect", times_of(result->connect));
		if (result->handshake->count > 0)
			json_object_set_new(object, "handshake", times_of(result->handshake));
	}
	json_object_set_new(object, "gaps", gaps_of(result));
	return object;
}

static void json_interim(
	const struct ping_event_manner *manner, const struct ping_event_result *result)
{
	put(sums_of(manner, "interim", result));
}

static void json_end(const struct ping_event_manner *manner, const struct ping_event_result *result)
{
	json_t *object = sums_of(manner, "summary", result);

	if (manner->by_port) {
		json_t *ports = json_array();

		for (size_t i = 0; i < result->lane_count; i++) {
			const struct ping_event_lane *lane = &result->lanes[i];
			json_t *port = json_object();

			json_object_set_new(port, "port",
				lane->port != 0 ? json_integer(lane->port) : json_null());
			set_tally(port, &lane->tally, lane->under_way);
			json_array_append_new(ports, port);
		}
		json_object_set_new(object, "ports", ports);
	}
	put(object);
}

const struct ping_event_printer ping_json_printer = {
	.begin = json_begin,
	.event = json_event,
	.interim = json_interim,
	.end = json_end,
};
