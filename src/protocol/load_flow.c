/*
 * Flows: each message stands alone. It may be lost, duplicated, late, overtaken, or come from
 * another flow; so each is identified by its first 16 bytes. The rest are pattern bytes from a
 * place of its own.
 *
 *	8 bytes  its number in this connection's life, from 0
 *	4 bytes  the connection's number        } in the byte order of this machine: no other
 *	2 bytes  which life, 2 bytes which slot } program reads them
 *
 * Messages of less than 16 bytes are too short for that and are recognised by their content alone:
 * as the oldest under way with the same bytes. Many short messages are alike, so their reordering
 * and duplicates are a guess.
 *
 * A message that times out is lost, and its slot is used again. If it comes after all, it is late.
 * Of the last 1,024 messages it is known whether they have come, which distinguishes late ones from
 * duplicates.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/load_flow.h"

#define STRIDE 257u /* between the places of two messages in the pattern */
#define KNOWN_MESSAGES 1024u
/* Behind a wrong mark, fewer right bytes do not identify a message. */
#define TELLING_BYTES 8u
#define NO_SLOT UINT16_MAX

struct mark {
	uint64_t number;
	uint32_t connection;
	uint16_t life, slot;
};

_Static_assert(sizeof(struct mark) == 16, "as it is sent");

/* A message under way; a list in the order of sending. */
struct slot {
	uint64_t number;
	struct load_conn_message times;
	uint16_t next, before;
};

_Static_assert(sizeof(struct slot) <= LOAD_MOST_SLOT_BYTES, "load_new() checks the sum");

struct side {
	uint64_t next_back; /* one more than the highest number that has come back */
	uint64_t has_come[KNOWN_MESSAGES / 64]; /* a bit for each, by number */
	uint16_t first, last, first_free; /* slots */
	bool timed; /* a deadline is set */
};

struct load_flow {
	uint32_t most_bytes; /* of a message */
	struct side *sides; /* one for each connection */
	struct slot *slots; /* `depth` for each connection */
	uint32_t train; /* messages that are handed over together; 1: each by itself */
	unsigned char *outgoing; /* room for a train for each connection: what is handed over */
};

/* A connection, with all that belongs to it. */
struct view {
	struct load *load;
	struct load_conn *conn;
	struct side *side;
	struct slot *slots;
	unsigned char *outgoing;
	uint32_t number;
};

static struct view view_of(struct load *load, struct load_conn *conn)
{
	uint32_t index = load_conn_index(load, conn);

	return (struct view){
		.load = load,
		.conn = conn,
		.side = &load->flow->sides[index],
		.slots = &load->flow->slots[(size_t)index * load->options.depth],
		.outgoing = load->flow->outgoing +
			(size_t)index * load->flow->train * load->flow->most_bytes,
		.number = load->options.first_number + index,
	};
}

/* ---- slots ---- */

static uint16_t take_slot(const struct view *v)
{
	struct side *side = v->side;
	uint16_t which = side->first_free;

	side->first_free = v->slots[which].next;
	v->slots[which].next = NO_SLOT;
	v->slots[which].before = side->last;
	if (side->last == NO_SLOT)
		side->first = which;
	else
		v->slots[side->last].next = which;
	side->last = which;
	return which;
}

static void give_slot(const struct view *v, uint16_t which)
{
	struct side *side = v->side;
	struct slot *slot = &v->slots[which];

	if (slot->before == NO_SLOT)
		side->first = slot->next;
	else
		v->slots[slot->before].next = slot->next;
	if (slot->next == NO_SLOT)
		side->last = slot->before;
	else
		v->slots[slot->next].before = slot->before;
	slot->number = UINT64_MAX;
	slot->next = side->first_free;
	side->first_free = which;
}

/* ---- what has come ---- */

static bool is_known(const struct view *v, uint64_t number)
{
	return number < v->conn->sent_messages && v->conn->sent_messages - number <= KNOWN_MESSAGES;
}

static bool has_come(const struct side *side, uint64_t number)
{
	return side->has_come[number % KNOWN_MESSAGES / 64] >> number % 64 & 1;
}

static void note_come(struct side *side, uint64_t number, bool come)
{
	uint64_t bit = 1ull << number % 64;
	uint64_t *word = &side->has_come[number % KNOWN_MESSAGES / 64];

	*word = come ? *word | bit : *word & ~bit;
}

