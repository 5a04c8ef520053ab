/*
 * Two ways of doing wrong. What is about when bytes are taken (stall, throttle, chop, dribble, accept-delay, and the
 * place at which something ends) is done with credit: room is withheld or cut to size, and the bytes stay in the
 * kernel. A delay cannot be: bytes that are not received do not tell when they came. So they are copied, up to
 * FAULT_HELD_BYTES and FAULT_HELD_MOST a connection, which is then not read from; buffers of the engine's would
 * be held by a few bytes each.
 *
 *   bytes ──▶ count, flip bits ──▶ inner ──▶ held until due ──▶ send
 *
 * Of what is held one piece at a time is on its way. What is held belongs to us until SENT has told all of it.
 */
#include "protocol/fault.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A throttled connection takes what this time allows, and then waits as long. */
#define THROTTLE_SLICES_A_SECOND 20

struct held {
	struct held *next;
	uint64_t due_ns;
	uint32_t length, sent;
	bool urgent;
	unsigned char bytes[];
};

/* What a rule means for one connection. */
struct doom {
	uint64_t state; /* of its sequence */
	uint64_t at_bytes; /* corrupt: the next byte to be hit */
	uint64_t paid_ns; /* throttle: the rate allows what has come up to here */
	bool on;
	bool done; /* it has been told, and for most: it is over */
};

struct fault_conn {
	struct protocol_conn inner;
	struct fault_conn *next, **link;
	uint64_t number;
	uint64_t received_bytes;
	uint64_t pending_bytes; /* received and taken by the inner protocol, and not sent */
	uint64_t direct_bytes; /* on their way, and not from what is held */
	uint64_t stalled_until_ns; /* 0: is not */
	uint64_t wake_ns; /* the deadline that the engine holds */
	struct held *held, *held_last;
	uint32_t held_count, held_bytes;
	uint32_t inner_room;
	bool in_flight; /* the first that is held */
	bool deaf; /* what comes is taken and forgotten */
	bool ended; /* by a fault */
	bool broken; /* there was no memory */
	enum protocol_end_kind end; /* as soon as nothing is held */
	struct doom dooms[];
};

static struct fault_conn *state_of(const struct protocol_conn *conn)
{
	return (struct fault_conn *)(uintptr_t)conn->word[0];
}

/* ---- life of a state ---- */

static void forget(struct fault_conn *state)
{
	*state->link = state->next;
	if (state->next != NULL)
		state->next->link = state->link;
	while (state->held != NULL) {
		struct held *held = state->held;

		state->held = held->next;
		free(held);
	}
	free(state);
}

const struct protocol_conn *fault_inner(const struct protocol_conn *conn)
{
	const struct fault_conn *state = state_of(conn);

	return state == NULL ? NULL : &state->inner;
}

bool fault_has_ended(const struct protocol_conn *conn)
{
	const struct fault_conn *state = state_of(conn);

	return state != NULL && state->ended;
}

void fault_forget(const struct protocol_conn *conn)
{
	struct fault_conn *state = state_of(conn);

	if (state != NULL)
		forget(state);
}

/* ---- deeds ---- */

static void tell(const struct fault *fault, enum fault_plan_kind kind, bool to_datagram,
	uint64_t number, uint64_t after_bytes)
{
	struct fault_deed deed = {
		.kind = kind,
		.to_datagram = to_datagram,
		.number = number,
		.after_bytes = after_bytes,
	};

	switch (kind) {
#define COUNT(kind, counter, key)                                                                  \
	case FAULT_PLAN_##kind: fault->counters->faults_##counter++; break;
		FAULT_PLAN_EACH(COUNT)
#undef COUNT
	case FAULT_PLAN_KINDS: break;
	}
	if (fault->options.tell != NULL)
		fault->options.tell(fault->options.context, &deed);
}

static void tell_conn(const struct fault *fault, const struct fault_conn *state,
	enum fault_plan_kind kind, uint64_t after_bytes)
{
	tell(fault, kind, false, state->number, after_bytes);
}

