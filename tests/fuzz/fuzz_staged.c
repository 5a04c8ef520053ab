/*
 * Foreign bytes before, in and instead of a handshake: a server's and a client's stage, around an echo, whatever
 * the pieces. Nothing that comes back is ever what was sent in, before the handshake has ended; what the engine is
 * asked for stays bounded; and it ends.
 *
 * The first byte chooses the end and the size of the pieces; the rest is the wire.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/staged/staged.h"
#include "protocol/echo.h"
#include "wire/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static struct tls_context *contexts[2];

static void make_contexts(void)
{
	const struct tls_server_options server = { .self_signed = true, .alpn = "echo" };
	const struct tls_client_options client = { .insecure = true };
	char why[TLS_CONTEXT_WHY_SIZE];

	if (contexts[0] != NULL || tls_context_library() == NULL)
		return;
	CHECK(tls_context_new_server(&server, &contexts[0], why, sizeof(why)) == 0);
	CHECK(tls_context_new_client(&client, &contexts[1], why, sizeof(why)) == 0);
}

static uint64_t now_ns(void)
{
	return 1;
}

static struct stage *make(void *context, unsigned tag, bool *reterr_plain)
{
	*reterr_plain = false;
	return tls_new(context, "localhost");
}

struct model {
	struct staged staged;
	struct protocol_conn conn;
	uint32_t credit;
	uint64_t in_flight;
	enum protocol_end_kind end;
};

static void report(struct model *model, struct protocol_event event)
{
	struct protocol_answer answer = { .credit = model->credit };

	if (model->end == PROTOCOL_CLOSE || model->end == PROTOCOL_RESET)
		return;
	model->staged.protocol.handle(&model->staged.protocol, &model->conn, &event, &answer);
	model->credit = answer.credit;
	model->in_flight += answer.send.length;
	if (answer.end > model->end)
		model->end = answer.end;
	CHECK(model->credit <= 2 * STAGE_RECORD_BYTES + ECHO_DEFAULT_CAP_BYTES);
	/* The bytes of an answer can be read. */
	for (uint32_t i = 0; i < answer.send.length; i++)
		CHECK(((const volatile unsigned char *)answer.send.bytes)[i] <= 255);
}

static void drain(struct model *model, size_t most)
{
	while (model->in_flight > 0) {
		size_t some = model->in_flight < most ? model->in_flight : most;

		model->in_flight -= some;
		report(model, (struct protocol_event){ .kind = PROTOCOL_SENT, .count = some });
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct counters counters;
	static struct echo echo;
	struct model model = { 0 };
	struct staged_options options = {
		.make = make, .opening_ns = CLOCK_NEVER, .now_ns = now_ns
	};
	size_t piece;

	make_contexts();
	if (size < 2 || contexts[0] == NULL)
		return 0;
	options.client = data[0] & 1;
	options.context = contexts[options.client];
	piece = 1 + data[0] / 2;
	counters = (struct counters){ 0 };
	echo_init(&echo, &counters, 4096, false);
	CHECK(staged_init(&model.staged, &echo.protocol, &options) == 0);
	report(&model, (struct protocol_event){ .kind = PROTOCOL_OPENED });
	for (size_t at = 1; at < size && model.end == PROTOCOL_GO_ON;) {
		size_t some = size - at < piece ? size - at : piece;
		unsigned char bytes[128];

		if (some > model.credit)
			some = model.credit;
		if (some == 0)
			break;
		memcpy(bytes, data + at, some);
		report(&model,
			(struct protocol_event){
				.kind = PROTOCOL_BYTES, .span = { bytes, (uint32_t)some, bytes } });
		at += some;
		drain(&model, piece);
	}
	CHECK(counters.bytes_received == 0); /* no input holds our keys */
	report(&model, (struct protocol_event){ .kind = PROTOCOL_END });
	drain(&model, 7);
	CHECK(model.end == PROTOCOL_CLOSE || model.end == PROTOCOL_RESET);
	staged_forget(&model.staged, &model.conn);
	staged_fini(&model.staged);
	return 0;
}
