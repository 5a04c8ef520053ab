/*
 * The completion engine: io_uring(7). It does not ask what is ready but orders what is to be done, and is
 * told when it has been. For engine/uring/uring_* only, but for uring_engine_ops.
 *
 *   uring_engine    the loop and its life
 *   uring_wait      handing over orders and waiting for answers
 *   uring_ring      a ring's beginning and end
 *   uring_probe     what the kernel can do
 *   uring_explain   the same in words
 *   uring_group     buffers that the kernel picks from
 *   uring_accept    listeners, and what happens when descriptors run out
 *   uring_stream    receiving and closing connections
 *   uring_send      sending
 *   uring_connect   connections that we ask for, and flows
 *   uring_marked    receiving where the urgent byte is told apart
 *   uring_datagram  whole messages
 */
#pragma once

#include "engine/core.h"
#include "engine/uring/uring_group.h"
#include "engine/uring/uring_probe.h"

extern const struct engine_ops uring_engine_ops;

/* What an order was, in the top bits of its token; see CONN_TOKEN_KIND_SHIFT. */
enum uring_engine_kind {
	URING_KIND_RECEIVE_SMALL,
	URING_KIND_RECEIVE_LARGE,
	URING_KIND_SEND,
	URING_KIND_SEND_QUIET, /* one that is answered only where not all has left at once */
	URING_KIND_WATCH, /* a connection's loss */
	URING_KIND_MARKED, /* something to receive, where we receive it ourselves */
	URING_KIND_KNOCK, /* somebody waits to be accepted */
	URING_KIND_DATAGRAM,
	URING_KIND_WAKE,
	URING_KIND_CANCEL,
	URING_KIND_CONNECTED, /* we have called, and that has got somewhere */
};

struct uring_datagram;

/* The vectors of a send; the kernel has its own copy once it is submitted. */
struct uring_message {
	struct msghdr header;
	struct iovec vectors[OUTPUT_BATCH];
};

#define URING_ENGINE_MESSAGES 16
#define URING_ENGINE_QUIET 512
#define URING_ENGINE_SPARE_OUTPUTS 256

struct uring_engine {
	struct engine core;
	struct io_uring ring;
	struct uring_probe probe;
	/* In run() only: */
	struct uring_group small, large;
	unsigned ordered_count; /* orders that will still be answered */
	bool quiet_sends; /* a send that needs no answer gets none */
	bool cutting; /* nothing new is served any more */

	uint64_t wake_value; /* wake_fd's: the kernel reads it into here */
	bool wake_ordered, woken;

	int knock_fd; /* a lookout: somebody waits to be accepted */
	bool knock_ordered;

	struct uring_datagram *datagrams;
	unsigned datagram_count, open_datagram_count;

	unsigned received_count, send_count; /* in this round: receives answered, sends ordered */
	bool memory_short; /* something could not be had: try again a little later */
	uint64_t short_until_ns; /* connections with CONN_SHORT are not gone on with before */

	struct uring_message messages[URING_ENGINE_MESSAGES];
	unsigned message_count;
	struct output *spare_outputs[URING_ENGINE_SPARE_OUTPUTS]; /* empty ones, for the next */
	unsigned spare_output_count;
	uint64_t quiet[URING_ENGINE_QUIET]; /* connections with a quiet send under way */
	unsigned quiet_count;
};

static inline uint64_t uring_engine_token(enum uring_engine_kind kind, uint64_t which)
{
	return (uint64_t)kind << CONN_TOKEN_KIND_SHIFT | which;
}

/*
 * A place for an order, which must then be written, with uring_engine_order() last. NULL: not now
 * (memory_short is set).
 */
struct io_uring_sqe *uring_engine_place(struct uring_engine *engine);
/* So many places, which will go to the kernel together: for orders that are linked. */
bool uring_engine_has_places(struct uring_engine *engine, unsigned count);
void uring_engine_order(struct uring_engine *engine, struct io_uring_sqe *sqe, uint64_t token);
/*
 * The same, and a message with it, which stays as it is until it has been submitted; who uses it adds one
 * to message_count.
 */
struct io_uring_sqe *uring_engine_place_message(
	struct uring_engine *engine, struct uring_message **ret_message);

/* ---- uring_explain ---- */