/* ---- bytes ---- */

static struct mark mark_of(const struct view *v, uint64_t number, uint16_t slot)
{
	return (struct mark){
		.number = number,
		.connection = v->number,
		.life = (uint16_t)v->conn->life,
		.slot = slot,
	};
}

/* How many bytes are right, from `from` on, up to the shorter of both. */
static size_t match(const struct view *v, uint64_t number, uint16_t slot,
	const unsigned char *bytes, size_t length, size_t from)
{
	uint32_t size = load_conn_size(v->load, v->conn, number);
	struct mark mark = mark_of(v, number, slot);
	size_t end = length < size ? length : size;

	for (; size >= sizeof(mark) && from < sizeof(mark) && from < end; from++) {
		if (bytes[from] != ((unsigned char *)&mark)[from])
			return from;
	}
	if (from >= end)
		return end;
	return from +
		pattern_match(bytes + from, end - from, v->conn->start, number * STRIDE + from);
}

static void compose(
	const struct view *v, uint64_t number, uint16_t slot, uint32_t size, unsigned char *message)
{
	struct mark mark = mark_of(v, number, slot);

	memcpy(message, pattern_at(v->conn->start, number * STRIDE), size);
	if (size >= sizeof(mark))
		memcpy(message, &mark, sizeof(mark));
}

/* ---- sending ---- */

/*
 * One message at a time, or one train: its bytes stay where they are until the kernel has them. All of a
 * train have the time at which it left.
 */
static void hand_over(const struct view *v, struct protocol_answer *answer)
{
	struct load_conn *conn = v->conn;
	uint64_t now_ns, first = conn->sent_messages;
	uint32_t train = v->load->flow->train, length = 0;
	uint16_t slots[LOAD_MOST_TRAIN];

	if (conn->unsent_bytes > 0 || v->load->options.depth - conn->under_way < train ||
		!load_conn_may_begin(v->load, conn))
		return;
	for (uint32_t i = 0; i < train; i++) {
		uint32_t size = load_conn_size(v->load, conn, first + i);

		slots[i] = take_slot(v);
		v->slots[slots[i]].number = first + i;
		note_come(v->side, first + i, false);
		compose(v, first + i, slots[i], size, v->outgoing + length);
		length += size;
	}
	now_ns = v->load->options.clock();
	for (uint32_t i = 0; i < train; i++)
		load_conn_begin(v->load, conn, now_ns, &v->slots[slots[i]].times);
	conn->unsent_bytes = length;
	answer->send.bytes = v->outgoing;
	answer->send.length = length;
	if (load_conn_in_window(v->load, now_ns))
		v->load->record->counts.bytes_sent += length;
}

static void expire(const struct view *v)
{
	uint64_t now_ns = v->load->options.clock();

	while (v->side->first != NO_SLOT) {
		uint16_t which = v->side->first;
		struct slot *slot = &v->slots[which];

		if (slot->times.sent_ns + v->load->options.timeout_ns > now_ns)
			break;
		load_conn_gone(v->load, v->conn, &slot->times, true);
		give_slot(v, which);
	}
}

static void set_deadline(const struct view *v, struct protocol_answer *answer)
{
	if (v->side->timed || v->side->first == NO_SLOT)
		return;
	v->side->timed = true;
	answer->wake_ns = v->slots[v->side->first].times.sent_ns + v->load->options.timeout_ns;
}

/* ---- receiving ---- */

/* What has come, while it is examined. */
struct arrival {
	const unsigned char *bytes;
	uint32_t length;
	uint64_t when_ns;
	bool counts; /* it came in the window */
};

static int byte_at(const struct view *v, uint64_t number, uint16_t slot, size_t offset)
{
	uint32_t size = load_conn_size(v->load, v->conn, number);
	struct mark mark = mark_of(v, number, slot);

	if (offset >= size)
		return -1;
	if (size >= sizeof(mark) && offset < sizeof(mark))
		return ((unsigned char *)&mark)[offset];
	return *pattern_at(v->conn->start, number * STRIDE + offset);
}

