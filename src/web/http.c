/*
 * One connection:
 *
 *   READING ──request──▶ SENDING ──all is sent──▶ READING (what was sent ahead is read next)
 *      │  too slow: 408        │ the source has nothing now: it waits to be nudged
 *      └──▶ SENDING            └──▶ LINGERING, where the connection is not used again ──▶ close
 *
 * A close while bytes of the client lie unread would be a reset, which may take the answer away with it: so we half-close,
 * and read and drop for a moment (RFC 9112, section 9.6).
 *
 * A whole request is looked for only when it may be there: when a line feed has come that can end its first line or its
 * head, and when there is no more room. So a client that sends byte by byte makes no work of it.
 */
#include "web/http.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/http_head.h"

/* "3ff8\r\n" before a piece in chunks, "\r\n" behind it. */
#define CHUNK_HEAD_BYTES 6u
#define CHUNK_TAIL_BYTES 2u
/* For the client to finish, once all is sent that it will get. */
#define LINGER_NS (2 * CLOCK_NS_PER_S)
#define LAST_CHUNK "0\r\n\r\n"

_Static_assert(HTTP_PIECE_BYTES <= 0xffff, "four digits suffice for a chunk");

enum stage { READING, SENDING, LINGERING };

struct http_conn {
	struct http_conn *next, *previous; /* in the order of `since_ns` */
	uint64_t since_ns; /* it reads, or sends, since then */
	enum stage stage;
	bool displaced; /* it must give way: ends with its next event */
	bool ended; /* the client has finished sending */
	bool waiting; /* for its source */
	bool keeps_alive, in_chunks, head_only;
	bool body_left; /* there is more of the body than is being sent */
	struct http_answer answer;
	uint32_t sending_bytes; /* handed to the engine, and not known to have left */
	uint32_t filled_bytes;
	char request[HTTP_REQUEST_MOST_BYTES];
	char piece[HTTP_PIECE_BYTES];
};

static struct http_conn *state_of(const struct protocol_conn *conn)
{
	return (struct http_conn *)(uintptr_t)conn->word[0];
}

/* ---- the list ---- */

static void take_out(struct http *http, struct http_conn *state)
{
	*(state->previous != NULL ? &state->previous->next : &http->first) = state->next;
	*(state->next != NULL ? &state->next->previous : &http->last) = state->previous;
}

static void put_last(struct http *http, struct http_conn *state)
{
	state->next = NULL;
	state->previous = http->last;
	*(http->last != NULL ? &http->last->next : &http->first) = state;
	http->last = state;
}

static void enter_stage(struct http *http, struct http_conn *state, enum stage stage)
{
	state->stage = stage;
	state->since_ns = http->options.now_ns();
	take_out(http, state);
	put_last(http, state);
}

static void close_source(struct http_conn *state)
{
	if (state->answer.source != NULL)
		state->answer.source->close(state->answer.state);
	state->answer.source = NULL;
}

static void forget(struct http *http, struct http_conn *state)
{
	close_source(state);
	take_out(http, state);
	http->count--;
	free(state);
}

void http_forget(struct http *http, const struct protocol_conn *conn)
{
	struct http_conn *state = state_of(conn);

	if (state != NULL)
		forget(http, state);
}

/* Which gives way: one that has no whole request, then one whose answer has an end; of these the oldest. */
static struct http_conn *find_displaced(struct http *http, const struct http_conn *newest)
{
	struct http_conn *sending = NULL;

	for (struct http_conn *each = http->first; each != NULL; each = each->next) {
		bool endless = each->answer.source != NULL && each->answer.source->endless;

		if (each == newest || each->displaced)
			continue;
		if (each->stage != SENDING)
			return each;
		if (sending == NULL && !endless)
			sending = each;
	}
	return sending;
}

static void make_room(struct http *http, const struct http_conn *newest)
{
	struct http_conn *state = find_displaced(http, newest);

	if (state == NULL)
		return;
	state->displaced = true;
	http->displaced++;
	http->options.crowded(http->options.context);
}

static void open_conn(struct http *http, struct protocol_conn *conn, struct protocol_answer *answer)
{
	struct http_conn *state = malloc(sizeof(*state));

	conn->word[0] = (uintptr_t)state;
	if (state == NULL) {
		answer->end = PROTOCOL_RESET;
		return;
	}
	/* Not the two buffers: most of them will never be touched. */
	memset(state, 0, offsetof(struct http_conn, request));
	state->since_ns = http->options.now_ns();
	put_last(http, state);
	answer->credit = HTTP_REQUEST_MOST_BYTES;
	answer->wake_ns = state->since_ns + HTTP_REQUEST_NS;
	if (++http->count > HTTP_MOST_CONNECTIONS)
		make_room(http, state);
}

/* ---- answers ---- */

