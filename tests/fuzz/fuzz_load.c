/*
 * The load generator against a service that sends back anything, at any time: nothing outside its memory is
 * touched, no more is under way than was asked for, and in the end every message is accounted for, once.
 *
 * The input is a script: three bytes choose the load, each further one an event; some take bytes more.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define CONNS 2
#define MOST_DEPTH 8
#define MOST_BYTES 64
#define KEPT 16
#define MS 1000000ull

/* What was sent and can be sent back: of a stream its bytes, of a flow its last messages. */
struct peer {
	struct protocol_conn conn;
	unsigned char stream[MOST_DEPTH * MOST_BYTES];
	size_t stream_length;
	unsigned char messages[KEPT][MOST_BYTES];
	uint32_t lengths[KEPT];
	size_t message_count;
	bool open;
};

struct model {
	struct load *load;
	struct load_options options;
	struct peer peers[CONNS];
	const uint8_t *data, *end;
};

static uint64_t now_ns;

static uint64_t fake_clock(void)
{
	return now_ns;
}

static uint8_t next_byte(struct model *model)
{
	return model->data < model->end ? *model->data++ : 0;
}

static void note_sent(struct model *model, struct peer *peer, const struct protocol_span *span)
{
	if (model->options.flows) {
		size_t which = peer->message_count++ % KEPT;

		CHECK(span->length <= MOST_BYTES);
		memcpy(peer->messages[which], span->bytes, span->length);
		peer->lengths[which] = span->length;
		return;
	}
	CHECK(peer->stream_length + span->length <= sizeof(peer->stream));
	memcpy(peer->stream + peer->stream_length, span->bytes, span->length);
	peer->stream_length += span->length;
}

static void report(struct model *model, struct peer *peer, struct protocol_event event)
{
	struct protocol *protocol = load_protocol(model->load);

	while (peer->open) {
		struct protocol_answer answer = { 0 };

		protocol->handle(protocol, &peer->conn, &event, &answer);
		CHECK(answer.end != PROTOCOL_FINISH);
		if (event.kind == PROTOCOL_LOST || answer.end != PROTOCOL_GO_ON)
			peer->open = false;
		if (answer.send.length == 0 || !peer->open)
			return;
		note_sent(model, peer, &answer.send);
		event = (struct protocol_event){ .kind = PROTOCOL_SENT,
			.count = answer.send.length };
	}
}

static void report_kind(struct model *model, struct peer *peer, enum protocol_event_kind kind)
{
	report(model, peer, (struct protocol_event){ .kind = kind, .error = -ECONNRESET });
}

static void connect_anew(struct model *model, struct peer *peer)
{
	peer->conn = load_connecting(model->load, (uint32_t)(peer - model->peers), now_ns / 2);
	peer->open = true;
	peer->stream_length = peer->message_count = 0;
	report_kind(model, peer, PROTOCOL_OPENED);
}

/* In memory of its own, so that a look beyond its end is noticed. */
static void report_bytes(struct model *model, struct peer *peer, const unsigned char *bytes,
	uint32_t length, int flip)
{
	unsigned char *copy = malloc(length + (length == 0));

	CHECK(copy != NULL);
	memcpy(copy, bytes, length);
	if (flip >= 0 && length > 0)
		copy[(uint32_t)flip % length] ^= 1;
	report(model, peer,
		(struct protocol_event){
			.kind = PROTOCOL_BYTES, .span = { .bytes = copy, .length = length } });
	free(copy);
}

static void echo(struct model *model, struct peer *peer, uint8_t amount, int flip)
{
	if (model->options.flows) {
		size_t which = amount % KEPT;

		if (which < peer->message_count)
			report_bytes(model, peer, peer->messages[which],
				peer->lengths[which] - (amount & 16 ? 1 : 0), flip);
		return;
	}

	unsigned char bytes[sizeof(peer->stream)];
	uint32_t length = amount < peer->stream_length ? amount : (uint32_t)peer->stream_length;

	if (length == 0)
		return;
	memcpy(bytes, peer->stream, length);
	peer->stream_length -= length;
	memmove(peer->stream, peer->stream + length, peer->stream_length);
	report_bytes(model, peer, bytes, length, flip);
}

static void step(struct model *model, uint8_t code)
{
	struct peer *peer = &model->peers[code >> 7];
	uint32_t length = code >> 3 & 15, index;

	switch (code & 7) {
	case 0: echo(model, peer, next_byte(model), -1); break;
	case 1: echo(model, peer, next_byte(model), next_byte(model)); break;
	case 2:
		if (length * 4 <= (size_t)(model->end - model->data) &&
			(length > 0 || model->options.flows)) {
			model->data += length * 4;
			report_bytes(model, peer, model->data - length * 4, length * 4, -1);
		}
		break;
	case 3:
		if (!model->options.open_loop || model->options.echoes != 0)
			break;
		index = load_offer(model->load, now_ns - length, now_ns);
		CHECK(index == LOAD_NO_CONN || index < CONNS);
		if (index != LOAD_NO_CONN)
			report_kind(model, &model->peers[index], PROTOCOL_NUDGED);
		break;
	case 4:
		now_ns += length * 10 * MS;
		if (model->options.flows)
			report_kind(model, peer, PROTOCOL_DEADLINE);
		break;
	case 5:
		if (length % 4 == 0)
			report_kind(model, peer, PROTOCOL_LOST);
		if (length % 4 != 3 || !peer->open)
			connect_anew(model, peer);
		break;
	case 6:
		report_kind(model, peer, model->options.flows ? PROTOCOL_FAULT : PROTOCOL_END);
		break;
	case 7:
		if (length == 15)
			load_stop(model->load);
		report_kind(model, peer, PROTOCOL_NUDGED);
		break;
	}
}

static void check_record(struct model *model)
{
	struct load_record *fresh, *record;

	load_conclude(model->load);
	CHECK(load_is_idle(model->load));
	CHECK(load_record_new(&fresh) == 0);
	record = load_exchange(model->load, fresh);

	const struct load_record_counts *counts = &record->counts;

	CHECK(counts->sent == counts->received + counts->damaged + counts->lost);
	CHECK(counts->offered == counts->sent + counts->unsent);
	/* Each has its latency, or the time that it has waited. */
	CHECK(histogram_count(record->sent) == counts->sent);
	CHECK(histogram_count(record->intended) ==
		(model->options.open_loop ? counts->offered : 0));
	CHECK(histogram_count(record->unsent) == counts->unsent);
	CHECK(counts->silent + counts->stalled <= CONNS);
	load_record_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model model = { .data = data, .end = data + size };

	if (size < 3)
		return 0;
	now_ns = 1000 * MS;
	model.options = (struct load_options){
		.connections = CONNS,
		.flows = (data[0] & 1) != 0,
		.open_loop = (data[0] & 2) != 0,
		.verify = (data[0] & 4) != 0,
		.echoes = data[0] >> 4 & 3,
		.depth = data[1] % MOST_DEPTH + 1,
		.size_count = 2,
		.sizes = { { data[2] % MOST_BYTES + 1, 3 }, { data[2] / 4 + 1, 1 } },
		.waiting_most = 20,
		.timeout_ns = 50 * MS,
		.clock = fake_clock,
	};
	model.data += 3;
	CHECK(load_new(&model.options, &model.load) == 0);
	load_set_window(model.load, 0, UINT64_MAX);
	for (size_t i = 0; i < CONNS; i++)
		connect_anew(&model, &model.peers[i]);
	while (model.data < model.end)
		step(&model, next_byte(&model));
	check_record(&model);
	load_free(model.load);
	return 0;
}
