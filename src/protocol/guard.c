/*
 * The clock is read once an event; the deadline that the engine holds is only ever moved nearer. If
 * it fires too early, because bytes have moved since, it is set again: so a busy connection's timer
 * costs nothing.
 *
 * The rate is a bucket that holds a twentieth of a second (at least one byte): its content is the
 * credit that the peer is given. It is kept as a time, up to which all bytes have been paid for.
 *
 * A connection that ends while bytes wait to be sent is reset: after a FIN, the stream would look
 * complete.
 */
#include "protocol/guard.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"

#define BUCKET_NS (CLOCK_NS_PER_S / 20)

struct guard_conn {
	struct protocol_conn inner;
	struct guard_conn *next, **link;
	uint64_t opened_ns;
	uint64_t moved_ns; /* when bytes last came or left */
	uint64_t paid_ns; /* the rate allows what has come up to here */
	uint64_t wake_ns; /* the deadline that the engine holds */
	uint64_t inner_wake_ns; /* the one that the inner protocol has asked for */
	uint64_t pending_bytes; /* received, and not sent */
	uint32_t inner_credit;
	bool paused; /* by the rate */
	unsigned tag; /* of the listener */
	enum guard_ending ending;
};

static struct guard_conn *state_of(const struct protocol_conn *conn)
{
	return (struct guard_conn *)(uintptr_t)conn->word[0];
}

/* ---- life of a state ---- */

static struct guard_conn *open_conn(
	struct guard *guard, struct protocol_conn *conn, unsigned tag, uint64_t now_ns)
{
	struct guard_conn *state = calloc(1, sizeof(*state));

	conn->word[0] = (uintptr_t)state;
	conn->word[1] = tag;
	if (state == NULL)
		return NULL;
	state->tag = tag;
	state->opened_ns = now_ns;
	state->moved_ns = now_ns;
	state->wake_ns = state->inner_wake_ns = CLOCK_NEVER;
	state->next = guard->first;
	state->link = &guard->first;
	if (guard->first != NULL)
		guard->first->link = &state->next;
	guard->first = state;
	return state;
}

static void forget(struct guard_conn *state)
{
	*state->link = state->next;
	if (state->next != NULL)
		state->next->link = state->link;
	free(state);
}

const struct protocol_conn *guard_inner(const struct protocol_conn *conn)
{
	const struct guard_conn *state = state_of(conn);

	return state == NULL ? NULL : &state->inner;
}

unsigned guard_tag(const struct protocol_conn *conn)
{
	return (unsigned)conn->word[1];
}

enum guard_ending guard_ending(const struct protocol_conn *conn)
{
	const struct guard_conn *state = state_of(conn);

	return state == NULL ? GUARD_NOT_ENDED : state->ending;
}

void guard_forget(const struct protocol_conn *conn)
{
	struct guard_conn *state = state_of(conn);

	if (state != NULL)
		forget(state);
}

/* ---- the rate ---- */

/* The time that so many bytes take, rounded up: never faster than the rate. */
static uint64_t cost_ns(const struct guard *guard, uint64_t bytes)
{
	return (bytes * CLOCK_NS_PER_S + guard->options.rate_bytes - 1) / guard->options.rate_bytes;
}

static uint64_t bucket_ns(const struct guard *guard)
{
	uint64_t one_ns = cost_ns(guard, 1);

	return one_ns > BUCKET_NS ? one_ns : BUCKET_NS;
}

static void pay(
	const struct guard *guard, struct guard_conn *state, uint64_t bytes, uint64_t now_ns)
{
	uint64_t least_ns = now_ns > bucket_ns(guard) ? now_ns - bucket_ns(guard) : 0;

	if (state->paid_ns < least_ns)
		state->paid_ns = least_ns;
	state->paid_ns += cost_ns(guard, bytes);
}

/* The bytes that are in the bucket now. */
static uint64_t allowance(
	const struct guard *guard, const struct guard_conn *state, uint64_t now_ns)
{
	uint64_t rest_ns = now_ns > state->paid_ns ? now_ns - state->paid_ns : 0;

	if (rest_ns > bucket_ns(guard))
		rest_ns = bucket_ns(guard);
	return rest_ns * guard->options.rate_bytes / CLOCK_NS_PER_S;
}

/* When half a bucket will be there; at least a byte. */
static uint64_t half_full_ns(const struct guard *guard, const struct guard_conn *state)
{
	uint64_t one_ns = cost_ns(guard, 1), half_ns = bucket_ns(guard) / 2;

	return state->paid_ns + (half_ns > one_ns ? half_ns : one_ns);
}

/*
 * The credit that the rate leaves, and if that is none, when there will be more. A little counts as
 * none: receiving each byte as it falls due would cost a call each.
 */
static uint32_t limit_credit(
	struct guard *guard, struct guard_conn *state, uint64_t now_ns, uint64_t *ret_more_ns)
{
	uint64_t allowed, little;

	if (guard->options.rate_bytes == 0 || state->inner_credit == 0)
		return state->inner_credit;
	allowed = allowance(guard, state, now_ns);
	little = bucket_ns(guard) / 4 * guard->options.rate_bytes / CLOCK_NS_PER_S;
	if (allowed > little || allowed >= state->inner_credit) {
		state->paused = false;
		return allowed < state->inner_credit ? (uint32_t)allowed : state->inner_credit;
	}
	if (!state->paused) {
		guard->counters[state->tag].rate_pauses++;
		if (guard->options.report_paused != NULL)
			guard->options.report_paused(guard->options.context);
	}
	state->paused = true;
	*ret_more_ns = half_full_ns(guard, state);
	return 0;
}

