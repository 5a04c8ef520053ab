/*
 * Keys and values are the same in each language: programs read them. Figures are those of the log (announce.c).
 */
#include "server/control_answer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "config.h"
#include "server/counters_json.h"

/* Takes over `value`. False: no memory for it, or for that. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool put_integer(json_t *object, const char *key, uint64_t value)
{
	return put(object, key, json_integer((json_int_t)value));
}

static json_t *list_requests(void)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CONTROL_REQUEST_UNKNOWN; i++)
		json_array_append_new(
			list, json_string(control_input_word((enum control_request)i)));
	return list;
}

static json_t *list_addresses(const struct control_answer *about)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < about->listeners->count; i++)
		json_array_append_new(list,
			json_string(addr_format(
				&about->listeners->listeners[i].bound, text, sizeof(text))));
	return list;
}

static bool tell_about(const struct control_answer *about, json_t *answer)
{
	return put(answer, "version", json_string(MEARI_VERSION)) &&
		put_integer(answer, "pid", (uint64_t)getpid()) &&
		put(answer, "engine", json_string(about->engine)) &&
		put_integer(answer, "threads", about->crew->count) &&
		put_integer(answer, "uptime_ns", clock_now_ns() - about->started_ns) &&
		put(answer, "addresses", list_addresses(about)) &&
		put(answer, "requests", list_requests());
}

static bool tell_counters(const struct control_answer *about, json_t *answer)
{
	struct counters sum;
	unsigned silent;

	crew_ask(about->crew, &sum, &silent);
	return put_integer(answer, "silent_threads", silent) &&
		put(answer, "counters", counters_json(&sum));
}

static bool tell_faults(const struct control_answer *about, json_t *answer)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < about->listeners->count; i++) {
		json_t *one = json_object();

		addr_format(&about->listeners->listeners[i].bound, text, sizeof(text));
		put(one, "address", json_string(text));
		fault_map_describe(about->faults, i, one);
		json_array_append_new(list, one);
	}
	return put(answer, "listeners", list);
}

static bool tell_connections(const struct control_answer *about, json_t *answer)
{
	struct roster roster;
	unsigned silent;

	crew_roster(about->crew, &roster, &silent);
	return put(answer, "connections", roster.list) &&
		put_integer(answer, "open", roster.open) &&
		put_integer(answer, "silent_threads", silent);
}

/* With its newline. NULL: no memory. */
static char *write_line(const json_t *answer)
{
	char *text = json_text(answer, JSON_COMPACT);
	size_t length = text != NULL ? strlen(text) : 0;
	char *line = text != NULL ? realloc(text, length + 2) : NULL;

	if (line == NULL) {
		free(text);
		return NULL;
	}
	memcpy(line + length, "\n", 2);
	return line;
}

static bool tell(const struct control_answer *about, enum control_request request, json_t *answer)
{
	switch (request) {
	case CONTROL_REQUEST_ABOUT: return tell_about(about, answer);
	case CONTROL_REQUEST_COUNTERS: return tell_counters(about, answer);
	case CONTROL_REQUEST_FAULTS: return tell_faults(about, answer);
	case CONTROL_REQUEST_CONNECTIONS: return tell_connections(about, answer);
	case CONTROL_REQUEST_UNKNOWN: break;
	}
	return put(answer, "requests", list_requests());
}

char *control_answer_write(void *context, enum control_request request)
{
	const char *word = control_input_word(request);
	json_t *answer = json_object();
	bool complete = put_integer(answer, "control", CONTROL_ANSWER_VERSION) &&
		put(answer, "answer", json_string(word != NULL ? word : "unknown-request")) &&
		tell(context, request, answer);
	char *line = complete ? write_line(answer) : NULL;

	json_decref(answer);
	return line;
}
