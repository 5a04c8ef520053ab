/*
 * Short forms for the tables of tour_stop_*.c, and for nothing else.
 */
#pragma once

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tour/stops/tour_stops.h"

#define SERVER(op_, ...) .call = { .who = TOUR_SERVER, .op = TOUR_OP_##op_, __VA_ARGS__ }
#define CLIENT(op_, ...) .call = { .who = TOUR_CLIENT, .op = TOUR_OP_##op_, __VA_ARGS__ }
#define SERVER_2(op_, ...) .call = { .who = TOUR_SERVER_2, .op = TOUR_OP_##op_, __VA_ARGS__ }
#define CLIENT_2(op_, ...) .call = { .who = TOUR_CLIENT_2, .op = TOUR_OP_##op_, __VA_ARGS__ }
#define ON(slot_) .slot = TOUR_##slot_

/* Claims. */
#define IS(value)                                                                                  \
	{                                                                                          \
		TOUR_RESULT, TOUR_NO_SLOT, value                                                   \
	}
#define AT_LEAST(value)                                                                            \
	{                                                                                          \
		TOUR_AT_LEAST, TOUR_NO_SLOT, value                                                 \
	}
#define AT_MOST(value)                                                                             \
	{                                                                                          \
		TOUR_AT_MOST, TOUR_NO_SLOT, value                                                  \
	}
#define IS_DESCRIPTOR                                                                              \
	{                                                                                          \
		TOUR_DESCRIPTOR, TOUR_NO_SLOT, 0                                                   \
	}
#define WAITS(who)                                                                                 \
	{                                                                                          \
		TOUR_BLOCKED, TOUR_NO_SLOT, TOUR_##who                                             \
	}
#define RETURNS(who, value)                                                                        \
	{                                                                                          \
		TOUR_RETURNED, (enum tour_slot)TOUR_##who, value                                   \
	}
#define STATE(slot, state)                                                                         \
	{                                                                                          \
		TOUR_STATE, TOUR_##slot, TCP_##state                                               \
	}
#define NO_STATE(slot)                                                                             \
	{                                                                                          \
		TOUR_STATE, TOUR_##slot, 0                                                         \
	}
#define QUEUE(count)                                                                               \
	{                                                                                          \
		TOUR_QUEUE, TOUR_LISTENER, count                                                   \
	}
#define TO_READ(slot, bytes)                                                                       \
	{                                                                                          \
		TOUR_TO_READ, TOUR_##slot, bytes                                                   \
	}
#define TO_SEND(slot, bytes)                                                                       \
	{                                                                                          \
		TOUR_TO_SEND, TOUR_##slot, bytes                                                   \
	}
#define SERVER_SENDS(flags)                                                                        \
	{                                                                                          \
		TOUR_PACKET, TOUR_NO_SLOT, TOUR_FLAG_SENT_BY_SERVER | (flags)                      \
	}
#define CLIENT_SENDS(flags)                                                                        \
	{                                                                                          \
		TOUR_PACKET, TOUR_NO_SLOT, TOUR_FLAG_SENT_BY_CLIENT | (flags)                      \
	}
#define NO_PACKET                                                                                  \
	{                                                                                          \
		TOUR_NO_PACKET, TOUR_NO_SLOT, 0                                                    \
	}
#define SIGPIPES(count)                                                                            \
	{                                                                                          \
		TOUR_SIGPIPES, TOUR_NO_SLOT, count                                                 \
	}
#define SLOW(ms)                                                                                   \
	{                                                                                          \
		TOUR_MS_AT_LEAST, TOUR_NO_SLOT, ms                                                 \
	}
#define FAST(ms)                                                                                   \
	{                                                                                          \
		TOUR_MS_BELOW, TOUR_NO_SLOT, ms                                                    \
	}

/* What most stops begin with. */
#define LISTENING_SERVER                                                                           \
	{ SERVER(SOCKET, ON(LISTENER)) }, { SERVER(REUSE, ON(LISTENER)) },                         \
		{ SERVER(BIND, ON(LISTENER), .number = TOUR_PORT_SERVER) },                        \
	{                                                                                          \
		SERVER(LISTEN, ON(LISTENER), .number = 5)                                          \
	}
#define CONNECTED_PAIR                                                                             \
	LISTENING_SERVER, { CLIENT(SOCKET, ON(CLI)) },                                             \
		{ CLIENT(CONNECT, ON(CLI), .number = TOUR_PORT_SERVER) },                          \
	{                                                                                          \
		SERVER(ACCEPT, ON(CONN))                                                           \
	}

#define BROKEN(from_, table, ko_, en_)                                                             \
	{                                                                                          \
		{ ko_, en_ }, from_, table, TOUR_COUNT(table)                                      \
	}