void uring_explain(engine_feature_fn *tell, void *context);

/* ---- uring_wait ---- */

/*
 * Hands over the orders, and returns when there is an answer, or the time of the next thing to do has
 * come. -errno: the ring is of no more use.
 */
int uring_wait(struct uring_engine *engine, uint64_t due_ns);

/* ---- uring_accept ---- */

int uring_accept_add(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
void uring_accept_round(struct uring_engine *engine);
void uring_accept_knocked(struct uring_engine *engine);
/*
 * Accepts whoever knocked, unless everything is being cut; then closes the listeners. One with somebody
 * waiting for whom there is no descriptor is kept, and tried again in later rounds.
 */
void uring_accept_stop(struct uring_engine *engine);

/* ---- uring_stream ---- */

/* Takes over `fd`, also on failure. */
int uring_stream_open(struct uring_engine *engine, int fd, enum addr_scheme scheme);
void uring_stream_done(struct uring_engine *engine, const struct io_uring_cqe *cqe);
/* Goes on with every connection that has something to do. */
void uring_stream_round(struct uring_engine *engine);
void uring_stream_timers(struct uring_engine *engine);
/* Those that are condemned, or all where `condemned` is NULL, are to end; returns how many. */
unsigned uring_stream_cut(struct uring_engine *engine, engine_condemn_fn *condemned, void *context);
/* At once, telling nobody; the kernel must have let go of them. */
void uring_stream_close_all(struct uring_engine *engine);

void uring_stream_nudge(struct uring_engine *engine, struct conn *conn);
/* For the other uring_*: tells what was received, and what goes wrong. */
void uring_stream_tell(
	struct uring_engine *engine, struct conn *conn, const struct protocol_event *event);
/* The last step of an order to receive into a large or a small buffer. */
void uring_stream_order_receive(
	struct uring_engine *engine, struct conn *conn, struct io_uring_sqe *sqe, bool large);
void uring_stream_note_nothing(struct uring_engine *engine, struct conn *conn, int result);

void uring_stream_note_lost(struct conn *conn, int error);
/* There was no memory for what it had ordered: it is gone on with a little later, and the others at once. */
void uring_stream_note_short(struct uring_engine *engine, struct conn *conn);
/* It is lost, or to be closed whatever waits to be sent. */
bool uring_stream_must_end(const struct conn *conn);

/* ---- uring_send ---- */

/* Queues what an answer says is to be sent. */
void uring_send_keep(
	struct uring_engine *engine, struct conn *conn, const struct protocol_answer *answer);
/* Sends what waits, as far as the kernel takes it at once. `may_wait`: it need not be known at once that it has. */
void uring_send_order(struct uring_engine *engine, struct conn *conn, bool may_wait);
void uring_send_done(struct uring_engine *engine, struct conn *conn, int result);
/* Before completions are noted: quiet sends are done now, but for those that have been answered. */
void uring_send_conclude(struct uring_engine *engine);
/* A quiet send has been answered. */
void uring_send_note_exception(struct uring_engine *engine, const struct io_uring_cqe *cqe);

/* ---- uring_connect ---- */

/* Goes on with a connection in the making; see engine_ops. */
void uring_connect_begin(struct uring_engine *engine, struct conn *conn);
void uring_connect_take_turn(struct uring_engine *engine, struct conn *conn);
void uring_connect_done(struct conn *conn, const struct io_uring_cqe *cqe);
/* False for a flow whose socket is full: it is then looked after. */
bool uring_connect_may_send(struct uring_engine *engine, struct conn *conn);
/* A flow's receive. */
void uring_connect_order_message(struct uring_engine *engine, struct conn *conn);
void uring_connect_note_message(
	struct uring_engine *engine, struct conn *conn, struct buffer *buffer, int result);

/* ---- uring_marked ---- */

/* Receives what is there, for a bounded time. */
void uring_marked_receive(struct uring_engine *engine, struct conn *conn);

/* ---- uring_datagram ---- */

int uring_datagram_add(struct uring_engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
void uring_datagram_round(struct uring_engine *engine);
void uring_datagram_done(struct uring_engine *engine, unsigned which);
/* Answers what has come; then closes the sockets. */
void uring_datagram_stop(struct uring_engine *engine);
void uring_datagram_close_all(struct uring_engine *engine);
