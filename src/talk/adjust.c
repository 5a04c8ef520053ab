/*
 * The kernel doubles what it is asked for as a buffer (socket(7)), and keeps it within its own
 * limits; so the size is read back and shown.
 */
#include "talk/adjust.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "net/call.h"

typedef unsigned long long count;

static void pause_or_go_on(struct dialogue *d, char *buffer, size_t size)
{
	d->paused = !d->paused;
	snprintf(buffer, size, "%s",
		d->paused
			? _("receiving is paused: what comes waits in the kernel (/pause goes on)")
			: _("receiving goes on"));
}

static void limit(struct dialogue *d, const struct command *command, char *buffer, size_t size)
{
	bool reading = command->kind == COMMAND_READ;
	count most = command->number;

	if (addr_socket_type(d->scheme) != SOCK_STREAM) {
		snprintf(buffer, size, "%s",
			_("a datagram is sent and received whole; this is for streams"));
		return;
	}
	*(reading ? &d->receive_most : &d->send_most) = (size_t)command->number;
	if (most == 0)
		snprintf(buffer, size, "%s",
			reading ? _("receives as many bytes in one call as there are")
				: _("sends a whole line in one call"));
	else
		snprintf(buffer, size,
			reading ? _("receives at most %llu bytes in one call")
				: _("sends at most %llu bytes in one call"),
			most);
}

static void set_buffer(struct dialogue *d, const struct command *command, char *buffer, size_t size)
{
	bool receiving = command->kind == COMMAND_RCVBUF;
	int option = receiving ? SO_RCVBUF : SO_SNDBUF;
	int bytes = (int)command->number;
	socklen_t length = sizeof(bytes);
	int r = call_setsockopt(d->fd, SOL_SOCKET, option, &bytes, sizeof(bytes));

	if (r == 0)
		r = call_getsockopt(d->fd, SOL_SOCKET, option, &bytes, &length);
	if (r < 0)
		snprintf(buffer, size, _("cannot set the buffer's size: %s"), strerror(-r));
	else
		snprintf(buffer, size,
			receiving ? _("the receive buffer has %d bytes (the kernel doubles the "
				      "number, within its limits)")
				  : _("the send buffer has %d bytes (the kernel doubles the "
				      "number, within its limits)"),
			bytes);
}

static void set_linger(struct dialogue *d, const struct command *command, char *buffer, size_t size)
{
	struct linger linger = { .l_onoff = 1, .l_linger = (int)command->number };
	int r;

	if (!addr_is_tcp(d->scheme)) {
		snprintf(buffer, size, "%s", _("closing waits for nothing here, only with tcp"));
		return;
	}
	r = call_setsockopt(d->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (r < 0)
		snprintf(buffer, size, _("cannot set SO_LINGER: %s"), strerror(-r));
	else if (linger.l_linger == 0)
		snprintf(buffer, size, "%s", _("closing resets the connection (RST)"));
	else
		snprintf(buffer, size, _("closing waits up to %d s for the last ACK"),
			linger.l_linger);
}

const char *adjust(struct dialogue *d, const struct command *command, char *buffer, size_t size)
{
	buffer[0] = '\0';
	switch (command->kind) {
	case COMMAND_PAUSE: pause_or_go_on(d, buffer, size); break;
	case COMMAND_READ:
	case COMMAND_PIECES: limit(d, command, buffer, size); break;
	case COMMAND_RCVBUF:
	case COMMAND_SNDBUF: set_buffer(d, command, buffer, size); break;
	case COMMAND_LINGER: set_linger(d, command, buffer, size); break;
	default: break;
	}
	return buffer;
}
