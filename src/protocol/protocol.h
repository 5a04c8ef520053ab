/*
 * THE contract between what a conversation means and how bytes move.
 *
 * A protocol is a pure state machine. An engine reports to it what happened, one event at a time,
 * and does what it answers. A protocol holds no descriptor, makes no system call, keeps no pointer
 * to bytes and never logs; so a unit test or a fuzzer can drive it as well as an engine can.
 *
 * Order: the events of one connection come in order, on one thread, never nested. OPENED is the
 * first; LOST, or the answer CLOSE or RESET, is the last. If connecting fails, LOST is the only
 * one.
 *
 * Flow control is by credit: `credit` is how many more bytes the protocol will take on this
 * connection. An engine never delivers more than that, whether it waits for readiness or has
 * receives posted ahead. 0 stops receiving; a later answer with credit resumes it.
 *
 * Sends queue in the order of the answers; at most one is in flight. SENT reports how many bytes
 * the kernel has taken: at once, or, if the protocol sets sent_can_wait and has given credit for
 * more, at the latest before the next event of that connection.
 *
 * A flow is a connection of datagrams (see engine_connect). Every BYTES is one whole message, which
 * may be empty, and every answer to send is one message. There, `credit` is the longest message
 * that the protocol will take; a longer one is reported as truncated. When it becomes 0, messages
 * that have been received already are still reported. There is no END.
 *
 * Datagrams without a connection come and go in batches: several DATAGRAMs may be reported before
 * it is known what became of the first answer. The outcomes are reported in the order of the
 * answers, each once, as counts; an answer that is lost takes no other with it. An answer with a
 * time of its own is reported when it leaves.
 *
 * Failing: an engine that has no memory for a connection reports it as LOST. A protocol that has
 * none answers RESET.
 *
 * Thread: the engine's; a protocol belongs to one engine.
 *
 * Ownership: bytes in an event belong to the engine and are valid during the call. If the protocol
 * answers with them, or with a part of them, in `send`, the engine keeps the buffer until they are
 * sent. The protocol may change them before, in place. A protocol that sends bytes of its own keeps
 * them until SENT has reported all of them, or the connection is closed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes somewhere in a buffer of the engine's; or, with `bytes` NULL and a length, bytes that are
 * there and are not shown: see takes_unseen.
 */
struct protocol_span {
	const unsigned char *bytes;
	uint32_t length;
	void *buffer; /* the engine's; handed back unchanged. NULL: bytes that stay valid for ever */
};

static inline bool protocol_span_is_unseen(const struct protocol_span *span)
{
	return span->bytes == NULL && span->length > 0;
}

/*
 * The protocol's memory of one connection, inside the engine's slot. Before the first event it is
 * zero, or what engine_connect() was given.
 */
struct protocol_conn {
	uint64_t word[2];
};

enum protocol_event_kind {
	PROTOCOL_OPENED,
	PROTOCOL_BYTES, /* span */
	PROTOCOL_URGENT, /* span: the one urgent byte, in its place in the stream */
	PROTOCOL_END, /* the peer has finished sending; we may still send */
	PROTOCOL_SENT, /* count: so many more bytes have left */
	PROTOCOL_DEADLINE, /* the time asked for has come */
	PROTOCOL_NUDGED, /* the engine's owner asks for this event (engine_nudge) */
	PROTOCOL_FAULT, /* error, count: a flow's message of so many bytes will not leave; 0: an
			   earlier message failed (ICMP). The flow goes on */
	PROTOCOL_LOST, /* error: the connection is lost; the answer is ignored */
	PROTOCOL_DATAGRAM, /* span, peer_*: one whole message; conn is NULL */
	PROTOCOL_DATAGRAM_SENT, /* count: so many more answers have left; conn is NULL */
	PROTOCOL_DATAGRAM_LOST, /* count, error: so many more answers could not be sent */
};

struct protocol_event {
	enum protocol_event_kind kind;
	struct protocol_span span;
	size_t count;
	int error; /* -errno */
	int32_t peer_port; /* host order; -1 where there are no ports */
	bool peer_named; /* the peer has an address that can be answered */
	bool to_group; /* it was sent to a multicast or broadcast address, or where is not known */
	bool truncated; /* the message was larger than the buffer: span is not all of it */
	/* OPENED, DATAGRAM and what became of its answer: of the listener; 0: none (engine_listen). */
	unsigned tag;
};

enum protocol_end_kind {
	PROTOCOL_GO_ON,
	PROTOCOL_FINISH, /* when all is sent: half-close */
	PROTOCOL_CLOSE, /* when all is sent: close */
	PROTOCOL_RESET, /* now, dropping what is not sent: RST */
};

/* Before the call: nothing to send, the credit as it stands, GO_ON, wake 0. */
struct protocol_answer {
	/*
	 * Of length 0: nothing to send. The answer to a datagram may be empty: there, NULL bytes.
	 */
	struct protocol_span send;
	bool twice; /* ... to a datagram: it is sent a second time, right behind the first */
	bool send_urgent; /* ... as urgent data (its last byte, RFC 6093) */
	uint32_t credit;
	enum protocol_end_kind end;
	/*
	 * clock_now_ns() time for DEADLINE; CLOCK_NEVER: none; 0: as before. Of the answer to a
	 * datagram: the time before which it does not leave; 0: now.
	 */
	uint64_t wake_ns;
};

struct protocol {
	const char *name;
	/*
	 * The protocol uses SENT only to update its credit: it never sends in reply, and does not
	 * care when SENT arrives. Read when the engine begins to run.
	 */
	bool sent_can_wait;
	/*
	 * Whether it keeps bytes of this connection that it has taken and will send later. They
	 * count as unsent: an engine that cuts the connection ends it with a reset. NULL: it never
	 * does.
	 */
	bool (*holds_bytes)(const struct protocol *self, const struct protocol_conn *conn);
	/*
	 * Whether it only counts the bytes of this connection: then an engine that can move them
	 * without seeing them may report a span without content (BYTES, `bytes` NULL). The answer is
	 * that very span, or none: what is not sent back is dropped. Asked before each such span, so
	 * it may change. NULL: it always looks.
	 */
	bool (*takes_unseen)(const struct protocol *self, const struct protocol_conn *conn);
	/* `conn` is NULL for datagram events. */
	void (*handle)(struct protocol *self, struct protocol_conn *conn,
		const struct protocol_event *event, struct protocol_answer *answer);
};
