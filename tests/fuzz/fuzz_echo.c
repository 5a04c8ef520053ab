/*
 * The echo protocol under any order of events that an engine may report: what is received goes out in
 * order and once, credit is never more than the cap leaves, and a pause always ends.
 *
 * The input is a script: the first byte chooses the cap, each further one an event.
 */
#include <stdint.h>
#include <stdlib.h>

#include "protocol/echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct model {
	struct echo echo;
	struct counters counters;
	struct protocol_conn conn;
	uint32_t credit, cap;
	uint64_t received, queued, sent;
	bool ended;
};

static void report(struct model *model, struct protocol_event event)
{
	struct protocol_answer answer = { .credit = model->credit };

	model->echo.protocol.handle(&model->echo.protocol, &model->conn, &event, &answer);
	model->credit = answer.credit;
	if (event.kind == PROTOCOL_BYTES || event.kind == PROTOCOL_URGENT) {
		CHECK(answer.send.bytes == event.span.bytes);
		CHECK(answer.send.length == event.span.length);
		model->queued += answer.send.length;
	} else {
		CHECK(answer.send.length == 0);
	}
	CHECK((answer.end == PROTOCOL_CLOSE) == (event.kind == PROTOCOL_END));

	uint64_t pending = model->queued - model->sent;

	CHECK(pending <= model->cap);
	CHECK(model->credit <= model->cap - pending);
	if (pending <= model->cap / 2)
		CHECK(model->credit > 0); /* otherwise the connection would hang */
	CHECK(model->counters.bytes_received == model->received);
	CHECK(model->counters.bytes_sent == model->sent);
	CHECK(echo_received_bytes(&model->conn) == model->received);
}

static void step(struct model *model, uint8_t code)
{
	static const unsigned char bytes[64];
	uint64_t pending = model->queued - model->sent;
	uint32_t amount = code >> 2;

	switch (code & 3) {
	case 0:
	case 1:
		if (amount > model->credit)
			amount = model->credit;
		if (amount == 0 || model->ended)
			return;
		model->received += amount;
		report(model,
			(struct protocol_event){
				.kind = code & 1 ? PROTOCOL_URGENT : PROTOCOL_BYTES,
				.span = { .bytes = bytes, .length = amount } });
		return;
	case 2:
		if (amount > pending)
			amount = (uint32_t)pending;
		if (amount == 0)
			return;
		model->sent += amount;
		report(model, (struct protocol_event){ .kind = PROTOCOL_SENT, .count = amount });
		return;
	default:
		if (amount % 16 != 0 || model->ended)
			return;
		model->ended = true;
		report(model, (struct protocol_event){ .kind = PROTOCOL_END });
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model model = { 0 };

	if (size == 0)
		return 0;
	model.cap = data[0] + 1u;
	echo_init(&model.echo, &model.counters, model.cap, (data[0] & 1) != 0);
	report(&model, (struct protocol_event){ .kind = PROTOCOL_OPENED });
	for (size_t i = 1; i < size; i++)
		step(&model, data[i]);
	return 0;
}
