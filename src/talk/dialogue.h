/*
 * The socket's side of a conversation by hand: what was said and waits to be sent, what is due to
 * come back, and how long it took. Never blocks; says nothing by itself. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/addr.h"

/*
 * Bytes that wait because the server does not read; a line that does not fit any more is
 * refused.
 */
#define DIALOGUE_QUEUE_CAP (1u << 20)
/* Lines under way whose round trip is measured; further ones are sent, but not timed. */
#define DIALOGUE_MARKS 64

/* The end of something said: when its last byte is back, the round trip is over. */
struct dialogue_mark {
	uint64_t end; /* offset in the stream; a datagram's length */
	uint64_t said_ns;
	bool urgent; /* a single urgent byte; what ends with anything else is a line */
	char byte; /* its last */
};

struct dialogue {
	int fd; /* the caller's */
	enum addr_scheme scheme;
	bool finishing; /* nothing more is said */
	bool finished; /* ... and the FIN is sent */
	uint64_t said, sent, received; /* bytes; said - sent are in the queue */
	char *queue;
	size_t queue_start, queue_length;
	struct dialogue_mark marks[DIALOGUE_MARKS];
	size_t mark_first, mark_count;
	bool paused; /* the caller's: do not receive */
	size_t receive_most,
		send_most; /* the caller's: bytes in one call on a stream; 0: no limit */
};

/* -ENOMEM. */
int dialogue_init(struct dialogue *dialogue, int fd, enum addr_scheme scheme);
void dialogue_fini(struct dialogue *dialogue);

/*
 * Says a line (with a newline, if it is to have one), or a datagram. -ENOBUFS: the queue is full;
 * -ESHUTDOWN: sending is finished; otherwise the error of sending.
 */
int dialogue_say(struct dialogue *dialogue, const char *text, size_t length);

/* Sends one urgent byte. -EOPNOTSUPP where there is no such thing; else as dialogue_say. */
int dialogue_say_urgent(struct dialogue *dialogue, char byte);

/* Finishes sending once the queue is empty. */
int dialogue_finish(struct dialogue *dialogue);

/* What to poll for, and what to do when the socket is writable. */
short dialogue_events(const struct dialogue *dialogue);
int dialogue_flush(struct dialogue *dialogue);

/*
 * Receives no further than the next mark. More than 0: that many bytes (a datagram: one), and
 * `ret_urgent` says whether it is an urgent byte; 0: the end of the stream; -EAGAIN, -errno.
 * Call with `check_urgent` when poll(2) said POLLPRI.
 */
ssize_t dialogue_receive(
	struct dialogue *dialogue, char *buffer, size_t size, bool check_urgent, bool *ret_urgent);

enum dialogue_back {
	DIALOGUE_PART, /* nothing is complete */
	DIALOGUE_BACK, /* something said is back, after `ret_round_trip_ns` */
	DIALOGUE_URGENT_LOST, /* the urgent byte that was due has been left out by the server */
};

/*
 * What the bytes just received, the last of which is `last`, complete. Where they are not what was
 * said, nothing is timed any more until something new is said.
 */
enum dialogue_back dialogue_take_mark(
	struct dialogue *dialogue, char last, uint64_t *ret_round_trip_ns);
