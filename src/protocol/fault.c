/*
 * Faults are injected in two ways. Those that concern when bytes are taken (stall, throttle, chop,
 * dribble, accept-delay, and the place at which a stream ends) work by credit: it is withheld or
 * cut to size, and the bytes stay in the kernel. A delay cannot work so: bytes that are not
 * received have no time of arrival. So they are copied, up to FAULT_HELD_BYTES and FAULT_HELD_MOST
 * a connection, which is then not read from; if the engine's buffers were kept instead, a few bytes
 * would hold each.
 *
 *   bytes ──▶ count, flip bits ──▶ inner ──▶ held until due ──▶ send
 *
 * Of the pieces that are held, one at a time is being sent. They belong to us until SENT has
 * reported all of it.
 */
#include "protocol/fault.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "protocol/fault_datagram.h"
#include "protocol/fault_event.h"

/* A throttled connection takes what this time allows, and then waits as long. */
#define THROTTLE_SLICES_A_SECOND 20

struct held {
	struct held *next;
	uint64_t due_ns;
	uint32_t length, sent;
	bool urgent;
	unsigned char bytes[];
};

/* The state of a rule on one connection. */
struct rule_state {
	uint64_t state; /* of its sequence */
	uint64_t at_bytes; /* corrupt: the next byte to be hit */
	uint64_t paid_ns; /* throttle: the rate allows what has come up to here */
	bool on;
	bool done; /* it has been reported, and most kinds are then over */
};

/* Of every connection; on a listener without a plan, this is all. */
struct fault_conn {
	struct protocol_conn inner;
	struct fault_site *site; /* NULL: there is no plan */
	struct fault_conn *next, **link;
};

/* A connection on a listener with a plan. */
struct planned_conn {
	struct fault_conn conn;
	const struct fault_plan *plan;
	uint64_t number;
	uint64_t received_bytes;
	uint64_t pending_bytes; /* received and taken by the inner protocol, and not sent */
	uint64_t direct_bytes; /* being sent, without having been held */
	uint64_t stalled_until_ns; /* 0: is not */
	uint64_t wake_ns; /* the deadline that the engine holds */
	struct held *held, *held_last;
	uint32_t held_count, held_bytes;
	uint32_t inner_credit;
	bool delays; /* the plan has a delay */
	bool in_flight; /* the first that is held */
	bool discards_input; /* what comes is received and dropped */
	bool ended; /* by a fault */
	bool broken; /* there was no memory: it is reset */
	enum protocol_end_kind end; /* as soon as nothing is held */
	struct rule_state rules[];
};

static struct fault_conn *state_of(const struct protocol_conn *conn)
{
	return (struct fault_conn *)(uintptr_t)conn->word[0];
}

/* NULL where there is no plan. */
static struct planned_conn *planned_of(struct fault_conn *state)
{
	return state->site != NULL ? (struct planned_conn *)state : NULL;
}

static const struct fault_plan *plan_of(const struct planned_conn *state)
{
	return state->plan;
}

/* ---- life of a state ---- */

static void enter(struct fault *fault, struct fault_conn *state)
{
	state->next = fault->first;
	state->link = &fault->first;
	if (fault->first != NULL)
		fault->first->link = &state->next;
	fault->first = state;
}

static void forget(struct fault_conn *state)
{
	struct planned_conn *planned = planned_of(state);

	*state->link = state->next;
	if (state->next != NULL)
		state->next->link = state->link;
	while (planned != NULL && planned->held != NULL) {
		struct held *held = planned->held;

		planned->held = held->next;
		free(held);
	}
	free(state);
}

const struct protocol_conn *fault_inner(const struct protocol_conn *conn)
{
	const struct fault_conn *state = state_of(conn);

	return state == NULL ? NULL : &state->inner;
}

unsigned fault_tag(const struct protocol_conn *conn)
{
	return (unsigned)conn->word[1];
}

