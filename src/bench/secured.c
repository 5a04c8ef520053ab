/*
 * The load knows nothing of TLS: what it is told of is plain bytes. Its times do: "connect" lasts
 * until the handshake has ended.
 */
#include "bench/secured.h"

#include "base/clock.h"
#include "wire/tls.h"

static struct stage *make_stage(void *context, unsigned tag, bool *reterr_plain)
{
	struct secured *secured = context;
	struct stage *stage = tls_new(secured->options.context, secured->options.host);

	*reterr_plain = false;
	if (stage != NULL)
		stage->owner = secured->opening;
	return stage;
}

static void on_news(void *context, const struct stage *stage, enum staged_news news)
{
	struct secured *secured = context;
	if (news != STAGED_OPENED)
		return; /* the load is told that the connection is lost */
	load_count_handshake(secured->load, tls_is_resumed(stage));
	secured->opened(secured->context, stage->owner);
}

int secured_init(struct secured *secured, const struct secured_options *options, struct load *load,
	void (*opened)(void *context, uint32_t index), void *context)
{
	const struct staged_options staged = {
		.make = make_stage,
		.report = on_news,
		.context = secured,
		/* The connect's time limit has ended with the connect; a server has as long again. */
		.opening_ns = 10 * CLOCK_NS_PER_S,
		.now_ns = clock_now_ns,
		.client = true,
	};

	*secured = (struct secured){
		.options = *options,
		.load = load,
		.opened = opened,
		.context = context,
	};
	return options->context != NULL
		? staged_init(&secured->staged, load_protocol(load), &staged)
		: 0;
}

struct protocol *secured_protocol(struct secured *secured)
{
	return secured->options.context != NULL ? &secured->staged.protocol
						: load_protocol(secured->load);
}

void secured_fini(struct secured *secured)
{
	staged_fini(&secured->staged);
}

void secured_opening(struct secured *secured, const struct engine_conn *conn)
{
	secured->opening = load_index(conn->protocol);
	if (secured->options.context == NULL)
		secured->opened(secured->context, secured->opening);
}

uint32_t secured_closed(struct secured *secured, const struct engine_conn *conn,
	enum engine_close_reason *reason, int *error)
{
	uint32_t index = load_index(staged_inner(conn->protocol));
	int failed = staged_error(conn->protocol);

	if (failed < 0 && *reason != ENGINE_CLOSE_LOST) {
		*reason = ENGINE_CLOSE_LOST;
		*error = failed;
	}
	staged_forget(&secured->staged, conn->protocol);
	return index;
}