static void send_piece(
	struct http_conn *state, const char *bytes, uint32_t length, struct protocol_answer *answer)
{
	answer->send = (struct protocol_span){
		.bytes = (const unsigned char *)bytes,
		.length = length,
	};
	state->sending_bytes = length;
}

/* The next bytes of a body that is made while it is sent, behind `used` bytes of the piece. How long that is then. */
static uint32_t fill(struct http_conn *state, uint32_t used)
{
	uint32_t head = state->in_chunks ? CHUNK_HEAD_BYTES : 0;
	uint32_t tail = state->in_chunks ? CHUNK_TAIL_BYTES : 0;
	char *begin = state->piece + used, digits[CHUNK_HEAD_BYTES + 1];
	ssize_t n = state->answer.source->next(state->answer.state, begin + head,
		HTTP_PIECE_BYTES - used - head - tail - strlen(LAST_CHUNK));

	state->waiting = n == -EAGAIN;
	if (n > 0 && state->in_chunks) {
		snprintf(digits, sizeof(digits), "%04x\r\n", (unsigned)n & 0xffff);
		memcpy(begin, digits, head);
		memcpy(begin + head + n, "\r\n", tail);
	}
	if (n > 0)
		return used + head + (uint32_t)n + tail;
	if (state->waiting)
		return used;
	state->body_left = false;
	close_source(state);
	if (!state->in_chunks)
		return used;
	memcpy(begin, LAST_CHUNK, strlen(LAST_CHUNK));
	return used + (uint32_t)strlen(LAST_CHUNK);
}

static uint32_t write_head(struct http *http, struct http_conn *state)
{
	const struct http_answer *given = &state->answer;
	struct http_head head = {
		.status = given->status,
		.type = given->type,
		.fields = given->fields,
		.length = given->length,
		.wall_ns = http->options.wall_ns(),
		.keeps_alive = state->keeps_alive,
	};

	if (given->source != NULL)
		head.length = state->in_chunks ? HTTP_HEAD_CHUNKED : HTTP_HEAD_TO_THE_END;
	return (uint32_t)http_head_write(&head, state->piece);
}

/* Begins to send what is in `state->answer`. */
static void begin_answer(struct http *http, struct http_conn *state,
	const struct http_request *request, struct protocol_answer *answer)
{
	bool has_source = state->answer.source != NULL;
	uint32_t used;

	http->answers++;
	http->refusals += state->answer.status >= 400;
	state->in_chunks = has_source && !request->is_old;
	state->keeps_alive = request->keeps_alive && (!has_source || state->in_chunks);
	state->head_only = request->is_head;
	state->waiting = false;
	enter_stage(http, state, SENDING);
	used = write_head(http, state);
	if (request->is_head)
		close_source(state);
	state->body_left = !request->is_head && (has_source || state->answer.length > 0);
	if (state->body_left && has_source)
		used = fill(state, used);
	/* A sentence goes along with its head; a page follows. */
	if (state->body_left && !has_source && state->answer.length <= HTTP_PIECE_BYTES - used) {
		memcpy(state->piece + used, state->answer.bytes, state->answer.length);
		used += state->answer.length;
		state->body_left = false;
	}
	send_piece(state, state->piece, used, answer);
	answer->wake_ns = clock_after_ns(state->since_ns, HTTP_ANSWER_NS);
}

static void refuse(struct http *http, struct http_conn *state, const struct http_refusal *refusal,
	struct protocol_answer *answer)
{
	static const struct http_request nothing;

	state->answer = (struct http_answer){
		.status = refusal->status,
		.type = "text/plain; charset=utf-8",
		.bytes = refusal->why,
		.length = (uint32_t)strlen(refusal->why),
	};
	begin_answer(http, state, &nothing, answer);
}

/* ---- requests ---- */

/* Answers the request that is there; if there is none yet, waits for the rest. */
static void read_request(struct http *http, struct http_conn *state, struct protocol_answer *answer)
{
	struct http_request request;
	struct http_refusal refusal;
	size_t length;

	switch (http_request_read(
		state->request, state->filled_bytes, &request, &length, &refusal)) {
	case HTTP_REQUEST_PARTIAL: return;
	case HTTP_REQUEST_REFUSED: refuse(http, state, &refusal, answer); return;
	case HTTP_REQUEST_COMPLETE: break;
	}
	state->answer = (struct http_answer){ 0 };
	http->options.answer(http->options.context, &request, &state->answer);
	begin_answer(http, state, &request, answer);
	state->filled_bytes -= (uint32_t)length;
	memmove(state->request, state->request + length, state->filled_bytes);
}

/* Behind an answer: what was sent ahead is next. */
static void read_next(struct http *http, struct http_conn *state, struct protocol_answer *answer)
{
	enter_stage(http, state, READING);
	answer->wake_ns = state->since_ns +
		(state->filled_bytes > 0 ? HTTP_REQUEST_NS : HTTP_IDLE_NS);
	if (state->filled_bytes > 0)
		read_request(http, state, answer);
	if (state->stage == READING && state->ended)
		answer->end = PROTOCOL_CLOSE;
}

