/*
 * The peer's name is asked for when it comes: once a connection is reset, the kernel no longer knows
 * it. Entries exist only with -v, so a server that does not log pays nothing for them.
 */
#include "server/admission/conn_log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/errno_name.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "net/call.h"
#include "net/socket.h"
#include "protocol/echo.h"

/* What other processes do to a socket that they share. */
enum listener_trouble { MADE_BLOCKING = 1, SHUT_DOWN = 2 };

struct conn_log_entry {
	uint64_t opened_ns;
	char peer[ADDR_TEXT_SIZE];
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
void conn_log_name_peer(int fd, enum addr_scheme scheme, char *text, size_t size)
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

void conn_log_opened(struct conn_log *conn_log, const struct engine_conn *conn)
{
	struct conn_log_entry *entry;

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	entry = entry_of(conn_log, conn->slot);
	if (entry == NULL)
		return;
	entry->opened_ns = clock_now_ns();
	conn_log_name_peer(conn->fd, conn->scheme, entry->peer, sizeof(entry->peer));
	LOG_EVENT(LOG_LEVEL_DEBUG, "opened",
		json_pack("{s:s, s:i}", "peer", entry->peer, "fd", conn->fd),
		_("accepted %s (descriptor %d)"), entry->peer, conn->fd);
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
		json_pack("{s:s, s:i, s:s, s:s?, s:I, s:I}", "peer", entry->peer, "fd", conn->fd,
			"reason", reason_key(reason), "error",
			reason == ENGINE_CLOSE_LOST ? errno_name(-error) : NULL, "received_bytes",
			(json_int_t)bytes, "duration_ns", (json_int_t)lasted_ns),
		_("closed %s: %s, %s in %s"), entry->peer, reason_text(reason, error), size_text,
		time_text);
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

/* Every thread may notice; the first one logs it. */
static bool is_first(_Atomic unsigned *logged, unsigned tag, enum listener_trouble trouble)
{
	return logged != NULL && (atomic_fetch_or(&logged[tag], trouble) & trouble) == 0;
}

void conn_log_mended(_Atomic unsigned *logged, unsigned tag, int fd, enum addr_scheme scheme)
{
	char text[ADDR_TEXT_SIZE];
	struct addr addr;

	if (!is_first(logged, tag, MADE_BLOCKING))
		return;

	snprintf(text, sizeof(text), "%s:?", addr_scheme_name(scheme));
	if (socket_name(fd, scheme, &addr) == 0)
		addr_format(&addr, text, sizeof(text));
	LOG_EVENT(LOG_LEVEL_WARNING, "made_blocking", json_pack("{s:s}", "address", text),
		_("another process that shares '%s' made it blocking; it is non-blocking again "
		  "(NonBlocking=yes in the .service unit of either)"),
		text);
}

void conn_log_lost(_Atomic unsigned *logged, unsigned tag, const struct addr *bound)
{
	char text[ADDR_TEXT_SIZE];

	if (!is_first(logged, tag, SHUT_DOWN))
		return;

	addr_format(bound, text, sizeof(text));
	LOG_EVENT(LOG_LEVEL_WARNING, "listener_lost", json_pack("{s:s}", "address", text),
		_("another process has shut down '%s', which it shares; it is not served any more (start "
		  "the server again)"),
		text);
}
