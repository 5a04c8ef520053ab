/*
 * The head of an answer (RFC 9112, section 4). Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any head that is written here fits. */
#define HTTP_HEAD_MOST_BYTES 1024u
/* The length is not known: the body comes in chunks. */
#define HTTP_HEAD_CHUNKED UINT64_MAX
/* Neither: the body ends with the connection. */
#define HTTP_HEAD_TO_THE_END (UINT64_MAX - 1)

struct http_head {
	unsigned status;
	const char *type;
	const char *fields; /* more lines, each with CRLF; NULL: none; 512 bytes at most */
	uint64_t length; /* of the body, or one of the above */
	uint64_t wall_ns; /* for the date */
	bool keeps_alive;
};

/* Writes it; gives its length. `buffer` has HTTP_HEAD_MOST_BYTES. */
size_t http_head_write(const struct http_head *head, char *buffer);

/* "Not Found" */
const char *http_head_reason(unsigned status);
