/*
 * The peer's name is asked for when it comes, because of one that has gone the kernel knows none:
 * a handshake costs a thousand times as much. Lines about clients that fail are limited in number:
 * each peer that can connect can fail.
 */
#include "server/secure.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/admission/conn_log.h"
#include "wire/tls.h"

/* ---- what the stages report ---- */

static const char *peer_of(const struct secure *secure, const struct stage *stage)
{
	const char *name = slot_table_get(&secure->peers, stage->owner);

	return name != NULL ? name : "tls:?";
}

static const char *reason_of(const struct stage *stage, enum staged_news news)
{
	switch (news) {
	case STAGED_SLOW: return _("the handshake took too long");
	case STAGED_GONE: return _("it left during the handshake");
	default: return stage_why(stage);
	}
}

static const char *key_of(const struct stage *stage, enum staged_news news)
{
	static const char *const keys[] = { "memory", "not-tls", "mirrored", "untrusted", "refused",
		"broken" };

	switch (news) {
	case STAGED_SLOW: return "slow";
	case STAGED_GONE: return "gone";
	default: return keys[stage->failure];
	}
}

static void log_failure(struct secure *secure, const struct stage *stage, enum staged_news news)
{
	const char *peer = peer_of(secure, stage), *why = reason_of(stage, news);
	bool was_open = news == STAGED_BROKEN;
	uint64_t left_out;

	/* With -v each connection has its lines. */
	if (!log_limit_is_due(&secure->failures, clock_now_ns(), &left_out) &&
		!log_enabled(LOG_LEVEL_DEBUG))
		return;
	LOG_EVENT(LOG_LEVEL_WARNING, was_open ? "tls_failed" : "handshake_failed",
		json_pack("{s:s, s:s, s:s, s:I}", "peer", peer, "failure", key_of(stage, news),
			"reason", why, "untold", (json_int_t)left_out),
		was_open ? _("TLS with %s failed: %s") : _("no TLS with %s: %s"), peer, why);
}

static void log_handshake(const struct secure *secure, const struct stage *stage)
{
	struct tls_facts facts;

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	tls_facts(stage, &facts);
	LOG_EVENT(LOG_LEVEL_DEBUG, "handshake",
		json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s}", "peer", peer_of(secure, stage),
			"version", facts.version, "cipher", facts.cipher, "resumed", facts.resumed,
			"sni", facts.sni, "alpn", facts.alpn, "subject", facts.peer.subject),
		facts.resumed ? _("TLS with %s: %s, %s, resumed%s%s%s%s%s%s")
			      : _("TLS with %s: %s, %s%s%s%s%s%s%s"),
		peer_of(secure, stage), facts.version, facts.cipher,
		facts.sni[0] != '\0' ? ", SNI " : "", facts.sni,
		facts.alpn[0] != '\0' ? ", ALPN " : "", facts.alpn,
		facts.peer.subject[0] != '\0' ? ", " : "", facts.peer.subject);
}

static void log_truncation(struct secure *secure, const struct stage *stage)
{
	uint64_t left_out;

	if (!log_limit_is_due(&secure->truncations, clock_now_ns(), &left_out))
		return;
	LOG_EVENT(LOG_LEVEL_INFO, "truncated",
		json_pack("{s:s, s:I}", "peer", peer_of(secure, stage), "untold",
			(json_int_t)left_out),
		_("%s ended without close_notify: what it sent may be incomplete"),
		peer_of(secure, stage));
}

static void on_news(void *context, const struct stage *stage, enum staged_news news)
{
	struct secure *secure = context;
	struct counters *counters = &secure->counters[stage->owner_tag];

	switch (news) {
	case STAGED_OPENED:
		if (tls_is_resumed(stage))
			counters->handshakes_resumed++;
		else
			counters->handshakes_full++;
		log_handshake(secure, stage);
		break;
	case STAGED_TRUNCATED:
		counters->streams_truncated++;
		log_truncation(secure, stage);
		break;
	case STAGED_FAILED:
	case STAGED_SLOW:
	case STAGED_GONE: counters->handshakes_failed++; /* fall through */
	case STAGED_BROKEN: log_failure(secure, stage, news); break;
	}
}

static struct stage *make_stage(void *context, unsigned tag, bool *reterr_plain)
{
	struct secure *secure = context;
	const struct secure_options *options = &secure->options;
	struct tls_context *tls;
	struct stage *stage;

	*reterr_plain = options->listeners->listeners[tag].bound.scheme != ADDR_TLS;
	if (*reterr_plain)
		return NULL;
	tls = keys_get(options->keys);
	stage = tls_new(tls, NULL);
	tls_context_free(tls);
	if (stage != NULL) {
		stage->owner = secure->opening_slot;
		stage->owner_tag = tag;
	}
	return stage;
}

/* ---- for the worker ---- */

int secure_around(struct secure *secure, struct protocol **protocol,
	const struct secure_options *options, struct counters *counters)
{
	const struct staged_options staged = {
		.make = make_stage,
		.report = on_news,
		.context = secure,
		.opening_ns = options->handshake_ns,
		.now_ns = clock_now_ns,
		.budget_bytes = options->budget_bytes,
	};

	struct protocol *inner = *protocol;

	if (options->keys == NULL)
		return 0;
	*secure = (struct secure){ .options = *options, .counters = counters };
	*protocol = &secure->staged.protocol;
	return staged_init(&secure->staged, inner, &staged);
}

void secure_fini(struct secure *secure)
{
	staged_fini(&secure->staged);
	for (uint32_t i = 0; i < secure->peers.count; i++)
		free(secure->peers.items[i]);
	slot_table_fini(&secure->peers);
}

void secure_opened(
	struct secure *secure, const struct engine_conn *conn, const struct proxied_client *client)
{
	struct conn_log_name name;
	void **place;

	if (secure->staged.inner == NULL)
		return;
	secure->opening_slot = conn->slot;
	if (conn->scheme != ADDR_TLS)
		return;
	place = slot_table_place(&secure->peers, conn->slot);
	if (place == NULL)
		return;
	conn_log_name(conn->fd, conn->scheme, client, &name);
	free(*place);
	*place = strdup(name.text);
}

struct engine_conn secure_judge(const struct secure *secure, const struct engine_conn *conn,
	enum engine_close_reason *reason, int *error)
{
	struct engine_conn plain = *conn;
	int failed;

	if (secure->staged.inner == NULL)
		return plain;
	failed = staged_error(conn->protocol);
	if (failed < 0 && *reason != ENGINE_CLOSE_LOST) {
		*reason = ENGINE_CLOSE_LOST;
		*error = failed;
	}
	plain.protocol = staged_inner(conn->protocol);
	return plain;
}

unsigned secure_tag(const struct secure *secure, const struct engine_conn *conn, unsigned tag)
{
	const struct stage *stage = secure->staged.inner != NULL ? staged_stage(conn->protocol)
								 : NULL;

	return stage != NULL ? stage->owner_tag : tag;
}

void secure_closed(struct secure *secure, const struct engine_conn *conn)
{
	if (secure->staged.inner == NULL)
		return;
	free(slot_table_take(&secure->peers, conn->slot));
	staged_forget(&secure->staged, conn->protocol);
}
