/*
 * Plain bytes are read into one buffer of the thread, several records at a time: so many small
 * messages cost the inner protocol one event and the wire one record. An inner protocol that
 * answers with these very bytes gets them written at once.
 *
 *	OPENING ──▶ OPEN ──inner CLOSE, FINISH──▶ (said) ──all chunks gone──▶ the engine's turn
 *	   └── fails ──▶ PARTING: an alert is on its way; what comes is dropped, for a second at most
 */
#include "engine/staged/staged.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define PLAIN_BYTES STAGED_CHUNK_PLAIN_BYTES
/* The second word of a connection's memory, once the first is a state. */
#define MARK 0x73746167u

enum state { OPENING, OPEN, PARTING, PLAIN };

struct staged_conn {
	struct protocol_conn inner;
	struct staged *staged;
	struct stage *stage; /* NULL: PLAIN */
	struct staged_conn *next, **link;
	struct staged_chunk_queue out;
	uint32_t inner_credit;
	uint8_t state;
	uint8_t inner_end; /* enum protocol_end_kind: the strongest so far */
	int16_t error; /* -errno: of the stage */
	uint32_t tag;
	bool wire_ended;
	bool end_reported; /* the inner protocol has had END, */
	bool over; /* LOST, or has closed: it gets nothing more */
	bool no_memory;
};

static struct staged_conn *state_of(const struct protocol_conn *conn)
{
	return conn->word[1] == MARK ? (struct staged_conn *)(uintptr_t)conn->word[0] : NULL;
}

/* ---- life of a state ---- */

static struct staged_conn *open_conn(
	struct staged *staged, struct protocol_conn *memory, unsigned tag)
{
	struct staged_conn *conn = calloc(1, sizeof(*conn));
	bool plain = false;

	if (conn == NULL)
		return NULL;
	conn->staged = staged;
	conn->out.store = &staged->store;
	conn->tag = tag;
	conn->stage = staged->options.make(staged->options.context, tag, &plain);
	if (conn->stage == NULL && !plain) {
		free(conn);
		return NULL;
	}
	conn->state = plain ? PLAIN : OPENING;
	if (!plain)
		conn->stage->sink = (struct stage_sink){ staged_chunk_take, &conn->out };
	conn->inner = *memory;
	memory->word[0] = (uintptr_t)conn;
	memory->word[1] = MARK;
	conn->next = staged->first;
	conn->link = &staged->first;
	if (staged->first != NULL)
		staged->first->link = &conn->next;
	staged->first = conn;
	return conn;
}

static void forget(struct staged *staged, struct staged_conn *conn)
{
	*conn->link = conn->next;
	if (conn->next != NULL)
		conn->next->link = conn->link;
	staged_chunk_clear(&conn->out);
	stage_free(conn->stage);
	free(conn);
}

void staged_forget(struct staged *staged, const struct protocol_conn *conn)
{
	struct staged_conn *state = state_of(conn);

	if (state != NULL)
		forget(staged, state);
}

const struct protocol_conn *staged_inner(const struct protocol_conn *conn)
{
	const struct staged_conn *state = state_of(conn);

	return state == NULL ? conn : &state->inner;
}

const struct stage *staged_stage(const struct protocol_conn *conn)
{
	const struct staged_conn *state = state_of(conn);

	return state == NULL ? NULL : state->stage;
}

int staged_error(const struct protocol_conn *conn)
{
	const struct staged_conn *state = state_of(conn);

	return state == NULL ? 0 : state->error;
}

/* ---- the inner protocol ---- */

static void tell(const struct staged_conn *conn, enum staged_news news)
{
	const struct staged_options *options = &conn->staged->options;

	if (options->report != NULL)
		options->report(options->context, conn->stage, news);
}

