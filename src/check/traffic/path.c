/*
 * A half-close is where ways differ most: what is still on its way back then may be overtaken by the end, or thrown
 * away by a reset.
 */
#include "check/traffic/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"

/* How much of what was sent has not come back. */
static const char *format_missing(const struct ending *ending, char *buffer, size_t size)
{
	return number_format_size(ending->sent_bytes - ending->received_bytes, buffer, size);
}

static void format_end(const struct exchange_result *result, char *buffer, size_t size)
{
	const struct ending *ending = &result->ending;
	char missing[NUMBER_TEXT_SIZE], whole[NUMBER_TEXT_SIZE];
	bool by_reset = ending->error != 0;

	format_missing(ending, missing, sizeof(missing));
	number_format_size(ending->sent_bytes, whole, sizeof(whole));
	if (by_reset && ending->error != -ECONNRESET && ending->error != -EPIPE)
		snprintf(buffer, size, _("connection lost (%s): %s of %s did not come back"),
			strerror(-ending->error), missing, whole);
	else if (result->finished && by_reset && ending->received_bytes == ending->sent_bytes)
		snprintf(buffer, size, "%s",
			_("half-close arrives as a reset, though all had come back"));
	else if (result->finished && by_reset)
		snprintf(buffer, size,
			_("half-close arrives as a reset: %s of %s did not come back"), missing,
			whole);
	else if (by_reset)
		snprintf(buffer, size, _("reset in the middle: %s of %s did not come back"),
			missing, whole);
	else
		snprintf(buffer, size, _("ended by FIN in the middle: %s of %s did not come back"),
			missing, whole);
}

const char *path_format(const struct exchange_plan *plan, const struct exchange_result *result,
	char *buffer, size_t size)
{
	const struct ending *ending = &result->ending;
	char missing[NUMBER_TEXT_SIZE], whole[NUMBER_TEXT_SIZE], time[DURATION_TEXT_SIZE];

	number_format_size(ending->sent_bytes, whole, sizeof(whole));
	switch (ending->kind) {
	case ENDING_SHORT:
		/* The end is there, and so much is not. */
		snprintf(buffer, size, _("FIN overtakes %s of %s"),
			format_missing(ending, missing, sizeof(missing)), whole);
		break;
	case ENDING_SERVER: format_end(result, buffer, size); break;
	case ENDING_SILENT:
		duration_format(ending->timeout_ns, time, sizeof(time));
		format_missing(ending, missing, sizeof(missing));
		if (result->finished && ending->received_bytes == ending->sent_bytes)
			snprintf(buffer, size,
				_("half-close does not arrive: all came back, and no end within %s"),
				time);
		else if (result->finished)
			snprintf(buffer, size,
				_("stands still after the half-close: %s of %s did not come back within %s"),
				missing, whole, time);
		else
			snprintf(buffer, size,
				_("stands still: %s of %s did not come back within %s"), missing,
				whole, time);
		break;
	case ENDING_DIFFERENT:
		snprintf(buffer, size, _("bytes changed, the first at offset %llu"),
			(unsigned long long)ending->differs_at);
		break;
	case ENDING_MORE:
		snprintf(buffer, size, _("bytes added: %llu came back, and only %llu were sent"),
			(unsigned long long)ending->received_bytes,
			(unsigned long long)ending->sent_bytes);
		break;
	default: exchange_format(result, buffer, size); break;
	}
	return buffer;
}