static void note_damage(const struct view *v, const struct arrival *arrival, uint64_t number,
	uint16_t slot, size_t offset)
{
	struct load_record_damage damage = {
		.message = number,
		.offset = offset,
		.expected = byte_at(v, number, slot, offset),
		.got = offset < arrival->length ? arrival->bytes[offset] : -1,
		.when_ns = arrival->when_ns,
	};

	load_conn_note_damage(v->load, v->conn, &damage);
}

/* The message in this slot has come, `right` bytes of it as they should be. */
static void settle(
	const struct view *v, const struct arrival *arrival, uint16_t which, size_t right)
{
	struct slot *slot = &v->slots[which];
	uint64_t number = slot->number;
	bool damaged = right < load_conn_size(v->load, v->conn, number) || right < arrival->length;

	if (damaged)
		note_damage(v, arrival, number, which, right);
	note_come(v->side, number, true);
	/* By its own moment, as all that is counted of a message that came back. */
	if (number + 1 < v->side->next_back)
		v->load->record->counts.reordered += load_conn_in_window(
			v->load, load_conn_moment(v->load, &slot->times));
	else
		v->side->next_back = number + 1;
	load_conn_came_back(v->load, v->conn, &slot->times, arrival->when_ns, damaged);
	give_slot(v, which);
}

/* A message that is not, or no longer, under way. */
static void settle_again(const struct view *v, const struct arrival *arrival, uint64_t number)
{
	struct load_record_counts *counts = &v->load->record->counts;

	if (is_known(v, number) && has_come(v->side, number)) {
		counts->duplicates += arrival->counts;
		return;
	}
	counts->late += arrival->counts;
	if (is_known(v, number))
		note_come(v->side, number, true);
}

/* By its mark, which must be ours. False: it says nothing, or something that cannot be. */
static bool settle_by_mark(const struct view *v, const struct arrival *arrival)
{
	struct mark mark;
	size_t right = arrival->length;
	uint32_t size;

	if (arrival->length < sizeof(mark))
		return false;
	memcpy(&mark, arrival->bytes, sizeof(mark));
	if (mark.connection != v->number || mark.life != (uint16_t)v->conn->life ||
		mark.number >= v->conn->sent_messages || mark.slot >= v->load->options.depth)
		return false;
	size = load_conn_size(v->load, v->conn, mark.number);
	if (size < sizeof(mark))
		return false;
	/* Bytes beyond the message's end are wrong, compared or not. */
	if (right > size)
		right = size;
	if (v->load->options.verify)
		right = match(
			v, mark.number, mark.slot, arrival->bytes, arrival->length, sizeof(mark));
	if (v->slots[mark.slot].number == mark.number) {
		settle(v, arrival, mark.slot, right);
		return true;
	}
	/* The mark itself may be what is damaged: then it is identified by its other bytes. */
	if (right < arrival->length || arrival->length != size)
		return false;
	settle_again(v, arrival, mark.number);
	return true;
}

/* By its other bytes: the oldest under way that has the same. */
static bool settle_by_bytes(const struct view *v, const struct arrival *arrival)
{
	for (uint16_t which = v->side->first; which != NO_SLOT; which = v->slots[which].next) {
		uint64_t number = v->slots[which].number;
		uint32_t size = load_conn_size(v->load, v->conn, number);
		size_t from = size < sizeof(struct mark) ? 0 : sizeof(struct mark);

		if (size != arrival->length || (from > 0 && size - from < TELLING_BYTES))
			continue;
		if (match(v, number, which, arrival->bytes, size, from) != size)
			continue;
		settle(v, arrival, which, match(v, number, which, arrival->bytes, size, 0));
		return true;
	}
	return false;
}

/* By its bytes, if it is too short for a mark: one of the last that are not under way. */
static bool settle_again_by_bytes(const struct view *v, const struct arrival *arrival)
{
	uint64_t sent = v->conn->sent_messages;

	for (uint64_t back = 1; back <= KNOWN_MESSAGES && back <= sent; back++) {
		uint64_t number = sent - back;
		uint32_t size = load_conn_size(v->load, v->conn, number);

		if (size >= sizeof(struct mark))
			return false;
		if (size != arrival->length || match(v, number, 0, arrival->bytes, size, 0) != size)
			continue;
		settle_again(v, arrival, number);
		return true;
	}
	return false;
}

