/*
 * One event, one line, one write(2). Text lines carry the program's name as every Unix tool's do;
 * JSON lines carry time (RFC 3339, UTC), level and event, then the event's own fields.
 */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/json_text.h"
#include "base/outlet.h"
#include "base/quote.h"

/* Lines that wait for the reader: some ten thousand. */
#define MOST_WAITING_BYTES (1u << 20)
#define READER_PATIENCE_MS 100
#define END_PATIENCE_NS CLOCK_NS_PER_S

static _Atomic enum log_level most_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;

/* This thread's: where the text of its last error goes; NULL: nowhere. */
static _Thread_local char *kept;
static _Thread_local size_t kept_size;

static bool never_waits; /* for the reader, where there is no outlet */
static _Atomic bool reader_is_stuck; /* it had its chance */
static _Atomic uint64_t left_out; /* without an outlet */
static struct outlet *_Atomic the_outlet; /* NULL: each thread writes its own lines */

static const char *const level_names[] = { "none", "error", "warning", "info", "debug" };

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

void log_keep_errors(char *buffer, size_t size)
{
	kept = buffer;
	kept_size = size;
	if (buffer != NULL)
		buffer[0] = '\0';
}

bool log_is_json(void)
{
	return line_format == LOG_FORMAT_JSON;
}

static void write_directly(const char *line, size_t length)
{
	while (length > 0) {
		ssize_t n = write(STDERR_FILENO, line, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* standard error has no reader any more */
		line += n;
		length -= (size_t)n;
	}
}

/*
 * A pipe that can be written to takes a line of up to PIPE_BUF bytes at once (pipe(7)). O_NONBLOCK
 * would say more, but all that share the description have the same flag.
 */
static bool reader_takes_more(void)
{
	struct pollfd polled = { .fd = STDERR_FILENO, .events = POLLOUT };
	int r;

	do
		r = poll(&polled, 1, reader_is_stuck ? 0 : READER_PATIENCE_MS);
	while (r < 0 && errno == EINTR);
	reader_is_stuck = r == 0;
	return r != 0;
}

static size_t describe_left_out(uint64_t count, char *line, size_t size);

void log_line(const char *line, size_t length)
{
	struct outlet *outlet = the_outlet;

	if (outlet != NULL) {
		outlet_put(outlet, line, length);
		return;
	}
	if (never_waits && !reader_takes_more()) {
		left_out++;
		return;
	}
	if (left_out > 0) {
		char text[OUTLET_DESCRIPTION_SIZE];

		write_directly(
			text, describe_left_out(atomic_exchange(&left_out, 0), text, sizeof(text)));
	}
	write_directly(line, length);
}

void log_never_wait(void)
{
	never_waits = true;
}

int log_start_writer(void)
{
	struct outlet *started;
	int r = outlet_new(STDERR_FILENO, MOST_WAITING_BYTES, describe_left_out, &started);

	if (r < 0)
		return r;
	the_outlet = started;
	return 0;
}

void log_stop_writer(void)
{
	struct outlet *stopped = the_outlet;

	if (stopped == NULL)
		return;
	the_outlet = NULL;
	reader_is_stuck = !outlet_end(stopped, END_PATIENCE_NS);
}

static void write_text(const char *message)
{
	CLEANUP_FREE char *line = NULL;
	int length = asprintf(&line, "meari: %s\n", message);

	if (length < 0) {
		line = NULL;
		return;
	}
	log_line(line, (size_t)length);
}

/* The line with its newline; NULL without memory. The caller frees it. */
static char *compose_json(enum log_level level, const char *event, json_t *fields,
	const char *message, size_t *ret_length)
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
		return NULL;
	if (fields != NULL)
		json_object_update(object, fields);

	char *line = json_text(object, JSON_COMPACT);

	json_decref(object);
	if (line == NULL)
		return NULL;

	/* json_text leaves no space for the newline that makes it one write. */
	size_t length = strlen(line);
	char *longer = realloc(line, length + 1);

	if (longer == NULL) {
		free(line);
		return NULL;
	}
	longer[length] = '\n';
	*ret_length = length + 1;
	return longer;
}

static void write_json(enum log_level level, const char *event, json_t *fields, const char *message)
{
	size_t length;
	CLEANUP_FREE char *line = compose_json(level, event, fields, message, &length);

	if (line != NULL)
		log_line(line, length);
}

/* An outlet_describe_fn: this very line is not to be queued behind others. */
static size_t describe_left_out(uint64_t count, char *line, size_t size)
{
	char message[OUTLET_DESCRIPTION_SIZE / 2];
	size_t length = 0;

	snprintf(message, sizeof(message),
		ngettext("%llu line was left out here: the log was not being read",
			"%llu lines were left out here: the log was not being read",
			(unsigned long)count),
		(unsigned long long)count);
	if (!log_is_json())
		return (size_t)snprintf(line, size, "meari: %s\n", message);

	json_t *fields = json_pack("{s:I}", "lines", (json_int_t)count);
	CLEANUP_FREE char *json = compose_json(
		LOG_LEVEL_WARNING, "lines_left_out", fields, message, &length);

	json_decref(fields);
	if (json == NULL || length > size)
		return 0;
	memcpy(line, json, length);
	return length;
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
