/*
 * When a service is away: since when, for how long, and how it went. A pure state machine of
 * failures and good replies; one for each conversation. Any thread.
 *
 *	THERE ──failure──▶ AWAY ──failure──▶ AWAY (another way is added to the list)
 *	  ▲                 │
 *	  └───good reply────┘
 *
 * A gap lasts from the sending of the first probe that got no answer (or from the moment of the end
 * that was seen) to the first good reply: its length is known to one interval.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gap_way {
	GAP_REFUSED, /* no service listens there */
	GAP_RESET, /* RST, in the middle of the conversation */
	GAP_FINISHED, /* FIN, in good order */
	GAP_SILENT, /* no answer */
	GAP_UNREACHABLE, /* the network has no way there */
	GAP_CUT_OFF, /* FIN without the word of TLS for it */
	GAP_TLS, /* there is no TLS with it */
	GAP_LOCAL, /* this side failed; `error` says how */
};

/* Different ways, in the order in which they were seen; more are left out. */
#define GAP_WAYS_MOST 4

struct gap {
	bool away;
	uint64_t begin_ns; /* monotonic */
	uint64_t begin_number; /* the first probe that was not answered */
	uint64_t answered_number; /* the youngest probe that has been answered */
	size_t way_count;
	enum gap_way ways[GAP_WAYS_MOST];
	int error; /* -errno of the last failure that had one */
	unsigned silent_count; /* probes without an answer, one after the other, while THERE */
	uint64_t silent_ns, silent_number; /* the first of them */
	unsigned silent_least; /* that many make a gap */
};

/*
 * `silent_least`: how many probes in a row must stay unanswered to be a gap. One on a stream, where
 * nothing is lost by chance; more for datagrams, where one lost is only a loss.
 */
void gap_init(struct gap *gap, unsigned silent_least);

/* The way that an error of connect, send or recv stands for; 0 is the end of the stream. */
enum gap_way gap_way_of(int error);
/* "refused", ...: for JSON, never translated. */
const char *gap_way_key(enum gap_way way);

/* True: a gap begins. `since_ns` and `number` are the first probe's that is concerned. */
bool gap_fail(struct gap *gap, enum gap_way way, int error, uint64_t since_ns, uint64_t number);

/* A probe, sent at `sent_ns`, stayed without an answer. True: a gap begins. */
bool gap_silence(struct gap *gap, uint64_t sent_ns, uint64_t number);

/* A good reply. True: a gap has ended, `ret_length_ns` long; its ways can still be read. */
bool gap_answer(struct gap *gap, uint64_t now_ns, uint64_t number, uint64_t *ret_length_ns);
