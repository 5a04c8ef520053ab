/*
 * What a stop of the tour is: a table of steps, each with one call that is really made, what the kernel
 * must say afterwards, and what a person is told, in both languages. Only types: the stops are in
 * tour_stop_*.c, tour_stops.c has their order, tour_runner.c makes the calls, tour_claim.c asks the kernel. Everything is constant.
 *
 * Texts: '\n' ends a line; a text for the screen has ASCII and Hangul only, because other characters may
 * be one or two columns wide. {port} stands for the server's port, {swapped} for that port with its bytes
 * swapped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tour_text {
	const char *ko, *en;
};

/* Who makes a call. The second ones are for calls beside one that is waiting. */
enum tour_who {
	TOUR_SERVER,
	TOUR_CLIENT,
	TOUR_SERVER_2,
	TOUR_CLIENT_2,
	TOUR_WORKERS,
};

/* The sockets of a stop. */
enum tour_slot {
	TOUR_NO_SLOT,
	TOUR_LISTENER,
	TOUR_CONN, /* the server's, of the first client */
	TOUR_CONN_2,
	TOUR_CLI, /* the first client's */
	TOUR_CLI_2,
	TOUR_CROWD, /* and those behind it: more clients */
	TOUR_SLOTS = TOUR_CROWD + 10,
};

enum tour_op {
	TOUR_OP_SOCKET, /* slot */
	TOUR_OP_REUSE, /* setsockopt(SO_REUSEADDR) */
	TOUR_OP_BIND, /* number: enum tour_port or a port; `any`: INADDR_ANY */
	TOUR_OP_LISTEN, /* number: backlog */
	TOUR_OP_CONNECT, /* number as of bind */
	TOUR_OP_ACCEPT, /* from the listener, into slot */
	TOUR_OP_SEND, /* bytes, number of them, flags */
	TOUR_OP_RECV, /* number: room; flags */
	TOUR_OP_SHUTDOWN, /* SHUT_WR */
	TOUR_OP_CLOSE,
	TOUR_OP_NAME, /* getsockname() */
	TOUR_OP_NODELAY,
	TOUR_OP_LINGER, /* SO_LINGER of 0 s: close() resets */
	TOUR_OP_SNDBUF, /* number */
	TOUR_OP_RCVBUF,
	TOUR_OP_POLL, /* both of the server's connections; result: which can be read, 1 or 2 */
	/* No calls of sockets, but real all the same. */
	TOUR_OP_HTONS, /* number */
	TOUR_OP_BYTES, /* the bytes of sockaddr_in for the server's address */
	TOUR_OP_LIMIT, /* RLIMIT_NOFILE: so many more descriptors than are open now */
	/* Many calls under one key. */
	TOUR_OP_CROWD, /* number: so many clients are made and connected */
	TOUR_OP_FILL, /* send(MSG_DONTWAIT) until the kernel takes no more; result: bytes */
	TOUR_OP_DRAIN, /* recv(number) until the other side's waiting call has returned */
	TOUR_OP_ECHO, /* the server's loop: recv(number), send(), until both lines went back */
	TOUR_OP_LINE, /* the client's: two lines of 13 bytes, the second once the first is back */
	TOUR_OP_QUICK_LINE, /* the same, with TCP_QUICKACK before each recv() */
	TOUR_OP_RECV_LOOP, /* number calls of recv(); result: how many gave 0 */
	TOUR_OP_TRY, /* a new client: connect() to a port and close(); number as of bind */
	/* Other processes. */
	TOUR_OP_CHILD_CLIENT, /* a client in a process of its own connects and sends "hi" */
	TOUR_OP_CHILD_KILL, /* SIGKILL for that process, and waits for it */
	TOUR_OP_CHILD_SEND, /* a copy of this process send()s with SIGPIPE as it is by default; result: signal */
	TOUR_OP_CHILD_HANDLER, /* ... with the chapter's handler; result: 256 + exit status */
	TOUR_OP_CHILD_HOLD, /* fork() without close(): a child keeps all descriptors */
	/* Stop 9. */
	TOUR_OP_WRITE, /* server.c into the current folder, never over one that is there */
	TOUR_OP_BUILD, /* cc; result 0, or the compiler's exit status */
	TOUR_OP_GRADE, /* starts it anew for each rule; result: rules that hold */
	TOUR_OPS,
};

