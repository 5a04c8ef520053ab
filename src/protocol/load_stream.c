/*
 * Streams: what was sent comes back as one stream, too, so a connection is two positions in its
 * pattern and a ring of times. Messages that leave together are handed over together, and only when
 * the kernel has taken all of the last piece: nothing is queued behind a piece that it has not
 * taken.
 */
#include "protocol/load_stream.h"

/* Nothing that comes is kept: this only bounds one event. */
#define CREDIT_BYTES (1u << 20)
/*
 * So many bytes are compared in less time than reading the clock takes: then one reading is the time
 * of what has come and of what leaves in answer to it.
 */
#define QUICK_BYTES 1024u

static struct load_conn_message *message_at(
	const struct load *load, const struct load_conn *conn, uint64_t number)
{
	uint32_t depth = load->options.depth;

	return &load->messages[(size_t)load_conn_index(load, conn) * depth + number % depth];
}

/* Sends as many messages as may leave, or the next piece of a long one. `now_ns` 0: to be read. */
static void hand_over(
	struct load *load, struct load_conn *conn, uint64_t now_ns, struct protocol_answer *answer)
{
	uint32_t length = 0;

	if (conn->unsent_bytes > 0)
		return;
	while (length < PATTERN_CHUNK_BYTES) {
		uint32_t some;

		if (conn->send_left == 0) {
			if (!load_conn_may_begin(load, conn))
				break;
			if (now_ns == 0)
				now_ns = load->options.clock();
			conn->send_left = load_conn_size(load, conn, conn->sent_messages);
			load_conn_begin(
				load, conn, now_ns, message_at(load, conn, conn->sent_messages));
		}
		some = PATTERN_CHUNK_BYTES - length;
		if (some > conn->send_left)
			some = conn->send_left;
		conn->send_left -= some;
		length += some;
	}
	if (length == 0)
		return;
	answer->send.bytes = pattern_at(conn->start, conn->sent_bytes);
	answer->send.length = length;
	conn->sent_bytes += length;
	conn->unsent_bytes = length;
	if (load_conn_in_window(load, now_ns != 0 ? now_ns : load->options.clock()))
		load->record->counts.bytes_sent += length;
}

void load_stream_abandon(struct load *load, struct load_conn *conn)
{
	/* Of this one some has come, and was wrong. */
	if (conn->damaged && conn->back_messages < conn->sent_messages)
		load_conn_came_back(load, conn, message_at(load, conn, conn->back_messages++),
			load->options.clock(), true);
	conn->damaged = false;
	while (conn->back_messages < conn->sent_messages)
		load_conn_gone(load, conn, message_at(load, conn, conn->back_messages++), false);
	conn->send_left = conn->back_left = conn->unsent_bytes = 0;
}

/* ---- what comes back ---- */

static bool is_right(const struct load *load, const struct load_conn *conn,
	const unsigned char *bytes, uint32_t length)
{
	return pattern_match(bytes, length, conn->start, conn->back_bytes) == length;
}

/* `damaged`: some of it is; which message, is to be found out. */
static void count_messages(struct load *load, struct load_conn *conn, const unsigned char *bytes,
	uint32_t length, uint64_t now_ns, bool damaged)
{
	while (length > 0) {
		uint32_t some = length;

		if (conn->back_left == 0)
			conn->back_left = load_conn_size(load, conn, conn->back_messages);
		if (some > conn->back_left)
			some = conn->back_left;
		if (damaged && !is_right(load, conn, bytes, some))
			conn->damaged = true;
		bytes += some;
		length -= some;
		conn->back_bytes += some;
		conn->back_left -= some;
		if (conn->back_left == 0) {
			load_conn_came_back(load, conn, message_at(load, conn, conn->back_messages),
				now_ns, conn->damaged);
			conn->back_messages++;
			conn->damaged = false;
		}
	}
}

static void note_damage(struct load *load, struct load_conn *conn, uint64_t offset, int expected,
	int got, uint64_t now_ns)
{
	struct load_record_damage damage = {
		.message = conn->back_messages,
		.offset = offset,
		.expected = expected,
		.got = got,
		.when_ns = now_ns,
	};

	load_conn_note_damage(load, conn, &damage);
}

static void handle_bytes(struct load *load, struct load_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	uint64_t now_ns = load->options.clock();
	const unsigned char *bytes = event->span.bytes;
	uint32_t length = event->span.length, surplus = 0;
	size_t right;

	if (conn->state != LOAD_CONN_OPEN)
		return;
	if (length > conn->sent_bytes - conn->back_bytes) {
		surplus = length - (uint32_t)(conn->sent_bytes - conn->back_bytes);
		length -= surplus;
	}
	load_conn_heard(load, conn, now_ns);
	if (load_conn_in_window(load, now_ns))
		load->record->counts.bytes_received += length;
	right = load->options.verify ? pattern_match(bytes, length, conn->start, conn->back_bytes)
				     : length;
	if (right < length)
		note_damage(load, conn, conn->back_bytes + right,
			*pattern_at(conn->start, conn->back_bytes + right), bytes[right], now_ns);
	count_messages(load, conn, bytes, length, now_ns, right < length);
	if (surplus > 0) {
		note_damage(load, conn, conn->back_bytes, -1, bytes[length], now_ns);
		load->record->counts.overruns++;
		load->record->counts.surplus_bytes += surplus;
		load_stream_abandon(load, conn);
		conn->state = LOAD_CONN_LEAVING;
		answer->end = PROTOCOL_RESET;
		return;
	}
	hand_over(load, conn, length <= QUICK_BYTES ? now_ns : 0, answer);
}

void load_stream_handle(struct load *load, struct load_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	switch (event->kind) {
	case PROTOCOL_OPENED:
		answer->credit = CREDIT_BYTES;
		hand_over(load, conn, 0, answer);
		break;
	case PROTOCOL_URGENT:
	case PROTOCOL_BYTES: handle_bytes(load, conn, event, answer); break;
	case PROTOCOL_SENT:
		/* This may concern messages that have been abandoned meanwhile. */
		conn->unsent_bytes -= event->count < conn->unsent_bytes ? (uint32_t)event->count
									: conn->unsent_bytes;
		hand_over(load, conn, 0, answer);
		break;
	case PROTOCOL_NUDGED: hand_over(load, conn, 0, answer); break;
	case PROTOCOL_END:
		answer->end = PROTOCOL_CLOSE;
		if (conn->state == LOAD_CONN_OPEN)
			load->record->counts.ended++;
		load_stream_abandon(load, conn);
		conn->state = LOAD_CONN_LEAVING;
		break;
	default: break;
	}
}
