/*
 * Strict, since both ends are of one make: numbers are decimal without leading zeros, each key comes once,
 * and where it belongs. So what can be read is what would have been written, and nothing is guessed.
 */
#include "server/upgrade/handover_message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char magic[] = "meari-upgrade ";

static const char *const kinds[] = {
	[HANDOVER_MESSAGE_ASK] = "ask",
	[HANDOVER_MESSAGE_HERE] = "here",
	[HANDOVER_MESSAGE_TAKE] = "take",
	[HANDOVER_MESSAGE_SOCKETS] = "sockets",
	[HANDOVER_MESSAGE_READY] = "ready",
	[HANDOVER_MESSAGE_YOURS] = "yours",
	[HANDOVER_MESSAGE_RELEASED] = "released",
	[HANDOVER_MESSAGE_BUSY] = "busy",
	[HANDOVER_MESSAGE_ENDING] = "ending",
	[HANDOVER_MESSAGE_LATE] = "late",
	[HANDOVER_MESSAGE_FOREIGN_USER] = "stranger",
	[HANDOVER_MESSAGE_UNKNOWN] = "unknown",
};

static const char *const roles[] = {
	[HANDOVER_MESSAGE_OPENED] = "opened",
	[HANDOVER_MESSAGE_ACTIVATED] = "activated",
	[HANDOVER_MESSAGE_CONTROL] = "control",
	[HANDOVER_MESSAGE_ACTIVATED_WEB] = "activated-web",
};

/* The longest line there is, for each socket, and some for the rest. */
_Static_assert(HANDOVER_MESSAGE_MOST_SOCKETS *(sizeof("socket activated-web :\n") + 2 * 20) + 256 <
		HANDOVER_MESSAGE_MOST_BYTES,
	"every message fits");

static bool has_figures(enum handover_message_kind kind)
{
	return kind == HANDOVER_MESSAGE_HERE || kind == HANDOVER_MESSAGE_SOCKETS;
}

/* ---- writing ---- */

static size_t write_socket(const struct handover_message_socket *one, char *buffer, size_t room)
{
	if (one->file_inode == 0)
		return (size_t)snprintf(buffer, room, "socket %s -\n", roles[one->role]);
	return (size_t)snprintf(buffer, room, "socket %s %" PRIu64 ":%" PRIu64 "\n",
		roles[one->role], one->file_device, one->file_inode);
}

size_t handover_message_write(const struct handover_message *message, char *buffer)
{
	const size_t room = HANDOVER_MESSAGE_MOST_BYTES;
	size_t length = (size_t)snprintf(
		buffer, room, "%s%d %s\n", magic, HANDOVER_MESSAGE_VERSION, kinds[message->kind]);

	if (!has_figures(message->kind))
		return length;
	length += (size_t)snprintf(buffer + length, room - length,
		"pid %" PRIu64 "\ntotal %" PRIu64 "\nwatchdog_ns %" PRIu64 "\n", message->pid,
		message->total, message->watchdog_ns);
	for (unsigned i = 0; i < message->socket_count; i++)
		length += write_socket(&message->sockets[i], buffer + length, room - length);
	return length;
}

/* ---- reading ---- */

struct cursor {
	const char *at, *end;
};

/* Goes past `text`, if that is what comes next. */
static bool take_text(struct cursor *cursor, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, text, length) != 0)
		return false;
	cursor->at += length;
	return true;
}

static bool take_number(struct cursor *cursor, uint64_t *ret_number)
{
	const char *begin = cursor->at;
	uint64_t number = 0;

	for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(*cursor->at - '0'), &number))
			return false;
	}
	if (cursor->at == begin || (*begin == '0' && cursor->at - begin > 1))
		return false;
	*ret_number = number;
	return true;
}

/* One of the words, up to `end`, which is gone past too. Its index, or -1. */
static int take_word(struct cursor *cursor, const char *const *words, size_t count, const char *end)
{
	for (size_t i = 0; i < count; i++) {
		struct cursor behind = *cursor;

		if (take_text(&behind, words[i]) && take_text(&behind, end)) {
			*cursor = behind;
			return (int)i;
		}
	}
	return -1;
}

static bool take_figure(struct cursor *cursor, const char *key, uint64_t *ret_number)
{
	return take_text(cursor, key) && take_text(cursor, " ") &&
		take_number(cursor, ret_number) && take_text(cursor, "\n");
}

static bool take_socket(struct cursor *cursor, struct handover_message_socket *ret_socket)
{
	struct handover_message_socket one = { 0 };
	int role;

	if (!take_text(cursor, "socket "))
		return false;
	role = take_word(cursor, roles, COUNT(roles), " ");
	if (role < 0)
		return false;
	one.role = (enum handover_message_role)role;
	if (!take_text(cursor, "-") &&
		(!take_number(cursor, &one.file_device) || !take_text(cursor, ":") ||
			!take_number(cursor, &one.file_inode) || one.file_inode == 0))
		return false;
	*ret_socket = one;
	return take_text(cursor, "\n");
}

int handover_message_read(const char *bytes, size_t length, struct handover_message *ret_message)
{
	struct cursor cursor = { bytes, bytes + length };
	uint64_t version;
	int kind;

	if (!take_text(&cursor, magic) || !take_number(&cursor, &version) ||
		!take_text(&cursor, " "))
		return -EPROTO;
	if (version != HANDOVER_MESSAGE_VERSION)
		return -EPROTONOSUPPORT;
	kind = take_word(&cursor, kinds, COUNT(kinds), "\n");
	if (kind < 0)
		return -EPROTO;

	struct handover_message message = { .kind = (enum handover_message_kind)kind };

	if (has_figures(message.kind) &&
		(!take_figure(&cursor, "pid", &message.pid) ||
			!take_figure(&cursor, "total", &message.total) ||
			!take_figure(&cursor, "watchdog_ns", &message.watchdog_ns) ||
			message.pid == 0 || message.pid > INT32_MAX ||
			message.total > HANDOVER_MESSAGE_MOST_TOTAL))
		return -EPROTO;
	while (message.kind == HANDOVER_MESSAGE_SOCKETS && cursor.at < cursor.end) {
		if (message.socket_count == HANDOVER_MESSAGE_MOST_SOCKETS ||
			!take_socket(&cursor, &message.sockets[message.socket_count]))
			return -EPROTO;
		message.socket_count++;
	}
	if (cursor.at != cursor.end || message.socket_count > message.total ||
		(message.kind == HANDOVER_MESSAGE_SOCKETS && message.socket_count == 0))
		return -EPROTO;
	*ret_message = message;
	return 0;
}
