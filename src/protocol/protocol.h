/*
 * THE contract between what a conversation means and how bytes move.
 *
 * A protocol is a pure state machine. An engine tells it what happened, one event at a time, and
 * does what it answers. A protocol holds no descriptor, makes no system call, keeps no pointer to
 * bytes and never logs; so a unit test or a fuzzer can drive it as well as an engine can.
 *
 * Who may do what:
 * - Events of one connection come in order, on one thread, never nested. OPENED is the first, LOST
 *   or the doing of CLOSE / RESET the last. LOST alone: we called, and nobody could be reached.
 * - Bytes in an event belong to the engine and are valid during the call. A protocol that answers
 *   with (part of) them in `send` hands them on: the engine keeps the buffer until they are sent. It may
 *   change them before, in their place. Bytes of its own it keeps until SENT has told all of them,
 *   or the connection is closed.
 * - Flow control is by credit. `room` is how many more bytes the protocol will take on this
 *   connection; an engine never delivers more than that, whether it waits for readiness or has
 *   receives posted ahead. 0 stops receiving; a later answer with room starts it again.
 * - On a flow (a connection of datagrams, see engine_connect) every BYTES is one whole message, which
 *   may be empty, and every answer to send is one message. There, `room` is the longest message that
 *   the protocol will take; a longer one is told as truncated, and where it becomes 0 what has been
 *   received already is still told. There is no END.
 * - Sends queue in the order of the answers; at most one is in flight. SENT tells how many bytes
 *   the kernel has taken: at once, or, where the protocol says that it can wait (sent_can_wait) and there is
 *   room for more, at the latest before the next event of that connection.
 * - Datagrams come and go in batches: several DATAGRAMs may be told before what became of the first
 *   answer is. What became of the answers is told in their order, each once, as counts: an answer
 *   that is lost takes no other with it. One with a time of its own is told when it leaves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes somewhere in a buffer of the engine's. */
struct protocol_span {
	const unsigned char *bytes;
	uint32_t length;
	void *buffer; /* the engine's; handed back unchanged. NULL: bytes that live for ever */
};

/*
 * The protocol's memory of one connection, inside the engine's slot. Before the first event it is zero,
 * or what engine_connect() was given.
 */
struct protocol_conn {
	uint64_t word[2];
};

enum protocol_event_kind {
	PROTOCOL_OPENED,
	PROTOCOL_BYTES, /* span */
	PROTOCOL_URGENT, /* span: the one urgent byte, in its place in the stream */
	PROTOCOL_END, /* the peer has finished sending; we may still send */
	PROTOCOL_SENT, /* count: so many bytes more have left */
	PROTOCOL_DEADLINE, /* the time asked for has come */
	PROTOCOL_NUDGED, /* the engine's owner says that there is something to do (engine_nudge) */
	PROTOCOL_FAULT, /* error, count: a flow's message of so many bytes will not leave; 0: an
			   earlier one came to nothing (ICMP). The flow goes on */
	PROTOCOL_LOST, /* error: the connection is gone; nothing can be answered */
	PROTOCOL_DATAGRAM, /* span, peer_*: one whole message; conn is NULL */
	PROTOCOL_DATAGRAM_SENT, /* count: so many answers more have left; conn is NULL */
	PROTOCOL_DATAGRAM_LOST, /* count, error: so many answers more could not be sent */
};

struct protocol_event {
	enum protocol_event_kind kind;
	struct protocol_span span;
	size_t count;
	int error; /* -errno */
	int32_t peer_port; /* host order; -1 where there are no ports */
	bool peer_named; /* the peer has an address that can be answered */
	bool to_group; /* it was sent to a multicast or broadcast address, or nobody knows where to */
	bool truncated; /* the message was larger than the buffer: span is not all of it */
	unsigned tag; /* OPENED, DATAGRAM: of the listener; 0 where there is none (engine_listen) */
};

enum protocol_end_kind {
	PROTOCOL_GO_ON,
	PROTOCOL_FINISH, /* when all is sent: tell the peer that no more will come (half-close) */
	PROTOCOL_CLOSE, /* when all is sent: close */
	PROTOCOL_RESET, /* now, dropping what is not sent: RST */
};

/* Before the call: send empty, room as it stands, GO_ON, wake 0. */
struct protocol_answer {
	/* Of length 0: nothing to send. The answer to a datagram may be empty: there, NULL bytes. */
	struct protocol_span send;
	bool twice; /* ... to a datagram: it is sent once more, right behind itself */
	bool send_urgent; /* ... as urgent data (its last byte, RFC 6093) */
	uint32_t room;
	enum protocol_end_kind end;
	/*
	 * clock_now_ns() time for DEADLINE; CLOCK_NEVER: none; 0: as before. Of the answer to a datagram: the
	 * time before which it does not leave; 0: now.
	 */
	uint64_t wake_ns;
};

struct protocol {
	const char *name;
	/*
	 * Nothing but room hangs on SENT: no answer to it sends anything, and its time is of no account. Asked for
	 * when the engine begins to run.
	 */
	bool sent_can_wait;
	/*
	 * Whether it keeps bytes of this connection that it has taken and will have sent later. They count as
	 * unsent: an engine that cuts the connection ends it with a reset. NULL: it never does.
	 */
	bool (*holds_bytes)(const struct protocol *self, const struct protocol_conn *conn);
	/* `conn` is NULL for datagram events. */
	void (*handle)(struct protocol *self, struct protocol_conn *conn,
		const struct protocol_event *event, struct protocol_answer *answer);
};
