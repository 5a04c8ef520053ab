/*
 * What the program says of itself while it works: one line an event, to standard error, as text in
 * the user's language or as one JSON object with fixed English keys.
 *
 * Only server, client and cli speak; lower layers return errors. Any thread: a line is one write(2),
 * so lines never mix. Set up once, before threads are started.
 *
 * A program that must not wait for the reader of its log says so by log_never_wait(). Then a line is left out
 * when the reader does not take it, and the number of such lines is told when it reads again.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Lines above `most` are left out. Before this call: text, up to LOG_LEVEL_INFO. */
void log_init(enum log_level most, enum log_format format);

/* The same of the lines, at any time. */
void log_set_level(enum log_level most);

/*
 * From now on the text of each error of this thread is also copied to `room`, cut to its size, for telling it to
 * somebody else; NULL: no more.
 */
void log_keep_errors(char *room, size_t size);

/*
 * From now on no line waits for the reader for longer than a tenth of a second. Main thread, before
 * others are started.
 */
void log_never_wait(void);
/*
 * Has a thread of its own write the lines (base/outlet.h), which must not exist before the sandbox does; it
 * inherits the caller's signal mask. Nothing waits for the reader then. Other threads may be running.
 * -errno: as before.
 */
int log_start_writer(void);
/*
 * Waits until everything is written, or the reader has taken nothing for a second; then lines are written
 * as after log_never_wait(). When no other thread logs any more.
 */
void log_stop_writer(void);

/* A line that is ready, with its newline, as it is, in its place among the others: --trace. */
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

/* A failure in one line, "meari: <message>"; in JSON an event "error" with the text as "message". */
#define log_error(...) log_write(LOG_LEVEL_ERROR, "error", NULL, __VA_ARGS__)