/* ---- events ---- */

static void note_bytes(const struct guard *guard, struct guard_conn *state,
	const struct protocol_event *event, uint64_t now_ns)
{
	switch (event->kind) {
	case PROTOCOL_BYTES:
	case PROTOCOL_URGENT:
		state->pending_bytes += event->span.length;
		if (guard->options.rate_bytes != 0)
			pay(guard, state, event->span.length, now_ns);
		break;
	case PROTOCOL_SENT:
		assert(event->count <= state->pending_bytes);
		state->pending_bytes -= event->count;
		break;
	default: return;
	}
	state->moved_ns = now_ns;
}

static uint64_t end_ns(const struct guard *guard, const struct guard_conn *state)
{
	return clock_after_ns(state->opened_ns, guard->options.lifetime_ns);
}

static enum guard_ending find_ending(
	const struct guard *guard, const struct guard_conn *state, uint64_t now_ns)
{
	if (end_ns(guard, state) <= now_ns)
		return GUARD_OLD;
	if (clock_after_ns(state->moved_ns, guard->options.idle_ns) <= now_ns)
		return GUARD_IDLE;
	return GUARD_NOT_ENDED;
}

static void ask_inner(struct guard *guard, struct guard_conn *state,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = state->inner_credit;
	guard->inner->handle(guard->inner, &state->inner, event, answer);
	state->inner_credit = answer->credit;
	if (answer->wake_ns != 0)
		state->inner_wake_ns = answer->wake_ns;
	answer->wake_ns = 0;
}

/* Puts the credit and the deadline into the answer. */
static void limit(struct guard *guard, struct guard_conn *state, uint64_t now_ns,
	struct protocol_answer *answer)
{
	uint64_t wake_ns = clock_after_ns(state->moved_ns, guard->options.idle_ns);
	uint64_t more_ns = CLOCK_NEVER;

	answer->credit = limit_credit(guard, state, now_ns, &more_ns);
	if (end_ns(guard, state) < wake_ns)
		wake_ns = end_ns(guard, state);
	if (more_ns < wake_ns)
		wake_ns = more_ns;
	if (state->inner_wake_ns < wake_ns)
		wake_ns = state->inner_wake_ns;
	if (wake_ns < state->wake_ns)
		answer->wake_ns = state->wake_ns = wake_ns;
}

static void handle_deadline(struct guard *guard, struct guard_conn *state,
	const struct protocol_event *event, uint64_t now_ns, struct protocol_answer *answer)
{
	state->wake_ns = CLOCK_NEVER; /* it has fired, and the engine no longer holds it */
	state->ending = find_ending(guard, state, now_ns);
	if (state->ending != GUARD_NOT_ENDED) {
		answer->end = state->pending_bytes > 0 ? PROTOCOL_RESET : PROTOCOL_CLOSE;
		answer->credit = 0;
		return;
	}
	if (state->inner_wake_ns <= now_ns) {
		state->inner_wake_ns = CLOCK_NEVER;
		ask_inner(guard, state, event, answer);
	}
	limit(guard, state, now_ns, answer);
}

static void guard_handle(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct guard *guard = (struct guard *)self;

	if (conn == NULL) {
		guard->inner->handle(guard->inner, NULL, event, answer);
		return;
	}

	uint64_t now_ns = guard->options.now_ns();
	struct guard_conn *state = event->kind == PROTOCOL_OPENED
		? open_conn(guard, conn, event->tag, now_ns)
		: state_of(conn);

	if (state == NULL) {
		answer->end = PROTOCOL_RESET; /* no memory for its state */
		return;
	}
	if (event->kind == PROTOCOL_DEADLINE) {
		handle_deadline(guard, state, event, now_ns, answer);
		return;
	}
	note_bytes(guard, state, event, now_ns);
	ask_inner(guard, state, event, answer);
	limit(guard, state, now_ns, answer);
}

static bool holds_bytes(const struct protocol *self, const struct protocol_conn *conn)
{
	const struct guard *guard = (const struct guard *)self;
	const struct guard_conn *state = state_of(conn);

	return state != NULL && guard->inner->holds_bytes != NULL &&
		guard->inner->holds_bytes(guard->inner, &state->inner);
}

/* A guard only counts, too. */
static bool takes_unseen(const struct protocol *self, const struct protocol_conn *conn)
{
	const struct guard *guard = (const struct guard *)self;
	const struct guard_conn *state = state_of(conn);

	return state != NULL && guard->inner->takes_unseen(guard->inner, &state->inner);
}

void guard_init(struct guard *guard, struct protocol *inner, struct counters *counters,
	const struct guard_options *options)
{
	*guard = (struct guard){
		.protocol = {
			.name = inner->name,
			.handle = guard_handle,
			.holds_bytes = holds_bytes,
			.takes_unseen = inner->takes_unseen != NULL ? takes_unseen : NULL,
		},
		.inner = inner,
		.counters = counters,
		.options = *options,
	};
}

void guard_set_limits(struct guard *guard, const struct guard_options *options)
{
	guard->options.idle_ns = options->idle_ns;
	guard->options.lifetime_ns = options->lifetime_ns;
	guard->options.rate_bytes = options->rate_bytes;
}

void guard_fini(struct guard *guard)
{
	while (guard->first != NULL)
		forget(guard->first);
}
