/*
 * What streams and flows have in common: connections, what waits its turn, the window, and
 * counting.
 */
#include "protocol/load.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/load_conn.h"
#include "protocol/load_flow.h"
#include "protocol/load_stream.h"

/* Flows: so many messages lost in a row, up to the end, are no coincidence. */
#define STALLED_FLOW_LOST 3

/* ---- connections ---- */

/* Nothing is expected of it any more in this life. */
static void abandon(struct load *load, struct load_conn *conn)
{
	uint64_t connect_due_ns = conn->connect_due_ns;

	if (load->flow != NULL)
		load_flow_abandon(load, conn);
	else
		load_stream_abandon(load, conn);
	conn->connect_due_ns = 0;
	/* At the end of a load, those that would have followed were not due yet. */
	if (connect_due_ns != 0 && (conn->sent_messages == 0 || !load->stopping))
		load_give_up(load, connect_due_ns, load->options.echoes - conn->sent_messages);
}

struct protocol_conn load_connecting(struct load *load, uint32_t index, uint64_t intended_ns)
{
	struct load_conn *conn = &load->conns[index];

	abandon(load, conn); /* it may have been cut, which is not reported to a protocol */
	conn->connect_ns = load->options.clock();
	conn->first_intended_ns = intended_ns;
	conn->connect_due_ns = load_conn_is_timed_churn(load) ? intended_ns : 0;
	conn->sent_messages = conn->back_messages = 0;
	conn->sent_bytes = conn->back_bytes = 0;
	conn->damaged = false;
	conn->life++;
	conn->start = pattern_start(
		load->options.first_number + (uint64_t)index + conn->life * (uint64_t)4099);
	conn->state = LOAD_CONN_CONNECTING;
	if (load->flow != NULL)
		load_flow_reset(load, conn);
	return (struct protocol_conn){ .word = { index } };
}

void load_not_connected(struct load *load, uint32_t index)
{
	load->conns[index].state = LOAD_CONN_CLOSED;
	load->record->counts.connect_errors++;
}

uint32_t load_index(const struct protocol_conn *conn)
{
	return (uint32_t)conn->word[0];
}

static void note_opened(struct load *load, struct load_conn *conn)
{
	uint64_t now_ns = load->options.clock();

	conn->state = LOAD_CONN_OPEN;
	conn->was_open = true;
	if (!load_conn_in_window(load, now_ns))
		return;
	load->record->counts.connects++;
	histogram_record(load->record->connect, now_ns - conn->connect_ns);
}

void load_count_handshake(struct load *load, bool resumed)
{
	if (!load_conn_in_window(load, load->options.clock()))
		return;
	if (resumed)
		load->record->counts.handshakes_resumed++;
	else
		load->record->counts.handshakes_full++;
}

static void note_lost(struct load *load, struct load_conn *conn)
{
	if (conn->state == LOAD_CONN_CONNECTING)
		load->record->counts.connect_errors++;
	else if (conn->state == LOAD_CONN_OPEN)
		load->record->counts.resets++;
	abandon(load, conn);
	conn->state = LOAD_CONN_CLOSED;
}

/* Ends a connection for which everything has been done, and nothing more will be. */
static void leave_if_finished(
	struct load *load, struct load_conn *conn, struct protocol_answer *answer)
{
	uint32_t echoes = load->options.echoes;

	if (echoes == 0 && !load->stopping)
		return; /* most of the time */
	if (conn->under_way > 0 || conn->unsent_bytes > 0 || conn->state != LOAD_CONN_OPEN)
		return;
	if (!(echoes != 0 && conn->sent_messages >= echoes) &&
		!(load->stopping && conn->first_waiting == LOAD_CONN_NOTHING))
		return;
	conn->state = LOAD_CONN_LEAVING;
	answer->end = load->options.end_by_reset ? PROTOCOL_RESET : PROTOCOL_CLOSE;
}

static void handle(struct protocol *protocol, struct protocol_conn *memory,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct load *load = (struct load *)protocol;

	if (memory == NULL)
		return; /* a datagram without a connection: this is no server */

	struct load_conn *conn = &load->conns[load_index(memory)];

	if (event->kind == PROTOCOL_LOST) {
		note_lost(load, conn);
		return;
	}
	if (event->kind == PROTOCOL_OPENED)
		note_opened(load, conn);
	if (load->flow != NULL)
		load_flow_handle(load, conn, event, answer);
	else
		load_stream_handle(load, conn, event, answer);
	leave_if_finished(load, conn, answer);
}

/* ---- called by the owner ---- */

struct protocol *load_protocol(struct load *load)
{
	return &load->protocol;
}

bool load_release(struct load *load)
{
	bool held = load->held;

	load->held = false;
	return held;
}

