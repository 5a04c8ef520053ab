/*
 * The words for each way in which a conversation can end. The numbers that matter are in the same
 * line, because the line is all that a script's log keeps.
 */
#include "client/ending.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "client/channel.h"

typedef unsigned long long count;

const char *ending_server_words(int error)
{
	switch (error) {
	case 0: return _("the server closed the connection (FIN)");
	case -ECONNRESET:
	case -EPIPE: return _("the server reset the connection (RST)");
	case -ETIMEDOUT:
		return _("the connection timed out: the server's machine no longer answers");
	case -ECONNREFUSED: return _("no service receives there: Connection refused");
	case -EHOSTUNREACH:
	case -ENETUNREACH: return _("the server can no longer be reached: No route to host");
	case -ECONNABORTED:
		return _("the server cut the stream off (FIN without close_notify): it may be "
			 "incomplete");
	case -EPROTO: return channel_why()[0] != '\0' ? channel_why() : strerror(EPROTO);
	default: return strerror(-error);
	}
}

static void format_lost(const struct ending *ending, char *buffer, size_t size)
{
	char timeout[DURATION_TEXT_SIZE];
	size_t used;

	duration_format(ending->timeout_ns, timeout, sizeof(timeout));
	snprintf(buffer, size,
		_("%llu of %llu datagrams did not come back within %s, the first from offset %llu"),
		(count)ending->lost_datagrams, (count)ending->sent_datagrams, timeout,
		(count)ending->lost_at);
	used = strlen(buffer);
	if (ending->lost_differs)
		snprintf(buffer + used, size - used,
			_("; one came in its place that differs first at offset %llu"),
			(count)ending->differs_at);
}

const char *ending_format(const struct ending *ending, char *buffer, size_t size)
{
	count sent = ending->sent_bytes, received = ending->received_bytes;
	char timeout[DURATION_TEXT_SIZE];

	buffer[0] = '\0';
	switch (ending->kind) {
	case ENDING_FINE: break;
	case ENDING_SIGNAL:
		snprintf(buffer, size, _("interrupted: %llu bytes sent, %llu came back"), sent,
			received);
		break;
	case ENDING_SERVER:
		snprintf(buffer, size, _("%s: %llu bytes sent, %llu came back"),
			ending_server_words(ending->error), sent, received);
		break;
	case ENDING_SHORT:
		snprintf(buffer, size,
			_("the server finished, but only %llu of %llu bytes came back"), received,
			sent);
		break;
	case ENDING_MORE:
		snprintf(buffer, size,
			_("this is no echo: %llu bytes came back, but only %llu were sent"),
			received, sent);
		break;
	case ENDING_DIFFERENT:
		snprintf(buffer, size,
			_("what came back differs from what was sent at offset %llu"),
			(count)ending->differs_at);
		break;
	case ENDING_SILENT:
		snprintf(buffer, size,
			_("no answer for %s: %llu bytes sent, %llu came back (--timeout waits longer)"),
			duration_format(ending->timeout_ns, timeout, sizeof(timeout)), sent,
			received);
		break;
	case ENDING_LOST: format_lost(ending, buffer, size); break;
	case ENDING_INPUT:
		snprintf(buffer, size, _("cannot read the input: %s"), strerror(-ending->error));
		break;
	case ENDING_OUTPUT:
		snprintf(buffer, size,
			_("cannot write the copy: %s (%llu bytes sent, %llu came back)"),
			strerror(-ending->error), sent, received);
		break;
	case ENDING_LOCAL:
		snprintf(buffer, size, _("cannot send: %s"), strerror(-ending->error));
		break;
	}
	return buffer;
}