enum tour_port {
	TOUR_PORT_SERVER = 0x10000, /* {port} */
	TOUR_PORT_RAW, /* the same without htons() */
	TOUR_PORT_SWAPPED, /* {swapped}, through htons() */
	TOUR_PORT_RAW_1004, /* 1004 without htons() */
};

struct tour_call {
	enum tour_who who;
	enum tour_op op;
	enum tour_slot slot;
	long number;
	int flags;
	const char *bytes; /* NULL: "xxx..." */
};

/* Of a packet: TCP's, and what a claim may ask for besides. */
enum tour_packet_flag {
	TOUR_FIN = 0x01,
	TOUR_SYN = 0x02,
	TOUR_RST = 0x04,
	TOUR_ACK = 0x10,
	TOUR_SYN_ACK = TOUR_SYN | TOUR_ACK,
	TOUR_DATA = 0x100,
	TOUR_WINDOW_0 = 0x200,
	TOUR_FLAG_SENT_BY_SERVER = 0x1000,
	TOUR_FLAG_SENT_BY_CLIENT = 0x2000,
};

/* What must be true once a step's call has been made. */
enum tour_claim_kind {
	TOUR_CLAIM_END, /* no more claims */
	TOUR_RESULT, /* of the call: value, or -errno */
	TOUR_PRIVILEGED, /* as TOUR_RESULT, where ports below 1024 are not for everybody */
	TOUR_AT_LEAST,
	TOUR_AT_MOST,
	TOUR_DESCRIPTOR, /* the result is a descriptor */
	TOUR_BLOCKED, /* the call has not returned: value is the worker that waits */
	TOUR_RETURNED, /* the worker in `slot` waited, and its call has returned `value` (or TOUR_ANY) */
	TOUR_STATE, /* of a slot: TCP_... */
	TOUR_QUEUE, /* connections that wait in the listener's queue */
	TOUR_TO_READ, /* bytes in the buffer of a slot */
	TOUR_TO_SEND, /* bytes not yet acknowledged: at least */
	TOUR_PACKET, /* one with these flags (enum tour_packet_flag) was seen in this step */
	TOUR_NO_PACKET, /* none at all */
	TOUR_SIGPIPES, /* since the stop began */
	TOUR_MS_AT_LEAST,
	TOUR_MS_BELOW,
};

struct tour_claim {
	enum tour_claim_kind kind;
	enum tour_slot slot;
	long value;
};

/* For TOUR_RETURNED: whatever it returned. */
#define TOUR_ANY (-100000)

#define TOUR_CLAIMS_MOST 5
#define TOUR_CHOICES_MOST 4

/* To guess before the call is made. */
struct tour_question {
	struct tour_text text; /* one line */
	struct tour_text choices; /* one line, "1) ...  2) ..."; 2 to TOUR_CHOICES_MOST */
	unsigned right; /* 1, ... ; 0: there is no question */
};

struct tour_source {
	const char *file; /* of examples/, without ".c"; NULL: none */
	const char *line; /* what the line holds */
};

struct tour_step {
	struct tour_call call;
	struct tour_claim claims[TOUR_CLAIMS_MOST];
	struct tour_text idea; /* up to three lines, shown once the call has been made */
	struct tour_question question;
	struct tour_source source;
};

/* Another way to go on from step `from` of a stop. */
struct tour_break {
	struct tour_text title;
	unsigned from; /* so many steps of the stop are made first */
	const struct tour_step *steps;
	size_t count;
};

#define TOUR_BREAKS_MOST 4

struct tour_stop {
	const char *name; /* for `meari tour NAME` */
	struct tour_text title;
	const char *chapter; /* "ex12-06" */
	struct tour_text intro; /* up to three lines, before the first step */
	const struct tour_step *prelude; /* made without a key; NULL: none */
	size_t prelude_count;
	const struct tour_step *steps;
	size_t count;
	struct tour_break breaks[TOUR_BREAKS_MOST];
	size_t break_count;
};

#define TOUR_COUNT(table) (sizeof(table) / sizeof((table)[0]))