void load_set_window(struct load *load, uint64_t from_ns, uint64_t until_ns)
{
	load->from_ns = from_ns;
	load->until_ns = until_ns;
}

/* LOAD_CONN_NOTHING when all places are taken. */
static uint32_t get_waiting(struct load *load)
{
	uint32_t which = load->first_free_waiting;

	if (which != LOAD_CONN_NOTHING) {
		load->first_free_waiting = load->waiting[which].next;
		return which;
	}
	if (load->waiting_used < load->options.waiting_most)
		return load->waiting_used++;
	return LOAD_CONN_NOTHING;
}

static void count_offer(struct load *load, uint64_t intended_ns, uint64_t now_ns)
{
	struct load_record *record = load->record;
	uint64_t lag_ns = now_ns > intended_ns ? now_ns - intended_ns : 0;

	record->counts.offered++;
	record->lag_sum_ns += lag_ns;
	if (lag_ns > record->lag_most_ns)
		record->lag_most_ns = lag_ns;
}

/* They are among those offered. */
static void note_unsent(struct load *load, uint64_t intended_ns, uint64_t count)
{
	load->record->counts.unsent += count;
	load_gone_add(&load->unsent, intended_ns, 0, count);
}

void load_give_up(struct load *load, uint64_t intended_ns, uint64_t count)
{
	if (count == 0 || !load_conn_in_window(load, intended_ns))
		return;
	load->record->counts.offered += count;
	note_unsent(load, intended_ns, count);
}

uint32_t load_offer(struct load *load, uint64_t intended_ns, uint64_t now_ns)
{
	uint32_t index = load->next_offer;
	struct load_conn *conn = &load->conns[index];
	uint32_t which = get_waiting(load);
	bool counts = load_conn_in_window(load, intended_ns);

	load->next_offer = index + 1 < load->options.connections ? index + 1 : 0;
	if (counts)
		count_offer(load, intended_ns, now_ns);
	if (which == LOAD_CONN_NOTHING) {
		if (counts)
			note_unsent(load, intended_ns, 1);
		return LOAD_NO_CONN;
	}
	load->waiting[which] = (struct load_conn_waiting){ intended_ns, LOAD_CONN_NOTHING };
	if (conn->first_waiting == LOAD_CONN_NOTHING)
		conn->first_waiting = which;
	else
		load->waiting[conn->last_waiting].next = which;
	conn->last_waiting = which;
	load->waiting_count++;
	return conn->unsent_bytes == 0 && load_conn_may_begin(load, conn) ? index : LOAD_NO_CONN;
}

void load_stop(struct load *load)
{
	load->stopping = true;
}

bool load_is_idle(const struct load *load)
{
	return load->under_way == 0 && load->waiting_count == 0;
}

struct load_record *load_exchange(struct load *load, struct load_record *fresh)
{
	struct load_record *before = load->record;

	load->record = fresh;
	return before;
}

/* Had answered, and did no more until the end. */
static bool has_stalled(const struct load *load, const struct load_conn *conn, uint64_t now_ns)
{
	uint64_t end_ns = load->until_ns < now_ns ? load->until_ns : now_ns;
	uint64_t quiet_ns = end_ns > conn->heard_ns ? end_ns - conn->heard_ns : 0;

	if (load->flow == NULL) {
		/* By a schedule it may just not have been its turn; what was due then is unsent. */
		bool gone = !load_conn_is_timed_churn(load) &&
			(conn->state == LOAD_CONN_CLOSED || conn->state == LOAD_CONN_CONNECTING);

		return (conn->under_way > 0 || gone) &&
			now_ns - conn->heard_ns >= load->options.timeout_ns / 2;
	}
	/* Datagrams are lost one by one, too: a few in a row, or half of the time. */
	return conn->lost_in_a_row >= STALLED_FLOW_LOST ||
		(conn->lost_in_a_row > 0 && quiet_ns >= (end_ns - load->from_ns) / 2);
}

static void conclude_conn(struct load *load, struct load_conn *conn, uint64_t now_ns)
{
	struct load_record_counts *counts = &load->record->counts;
	bool stalled;

	if (load->flow != NULL)
		abandon(load, conn);
	stalled = load_conn_has_begun(load, now_ns) && has_stalled(load, conn, now_ns);
	abandon(load, conn);
	while (conn->first_waiting != LOAD_CONN_NOTHING) {
		uint64_t intended_ns = load_conn_take_waiting(load, conn);

		if (!load_conn_in_window(load, intended_ns))
			continue;
		note_unsent(load, intended_ns, 1);
		conn->asked = true;
	}
	if (conn->was_open && conn->asked && !conn->answered)
		counts->silent++;
	else if (stalled && conn->was_open)
		counts->stalled++;
}

static uint64_t since(uint64_t when_ns, uint64_t now_ns)
{
	return now_ns > when_ns ? now_ns - when_ns : 0;
}

