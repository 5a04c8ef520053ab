/*
 * The peer's name is asked for when it comes: once a connection is reset, the kernel no longer knows
 * it. Entries exist only with -v, so a server that does not log pays nothing for them.
 */
#include "server/admission/conn_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/errno_name.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "base/quote.h"
#include "net/call.h"
#include "net/socket.h"
#include "protocol/echo.h"

struct conn_log_entry {
	uint64_t opened_ns;
	struct conn_log_name name;
};

void conn_log_init(struct conn_log *conn_log)
{
	*conn_log = (struct conn_log){ 0 };
}

void conn_log_fini(struct conn_log *conn_log)
{
	for (uint32_t i = 0; i < conn_log->entries.count; i++)
		free(conn_log->entries.items[i]);
	slot_table_fini(&conn_log->entries);
}

/* The entry of a slot, made if need be; NULL without memory: then the line is not written. */
static struct conn_log_entry *entry_of(struct conn_log *conn_log, uint32_t slot)
{
	void **place = slot_table_place(&conn_log->entries, slot);

	if (place != NULL && *place == NULL)
		*place = calloc(1, sizeof(struct conn_log_entry));
	return place != NULL ? *place : NULL;
}

/* A unix client seldom has a name; the kernel knows its process (SO_PEERCRED, unix(7)). */
static void name_peer(int fd, enum addr_scheme scheme, char *text, size_t size)
{
	struct addr peer;
	struct ucred who;
	socklen_t length = sizeof(who);

	/* Gone before it was accepted: the kernel no longer knows its address. */
	snprintf(text, size, "%s:?", addr_scheme_name(scheme));
	if (socket_peer(fd, scheme, &peer) < 0)
		return;
	addr_format(&peer, text, size);
	if (scheme == ADDR_UNIX && peer.length <= sizeof(sa_family_t) &&
		call_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0)
		snprintf(text, size, "unix:pid=%d,uid=%u", (int)who.pid, (unsigned)who.uid);
}

void conn_log_name(int fd, enum addr_scheme scheme, const struct proxied_client *client,
	struct conn_log_name *ret_name)
{
	ret_name->proxy[0] = '\0';
	name_peer(fd, scheme, ret_name->peer, sizeof(ret_name->peer));
	if (client == NULL || !client->named) {
		snprintf(ret_name->text, sizeof(ret_name->text), "%s", ret_name->peer);
		return;
	}
	memcpy(ret_name->proxy, ret_name->peer, sizeof(ret_name->proxy));
	addr_format(&client->addr, ret_name->peer, sizeof(ret_name->peer));
	/* TRANSLATORS: a client's address, and that of the proxy that it came through. */
	snprintf(ret_name->text, sizeof(ret_name->text), _("%s through %s"), ret_name->peer,
		ret_name->proxy);
}

/* Adds what a proxy says of a connection, each piece with its name: to the text, and to the fields. */
static void add_piece(FILE *stream, json_t *fields, const char *key, const struct proxy_text *piece)
{
	char text[QUOTE_SIZE(PROXY_UNIQUE_ID_MOST)];

	if (piece->bytes == NULL)
		return;
	quote_bytes(piece->bytes, piece->length, text, sizeof(text));
	fprintf(stream, ", %s '%s'", key, text);
	json_object_set_new(fields, key, json_string(text));
}

/* One word, which is a key as well, and never translated. */
static void add_word(FILE *stream, const char *word)
{
	fprintf(stream, ", %s", word);
}

static void describe_tls(FILE *stream, json_t *fields, const struct proxy_header *header)
{
	if (!header->has_tls)
		return;
	add_word(stream, header->client_used_tls ? "tls" : "no tls");
	json_object_set_new(fields, "tls", json_boolean(header->client_used_tls));
	add_piece(stream, fields, "tls_version", &header->tls_version);
	add_piece(stream, fields, "tls_cipher", &header->tls_cipher);
	add_piece(stream, fields, "tls_name", &header->tls_name);
	if (!header->client_has_certificate)
		return;
	add_word(stream, header->certificate_verified ? "tls_verified" : "tls not verified");
	json_object_set_new(fields, "tls_verified", json_boolean(header->certificate_verified));
}

static json_t *describe_header(FILE *stream, const struct proxy_header *header)
{
	static const char *const kinds[] = { "client", "unknown", "local" };
	json_t *fields = json_pack("{s:i, s:s, s:b}", "version", (int)header->version, "kind",
		kinds[header->kind], "checksum", (int)header->checked);

	fprintf(stream, _("PROXY version %d, %s"), (int)header->version, kinds[header->kind]);
	if (header->checked)
		add_word(stream, "checksum");
	if (header->kind == PROXY_CLIENT) {
		char text[ADDR_TEXT_SIZE];

		addr_format(&header->destination, text, sizeof(text));
		fprintf(stream, ", destination '%s'", text);
		json_object_set_new(fields, "destination", json_string(text));
	}
	add_piece(stream, fields, "alpn", &header->alpn);
	add_piece(stream, fields, "authority", &header->authority);
	add_piece(stream, fields, "unique_id", &header->unique_id);
	add_piece(stream, fields, "netns", &header->netns);
	describe_tls(stream, fields, header);
	return fields;
}

