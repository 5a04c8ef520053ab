/*
 * One event, one line, one write(2). Text lines carry the program's name as every Unix tool's do;
 * JSON lines carry time (RFC 3339, UTC), level and event, then the event's own fields.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/quote.h"

static _Atomic enum log_level most_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;

/* This thread's: where the text of its last error goes; NULL: nowhere. */
static _Thread_local char *kept;
static _Thread_local size_t kept_size;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_init(enum log_level most, enum log_format format)
{
	most_level = most;
	line_format = format;
}

void log_set_level(enum log_level most)
{
	atomic_store_explicit(&most_level, most, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return level <= atomic_load_explicit(&most_level, memory_order_relaxed);
}

void log_keep_errors(char *room, size_t size)
{
	kept = room;
	kept_size = size;
	if (room != NULL)
		room[0] = '\0';
}

bool log_is_json(void)
{
	return line_format == LOG_FORMAT_JSON;
}

static void write_line(const char *line, size_t length)
{
	while (length > 0) {
		ssize_t n = write(STDERR_FILENO, line, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nobody is left to be told */
		line += n;
		length -= (size_t)n;
	}
}

static void write_text(const char *message)
{
	CLEANUP_FREE char *line = NULL;
	int length = asprintf(&line, "meari: %s\n", message);

	if (length < 0) {
		line = NULL;
		return;
	}
	write_line(line, (size_t)length);
}

static void write_json(enum log_level level, const char *event, json_t *fields, const char *message)
{
	char time_text[40];
	uint64_t wall_ns = clock_wall_ns();
	time_t seconds = (time_t)(wall_ns / CLOCK_NS_PER_S);
	struct tm parts;

	gmtime_r(&seconds, &parts);
	size_t used = strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &parts);

	snprintf(time_text + used, sizeof(time_text) - used, ".%06uZ",
		(unsigned)(wall_ns % CLOCK_NS_PER_S / CLOCK_NS_PER_US));

	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "time", time_text, "level",
		level_names[level], "event", event, "message", message);

	if (object == NULL)
		return;
	if (fields != NULL)
		json_object_update(object, fields);

	CLEANUP_FREE char *line = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	if (line == NULL)
		return;

	/* json_dumps leaves no room for the newline that makes it one write. */
	size_t length = strlen(line);
	char *longer = realloc(line, length + 1);

	if (longer == NULL)
		return;
	line = longer;
	line[length] = '\n';
	write_line(line, length + 1);
}

/*
 * A name from a file, a list, an option or a peer may stand in a message unquoted: here, where all
 * messages pass, none of them can end the line, mislead the terminal or make JSON invalid.
 */
static char *make_safe(char *message)
{
	size_t size = message != NULL ? QUOTE_SIZE(strlen(message)) : 0;
	char *safe = size > 0 ? malloc(size) : NULL;

	if (safe != NULL)
		quote_line(message, safe, size);
	free(message);
	return safe;
}

void log_write(enum log_level level, const char *event, json_t *fields, const char *format, ...)
{
	va_list arguments;
	CLEANUP_FREE char *message = NULL;

	if (log_enabled(level)) {
		va_start(arguments, format);
		if (vasprintf(&message, format, arguments) < 0)
			message = NULL;
		va_end(arguments);
		message = make_safe(message);
	}
	if (message != NULL && level == LOG_LEVEL_ERROR && kept != NULL)
		snprintf(kept, kept_size, "%s", message);
	if (message != NULL && log_is_json())
		write_json(level, event, fields, message);
	else if (message != NULL)
		write_text(message);
	json_decref(fields);
}