/* What never came back right, with the time that it has waited. */
static void record_waits(struct load *load, uint64_t now_ns)
{
	struct load_record *record = load->record;

	for (uint32_t i = 0; i < load->lost.count; i++) {
		const struct load_gone_entry *entry = &load->lost.entries[i];

		histogram_record_many(record->sent, since(entry->sent_ns, now_ns), entry->count);
		if (load->options.open_loop)
			histogram_record_many(
				record->intended, since(entry->intended_ns, now_ns), entry->count);
	}
	for (uint32_t i = 0; i < load->unsent.count; i++) {
		const struct load_gone_entry *entry = &load->unsent.entries[i];
		uint64_t wait_ns = since(entry->intended_ns, now_ns);

		histogram_record_many(record->intended, wait_ns, entry->count);
		histogram_record_many(record->unsent, wait_ns, entry->count);
	}
	load->lost.count = load->unsent.count = 0;
}

void load_conclude(struct load *load)
{
	uint64_t now_ns = load->options.clock();

	load->stopping = true;
	for (uint32_t i = 0; i < load->options.connections; i++)
		conclude_conn(load, &load->conns[i], now_ns);
	record_waits(load, now_ns);
}

/* ---- life ---- */

static bool are_sound(const struct load_options *options)
{
	uint32_t most = options->flows ? LOAD_MOST_FLOW_BYTES : LOAD_MOST_MESSAGE_BYTES;

	if (options->connections == 0 || options->depth == 0 || options->depth > LOAD_MOST_DEPTH ||
		options->size_count == 0 || options->size_count > LOAD_MOST_SIZES ||
		options->clock == NULL || (options->flows && options->timeout_ns == 0) ||
		(options->open_loop && options->echoes == 0 && options->waiting_most == 0) ||
		options->waiting_most == LOAD_CONN_NOTHING)
		return false;
	if (options->train > 1 &&
		(!options->flows || options->open_loop || options->size_count != 1 ||
			options->train > LOAD_MOST_TRAIN || options->train > options->depth ||
			(uint64_t)options->train * options->sizes[0].bytes > LOAD_MOST_FLOW_BYTES))
		return false;
	for (size_t i = 0; i < options->size_count; i++) {
		if (options->sizes[i].bytes == 0 || options->sizes[i].bytes > most ||
			options->sizes[i].weight == 0)
			return false;
	}
	return true;
}

static int allocate(struct load *load)
{
	const struct load_options *options = &load->options;
	int r = load_record_new(&load->record);

	if (r == 0)
		r = load_gone_init(&load->lost);
	if (r == 0)
		r = load_gone_init(&load->unsent);
	if (r < 0)
		return r;
	load->conns = calloc(options->connections, sizeof(*load->conns));
	if (load->conns == NULL)
		return -ENOMEM;
	/* Pages that are never needed are never there. */
	if (load_conn_is_offered(load))
		load->waiting = calloc(options->waiting_most, sizeof(*load->waiting));
	if (load_conn_is_offered(load) && load->waiting == NULL)
		return -ENOMEM;
	if (options->flows)
		return load_flow_new(options, &load->flow);
	load->messages = calloc(
		(size_t)options->connections * options->depth, sizeof(*load->messages));
	return load->messages == NULL ? -ENOMEM : 0;
}

int load_new(const struct load_options *options, struct load **ret_load)
{
	struct load *load;
	int r;

	if (!are_sound(options))
		return -EINVAL;
	/* A size_t of 32 bits would not hold the number of bytes. */
	if ((uint64_t)options->connections * options->depth > SIZE_MAX / LOAD_MOST_SLOT_BYTES)
		return -ENOMEM;
	load = calloc(1, sizeof(*load));
	if (load == NULL)
		return -ENOMEM;
	pattern_init();
	load->protocol = (struct protocol){ .name = "load", .handle = handle };
	load->options = *options;
	load->held = options->held && !options->open_loop;
	load->from_ns = load->until_ns = UINT64_MAX;
	load->first_free_waiting = LOAD_CONN_NOTHING;
	for (size_t i = 0; i < options->size_count; i++)
		load->total_weight += options->sizes[i].weight;
	r = allocate(load);
	if (r < 0) {
		load_free(load);
		return r;
	}
	for (uint32_t i = 0; i < options->connections; i++)
		load->conns[i].first_waiting = LOAD_CONN_NOTHING;
	*ret_load = load;
	return 0;
}

void load_free(struct load *load)
{
	if (load == NULL)
		return;
	load_record_free(load->record);
	load_gone_fini(&load->lost);
	load_gone_fini(&load->unsent);
	load_flow_free(load->flow);
	free(load->conns);
	free(load->messages);
	free(load->waiting);
	free(load);
}