static void log_opened(int fd, const struct conn_log_name *name, const struct proxy_header *header)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	FILE *stream = header != NULL ? open_memstream(&text, &size) : NULL;
	json_t *described = NULL;

	if (stream != NULL) {
		described = describe_header(stream, header);
		fclose(stream);
	}
	LOG_EVENT(LOG_LEVEL_DEBUG, "opened",
		json_pack("{s:s, s:i, s:s*, s:O*}", "peer", name->peer, "fd", fd, "proxy",
			name->proxy[0] != '\0' ? name->proxy : NULL, "proxy_header", described),
		text != NULL ? _("accepted %s (descriptor %d; %s)")
			     : _("accepted %s (descriptor %d)"),
		name->text, fd, text);
	json_decref(described);
}

void conn_log_opened(struct conn_log *conn_log, const struct engine_conn *conn,
	const struct proxied_client *client)
{
	struct conn_log_entry *entry;

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	entry = entry_of(conn_log, conn->slot);
	if (entry == NULL)
		return;
	entry->opened_ns = clock_now_ns();
	conn_log_name(conn->fd, conn->scheme, client, &entry->name);
	log_opened(conn->fd, &entry->name, client != NULL ? client->header : NULL);
}

static const char *reason_key(enum engine_close_reason reason)
{
	static const char *const keys[] = { "finished", "lost", "cut" };

	return keys[reason];
}

static const char *reason_text(enum engine_close_reason reason, int error)
{
	switch (reason) {
	case ENGINE_CLOSE_DONE: return _("finished");
	case ENGINE_CLOSE_CUT: return _("cut by us");
	case ENGINE_CLOSE_LOST: break;
	}
	return strerror(-error);
}

void conn_log_closed(struct conn_log *conn_log, const struct engine_conn *conn,
	enum engine_close_reason reason, int error)
{
	const struct conn_log_entry *entry = slot_table_get(&conn_log->entries, conn->slot);

	if (!log_enabled(LOG_LEVEL_DEBUG) || entry == NULL)
		return;

	uint64_t bytes = echo_received_bytes(conn->protocol);
	uint64_t lasted_ns = clock_now_ns() - entry->opened_ns;
	char size_text[NUMBER_TEXT_SIZE], time_text[DURATION_TEXT_SIZE];

	number_format_size(bytes, size_text, sizeof(size_text));
	duration_format(lasted_ns, time_text, sizeof(time_text));
	LOG_EVENT(LOG_LEVEL_DEBUG, "closed",
		json_pack("{s:s, s:s*, s:i, s:s, s:s?, s:I, s:I}", "peer", entry->name.peer,
			"proxy", entry->name.proxy[0] != '\0' ? entry->name.proxy : NULL, "fd",
			conn->fd, "reason", reason_key(reason), "error",
			reason == ENGINE_CLOSE_LOST ? errno_name(-error) : NULL, "received_bytes",
			(json_int_t)bytes, "duration_ns", (json_int_t)lasted_ns),
		_("closed %s: %s, %s in %s"), entry->name.text, reason_text(reason, error),
		size_text, time_text);
}

void conn_log_paused(struct conn_log *conn_log, int error)
{
	uint64_t left_out;

	if (!log_limit_is_due(&conn_log->pauses, clock_now_ns(), &left_out))
		return;
	LOG_EVENT(LOG_LEVEL_WARNING, "accept_paused",
		json_pack(
			"{s:s?, s:I}", "error", errno_name(-error), "untold", (json_int_t)left_out),
		_("accepting pauses: %s (new connections wait; 'ulimit -n' raises the limit of "
		  "descriptors)"),
		strerror(-error));
}

void conn_log_mended(int fd, enum addr_scheme scheme)
{
	char text[ADDR_TEXT_SIZE];
	struct addr addr;

	snprintf(text, sizeof(text), "%s:?", addr_scheme_name(scheme));
	if (socket_name(fd, scheme, &addr) == 0)
		addr_format(&addr, text, sizeof(text));
	LOG_EVENT(LOG_LEVEL_WARNING, "made_blocking", json_pack("{s:s}", "address", text),
		_("another process that shares '%s' made it blocking; it is non-blocking again "
		  "(NonBlocking=yes in the .service unit of either)"),
		text);
}

void conn_log_lost(const struct addr *bound)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(bound, text, sizeof(text));
	LOG_EVENT(LOG_LEVEL_WARNING, "listener_lost", json_pack("{s:s}", "address", text),
		_("another process has shut down '%s', which it shares; it is not served any more (start "
		  "the server again)"),
		text);
}