static void linger(struct http *http, struct http_conn *state, struct protocol_answer *answer)
{
	if (state->ended) {
		answer->end = PROTOCOL_CLOSE;
		return;
	}
	enter_stage(http, state, LINGERING);
	state->filled_bytes = 0;
	answer->end = PROTOCOL_FINISH;
	answer->wake_ns = state->since_ns + LINGER_NS;
}

/* All that was handed to the engine has left. */
static void go_on(struct http *http, struct http_conn *state, struct protocol_answer *answer)
{
	uint32_t length = 0;

	if (state->body_left && state->answer.source != NULL) {
		bool endless = state->answer.source->endless;

		length = fill(state, 0);
		if (length > 0)
			send_piece(state, state->piece, length, answer);
		if (endless)
			answer->wake_ns = state->waiting
				? CLOCK_NEVER
				: clock_after_ns(http->options.now_ns(), HTTP_PIECE_NS);
	} else if (state->body_left) {
		state->body_left = false;
		length = state->answer.length;
		send_piece(state, state->answer.bytes, length, answer);
	}
	if (length > 0 || state->waiting)
		return;
	if (state->keeps_alive)
		read_next(http, state, answer);
	else
		linger(http, state, answer);
}

/* ---- events ---- */

/* Whether a line feed has come that can end a line which is waited for. */
static bool may_be_whole(const struct http_conn *state, uint32_t before)
{
	return before == 0 || state->filled_bytes == HTTP_REQUEST_MOST_BYTES ||
		memchr(state->request + before, '\n', state->filled_bytes - before) != NULL;
}

static void handle_bytes(struct http *http, struct http_conn *state,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	uint32_t before = state->filled_bytes;

	if (state->stage == LINGERING)
		return;
	assert(event->span.length <= HTTP_REQUEST_MOST_BYTES - before);
	memcpy(state->request + before, event->span.bytes, event->span.length);
	state->filled_bytes += event->span.length;
	if (state->stage != READING)
		return;
	if (before == 0) {
		/* Between two requests it was waited for longer. */
		state->since_ns = http->options.now_ns();
		answer->wake_ns = state->since_ns + HTTP_REQUEST_NS;
	}
	if (may_be_whole(state, before))
		read_request(http, state, answer);
}

static void handle_end(struct http *http, struct http_conn *state, struct protocol_answer *answer)
{
	static const struct http_refusal early = { 400,
		"The request ended before it was whole.\n" };

	state->ended = true;
	if (state->stage == READING && state->filled_bytes > 0)
		refuse(http, state, &early, answer);
	else if (state->stage != SENDING || state->waiting)
		answer->end = PROTOCOL_CLOSE;
}

static void handle_deadline(
	struct http *http, struct http_conn *state, struct protocol_answer *answer)
{
	static const struct http_refusal slow = { 408, "The request took too long.\n" };

	if (state->stage == SENDING)
		answer->end = PROTOCOL_RESET;
	else if (state->stage == READING && state->filled_bytes > 0)
		refuse(http, state, &slow, answer);
	else
		answer->end = PROTOCOL_CLOSE;
}

static void http_handle(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct http *http = (struct http *)self;
	struct http_conn *state;

	if (conn == NULL)
		return; /* there are no datagrams here */
	if (event->kind == PROTOCOL_OPENED) {
		open_conn(http, conn, answer);
		return;
	}
	state = state_of(conn);
	if (state == NULL || event->kind == PROTOCOL_LOST)
		return;
	if (state->displaced) {
		answer->end = PROTOCOL_RESET;
		return;
	}
	switch (event->kind) {
	case PROTOCOL_BYTES:
	case PROTOCOL_URGENT: handle_bytes(http, state, event, answer); break;
	case PROTOCOL_END: handle_end(http, state, answer); break;
	case PROTOCOL_SENT:
		assert(event->count <= state->sending_bytes);
		state->sending_bytes -= (uint32_t)event->count;
		if (state->sending_bytes == 0)
			go_on(http, state, answer);
		break;
	case PROTOCOL_DEADLINE: handle_deadline(http, state, answer); break;
	case PROTOCOL_NUDGED:
		if (state->waiting && state->sending_bytes == 0)
			go_on(http, state, answer);
		break;
	default: break;
	}
	/* While an answer is sent, requests that were sent ahead are taken as far as there is room. */
	answer->credit = HTTP_REQUEST_MOST_BYTES - state->filled_bytes;
}

void http_init(struct http *http, const struct http_options *options)
{
	*http = (struct http){
		.protocol = { .name = "http", .handle = http_handle },
		.options = *options,
	};
}

void http_fini(struct http *http)
{
	while (http->first != NULL)
		forget(http, http->first);
}