/* A fault that goes on is told when it is first felt. */
static void tell_once(const struct fault *fault, struct fault_conn *state, unsigned index)
{
	if (state->dooms[index].done)
		return;
	state->dooms[index].done = true;
	tell_conn(fault, state, fault->options.plan->rules[index].kind, state->received_bytes);
}

static bool is_of_streams(enum fault_plan_kind kind)
{
	return kind != FAULT_PLAN_DROP && kind != FAULT_PLAN_TRUNCATE &&
		kind != FAULT_PLAN_DUPLICATE && kind != FAULT_PLAN_REORDER;
}

static struct fault_conn *open_conn(struct fault *fault, struct protocol_conn *conn)
{
	const struct fault_plan *plan = fault->options.plan;
	struct fault_conn *state = calloc(1, sizeof(*state) + plan->count * sizeof(struct doom));

	conn->word[0] = (uintptr_t)state;
	if (state == NULL)
		return NULL;
	state->number = atomic_fetch_add_explicit(
		&fault->options.census->connections, 1, memory_order_relaxed);
	state->wake_ns = CLOCK_NEVER;
	state->next = fault->first;
	state->link = &fault->first;
	if (fault->first != NULL)
		fault->first->link = &state->next;
	fault->first = state;
	for (unsigned i = 0; i < plan->count; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];
		struct doom *doom = &state->dooms[i];

		doom->state = fault_plan_begin(plan, i, state->number);
		doom->on = is_of_streams(rule->kind) &&
			((rule->kind == FAULT_PLAN_DELAY && !rule->per_connection) ||
				fault_plan_draw_chance(&doom->state, rule->probability));
		if (rule->kind == FAULT_PLAN_CORRUPT)
			doom->at_bytes = fault_plan_draw_gap(&doom->state, rule->bytes) - 1;
	}
	return state;
}

/* ---- what ends, or stops, at a place in the stream ---- */

static void do_at_place(
	const struct fault *fault, struct fault_conn *state, unsigned index, uint64_t now_ns)
{
	const struct fault_plan_rule *rule = &fault->options.plan->rules[index];
	uint64_t until_ns;

	switch (rule->kind) {
	case FAULT_PLAN_STALL:
	case FAULT_PLAN_ACCEPT_DELAY:
		until_ns = clock_after_ns(
			now_ns, fault_plan_draw_ns(&state->dooms[index].state, &rule->time));
		if (until_ns > state->stalled_until_ns)
			state->stalled_until_ns = until_ns;
		break;
	case FAULT_PLAN_CLOSE:
		state->end = PROTOCOL_CLOSE;
		state->ended = true;
		break;
	case FAULT_PLAN_HALF_CLOSE:
		state->end = PROTOCOL_FINISH;
		state->deaf = true;
		break;
	case FAULT_PLAN_RESET:
	case FAULT_PLAN_REFUSE:
		state->end = PROTOCOL_RESET;
		state->ended = true;
		break;
	default: return;
	}
	tell_once(fault, state, index);
}

static bool has_place(enum fault_plan_kind kind)
{
	return kind == FAULT_PLAN_STALL || kind == FAULT_PLAN_ACCEPT_DELAY ||
		kind == FAULT_PLAN_CLOSE || kind == FAULT_PLAN_HALF_CLOSE ||
		kind == FAULT_PLAN_RESET || kind == FAULT_PLAN_REFUSE;
}

static void do_what_is_here(const struct fault *fault, struct fault_conn *state, uint64_t now_ns)
{
	const struct fault_plan *plan = fault->options.plan;

	for (unsigned i = 0; i < plan->count && !state->ended; i++) {
		const struct doom *doom = &state->dooms[i];

		if (doom->on && !doom->done && has_place(plan->rules[i].kind) &&
			plan->rules[i].after_bytes == state->received_bytes)
			do_at_place(fault, state, i, now_ns);
	}
}

