/*
 * A whole conversation over HTTP: whatever a client sends, in whatever pieces and however it takes the answers, the credit
 * is kept, each request has one answer, and nothing is left. The head's reader is reached, too: what it takes as complete
 * ends with an empty line, and each beginning of it is partial.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web/http.h"
#include "web/http_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static uint64_t now_ns;
static unsigned sources;

static uint64_t tell_time(void)
{
	return now_ns;
}

struct source {
	unsigned left;
};

static ssize_t next(void *state, char *buffer, size_t size)
{
	struct source *source = state;

	if (source->left == 0)
		return 0;
	if (--source->left % 3 == 0)
		return -EAGAIN;
	memset(buffer, 'x', size);
	return (ssize_t)size;
}

static void close_source(void *state)
{
	sources--;
	free(state);
}

static const struct http_source ending = { .next = next, .close = close_source };
static const struct http_source endless = { .endless = true, .next = next, .close = close_source };

static void answer(
	void *context, const struct http_request *request, struct http_answer *ret_answer)
{
	static const char text[40000];
	struct source *source;

	ASSERT(request->path.length > 0 && *request->path.at == '/');
	http_host_is_ours(request->host, NULL, 0);
	*ret_answer = (struct http_answer){ .status = 200, .type = "a/b", .bytes = text };
	ret_answer->length = (uint32_t)(request->path.length * 7919 % sizeof(text));
	if (request->path.length % 2 == 0)
		return;
	source = calloc(1, sizeof(*source));
	ASSERT(source != NULL);
	sources++;
	source->left = (unsigned)request->path.length;
	ret_answer->state = source;
	ret_answer->source = request->path.length % 4 == 1 ? &endless : &ending;
}

static void crowded(void *context)
{
}

/* Two numbers a step: what happens, and how much. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct http_options options = {
		.answer = answer, .crowded = crowded, .now_ns = tell_time, .wall_ns = tell_time
	};
	struct protocol_conn conn = { 0 };
	struct protocol_answer said = { 0 };
	struct http http;
	uint64_t unsent = 0;
	uint32_t credit;
	bool ended = false;

	http_init(&http, &options);
	http.protocol.handle(
		&http.protocol, &conn, &(struct protocol_event){ .kind = PROTOCOL_OPENED }, &said);
	credit = said.credit;
	while (length >= 2 && said.end != PROTOCOL_CLOSE && said.end != PROTOCOL_RESET) {
		struct protocol_event event = { .kind = PROTOCOL_NUDGED };
		uint32_t most = (uint32_t)bytes[1] * 37;

		switch (bytes[0] % 8) {
		case 0: event.kind = PROTOCOL_DEADLINE; break;
		case 1: break;
		case 2: event.kind = ended ? PROTOCOL_NUDGED : PROTOCOL_END; break;
		case 3:
		case 4:
			event.kind = unsent > 0 ? PROTOCOL_SENT : PROTOCOL_NUDGED;
			event.count = bytes[1] == 255 || most > unsent ? unsent : most;
			break;
		default: event.kind = PROTOCOL_BYTES; break;
		}
		ended = ended || event.kind == PROTOCOL_END;
		bytes += 2;
		length -= 2;
		if (event.kind == PROTOCOL_BYTES) {
			event.span.bytes = bytes;
			event.span.length = (uint32_t)(most < length ? most : length);
			if (event.span.length > credit)
				event.span.length = credit;
			if (event.span.length == 0 || ended)
				continue;
			bytes += event.span.length;
			length -= event.span.length;
		}
		now_ns += CLOCK_NS_PER_S;
		said = (struct protocol_answer){ .credit = credit };
		http.protocol.handle(&http.protocol, &conn, &event, &said);
		if (event.kind == PROTOCOL_SENT)
			unsent -= event.count;
		ASSERT(said.send.length == 0 || unsent == 0); /* one piece at a time */
		unsent += said.send.length;
		credit = said.credit;
		ASSERT(credit <= HTTP_REQUEST_MOST_BYTES);
	}
	http_forget(&http, &conn);
	ASSERT(http.count == 0 && sources == 0);
	http_fini(&http);
	return 0;
}
