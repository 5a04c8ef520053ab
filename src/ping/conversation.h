/*
 * One conversation: the socket of one source port, and where its stream stands. It connects without
 * blocking, sends what a full buffer left over, and compares each byte of a stream as it comes; it
 * notifies the host of what happens through a table. It does not know when to send, nor what a gap
 * is.
 *
 *	CLOSED ──submit──▶ CONNECTING ──▶ (SECURING) ──▶ OPEN ──end, error, out of step──▶ CLOSED
 *	            └─backlog full─▶ RETRYING ─▶ CONNECTING
 *
 * One thread. The host must not free a conversation from within its calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/channel.h"
#include "client/send_proxy.h"
#include "net/addr.h"
#include "ping/flight.h"
#include "ping/gap.h"
#include "ping/probe.h"
#include "ping/stamp.h"

#define CONVERSATION_RECEIVE_SIZE (1u << 16)
/* After that many timeouts without a byte, a conversation is given up: TCP's own retransmissions come
 * ever more rarely, so a new one finds out sooner that the service is back. */
#define CONVERSATION_GIVE_UP_TIMEOUTS 5
/* So many first bytes of a reply are kept, to be shown where they are wrong. */
#define CONVERSATION_HEAD_SIZE 64
/* Probes that one stream may have under way; less than flight.h remembers. */
#define CONVERSATION_BEHIND_MOST (FLIGHT_MOST / 2)

enum conversation_state {
	CONVERSATION_CLOSED,
	CONVERSATION_RETRYING,
	CONVERSATION_CONNECTING,
	CONVERSATION_SECURING, /* the handshake of TLS is under way */
	CONVERSATION_OPEN
};

struct conversation;

/*
 * Called from conversation_submit, conversation_ready, conversation_receive and
 * conversation_tick.
 */
struct conversation_host {
	void (*connected)(void *context, struct conversation *conversation, uint64_t now_ns);
	/* A stream: all bytes of this probe are back. `damage` is NULL when they are the same; otherwise
	 * conversation->head has the first of them. */
	void (*replied)(void *context, struct conversation *conversation, uint64_t number,
		const struct probe_damage *damage, uint64_t now_ns);
	/* A stream: only the first `length` bytes have come back, and no more are waited for; some of
	 * these are wrong, see `damage`. */
	void (*cut_short)(void *context, struct conversation *conversation, uint64_t number,
		size_t length, const struct probe_damage *damage, uint64_t now_ns);
	void (*datagram)(void *context, struct conversation *conversation,
		const unsigned char *bytes, size_t length, uint64_t now_ns);
	/* The datagram `number` could not be sent (0: one of those sent was refused); the socket
	 * goes on. */
	void (*troubled)(void *context, struct conversation *conversation, uint64_t number,
		int error, uint64_t now_ns);
	/* The conversation is over (0: FIN, or -errno), the socket about to be closed; see
	 * conversation_unanswered. */
	void (*ended)(void *context, struct conversation *conversation, int error, uint64_t now_ns);
	/* The bytes are wrong, so the socket is about to be closed: see `ended`. `bytes` were never
	 * sent; NULL where `replied` or `cut_short` has just said what was wrong. */
	void (*out_of_step)(void *context, struct conversation *conversation,
		const unsigned char *bytes, size_t length, uint64_t now_ns);
	/* How often this process has been stopped (SIGSTOP) so far. Asked where the kernel does not say when
	 * something came. */
	uint64_t (*stops)(void *context);
};

/* What all conversations of a run share: how to converse ... */
struct conversation_settings {
	const struct conversation_host *host;
	void *context;
	const struct probe *probe;
	struct flight *flight;
	struct addr target;
	struct channel_tls tls; /* without a context: no TLS */
	const struct addr *source; /* NULL: the kernel's choice */
	const char *device; /* SO_BINDTODEVICE; NULL: any */
	const struct send_proxy
		*proxy; /* what each stream begins with; NULL: nothing before the probes */
	bool keep_port; /* a new connection has the same source port as the one before */
	uint64_t timeout_ns;
	uint64_t step; /* between the numbers of one conversation */
	bool one_reply; /* a connection carries one probe, and is closed after its reply */
	struct conversation_scratch *scratch;
};