/* ---- bytes ---- */

/* Those of the span that were drawn to be hit; it begins behind so many received bytes. */
static void corrupt(const struct fault *fault, struct fault_conn *state, unsigned index,
	const struct protocol_span *span)
{
	unsigned char *bytes = (unsigned char *)(uintptr_t)span->bytes;
	struct doom *doom = &state->dooms[index];

	while (doom->at_bytes < state->received_bytes + span->length) {
		bytes[doom->at_bytes - state->received_bytes] ^= (unsigned char)(1u
			<< fault_plan_draw(&doom->state) % 8);
		tell_conn(fault, state, FAULT_PLAN_CORRUPT, doom->at_bytes);
		doom->at_bytes += fault_plan_draw_gap(
			&doom->state, fault->options.plan->rules[index].bytes);
	}
}

/* What the rules make of bytes that have come. Returns how long they are to be held. */
static uint64_t spoil(const struct fault *fault, struct fault_conn *state,
	const struct protocol_span *span, uint64_t now_ns)
{
	const struct fault_plan *plan = fault->options.plan;
	uint64_t delay_ns = 0;

	for (unsigned i = 0; i < plan->count; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];
		struct doom *doom = &state->dooms[i];

		if (!doom->on)
			continue;
		switch (rule->kind) {
		case FAULT_PLAN_DELAY:
			if (!rule->per_connection &&
				!fault_plan_draw_chance(&doom->state, rule->probability))
				break;
			delay_ns += fault_plan_draw_ns(&doom->state, &rule->time);
			tell_conn(fault, state, FAULT_PLAN_DELAY, state->received_bytes);
			break;
		case FAULT_PLAN_CORRUPT: corrupt(fault, state, i, span); break;
		case FAULT_PLAN_CHOP:
		case FAULT_PLAN_DRIBBLE: tell_once(fault, state, i); break;
		case FAULT_PLAN_THROTTLE:
			if (doom->paid_ns < now_ns)
				doom->paid_ns = now_ns;
			doom->paid_ns += span->length * CLOCK_NS_PER_S / rule->bytes;
			tell_once(fault, state, i);
			break;
		default: break;
		}
	}
	return delay_ns;
}

/* Copies what is to be sent. False: no memory. */
static bool hold(struct fault_conn *state, const struct protocol_answer *answer, uint64_t due_ns)
{
	struct held *held = malloc(sizeof(*held) + answer->send.length);

	if (held == NULL)
		return false;
	*held = (struct held){
		.due_ns = due_ns,
		.length = answer->send.length,
		.urgent = answer->send_urgent,
	};
	memcpy(held->bytes, answer->send.bytes, held->length);
	/* Only the first is ever looked at: nothing leaves before what came before it. */
	if (state->held == NULL)
		state->held = held;
	else
		state->held_last->next = held;
	state->held_last = held;
	state->held_count++;
	state->held_bytes += held->length;
	return true;
}

static void note_sent(struct fault_conn *state, uint64_t count)
{
	uint64_t direct = count < state->direct_bytes ? count : state->direct_bytes;
	struct held *first = state->held;

	state->pending_bytes -= count;
	state->direct_bytes -= direct;
	count -= direct;
	if (count == 0)
		return;
	first->sent += (uint32_t)count;
	if (first->sent < first->length)
		return;
	state->held = first->next;
	state->held_count--;
	state->held_bytes -= first->length;
	state->in_flight = false;
	free(first);
}

/* The first that is held, if its time has come. */
static void send_due(struct fault_conn *state, uint64_t now_ns, struct protocol_answer *answer)
{
	const struct held *first = state->held;

	if (first == NULL || state->in_flight || first->due_ns > now_ns)
		return;
	answer->send = (struct protocol_span){ .bytes = first->bytes, .length = first->length };
	answer->send_urgent = first->urgent;
	state->in_flight = true;
}

