/*
 * The head of an HTTP request (RFC 9112), read strictly: GET and HEAD without a body, HTTP/1.0 and 1.1. What is
 * anything else is refused with a status of 4xx and a sentence. Lines may end with LF alone (section 2.2).
 *
 * Limits: HTTP_REQUEST_MOST_BYTES of head, HTTP_REQUEST_MOST_FIELDS. Pure; any thread. Texts point into the bytes
 * that were given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MOST_BYTES 8192u
#define HTTP_REQUEST_MOST_FIELDS 100u

/* Not terminated. */
struct http_text {
	const char *at;
	size_t length;
};

struct http_request {
	bool is_head; /* HEAD: only the head of the answer is wanted */
	bool is_old; /* HTTP/1.0 */
	bool keeps_alive; /* the connection may be used again */
	struct http_text path; /* as it was sent, without the query; begins with a slash */
	struct http_text host; /* with a port or without one; NULL where an old client names none */
};

enum http_request_verdict {
	HTTP_REQUEST_PARTIAL, /* so far nothing is wrong, and there must be more */
	HTTP_REQUEST_COMPLETE,
	HTTP_REQUEST_REFUSED,
};

/* Why a request is refused; the sentence is static, English, and ends with a line feed. */
struct http_refusal {
	unsigned status;
	const char *why;
};

/*
 * Reads a head from its first byte on. With COMPLETE, `ret_request` and the `ret_length` of the head are set; with
 * REFUSED, `reterr_refusal`. HTTP_REQUEST_MOST_BYTES or more without an end are refused.
 */
enum http_request_verdict http_request_read(const char *bytes, size_t length,
	struct http_request *ret_request, size_t *ret_length, struct http_refusal *reterr_refusal);

/* Without regard to case, ASCII only. */
bool http_request_is_text(struct http_text text, const char *word);
