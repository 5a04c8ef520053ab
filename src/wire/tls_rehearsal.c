/*
 * Two stages, each of which writes into the other's inbox. A server that wants certificates of its
 * clients refuses ours, which has none: then only its own part has been rehearsed, and that is enough.
 */
#include "wire/tls_rehearsal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/stage.h"
#include "wire/tls.h"

#define INBOX_BYTES (128u << 10)
/* Flights of TLS 1.2; 1.3 has fewer. */
#define MOST_TURNS 8

struct inbox {
	size_t length;
	unsigned char bytes[INBOX_BYTES];
};

static int take_wire(void *context, const unsigned char *bytes, size_t length)
{
	struct inbox *inbox = context;

	if (length > INBOX_BYTES - inbox->length)
		return -ENOMEM;
	memcpy(inbox->bytes + inbox->length, bytes, length);
	inbox->length += length;
	return 0;
}

/* One flight. 0, -EAGAIN: not open yet, or an error. */
static int advance(struct stage *stage, struct inbox *inbox)
{
	char byte;
	ssize_t n;
	int r;

	stage_feed(stage, inbox->bytes, inbox->length);
	n = stage_read(stage, &byte, 1);
	r = stage_keep(stage);
	inbox->length = 0;
	if (r < 0)
		return r;
	if (stage_is_open(stage) && n >= 0)
		return stage_write(stage, "?", 1); /* sending needs memory of its own */
	return stage_is_open(stage) && n == -EAGAIN ? stage_write(stage, "?", 1) : (int)n;
}

static int converse(struct stage *server, struct stage *client, struct inbox boxes[2])
{
	int served = -EAGAIN;

	server->sink = (struct stage_sink){ take_wire, &boxes[1] };
	client->sink = (struct stage_sink){ take_wire, &boxes[0] };
	for (int turn = 0; turn < MOST_TURNS && served == -EAGAIN; turn++) {
		int asked = advance(client, &boxes[1]);

		if (asked == -ENOMEM)
			return asked;
		served = advance(server, &boxes[0]);
	}
	return served;
}

int tls_rehearsal_run(struct tls_context *context, char *reterr_why, size_t size)
{
	const struct tls_client_options options = { .insecure = true };
	struct tls_context *client_context = NULL;
	struct inbox *boxes = calloc(2, sizeof(*boxes));
	struct stage *server = NULL, *client = NULL;
	int r = boxes != NULL ? tls_context_new_client(&options, &client_context, reterr_why, size)
			      : -ENOMEM;

	if (r == 0) {
		server = tls_new(context, NULL);
		client = tls_new(client_context, "localhost");
		r = server != NULL && client != NULL ? converse(server, client, boxes) : -ENOMEM;
	}
	if (r == -EPROTO) {
		/* Ours is refused, and so it should be; anything else will be met by others, too. */
		snprintf(reterr_why, size, "%s", stage_why(server));
		r = tls_context_wants_certificates(context) ? 0 : r;
	} else if (r < 0) {
		snprintf(reterr_why, size, "%s", strerror(-r));
	}
	stage_free(server);
	stage_free(client);
	tls_context_free(client_context);
	free(boxes);
	return r;
}