/* ---- the answer ---- */

static void ask_inner(struct fault *fault, struct fault_conn *state,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->room = state->inner_room;
	fault->inner->handle(fault->inner, &state->inner, event, answer);
	state->inner_room = answer->room;
	if (answer->end != PROTOCOL_GO_ON && !state->ended)
		state->end = answer->end;
	answer->end = PROTOCOL_GO_ON;
}

static uint32_t lesser(uint32_t room, uint64_t most)
{
	return most < room ? (uint32_t)most : room;
}

static uint32_t limit_room(const struct fault *fault, const struct fault_conn *state,
	uint64_t now_ns, uint64_t *wake_ns)
{
	const struct fault_plan *plan = fault->options.plan;
	uint32_t room = state->inner_room;

	if (fault->delays)
		room = state->held_count < FAULT_HELD_MOST
			? lesser(room, FAULT_HELD_BYTES - state->held_bytes)
			: 0;
	if (state->ended)
		room = 0;
	if (state->stalled_until_ns > now_ns) {
		*wake_ns = state->stalled_until_ns;
		return 0;
	}
	for (unsigned i = 0; i < plan->count; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];
		const struct doom *doom = &state->dooms[i];

		if (!doom->on)
			continue;
		if (has_place(rule->kind) && !doom->done &&
			rule->after_bytes > state->received_bytes)
			room = lesser(room, rule->after_bytes - state->received_bytes);
		if (rule->kind == FAULT_PLAN_CHOP || rule->kind == FAULT_PLAN_DRIBBLE)
			room = lesser(room, rule->bytes);
		if (rule->kind == FAULT_PLAN_THROTTLE && doom->paid_ns > now_ns) {
			if (doom->paid_ns > *wake_ns || *wake_ns == CLOCK_NEVER)
				*wake_ns = doom->paid_ns;
			room = 0;
		} else if (rule->kind == FAULT_PLAN_THROTTLE) {
			room = lesser(room, rule->bytes / THROTTLE_SLICES_A_SECOND + 1);
		}
	}
	return room;
}

static void limit(struct fault *fault, struct fault_conn *state, uint64_t now_ns,
	struct protocol_answer *answer)
{
	uint64_t wake_ns = CLOCK_NEVER;

	if (state->broken) {
		answer->end = PROTOCOL_RESET;
		return;
	}
	send_due(state, now_ns, answer);
	answer->room = limit_room(fault, state, now_ns, &wake_ns);
	if (state->held != NULL && !state->in_flight && state->held->due_ns < wake_ns)
		wake_ns = state->held->due_ns;
	if (wake_ns != state->wake_ns)
		answer->wake_ns = state->wake_ns = wake_ns;
	/* RESET drops what is not sent: it waits, so that what comes before its place does arrive. */
	if (state->held == NULL && (state->end != PROTOCOL_RESET || state->pending_bytes == 0)) {
		answer->end = state->end;
		state->end = PROTOCOL_GO_ON;
	}
}

static void handle_bytes(struct fault *fault, struct fault_conn *state,
	const struct protocol_event *event, uint64_t now_ns, struct protocol_answer *answer)
{
	uint64_t delay_ns;

	if (state->deaf) {
		state->received_bytes += event->span.length;
		fault->counters->bytes_received += event->span.length;
		return;
	}
	delay_ns = spoil(fault, state, &event->span, now_ns);
	state->received_bytes += event->span.length;
	ask_inner(fault, state, event, answer);
	state->pending_bytes += answer->send.length;
	if (answer->send.length == 0) {
		/* Nothing to be held. */
	} else if (delay_ns == 0 && state->held == NULL) {
		state->direct_bytes += answer->send.length;
	} else {
		/* Without memory: a gap in the stream would be no fault that was asked for. */
		state->broken = !hold(state, answer, clock_after_ns(now_ns, delay_ns));
		answer->send = (struct protocol_span){ 0 };
		answer->send_urgent = false;
	}
	do_what_is_here(fault, state, now_ns);
}

