/*
 * A connection of a load, and what is the same for streams and flows. For load.c, load_stream.c and
 * load_flow.c only; one thread. Memory: all of it is struct load's, from load_new() on.
 */
#pragma once

#include "protocol/load.h"
#include "protocol/load_gone.h"
#include "protocol/pattern.h"

#define LOAD_CONN_NOTHING UINT32_MAX

/* Times of a message under way. */
struct load_conn_message {
	uint64_t intended_ns, sent_ns;
	bool counts; /* as sent; then its outcome counts, too, however the window is set later */
};

/* A message that waits its turn. */
struct load_conn_waiting {
	uint64_t intended_ns;
	uint32_t next; /* of the same connection, or in the free list */
};

/*
 *   CLOSED ──load_connecting──▶ CONNECTING ──OPENED──▶ OPEN ──END, CLOSE, RESET──▶ LEAVING
 *      ▲                            │                   │                              │
 *      └──── load_connecting ◀──────┴───────LOST────────┘◀───── load_connecting ───────┘
 */
enum load_conn_state {
	LOAD_CONN_CLOSED,
	LOAD_CONN_CONNECTING,
	LOAD_CONN_OPEN,
	LOAD_CONN_LEAVING, /* nothing more is expected of it */
};

/* One connection; of the numbers some are a stream's or a flow's only. */
struct load_conn {
	uint64_t connect_ns; /* when it began to connect */
	uint64_t first_intended_ns; /* of the next message; 0: that is when it is sent */
	uint64_t connect_due_ns; /* churn in the open loop: when it was meant to connect; 0: done */
	uint64_t heard_ns; /* when something came back last, in any life */
	uint64_t sent_messages; /* begun to be handed over, in this life */
	uint64_t back_messages; /* streams: come back, in this life */
	uint64_t sent_bytes, back_bytes; /* streams: positions */
	uint32_t life; /* how often it has connected */
	uint32_t start; /* of its bytes in the pattern, in this life */
	uint32_t unsent_bytes; /* handed over, and not yet taken by the kernel */
	uint32_t send_left; /* streams: of the message that is being handed over */
	uint32_t
		back_left; /* streams: of the message that is coming back; 0: the next one begins */
	uint32_t under_way;
	uint32_t lost_in_a_row; /* flows: messages sent since something came back last */
	uint32_t first_waiting, last_waiting;
	uint8_t state; /* enum load_conn_state */
	bool damaged; /* streams: the message that is coming back is */
	bool was_open; /* in any life */
	bool asked; /* in any life: a message was under way, or due, in the window */
	bool answered; /* in any life: something came back in the window, or of what was sent in it */
};

struct load_flow;

struct load {
	struct protocol protocol; /* first: a protocol is its load */
	struct load_options options;
	struct load_record *record;
	struct load_gone lost, unsent; /* what will go into the record's histograms at the end */
	uint64_t from_ns, until_ns; /* the window */
	bool stopping;
	bool held; /* closed loop: not to be begun yet */
	uint32_t next_offer; /* whose turn it is */
	uint64_t under_way, waiting_count; /* of all connections */
	uint64_t total_weight;
	struct load_conn *conns;
	struct load_conn_message *messages; /* streams: a ring of `depth` for each connection */
	struct load_conn_waiting *waiting;
	uint32_t waiting_used, first_free_waiting;
	struct load_flow *flow; /* what only flows have; NULL for streams */
};

static inline uint32_t load_conn_index(const struct load *load, const struct load_conn *conn)
{
	return (uint32_t)(conn - load->conns);
}

static inline bool load_conn_in_window(const struct load *load, uint64_t when_ns)
{
	return when_ns >= load->from_ns && when_ns < load->until_ns;
}

/* The moment by which a message belongs to the window, or not. */
static inline uint64_t load_conn_moment(
	const struct load *load, const struct load_conn_message *message)
{
	return load->options.open_loop ? message->intended_ns : message->sent_ns;
}

/* Connections are made by a schedule. */
static inline bool load_conn_is_timed_churn(const struct load *load)
{
	return load->options.open_loop && load->options.echoes != 0;
}

/* Messages leave when they are offered; otherwise, when there is a place for them. */
static inline bool load_conn_is_offered(const struct load *load)
{
	return load->options.open_loop && load->options.echoes == 0;
}

/* The window has begun. */
static inline bool load_conn_has_begun(const struct load *load, uint64_t now_ns)
{
	return now_ns >= load->from_ns && load->from_ns < load->until_ns;
}

/*
 * Takes the first message that waits on this connection, and returns when it was due. There must be
 * one.
 */
uint64_t load_conn_take_waiting(struct load *load, struct load_conn *conn);

/* How many bytes the message of this number has, where there are several sizes. */
uint32_t load_conn_mixed_size(
	const struct load *load, const struct load_conn *conn, uint64_t message);

/* How many bytes the message of this number has. */
static inline uint32_t load_conn_size(
	const struct load *load, const struct load_conn *conn, uint64_t message)
{
	if (__builtin_expect(load->options.size_count == 1, 1))
		return load->options.sizes[0].bytes;
	return load_conn_mixed_size(load, conn, message);
}

/* True if one more message may leave now. Here, as it is asked twice for each message. */
static inline bool load_conn_may_begin(const struct load *load, const struct load_conn *conn)
{
	if (conn->under_way >= load->options.depth || conn->state != LOAD_CONN_OPEN || load->held)
		return false;
	if (load_conn_is_offered(load))
		return conn->first_waiting != LOAD_CONN_NOTHING;
	if (load->options.echoes != 0 && conn->sent_messages >= load->options.echoes)
		return false;
	/* The first one of a connection that was due is due itself. */
	return !load->stopping || (load_conn_is_timed_churn(load) && conn->sent_messages == 0);
}

/*
 * One more message leaves: counts it, and gives its times. Not as a return value: gcc 12 evaluates
 * the place that a returned struct is assigned to after the call, and the number of the message has
 * changed by then.
 */
void load_conn_begin(struct load *load, struct load_conn *conn, uint64_t now_ns,
	struct load_conn_message *ret_message);

/* A message has come back whole, and is no longer under way. */
void load_conn_came_back(struct load *load, struct load_conn *conn,
	const struct load_conn_message *message, uint64_t now_ns, bool damaged);
/* A message will not come back. `timed_out`: it may, after all; so its wait ends now. */
void load_conn_gone(struct load *load, struct load_conn *conn,
	const struct load_conn_message *message, bool timed_out);
/* Something has come, right or wrong. */
void load_conn_heard(struct load *load, struct load_conn *conn, uint64_t now_ns);
/* Keeps it if it is the first. `connection` is filled in here. */
void load_conn_note_damage(
	struct load *load, const struct load_conn *conn, const struct load_record_damage *damage);