/* ... and what they work with: buffers, the caller's, and the clock. */
struct conversation_scratch {
	struct stamp stamp;
	uint64_t waited_stops; /* what stops() was when the host last began to wait */
	unsigned char *receive; /* CONVERSATION_RECEIVE_SIZE bytes */
	unsigned char *outgoing, *expected; /* probe.size bytes each */
	uint64_t outgoing_number, expected_number; /* what they hold; 0: nothing */
};

struct conversation {
	const struct conversation_settings *settings;
	size_t index; /* among those of the run: see conversation_carries */
	enum conversation_state state;
	int fd;
	bool blocked; /* the kernel takes no more for now */
	uint64_t opened_ns; /* when connecting began */
	uint64_t opened_stops; /* what stops() was then */
	uint64_t connected_ns; /* when it had connected */
	uint64_t connect_ns; /* how long it took, */
	uint64_t handshake_ns; /* and the handshake of TLS; 0: there was none */
	bool connect_untimed; /* not known: this process was stopped meanwhile */
	uint64_t retry_ns;
	uint64_t heard_ns; /* the last byte, or the connection */
	bool untimed; /* what the host is being notified of came while this process was stopped */
	struct addr own; /* length 0 while unknown */
	/* Numbers: [receive, send) are away, [send, end) wait to be sent. */
	uint64_t receive_number, send_number, end_number;
	size_t received_bytes, sent_bytes; /* of the one at hand */
	struct probe_damage damage; /* of the reply that is coming in; count 0: none so far */
	unsigned char head
		[CONVERSATION_HEAD_SIZE]; /* its first bytes, or those of the reply just notified */
};

void conversation_init(struct conversation *conversation,
	const struct conversation_settings *settings, size_t index);

/* True: `number` is one of the numbers of this conversation, index + 1 and then every `step`. */
bool conversation_carries(const struct conversation *conversation, uint64_t number);

/* Takes over a connected socket. */
void conversation_adopt(
	struct conversation *conversation, int fd, uint64_t connect_ns, uint64_t now_ns);

/*
 * Makes the bytes of the probe that will be submitted next, so that its time need not count
 * that.
 */
void conversation_prepare(struct conversation *conversation, uint64_t number);

/* Sends the probe `number`, connecting first where need be. */
void conversation_submit(struct conversation *conversation, uint64_t number, uint64_t now_ns);

/*
 * The probes that have no whole reply, from `conversation->receive_number` on, `settings->step`
 * apart.
 */
bool conversation_unanswered(const struct conversation *conversation);

/* For poll(2); 0: not at all. */
short conversation_events(const struct conversation *conversation);
void conversation_ready(struct conversation *conversation, short events, uint64_t now_ns);
/* Receives what is there. */
void conversation_receive(struct conversation *conversation);
/* Does what is due, and gives the time when something will be (CLOCK_NEVER: nothing). */
uint64_t conversation_tick(struct conversation *conversation, uint64_t now_ns);

/*
 * Where the reply that is coming in on a stream is wrong and does not go on: when its time is over,
 * notifies the host (cut_short, out_of_step) and closes. Gives that time, CLOCK_NEVER without such
 * a reply.
 */
uint64_t conversation_judge(struct conversation *conversation, uint64_t now_ns);
/* Notifies the host of such a reply at once; call it before closing for any other reason. */
void conversation_conclude(struct conversation *conversation, uint64_t now_ns);

/* Closes without notifying the host. `reset`: with RST. */
void conversation_close(struct conversation *conversation, bool reset);