bool fault_has_ended(const struct protocol_conn *conn)
{
	struct fault_conn *state = state_of(conn);
	const struct planned_conn *planned = state != NULL ? planned_of(state) : NULL;

	return planned != NULL && planned->ended;
}

void fault_forget(const struct protocol_conn *conn)
{
	struct fault_conn *state = state_of(conn);

	if (state != NULL)
		forget(state);
}

/* ---- fault events ---- */

static unsigned tag_of(const struct fault *fault, const struct planned_conn *state)
{
	return (unsigned)(state->conn.site - fault->options.sites);
}

static void report_conn(const struct fault *fault, const struct planned_conn *state,
	enum fault_plan_kind kind, uint64_t after_bytes)
{
	struct fault_event done = {
		.kind = kind,
		.tag = tag_of(fault, state),
		.number = state->number,
		.after_bytes = after_bytes,
	};

	fault_event_report(fault, &done);
}

/* A fault that lasts is reported when it first takes effect. */
static void report_once(const struct fault *fault, struct planned_conn *state, unsigned index)
{
	if (state->rules[index].done)
		return;
	state->rules[index].done = true;
	report_conn(fault, state, plan_of(state)->rules[index].kind, state->received_bytes);
}

static void draw_rules(struct planned_conn *state)
{
	const struct fault_plan *plan = plan_of(state);

	for (unsigned i = 0; i < plan->count; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];
		struct rule_state *rule_state = &state->rules[i];

		rule_state->state = fault_plan_begin(plan, i, state->number);
		rule_state->on = fault_plan_is_of_streams(rule->kind) &&
			(rule->per_message ||
				fault_plan_draw_chance(&rule_state->state, rule->probability));
		if (rule->kind == FAULT_PLAN_CORRUPT)
			rule_state->at_bytes = fault_plan_draw_gap(
						       &rule_state->state, rule->bytes) -
				1;
		state->delays |= rule->kind == FAULT_PLAN_DELAY;
	}
}

static struct fault_conn *open_conn(struct fault *fault, struct protocol_conn *conn, unsigned tag)
{
	struct fault_site *site = &fault->options.sites[tag];
	const struct fault_plan *plan = atomic_load_explicit(&site->plan, memory_order_acquire);
	size_t size = plan == NULL
		? sizeof(struct fault_conn)
		: sizeof(struct planned_conn) + plan->count * sizeof(struct rule_state);
	struct fault_conn *state = calloc(1, size);
	struct planned_conn *planned;

	conn->word[0] = (uintptr_t)state;
	conn->word[1] = tag;
	if (state == NULL)
		return NULL;
	state->site = plan != NULL ? site : NULL;
	enter(fault, state);
	planned = planned_of(state);
	if (planned != NULL) {
		planned->plan = plan;
		planned->number = atomic_fetch_add_explicit(
			&site->connections, 1, memory_order_relaxed);
		planned->wake_ns = CLOCK_NEVER;
		draw_rules(planned);
	}
	return state;
}

/* ---- faults at a place in the stream: it ends, or stops ---- */

static void do_at_place(
	const struct fault *fault, struct planned_conn *state, unsigned index, uint64_t now_ns)
{
	const struct fault_plan_rule *rule = &plan_of(state)->rules[index];
	uint64_t until_ns;

	switch (rule->kind) {
	case FAULT_PLAN_STALL:
	case FAULT_PLAN_ACCEPT_DELAY:
		until_ns = clock_after_ns(
			now_ns, fault_plan_draw_ns(&state->rules[index].state, &rule->time));
		if (until_ns > state->stalled_until_ns)
			state->stalled_until_ns = until_ns;
		break;
	case FAULT_PLAN_CLOSE:
		state->end = PROTOCOL_CLOSE;
		state->ended = true;
		break;
	case FAULT_PLAN_HALF_CLOSE:
		state->end = PROTOCOL_FINISH;
		state->discards_input = true;
		break;
	case FAULT_PLAN_RESET:
	case FAULT_PLAN_REFUSE:
		state->end = PROTOCOL_RESET;
		state->ended = true;
		break;
	default: return;
	}
	if (rule->kind == FAULT_PLAN_STALL && rule->per_message)
		report_conn(fault, state, FAULT_PLAN_STALL, state->received_bytes);
	else
		report_once(fault, state, index);
}