/* The stage is over; what it has had to say about that is on its way. */
static void part(struct staged_conn *conn, enum staged_news news, int error)
{
	bool inner_knows = conn->state == OPEN || conn->staged->options.client;

	if (conn->state == PARTING)
		return;
	if (news == STAGED_FAILED && conn->state == OPEN)
		news = STAGED_BROKEN;
	conn->state = PARTING;
	conn->error = (int16_t)error;
	conn->no_memory = conn->no_memory || error == -ENOMEM;
	tell(conn, news);
	if (inner_knows && !conn->over) {
		struct protocol_event lost = { .kind = PROTOCOL_LOST, .error = error };
		struct protocol_answer ignored = { 0 };

		conn->staged->inner->handle(conn->staged->inner, &conn->inner, &lost, &ignored);
	}
	conn->over = true;
}

static void write_plain(struct staged_conn *conn, const struct protocol_span *span)
{
	const unsigned char *at = span->bytes;
	uint32_t left = span->length;

	while (left > 0) {
		uint32_t some = left < PLAIN_BYTES ? left : PLAIN_BYTES;
		int r = stage_write(conn->stage, at, some);

		if (r < 0) {
			part(conn, STAGED_FAILED, r);
			return;
		}
		staged_chunk_note_plain(&conn->out, some);
		at += some;
		left -= some;
	}
}

static void report(struct staged_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer)
{
	struct protocol_answer inner = { .credit = conn->inner_credit };

	if (conn->over)
		return;
	conn->staged->inner->handle(conn->staged->inner, &conn->inner, event, &inner);
	conn->inner_credit = inner.credit;
	if (inner.wake_ns != 0)
		answer->wake_ns = inner.wake_ns;
	if (inner.send.length > 0)
		write_plain(conn, &inner.send);
	if (conn->state == PARTING || inner.end <= conn->inner_end)
		return;
	conn->inner_end = (uint8_t)inner.end;
	if (inner.end == PROTOCOL_CLOSE || inner.end == PROTOCOL_RESET)
		conn->over = true;
	if (inner.end != PROTOCOL_RESET && stage_finish(conn->stage) < 0)
		part(conn, STAGED_FAILED, -EPROTO);
}

static void report_kind(
	struct staged_conn *conn, enum protocol_event_kind kind, struct protocol_answer *answer)
{
	const struct protocol_event event = { .kind = kind };

	report(conn, &event, answer);
}

static void opened(struct staged_conn *conn, struct protocol_answer *answer)
{
	const struct protocol_event event = { .kind = PROTOCOL_OPENED, .tag = conn->tag };

	conn->state = OPEN;
	answer->wake_ns = CLOCK_NEVER; /* no longer the limit of opening */
	tell(conn, STAGED_OPENED);
	report(conn, &event, answer);
}

/* ---- what comes ---- */

/* The peer's end, by the stage's word (`proper`) or only by the wire's end. */
static void end(struct staged_conn *conn, bool proper, struct protocol_answer *answer)
{
	if (conn->end_reported)
		return;
	conn->end_reported = true;
	if (!proper)
		tell(conn, STAGED_TRUNCATED);
	if (proper || !conn->staged->options.client)
		report_kind(conn, PROTOCOL_END, answer);
	else
		part(conn, STAGED_GONE, -ECONNABORTED);
}

/* Fills the thread's buffer. Gives what stage_read() gave last; `ret_length` is what there is. */
static ssize_t read_plain(struct staged_conn *conn, size_t most, size_t *ret_length)
{
	size_t length = 0;
	ssize_t n;

	do {
		n = stage_read(conn->stage, conn->staged->plain + length, most - length);
		if (n > 0)
			length += (size_t)n;
	} while (n > 0 && length < most);
	*ret_length = length;
	return n;
}

/* Moves on with what there is, as far as the inner credit goes. */
static void work(struct staged_conn *conn, struct protocol_answer *answer)
{
	while (conn->state == OPEN && !conn->over && !conn->end_reported) {
		size_t most = conn->inner_credit < PLAIN_BYTES ? conn->inner_credit : PLAIN_BYTES;
		size_t length;
		ssize_t n;

		if (most == 0)
			return;
		n = read_plain(conn, most, &length);
		if (n < 0 && n != -EAGAIN) {
			part(conn, STAGED_FAILED, (int)n); /* nothing can be answered any more */
			return;
		}
		if (length > 0) {
			struct protocol_event event = {
				.kind = PROTOCOL_BYTES,
				/* A buffer that is not NULL: the bytes are not the inner protocol's own. */
				.span = { conn->staged->plain, (uint32_t)length, conn->staged },
			};

			report(conn, &event, answer);
		}
		if (n > 0)
			continue;
		if (n == 0)
			end(conn, true, answer);
		else if (conn->wire_ended)
			end(conn, false, answer);
		else
			return;
	}
}

