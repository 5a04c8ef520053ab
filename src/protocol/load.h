/*
 * One thread's share of a generated load, as a protocol. It sends messages to an echo service,
 * receives them back, compares every byte, and measures how long each was under way. Its owner
 * (bench/generator) decides when to connect, on what schedule, and for how long.
 *
 *	closed loop  `depth` messages are under way on each connection: the next one leaves when one has
 *	             come back. A service that stops delays `depth` messages, and no more are sent.
 *	open loop    messages leave when they are meant to (load_offer). If their connection has `depth`
 *	             under way, they wait and keep their intended time, from which latency counts: so a
 *	             service that stops delays all that were meant to be sent meanwhile (no coordinated
 *	             omission).
 *	churn        each connection ends after `echoes` messages; its owner makes the next one.
 *
 * Messages of streams have no marks in them: a service may cut the stream as it likes. Messages of
 * flows (datagrams) carry 16 bytes that identify them, if they are long enough; see load_flow.c.
 *
 * Clock: read right after a receive has returned and right before a send is handed over; where the two
 * are nearer to each other than a reading takes, once. Limits:
 * all memory is allocated in load_new(); struct load_options says how much for each connection. A
 * message beyond `waiting_most` is counted as unsent. Thread: one. Ownership: the caller's, until
 * load_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/load_record.h"
#include "protocol/protocol.h"

#define LOAD_MOST_SIZES 16
#define LOAD_MOST_DEPTH 65535u
#define LOAD_MOST_MESSAGE_BYTES (1u << 30)
#define LOAD_MOST_FLOW_BYTES 65507u /* the largest payload of UDP over IPv4 */
#define LOAD_DEFAULT_WAITING (1u << 20)
#define LOAD_MOST_SLOT_BYTES 64u /* of a message under way */
#define LOAD_MOST_TRAIN 64u /* what every kernel with UDP_SEGMENT takes apart */

/* A size of messages, and how often it is to occur among the others. */
struct load_size {
	uint32_t bytes; /* 1 or more */
	uint32_t weight; /* 1 or more */
};

struct load_options {
	uint32_t connections;
	uint32_t first_number; /* of this thread's connections: the bytes of each number differ */
	uint32_t depth; /* messages under way on a connection, at most; 24 bytes each (flows: 48) */
	bool flows; /* the connections are flows */
	/*
	 * Flows in a closed loop, with one size: so many messages leave together, handed over as one
	 * answer whose bytes the socket cuts (engine_connect_options.segment_bytes), as soon as so many
	 * may leave. Each is a message of its own in every count. No more than LOAD_MOST_TRAIN, `depth`,
	 * and LOAD_MOST_FLOW_BYTES together. 0 or 1: each by itself.
	 */
	uint32_t train;
	bool open_loop;
	bool held; /* closed loop: nothing is sent before load_release() */
	bool verify; /* otherwise bytes are only counted */
	bool end_by_reset; /* RST instead of FIN: leaves no TIME-WAIT behind */
	uint32_t echoes; /* churn: messages of one connection; 0: no end */
	size_t size_count;
	struct load_size sizes[LOAD_MOST_SIZES];
	uint32_t
		waiting_most; /* open loop: messages that wait their turn, at most; 16 bytes each */
	/*
	 * Flows: a message that has not come back by then is lost. Streams: how long to wait at the end
	 * for messages under way; a connection that is silent for half of it has stalled.
	 */
	uint64_t timeout_ns;
	uint64_t (*clock)(void); /* clock_now_ns, but for tests */
};

/* Into datagrams of how many bytes a flow's socket is to cut what is handed over; 0: it is one. */
static inline uint16_t load_segment_bytes(const struct load_options *options)
{
	return options->train > 1 ? (uint16_t)options->sizes[0].bytes : 0;
}

struct load;

/* -EINVAL: options out of range; -ENOMEM. */
int load_new(const struct load_options *options, struct load **ret_load);
void load_free(struct load *load);

/* For engine_new(). */
struct protocol *load_protocol(struct load *load);

/*
 * Right before engine_connect(): connection `index` (0 to connections - 1) is being made, for the
 * first time or again. Gives the memory for engine_connect(). Messages that wait for this
 * connection will be sent on it. `intended_ns`: churn in the open loop: when it was meant to
 * connect; otherwise 0.
 */
struct protocol_conn load_connecting(struct load *load, uint32_t index, uint64_t intended_ns);
/* engine_connect() itself has failed. */
void load_not_connected(struct load *load, uint32_t index);
/* The index of a connection, from what the engine reports to a host. */
uint32_t load_index(const struct protocol_conn *conn);

/* A connection that is about to be OPENED has made a handshake first. On the engine's thread. */
void load_count_handshake(struct load *load, bool resumed);

/*
 * Closed loop: what was held may be sent from now on; the connections that are open must be nudged. False:
 * nothing was held.
 */
bool load_release(struct load *load);

/* Only what belongs to this window is counted; before this is called, nothing. */
void load_set_window(struct load *load, uint64_t from_ns, uint64_t until_ns);

/*
 * Open loop: a message is meant to be sent at `intended_ns`, which has come. The connections take
 * turns. Returns the index of the one that is to be nudged (engine_nudge), or LOAD_NO_CONN: it
 * waits.
 */
#define LOAD_NO_CONN UINT32_MAX
uint32_t load_offer(struct load *load, uint64_t intended_ns, uint64_t now_ns);

/*
 * Open loop: `count` messages were due at `intended_ns` and will never be sent, because their owner
 * is too far behind, or cannot make the connection.
 */
void load_give_up(struct load *load, uint64_t intended_ns, uint64_t count);

/*
 * From now on connections end when nothing is under way or waits on them; a nudge ends those that
 * are idle already. Messages that wait are still sent.
 */
void load_stop(struct load *load);
/* Nothing is under way and nothing waits. */
bool load_is_idle(const struct load *load);

/*
 * Hands over what was recorded so far, which is then the caller's, and goes on with `fresh`, which
 * must be empty. A few nanoseconds: an interval's figures cost the load nothing.
 */
struct load_record *load_exchange(struct load *load, struct load_record *fresh);
/*
 * When the engine has ended: messages under way are lost, messages that wait are unsent, and all
 * that never came back right enter the histograms with the time they have waited until now. To be
 * called once.
 */
void load_conclude(struct load *load);