/*
 * It cannot be identified. A short one is then taken for the oldest under way that is as short: as
 * damaged.
 */
static void settle_stray(const struct view *v, const struct arrival *arrival)
{
	uint16_t which = v->side->first;
	uint64_t number;
	uint32_t size;

	if (which == NO_SLOT) {
		v->load->record->counts.strays += arrival->counts;
		return;
	}
	number = v->slots[which].number;
	size = load_conn_size(v->load, v->conn, number);

	size_t right = match(v, number, which, arrival->bytes, arrival->length, 0);

	if (size < sizeof(struct mark)) {
		settle(v, arrival, which, right);
		return;
	}
	v->load->record->counts.strays += arrival->counts;
	note_damage(v, arrival, number, which, right);
}

static void handle_message(const struct view *v, const struct protocol_event *event)
{
	struct arrival arrival = {
		.bytes = event->span.bytes,
		.length = event->span.length,
		.when_ns = v->load->options.clock(),
	};

	load_conn_heard(v->load, v->conn, arrival.when_ns);
	arrival.counts = load_conn_in_window(v->load, arrival.when_ns);
	if (arrival.counts)
		v->load->record->counts.bytes_received += arrival.length;
	if (!settle_by_mark(v, &arrival) && !settle_by_bytes(v, &arrival) &&
		!settle_again_by_bytes(v, &arrival))
		settle_stray(v, &arrival);
}

void load_flow_handle(struct load *load, struct load_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer)
{
	struct view v = view_of(load, conn);

	if (conn->state != LOAD_CONN_OPEN)
		return;
	switch (event->kind) {
	case PROTOCOL_OPENED:
		answer->credit = load->flow->most_bytes + 1; /* one more shows what is too long */
		break;
	case PROTOCOL_BYTES: handle_message(&v, event); break;
	case PROTOCOL_SENT: conn->unsent_bytes = 0; break;
	case PROTOCOL_FAULT:
		/*
		 * A message that did not leave stays under way until it times out: sending the next
		 * one at once would ask the same question as fast as the processor can.
		 */
		load->record->counts.faults++;
		if (event->count > 0)
			conn->unsent_bytes = 0;
		set_deadline(&v, answer);
		return;
	case PROTOCOL_DEADLINE:
		v.side->timed = false;
		expire(&v);
		break;
	default: break;
	}
	hand_over(&v, answer);
	set_deadline(&v, answer);
}

/* ---- life ---- */

void load_flow_reset(struct load *load, struct load_conn *conn)
{
	struct view v = view_of(load, conn);
	uint32_t depth = load->options.depth;

	*v.side = (struct side){ .first = NO_SLOT, .last = NO_SLOT };
	for (uint32_t i = 0; i < depth; i++) {
		v.slots[i].number = UINT64_MAX;
		v.slots[i].next = i + 1 < depth ? (uint16_t)(i + 1) : NO_SLOT;
	}
}

void load_flow_abandon(struct load *load, struct load_conn *conn)
{
	struct view v = view_of(load, conn);

	while (conn->under_way > 0) {
		uint16_t which = v.side->first;

		load_conn_gone(load, conn, &v.slots[which].times, false);
		give_slot(&v, which);
	}
	conn->unsent_bytes = 0;
}

int load_flow_new(const struct load_options *options, struct load_flow **ret_flow)
{
	struct load_flow *flow = calloc(1, sizeof(*flow));

	if (flow == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < options->size_count; i++) {
		if (options->sizes[i].bytes > flow->most_bytes)
			flow->most_bytes = options->sizes[i].bytes;
	}
	flow->train = options->train > 1 ? options->train : 1;
	flow->sides = calloc(options->connections, sizeof(*flow->sides));
	flow->slots = calloc((size_t)options->connections * options->depth, sizeof(*flow->slots));
	flow->outgoing = calloc(options->connections, (size_t)flow->train * flow->most_bytes);
	if (flow->sides == NULL || flow->slots == NULL || flow->outgoing == NULL) {
		load_flow_free(flow);
		return -ENOMEM;
	}
	*ret_flow = flow;
	return 0;
}

void load_flow_free(struct load_flow *flow)
{
	if (flow == NULL)
		return;
	free(flow->sides);
	free(flow->slots);
	free(flow->outgoing);
	free(flow);
}