static void open_further(struct staged_conn *conn, struct protocol_answer *answer)
{
	ssize_t n = stage_read(conn->stage, NULL, 0);

	if (stage_is_open(conn->stage))
		opened(conn, answer);
	else if (n == -EAGAIN && conn->wire_ended)
		part(conn, STAGED_GONE, -ECONNRESET);
	else if (n != -EAGAIN)
		part(conn, STAGED_FAILED, n < 0 ? (int)n : -EPROTO);
}

static void take_bytes(struct staged_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer)
{
	if (conn->state == PARTING || conn->over)
		return;
	stage_feed(conn->stage, event->span.bytes, event->span.length);
	if (conn->state == OPENING)
		open_further(conn, answer);
	work(conn, answer);
	if (stage_keep(conn->stage) < 0)
		conn->no_memory = true;
}

/* ---- what the engine is answered ---- */

static uint32_t credit_of(const struct staged_conn *conn)
{
	const struct staged *staged = conn->staged;
	const struct staged_chunk_queue *out = &conn->out;
	/* A record is longer than what is in it; but it may not have been written yet. */
	uint64_t own_bytes = out->unsent_bytes > out->unsent_plain
		? out->unsent_bytes - out->unsent_plain
		: 0;

	if (own_bytes > STAGED_MOST_OWN_BYTES + conn->out.unsent_plain / 8)
		return 0;
	if (staged->options.budget_bytes != 0 && conn->out.unsent_bytes > 0 &&
		staged->store.bytes > staged->options.budget_bytes)
		return 0;
	switch (conn->state) {
	case OPENING:
	case PARTING: return STAGE_RECORD_BYTES;
	default: break;
	}
	if (conn->over || conn->end_reported)
		return STAGE_RECORD_BYTES; /* nothing more is expected, but that the wire ends */
	if (conn->inner_credit == 0 || stage_has_more(conn->stage))
		return 0;
	return conn->inner_credit > UINT32_MAX - STAGE_RECORD_BYTES
		? UINT32_MAX
		: conn->inner_credit + STAGE_RECORD_BYTES;
}

static void answer_parting(struct staged_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer)
{
	switch (event->kind) {
	case PROTOCOL_END: answer->end = PROTOCOL_CLOSE; break;
	case PROTOCOL_DEADLINE: answer->end = PROTOCOL_RESET; break;
	default: answer->end = conn->wire_ended ? PROTOCOL_CLOSE : PROTOCOL_FINISH; break;
	}
}

/* Puts what is to be sent, the credit and the end into the answer. */
static void settle(struct staged_conn *conn, const struct protocol_event *event, bool was_parting,
	struct protocol_answer *answer)
{
	staged_chunk_send(&conn->out, answer);
	answer->credit = credit_of(conn);
	if (conn->no_memory || conn->inner_end == PROTOCOL_RESET) {
		answer->end = PROTOCOL_RESET;
		return;
	}
	if (conn->state == PARTING && !was_parting)
		answer->wake_ns = clock_after_ns(conn->staged->options.now_ns(), STAGED_PARTING_NS);
	if (conn->out.unasked != NULL)
		return; /* until then it must not end */
	if (conn->state == PARTING)
		answer_parting(conn, event, answer);
	else if (conn->inner_end == PROTOCOL_FINISH && !conn->staged->options.client)
		answer->end = PROTOCOL_FINISH;
	else if (conn->inner_end == PROTOCOL_CLOSE)
		answer->end = PROTOCOL_CLOSE;
}