static bool has_place(enum fault_plan_kind kind)
{
	return kind == FAULT_PLAN_STALL || kind == FAULT_PLAN_ACCEPT_DELAY ||
		kind == FAULT_PLAN_CLOSE || kind == FAULT_PLAN_HALF_CLOSE ||
		kind == FAULT_PLAN_RESET || kind == FAULT_PLAN_REFUSE;
}

/* `message`: one has just come; otherwise the connection has just opened. */
static void do_what_is_here(
	const struct fault *fault, struct planned_conn *state, bool message, uint64_t now_ns)
{
	const struct fault_plan *plan = plan_of(state);

	for (unsigned i = 0; i < plan->count && !state->ended; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];
		struct rule_state *rule_state = &state->rules[i];

		if (!rule_state->on || rule_state->done || !has_place(rule->kind))
			continue;
		if (rule->per_message ? message && state->received_bytes >= rule->after_bytes &&
					fault_plan_draw_chance(
						&rule_state->state, rule->probability)
				      : rule->after_bytes == state->received_bytes)
			do_at_place(fault, state, i, now_ns);
	}
}

/* ---- bytes ---- */

/* Flips bits in the bytes of the span that were drawn; it begins behind received_bytes. */
static void corrupt(const struct fault *fault, struct planned_conn *state, unsigned index,
	const struct protocol_span *span)
{
	const struct fault_plan_rule *rule = &plan_of(state)->rules[index];
	unsigned char *bytes = (unsigned char *)(uintptr_t)span->bytes;
	struct rule_state *rule_state = &state->rules[index];

	if (rule->per_message) {
		if (fault_plan_draw_chance(&rule_state->state, rule->probability))
			report_conn(fault, state, FAULT_PLAN_CORRUPT,
				state->received_bytes +
					fault_plan_flip(&rule_state->state, bytes, span->length));
		return;
	}
	while (rule_state->at_bytes < state->received_bytes + span->length) {
		bytes[rule_state->at_bytes - state->received_bytes] ^= (unsigned char)(1u
			<< fault_plan_draw(&rule_state->state) % 8);
		report_conn(fault, state, FAULT_PLAN_CORRUPT, rule_state->at_bytes);
		rule_state->at_bytes += fault_plan_draw_gap(&rule_state->state, rule->bytes);
	}
}

/* Applies the rules to bytes that have come. Returns how long they are to be held. */
static uint64_t spoil(const struct fault *fault, struct planned_conn *state,
	const struct protocol_span *span, uint64_t now_ns)
{
	const struct fault_plan *plan = plan_of(state);
	uint64_t delay_ns = 0;

	for (unsigned i = 0; i < plan->count; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];
		struct rule_state *rule_state = &state->rules[i];

		if (!rule_state->on)
			continue;
		switch (rule->kind) {
		case FAULT_PLAN_DELAY:
			if (rule->per_message &&
				!fault_plan_draw_chance(&rule_state->state, rule->probability))
				break;
			delay_ns += fault_plan_draw_ns(&rule_state->state, &rule->time);
			report_conn(fault, state, FAULT_PLAN_DELAY, state->received_bytes);
			break;
		case FAULT_PLAN_CORRUPT: corrupt(fault, state, i, span); break;
		case FAULT_PLAN_CHOP:
		case FAULT_PLAN_DRIBBLE: report_once(fault, state, i); break;
		case FAULT_PLAN_THROTTLE:
			if (rule_state->paid_ns < now_ns)
				rule_state->paid_ns = now_ns;
			rule_state->paid_ns += span->length * CLOCK_NS_PER_S / rule->bytes;
			report_once(fault, state, i);
			break;
		default: break;
		}
	}
	return delay_ns;
}

