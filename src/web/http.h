/*
 * HTTP as a protocol (protocol/protocol.h): it reads requests, asks a site for each answer, and sends that, in pieces.
 * A pure state machine. If more than GET and HEAD is ever wanted, a library takes its place.
 *
 * Limits, each with a test: HTTP_MOST_CONNECTIONS (beyond it, the connection that has waited longest for a whole
 * request gives way); http_request.h's for a request; the times below; one piece of an answer in memory. A client that
 * sends requests ahead has them answered in order, and is not read from meanwhile.
 *
 * Thread: one; a struct http serves all connections of its engine. Ownership: it holds one allocation for each
 * connection, until http_forget() or http_fini().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "protocol/protocol.h"
#include "web/http_request.h"

#define HTTP_MOST_CONNECTIONS 128u
#define HTTP_PIECE_BYTES (16u << 10)
/* For a request, from the connection's beginning or its first byte. */
#define HTTP_REQUEST_NS (10 * CLOCK_NS_PER_S)
/* Between two requests. */
#define HTTP_IDLE_NS (90 * CLOCK_NS_PER_S)
/* For an answer to be taken as a whole; for one without an end, each piece. */
#define HTTP_ANSWER_NS (60 * CLOCK_NS_PER_S)
#define HTTP_PIECE_NS (20 * CLOCK_NS_PER_S)

/* The body of an answer that is made while it is sent. */
struct http_source {
	bool endless; /* as events are */
	/*
	 * Writes the next bytes, as many as it likes up to `size`. Their number; 0: that was all; -EAGAIN: none now,
	 * and it is asked again when the connection is nudged (engine_nudge_all).
	 */
	ssize_t (*next)(void *state, char *buffer, size_t size);
	/* Called once, whatever has become of the answer. */
	void (*close)(void *state);
};

struct http_answer {
	unsigned status;
	const char *type; /* of the body (Content-Type) */
	const char
		*fields; /* more lines of the head, each with CRLF; NULL: none. Stays the site's */
	const struct http_source *source; /* NULL: the body is `bytes`, which stay valid */
	void *state;
	const char *bytes;
	uint32_t length;
};

struct http_options {
	/* Called with each request; `ret_answer` is zero before. */
	void (*answer)(
		void *context, const struct http_request *request, struct http_answer *ret_answer);
	/* A connection must give way: all are to be nudged soon (engine_nudge_all), and not from here. */
	void (*crowded)(void *context);
	void *context;
	uint64_t (*now_ns)(void); /* clock_now_ns, or a test's own */
	uint64_t (*wall_ns)(void); /* the same for the date */
};

struct http_conn;

struct http {
	struct protocol protocol; /* what engines are given */
	struct http_options options;
	struct http_conn *first, *last; /* the oldest state is first */
	unsigned count;
	uint64_t answers; /* requests that were answered or refused, since the start */
	uint64_t refusals; /* of these: by a status of 400 or more */
	uint64_t displaced; /* connections that had to give way */
};

void http_init(struct http *http, const struct http_options *options);
/* Forgets the connections for which http_forget() was not called. */
void http_fini(struct http *http);

/* To be called at the end of every connection, last. */
void http_forget(struct http *http, const struct protocol_conn *conn);
