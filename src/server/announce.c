/*
 * Lines about the server's life. Those about connections are chronicle.c's, those of failures stand where
 * something failed.
 */
#include "server/announce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"

/* "tcp://127.0.0.1:5000, unix:@echo"; the caller frees it. */
static char *list_addresses(const struct listener_list *listeners, json_t *ret_array)
{
	char *list = NULL, text[ADDR_TEXT_SIZE];
	size_t size;
	FILE *stream = open_memstream(&list, &size);

	if (stream == NULL)
		return NULL;
	for (size_t i = 0; i < listeners->count; i++) {
		addr_format(&listeners->listeners[i].bound, text, sizeof(text));
		fprintf(stream, "%s%s", i > 0 ? ", " : "", text);
		json_array_append_new(ret_array, json_string(text));
	}
	fclose(stream);
	return list;
}

void announce_start(const struct listener_list *listeners, const char *engine, unsigned threads)
{
	json_t *array = json_array();
	CLEANUP_FREE char *list = list_addresses(listeners, array);

	LOG_EVENT(LOG_LEVEL_INFO, "started",
		json_pack("{s:s, s:i, s:O, s:i}", "engine", engine, "threads", (int)threads,
			"addresses", array, "pid", (int)getpid()),
		ngettext("echoing on %s (engine %s, %u thread)",
			"echoing on %s (engine %s, %u threads)", threads),
		list, engine, threads);
	json_decref(array);
}

void announce_ready(const struct listener_list *listeners, int fd)
{
	char text[ADDR_TEXT_SIZE];

	if (fd < 0)
		return;
	for (size_t i = 0; i < listeners->count; i++) {
		addr_format(&listeners->listeners[i].bound, text, sizeof(text));
		if (dprintf(fd, "%s\n", text) < 0) {
			/* EPIPE: whoever waited has gone, which is their affair. */
			if (errno != EPIPE)
				log_error(_("cannot write the addresses to descriptor %d: %s"), fd,
					strerror(errno));
			break;
		}
	}
	if (fd > STDERR_FILENO)
		close(fd);
}

void announce_counters(const struct counters *sum)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	json_t *fields = json_object();

	if (stream == NULL || fields == NULL) {
		if (stream != NULL)
			fclose(stream);
		json_decref(fields);
		return;
	}
	fprintf(stream, "connections_open=%llu", (unsigned long long)counters_open(sum));
	json_object_set_new(
		fields, "connections_open", json_integer((json_int_t)counters_open(sum)));
#define TELL(name)                                                                                 \
	fprintf(stream, " " #name "=%llu", (unsigned long long)sum->name);                         \
	json_object_set_new(fields, #name, json_integer((json_int_t)sum->name));
	COUNTERS_EACH(TELL)
#undef TELL
	fclose(stream);
	log_write(LOG_LEVEL_INFO, "counters", log_is_json() ? json_incref(fields) : NULL,
		_("counters: %s"), text);
	json_decref(fields);
}

void announce_draining(const struct counters *sum, uint64_t drain_ns)
{
	char time_text[DURATION_TEXT_SIZE];
	unsigned long long open = counters_open(sum);

	duration_format(drain_ns, time_text, sizeof(time_text));
	if (open > 0 && drain_ns > 0)
		LOG_EVENT(LOG_LEVEL_INFO, "draining",
			json_pack("{s:I, s:I}", "connections_open", (json_int_t)open, "drain_ns",
				(json_int_t)drain_ns),
			ngettext("ending: %llu connection has up to %s to finish (a second signal "
				 "ends at once)",
				"ending: %llu connections have up to %s to finish (a second signal "
				"ends at once)",
				(unsigned long)open),
			open, time_text);
}

void announce_end(const struct counters *sum)
{
	unsigned long long cut = sum->connections_cut;

	LOG_EVENT(LOG_LEVEL_INFO, "stopped",
		json_pack("{s:I, s:I, s:I}", "connections_cut", (json_int_t)cut,
			"connections_accepted", (json_int_t)sum->connections_accepted, "bytes_sent",
			(json_int_t)sum->bytes_sent),
		ngettext("ended; %llu connection was cut", "ended; %llu connections were cut",
			(unsigned long)cut),
		cut);
}