static void take_sent(struct staged_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer)
{
	struct protocol_event inner = {
		.kind = PROTOCOL_SENT,
		.count = staged_chunk_sent(&conn->out, event->count),
	};

	if (conn->state != OPEN)
		return;
	if (inner.count > 0)
		report(conn, &inner, answer);
	if (stage_has_more(conn->stage) || conn->wire_ended)
		work(conn, answer);
}

static void handle_staged(struct staged_conn *conn, const struct protocol_event *event,
	struct protocol_answer *answer)
{
	bool was_parting = conn->state == PARTING;

	switch (event->kind) {
	case PROTOCOL_OPENED: open_further(conn, answer); break;
	case PROTOCOL_BYTES:
	case PROTOCOL_URGENT: take_bytes(conn, event, answer); break;
	case PROTOCOL_SENT: take_sent(conn, event, answer); break;
	case PROTOCOL_END:
		conn->wire_ended = true;
		if (conn->state == OPENING)
			open_further(conn, answer);
		work(conn, answer);
		break;
	case PROTOCOL_DEADLINE:
		if (conn->state == OPENING)
			part(conn, STAGED_SLOW, -ETIMEDOUT);
		else if (conn->state == OPEN)
			report(conn, event, answer);
		work(conn, answer);
		break;
	case PROTOCOL_NUDGED:
		if (conn->state == OPEN)
			report(conn, event, answer);
		work(conn, answer);
		break;
	case PROTOCOL_LOST:
		if (conn->state == OPEN || (conn->state == OPENING && conn->staged->options.client))
			report(conn, event, answer);
		conn->over = true;
		return;
	default: break;
	}
	settle(conn, event, was_parting, answer);
}

static void staged_handle(struct protocol *self, struct protocol_conn *memory,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct staged *staged = (struct staged *)self;
	struct protocol_conn *inner = memory;
	struct staged_conn *conn = NULL;

	if (memory != NULL) {
		conn = state_of(memory);
		if (event->kind == PROTOCOL_OPENED) {
			conn = open_conn(staged, memory, event->tag);
			if (conn == NULL) {
				answer->end = PROTOCOL_RESET;
				return;
			}
			if (conn->state == OPENING)
				answer->wake_ns = clock_after_ns(
					staged->options.now_ns(), staged->options.opening_ns);
		}
		if (conn != NULL)
			inner = &conn->inner;
	}
	/* Datagrams, what has no stage, and connecting that has failed before OPENED. */
	if (conn == NULL || conn->state == PLAIN)
		staged->inner->handle(staged->inner, inner, event, answer);
	else
		handle_staged(conn, event, answer);
}

static bool holds_bytes(const struct protocol *self, const struct protocol_conn *memory)
{
	const struct staged *staged = (const struct staged *)self;
	const struct staged_conn *conn = state_of(memory);

	if (conn == NULL)
		return false;
	return conn->out.unsent_plain > 0 || (conn->stage != NULL && stage_has_more(conn->stage)) ||
		(staged->inner->holds_bytes != NULL &&
			staged->inner->holds_bytes(staged->inner, &conn->inner));
}

/* What a stage reads it must see; what has none is as it would be without this. */
static bool takes_unseen(const struct protocol *self, const struct protocol_conn *memory)
{
	const struct staged *staged = (const struct staged *)self;
	const struct staged_conn *conn = state_of(memory);

	return conn != NULL && conn->state == PLAIN &&
		staged->inner->takes_unseen(staged->inner, &conn->inner);
}

int staged_init(struct staged *staged, struct protocol *inner, const struct staged_options *options)
{
	*staged = (struct staged){
		.protocol = {
			.name = inner->name,
			.handle = staged_handle,
			.holds_bytes = holds_bytes,
			.takes_unseen = inner->takes_unseen != NULL ? takes_unseen : NULL,
		},
		.inner = inner,
		.options = *options,
		.plain = malloc(PLAIN_BYTES),
	};
	return staged->plain != NULL ? 0 : -ENOMEM;
}

void staged_fini(struct staged *staged)
{
	while (staged->first != NULL)
		forget(staged, staged->first);
	staged_chunk_store_fini(&staged->store);
	free(staged->plain);
	staged->plain = NULL;
}
