/*
 * What all files of the completion engine rest on: its struct, the names of requests, and writing
 * requests into the submission queue of io_uring(7). The engine does not ask what is ready: it
 * requests what is to be done, and gets a completion when it has been done. For engine/uring/ only;
 * one thread.
 *
 *   uring_engine    the loop and its life
 *   uring_wait      submitting requests and waiting for completions
 *   uring_stream    receiving and closing connections
 *   uring_connect   connecting, and flows
 *   uring_bulk      connections in bulk, by splice(2)
 *   uring_marked    receiving where the urgent byte is reported as such
 *   uring_send      sending
 *   uring_accept    listeners, and what happens when descriptors run out
 *   uring_datagram  datagram sockets that serve any peer
 *   uring_group     buffers that the kernel picks from
 *   uring_ring      a ring's beginning and end
 *   uring_probe     what the kernel can do
 *   uring_explain   the same in words
 *   uring_core      this
 *
 * Here a request is "ordered" from uring_core_order() until its last completion.
 */
#pragma once

#include <errno.h>

#include "engine/core.h"
#include "engine/uring/uring_group.h"
#include "engine/uring/uring_probe.h"
#include "net/call.h"

/* What was requested, in the top bits of a token; see CONN_TOKEN_KIND_SHIFT. */
enum uring_core_kind {
	URING_CORE_RECEIVE_SMALL,
	URING_CORE_RECEIVE_LARGE,
	URING_CORE_SEND,
	URING_CORE_SEND_QUIET, /* completes without a completion, unless not all has left at once */
	URING_CORE_WATCH, /* a poll that stays: the connection is lost, or writable again */
	URING_CORE_MARKED, /* a poll: something to receive, where we call recv(2) ourselves */
	URING_CORE_PENDING, /* a poll: a connection is pending on a listener */
	URING_CORE_DATAGRAM,
	URING_CORE_WAKE,
	URING_CORE_CANCEL,
	URING_CORE_BULK, /* a poll: something to receive, for splice(2) */
	URING_CORE_WRITABLE, /* a poll: connecting is over, or a flow's socket takes a message again */
};

struct uring_datagram;

/* The vectors of a send; the kernel has its own copy once the request is submitted. */
struct uring_message {
	struct msghdr header;
	struct iovec vectors[OUTPUT_BATCH];
};

#define URING_CORE_MESSAGES 16
#define URING_CORE_QUIET 512
#define URING_CORE_SPARE_OUTPUTS 256

struct uring_engine {
	struct engine core;
	struct io_uring ring;
	struct uring_probe probe;
	/* In run() only: */
	struct uring_group small, large;
	unsigned ordered_count; /* requests that will still complete */
	bool quiet_sends; /* a send that needs no completion gets none */
	bool cutting; /* nothing new is served any more */

	uint64_t wake_value; /* wake_fd's: the kernel reads it into here */
	bool wake_ordered, woken;

	int pending_fd; /* a lookout (lookout.h): a connection is pending */
	bool pending_ordered;

	struct uring_datagram *datagrams;
	unsigned datagram_count, open_datagram_count;

	unsigned received_count, send_count; /* in this round: receives completed, sends ordered */
	bool memory_short; /* something was not available: try again a little later */
	uint64_t short_until_ns; /* connections with CONN_SHORT have no turn before */

	struct uring_message messages[URING_CORE_MESSAGES];
	unsigned message_count;
	struct output *spare_outputs[URING_CORE_SPARE_OUTPUTS]; /* empty ones, to be used again */
	unsigned spare_output_count;
	uint64_t
		quiet[URING_CORE_QUIET]; /* the tokens of connections with a quiet send under way */
	unsigned quiet_count;
};

static inline uint64_t uring_core_token(enum uring_core_kind kind, uint64_t which)
{
	return (uint64_t)kind << CONN_TOKEN_KIND_SHIFT | which;
}

/*
 * A place in the submission queue: the caller writes a request there, with uring_core_order() last.
 * If the queue is full, submits it. NULL: not now (memory_short is set).
 */
struct io_uring_sqe *uring_core_place(struct uring_engine *engine);

/* So many places that will be submitted together: for linked requests. False: not now. */
bool uring_core_has_places(struct uring_engine *engine, unsigned count);
void uring_core_order(struct uring_engine *engine, struct io_uring_sqe *sqe, uint64_t token);

/*
 * A place with a message, which stays as it is until it has been submitted; a caller that uses the
 * message adds 1 to message_count.
 */
struct io_uring_sqe *uring_core_place_message(
	struct uring_engine *engine, struct uring_message **reterr_message);

/* The last step of a request to receive into a large or a small buffer. */
void uring_core_order_receive(
	struct uring_engine *engine, struct conn *conn, struct io_uring_sqe *sqe, bool large);
uint64_t uring_core_receive_token(const struct conn *conn, bool large);

/*
 * The kernel had no memory for what this connection had ordered: it has its next turn a little
 * later; the others go on at once.
 */
void uring_core_note_short(struct uring_engine *engine, struct conn *conn);

/* Nothing more is reported of this connection: what it receives is dropped. */
static inline bool uring_core_discards_input(
	const struct uring_engine *engine, const struct conn *conn)
{
	return conn_must_end(conn) || conn->flags & CONN_CLOSE_WANTED || engine->cutting;
}

/*
 * Judges the result of a receive into a group of buffers (-errno). ENOBUFS: the group was empty for
 * a moment; it is filled before the next receive is ordered.
 */
static inline enum call_verdict uring_core_judge_receive(int error)
{
	return error == -ENOBUFS ? CALL_AGAIN : call_judge(error);
}