/* Copies what is to be sent. False: no memory. */
static bool hold(struct planned_conn *state, const struct protocol_answer *answer, uint64_t due_ns)
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
	/* Only the first one's time counts: pieces leave in the order of coming. */
	if (state->held == NULL)
		state->held = held;
	else
		state->held_last->next = held;
	state->held_last = held;
	state->held_count++;
	state->held_bytes += held->length;
	return true;
}

static void note_sent(struct planned_conn *state, uint64_t count)
{
	uint64_t direct = count < state->direct_bytes ? count : state->direct_bytes;
	struct held *first = state->held;

	assert(count <= state->pending_bytes);
	state->pending_bytes -= count;
	state->direct_bytes -= direct;
	count -= direct;
	if (count == 0)
		return;
	assert(first != NULL && count <= first->length - first->sent);
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
static void send_due(struct planned_conn *state, uint64_t now_ns, struct protocol_answer *answer)
{
	const struct held *first = state->held;

	if (first == NULL || state->in_flight || first->due_ns > now_ns)
		return;
	answer->send = (struct protocol_span){ .bytes = first->bytes, .length = first->length };
	answer->send_urgent = first->urgent;
	state->in_flight = true;
}

/* ---- the answer ---- */

static void ask_inner(struct fault *fault, struct planned_conn *state,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	answer->credit = state->inner_credit;
	fault->inner->handle(fault->inner, &state->conn.inner, event, answer);
	state->inner_credit = answer->credit;
	if (answer->end != PROTOCOL_GO_ON && !state->ended)
		state->end = answer->end;
	answer->end = PROTOCOL_GO_ON;
}

static uint32_t lesser(uint32_t credit, uint64_t most)
{
	return most < credit ? (uint32_t)most : credit;
}

static uint32_t limit_credit(const struct planned_conn *state, uint64_t now_ns, uint64_t *wake_ns)
{
	const struct fault_plan *plan = plan_of(state);
	uint32_t credit = state->inner_credit;

	if (state->delays)
		credit = state->held_count < FAULT_HELD_MOST
			? lesser(credit, FAULT_HELD_BYTES - state->held_bytes)
			: 0;
	if (state->ended)
		credit = 0;
	if (state->stalled_until_ns > now_ns) {
		*wake_ns = state->stalled_until_ns;
		return 0;
	}
	for (unsigned i = 0; i < plan->count; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];
		const struct rule_state *rule_state = &state->rules[i];

		if (!rule_state->on)
			continue;
		if (has_place(rule->kind) && !rule_state->done && !rule->per_message &&
			rule->after_bytes > state->received_bytes)
			credit = lesser(credit, rule->after_bytes - state->received_bytes);
		if (rule->kind == FAULT_PLAN_CHOP || rule->kind == FAULT_PLAN_DRIBBLE)
			credit = lesser(credit, rule->bytes);
		if (rule->kind == FAULT_PLAN_THROTTLE && rule_state->paid_ns > now_ns) {
			if (rule_state->paid_ns > *wake_ns || *wake_ns == CLOCK_NEVER)
				*wake_ns = rule_state->paid_ns;
			credit = 0;
		} else if (rule->kind == FAULT_PLAN_THROTTLE) {
			credit = lesser(credit, rule->bytes / THROTTLE_SLICES_A_SECOND + 1);
		}
	}
	return credit;
}

static void limit(struct planned_conn *state, uint64_t now_ns, struct protocol_answer *answer)
{
	uint64_t wake_ns = CLOCK_NEVER;

	if (state->broken) {
		answer->end = PROTOCOL_RESET;
		return;
	}
	send_due(state, now_ns, answer);
	answer->credit = limit_credit(state, now_ns, &wake_ns);
	if (state->held != NULL && !state->in_flight && state->held->due_ns < wake_ns)
		wake_ns = state->held->due_ns;
	if (wake_ns != state->wake_ns)
		answer->wake_ns = state->wake_ns = wake_ns;
	/*
	 * RESET drops what is not sent: it waits, so that what comes before its place does arrive.
	 */
	if (state->held == NULL && (state->end != PROTOCOL_RESET || state->pending_bytes == 0)) {
		answer->end = state->end;
		state->end = PROTOCOL_GO_ON;
	}
}