/* ---- datagrams ---- */

static void spoil_datagram(
	const struct fault *fault, unsigned index, uint64_t number, struct protocol_answer *answer)
{
	const struct fault_plan_rule *rule = &fault->options.plan->rules[index];
	uint64_t state = fault_plan_begin(fault->options.plan, index, number);
	uint32_t length = answer->send.length;
	uint64_t at;

	if (!fault_plan_draw_chance(&state, rule->probability))
		return;
	switch (rule->kind) {
	case FAULT_PLAN_DROP: answer->send = (struct protocol_span){ 0 }; break;
	case FAULT_PLAN_DUPLICATE: answer->twice = true; break;
	case FAULT_PLAN_DELAY:
	case FAULT_PLAN_REORDER:
		if (answer->wake_ns == 0)
			answer->wake_ns = fault->options.now_ns();
		answer->wake_ns = clock_after_ns(
			answer->wake_ns, fault_plan_draw_ns(&state, &rule->time));
		break;
	case FAULT_PLAN_TRUNCATE:
		if (length <= rule->bytes)
			return;
		answer->send.length = (uint32_t)rule->bytes;
		break;
	case FAULT_PLAN_CORRUPT:
		if (length == 0)
			return;
		at = fault_plan_draw(&state) % (length * 8ull);
		((unsigned char *)(uintptr_t)answer->send.bytes)[at / 8] ^= (unsigned char)(1u
			<< at % 8);
		break;
	default: return;
	}
	tell(fault, rule->kind, true, number, length);
}

static void handle_datagram(
	struct fault *fault, const struct protocol_event *event, struct protocol_answer *answer)
{
	fault->inner->handle(fault->inner, NULL, event, answer);
	if (event->kind != PROTOCOL_DATAGRAM || answer->send.bytes == NULL)
		return;

	uint64_t number = atomic_fetch_add_explicit(
		&fault->options.census->datagrams, 1, memory_order_relaxed);

	for (unsigned i = 0; i < fault->options.plan->count && answer->send.bytes != NULL; i++)
		spoil_datagram(fault, i, number, answer);
}

/* ---- events ---- */

static void fault_handle(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct fault *fault = (struct fault *)self;

	if (conn == NULL) {
		handle_datagram(fault, event, answer);
		return;
	}

	uint64_t now_ns = fault->options.now_ns();
	struct fault_conn *state = event->kind == PROTOCOL_OPENED ? open_conn(fault, conn)
								  : state_of(conn);

	if (state == NULL) {
		answer->end = PROTOCOL_RESET; /* no memory to look after it */
		return;
	}
	switch (event->kind) {
	case PROTOCOL_OPENED:
		ask_inner(fault, state, event, answer);
		do_what_is_here(fault, state, now_ns);
		break;
	case PROTOCOL_BYTES:
	case PROTOCOL_URGENT: handle_bytes(fault, state, event, now_ns, answer); break;
	case PROTOCOL_SENT:
		note_sent(state, event->count);
		ask_inner(fault, state, event, answer);
		break;
	case PROTOCOL_DEADLINE: state->wake_ns = CLOCK_NEVER; break; /* it is not held any more */
	default: ask_inner(fault, state, event, answer); break;
	}
	limit(fault, state, now_ns, answer);
}

void fault_init(struct fault *fault, struct protocol *inner, struct counters *counters,
	const struct fault_options *options)
{
	*fault = (struct fault){
		.protocol = { .name = inner->name, .handle = fault_handle },
		.inner = inner,
		.counters = counters,
		.options = *options,
	};
	for (unsigned i = 0; i < options->plan->count; i++)
		fault->delays |= options->plan->rules[i].kind == FAULT_PLAN_DELAY;
}

void fault_fini(struct fault *fault)
{
	while (fault->first != NULL)
		forget(fault->first);
}
