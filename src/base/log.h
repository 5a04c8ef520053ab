/*
 * The program's log: one line an event, to standard error, as text in the user's language or as one
 * JSON object with fixed English keys. Only server, client and cli log; lower layers return errors.
 *
 * Limits: a program that must not wait for the reader of its log calls log_never_wait() or
 * log_start_writer(). Full: a line that the reader does not take is then left out, and the number
 * of such lines is logged when it reads again. Thread: any; a line is one write(2), so lines never
 * mix. To be set up once, before threads are started.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* NONE is no line's level: nothing is logged then. */
enum log_level {
	LOG_LEVEL_NONE,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Lines above `most` are left out. Before this call: text, up to LOG_LEVEL_INFO. */
void log_init(enum log_level most, enum log_format format);

/* Changes the level, at any time. */
void log_set_level(enum log_level most);

/*
 * From now on the text of each error of this thread is also copied to `buffer`, cut to its size, so
 * that it can be passed on; NULL: no more. The buffer stays the caller's.
 */
void log_keep_errors(char *buffer, size_t size);

/*
 * From now on no line waits for the reader for longer than a tenth of a second. Main thread, before
 * others are started.
 */
void log_never_wait(void);
/*
 * Starts a thread that writes the lines (base/outlet.h): from now on nothing waits for the reader.
 * To be called after the sandbox is set up; the thread inherits the caller's signal mask. Other
 * threads may be running. -errno: nothing has changed.
 */
int log_start_writer(void);
/*
 * Waits until everything is written, or the reader has taken nothing for a second; then lines are
 * written as after log_never_wait(). To be called when no other thread logs any more.
 */
void log_stop_writer(void);

/* Writes a complete line, with its newline, in order with the others: for --trace. */
void log_line(const char *line, size_t length);

bool log_enabled(enum log_level level);
bool log_is_json(void);

/* Writes one event; takes over `fields` (may be NULL). Called through LOG_EVENT. */
void log_write(enum log_level level, const char *event, json_t *fields, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * LOG_EVENT(level, "event-key", json_pack("{s:s}", "key", value), _("text for people %s"), value);
 * `fields` is evaluated only when the line will be JSON.
 */
#define LOG_EVENT(level, event, fields, ...)                                                       \
	do {                                                                                       \
		if (log_enabled(level))                                                            \
			log_write(level, event, log_is_json() ? (fields) : NULL, __VA_ARGS__);     \
	} while (0)

/*
 * A failure in one line, "meari: <message>"; in JSON an event "error" with the text as "message".
 */
#define log_error(...) log_write(LOG_LEVEL_ERROR, "error", NULL, __VA_ARGS__)