static void handle_bytes(struct fault *fault, struct planned_conn *state,
	const struct protocol_event *event, uint64_t now_ns, struct protocol_answer *answer)
{
	uint64_t delay_ns;

	if (state->discards_input) {
		struct counters *counters = &fault->counters[tag_of(fault, state)];

		state->received_bytes += event->span.length;
		counters->bytes_received += event->span.length;
		counters->bytes_dropped += event->span.length;
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
		/* Without memory: a gap in the stream would be a fault that is not in the plan. */
		state->broken = !hold(state, answer, clock_after_ns(now_ns, delay_ns));
		answer->send = (struct protocol_span){ 0 };
		answer->send_urgent = false;
	}
	do_what_is_here(fault, state, true, now_ns);
}

/* ---- events ---- */

static void handle_planned(struct fault *fault, struct planned_conn *state,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	uint64_t now_ns = fault->options.now_ns();

	switch (event->kind) {
	case PROTOCOL_OPENED:
		ask_inner(fault, state, event, answer);
		do_what_is_here(fault, state, false, now_ns);
		break;
	case PROTOCOL_BYTES:
	case PROTOCOL_URGENT: handle_bytes(fault, state, event, now_ns, answer); break;
	case PROTOCOL_SENT:
		note_sent(state, event->count);
		ask_inner(fault, state, event, answer);
		break;
	case PROTOCOL_DEADLINE:
		state->wake_ns = CLOCK_NEVER;
		break; /* the engine no longer holds it */
	default: ask_inner(fault, state, event, answer); break;
	}
	limit(state, now_ns, answer);
}

static void fault_handle(struct protocol *self, struct protocol_conn *conn,
	const struct protocol_event *event, struct protocol_answer *answer)
{
	struct fault *fault = (struct fault *)self;
	struct fault_conn *state;

	if (conn == NULL) {
		fault_datagram_handle(fault, event, answer);
		return;
	}
	state = event->kind == PROTOCOL_OPENED ? open_conn(fault, conn, event->tag)
					       : state_of(conn);
	if (state == NULL)
		answer->end = PROTOCOL_RESET; /* no memory for its state */
	else if (planned_of(state) == NULL)
		fault->inner->handle(fault->inner, &state->inner, event, answer);
	else
		handle_planned(fault, planned_of(state), event, answer);
}

static bool holds_bytes(const struct protocol *self, const struct protocol_conn *conn)
{
	const struct fault *fault = (const struct fault *)self;
	struct fault_conn *state = state_of(conn);
	const struct planned_conn *planned = state != NULL ? planned_of(state) : NULL;

	if (state == NULL)
		return false;
	return (planned != NULL && planned->held != NULL) ||
		(fault->inner->holds_bytes != NULL &&
			fault->inner->holds_bytes(fault->inner, &state->inner));
}

/* A plan looks: it counts to the byte that it flips, and keeps copies of what it delays. */
static bool takes_unseen(const struct protocol *self, const struct protocol_conn *conn)
{
	const struct fault *fault = (const struct fault *)self;
	struct fault_conn *state = state_of(conn);

	return state != NULL && planned_of(state) == NULL &&
		fault->inner->takes_unseen(fault->inner, &state->inner);
}

void fault_init(struct fault *fault, struct protocol *inner, struct counters *counters,
	const struct fault_options *options)
{
	*fault = (struct fault){
		.protocol = {
			.name = inner->name,
			.handle = fault_handle,
			.takes_unseen = inner->takes_unseen != NULL ? takes_unseen : NULL,
			.holds_bytes = holds_bytes,
		},
		.inner = inner,
		.counters = counters,
		.options = *options,
	};
}

void fault_fini(struct fault *fault)
{
	while (fault->first != NULL)
		forget(fault->first);
}
