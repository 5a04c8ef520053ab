/*
 * What two servers say to each other while one takes over from the other, one message each (SOCK_SEQPACKET):
 *
 *	new ── take ──▶ old        or: ask ──▶, ◀── here (pid, total)
 *	new ◀── sockets ── old     pid, total, and a descriptor for each "socket" line; as often as it takes
 *	new ── ready ──▶ old       its engines run
 *	new ◀── yours ── old       from here on the old one is on its way out
 *	new ◀── released ── old    nothing of it uses the sockets any more
 *
 * or, from the old one: busy (another upgrade is under way), ending (it is asked to end itself), late (it
 * has waited too long), stranger (you belong to another user), unknown (it cannot understand the message).
 * A message is text: "meari-upgrade VERSION KIND", then "KEY VALUE", a line each. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HANDOVER_MESSAGE_VERSION 1
/* Descriptors in one message; the kernel's own bound is 253 (SCM_MAX_FD, unix(7)). */
#define HANDOVER_MESSAGE_MOST_SOCKETS 128
#define HANDOVER_MESSAGE_MOST_BYTES 16384
/* Of one server, all messages together. */
#define HANDOVER_MESSAGE_MOST_TOTAL 8192

enum handover_message_kind {
	HANDOVER_MESSAGE_ASK,
	HANDOVER_MESSAGE_HERE,
	HANDOVER_MESSAGE_TAKE,
	HANDOVER_MESSAGE_SOCKETS,
	HANDOVER_MESSAGE_READY,
	HANDOVER_MESSAGE_YOURS,
	HANDOVER_MESSAGE_RELEASED,
	HANDOVER_MESSAGE_BUSY,
	HANDOVER_MESSAGE_ENDING,
	HANDOVER_MESSAGE_LATE,
	HANDOVER_MESSAGE_FOREIGN_USER,
	HANDOVER_MESSAGE_UNKNOWN,
};

enum handover_message_role {
	HANDOVER_MESSAGE_OPENED, /* a listener that the server opened, or took over */
	HANDOVER_MESSAGE_ACTIVATED, /* one of a service manager's */
	HANDOVER_MESSAGE_CONTROL, /* where new servers connect */
	HANDOVER_MESSAGE_ACTIVATED_WEB, /* one of a service manager's that is for web pages */
};

struct handover_message_socket {
	enum handover_message_role role;
	uint64_t file_device, file_inode; /* of the socket file that goes with it; 0: none */
};

struct handover_message {
	enum handover_message_kind kind;
	/* Of here and sockets: */
	uint64_t pid; /* from 1 */
	uint64_t total; /* sockets of all messages together */
	uint64_t
		watchdog_ns; /* how often a service manager wants to hear of the server; 0: never */
	/* Of sockets, in the order of the descriptors: */
	unsigned socket_count;
	struct handover_message_socket sockets[HANDOVER_MESSAGE_MOST_SOCKETS];
};

/* How many bytes; `buffer` has HANDOVER_MESSAGE_MOST_BYTES, which is enough for any. */
size_t handover_message_write(const struct handover_message *message, char *buffer);

/* -EPROTONOSUPPORT: of another version; -EPROTO: not a message. */
int handover_message_read(const char *bytes, size_t length, struct handover_message *ret_message);
