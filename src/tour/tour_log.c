/*
 * A call's line is the one of --trace, made shorter without telling anything else: the length of an
 * address is left out, and of many bytes the first few are shown.
 */
#include "tour/tour_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/errno_name.h"

/* So many bytes of what is sent are shown, where it is longer than a line. */
#define SHOWN_BYTES 8
#define QUOTED_MOST 24

static __thread struct tour_log *the_log;
static __thread enum tour_who the_speaker;
static __thread uint64_t call_start_ns;

void tour_log_init(struct tour_log *log)
{
	memset(log, 0, sizeof(*log));
	pthread_mutex_init(&log->lock, NULL);
}

void tour_log_clear(struct tour_log *log)
{
	pthread_mutex_lock(&log->lock);
	log->count = 0;
	log->block = 0;
	memset(log->waited, 0, sizeof(log->waited));
	pthread_mutex_unlock(&log->lock);
}

void tour_log_next_block(struct tour_log *log)
{
	pthread_mutex_lock(&log->lock);
	log->block++;
	pthread_mutex_unlock(&log->lock);
}

void tour_log_speak_as(struct tour_log *log, enum tour_who who)
{
	the_log = log;
	the_speaker = who;
}

void tour_log_start_clock(void)
{
	call_start_ns = clock_now_ns();
}

/* With the lock held. */
static struct tour_event *append(struct tour_log *log, enum tour_event_kind kind)
{
	if (log->count == TOUR_EVENTS_MOST) {
		size_t half = TOUR_EVENTS_MOST / 2;

		memmove(log->events, log->events + half,
			(TOUR_EVENTS_MOST - half) * sizeof(log->events[0]));
		log->count -= half;
	}

	struct tour_event *event = &log->events[log->count++];

	*event = (struct tour_event){ .kind = kind, .block = log->block };
	return event;
}

/* The one to count into where enough are shown in this block; NULL: there is room. With the lock held. */
static struct tour_event *find_full(struct tour_log *log, enum tour_event_kind kind,
	enum tour_event_kind more, enum tour_who who, unsigned most)
{
	unsigned shown = 0;

	for (size_t i = 0; i < log->count; i++) {
		struct tour_event *event = &log->events[i];

		if (event->block != log->block || event->who != who)
			continue;
		if (event->kind == more)
			return event;
		shown += event->kind == kind;
	}
	if (shown < most)
		return NULL;

	struct tour_event *event = append(log, more);

	event->who = who;
	return event;
}

static void add_call(const char *text)
{
	struct tour_log *log = the_log;
	uint64_t now_ns = clock_now_ns();
	double ms = (double)(now_ns - call_start_ns) / (double)CLOCK_NS_PER_MS;

	pthread_mutex_lock(&log->lock);

	struct tour_event *full = find_full(
		log, TOUR_EVENT_CALL, TOUR_EVENT_MORE, the_speaker, TOUR_LOG_CALLS_SHOWN);

	if (full != NULL)
		full->count++;
	else {
		struct tour_event *event = append(log, TOUR_EVENT_CALL);

		event->who = the_speaker;
		event->ms = log->waited[the_speaker] ? 0 : ms;
		snprintf(event->text, sizeof(event->text), "%s", text);
	}
	log->waited[the_speaker] = false;
	pthread_mutex_unlock(&log->lock);
	call_start_ns = clock_now_ns();
}

/* Takes off the last argument. */
static void drop_last(char *arguments)
{
	char *comma = strrchr(arguments, ',');

	if (comma != NULL)
		*comma = '\0';
}

/* "xxxxxxxxxxxxx..." becomes "xxxxxxxx"..., where the quotes are too far apart. */
static void shorten_bytes(char *arguments)
{
	char *open = strchr(arguments, '"');
	char *close = open != NULL ? strrchr(open + 1, '"') : NULL;
	char rest[TOUR_EVENT_TEXT];

	if (close == NULL || close - open - 1 <= QUOTED_MOST)
		return;

	char *end = open + 1 + SHOWN_BYTES;

	while ((*end & 0xc0) == 0x80)
		end--;
	snprintf(rest, sizeof(rest), "\"...%s",
		strncmp(close + 1, "...", 3) == 0 ? close + 4 : close + 1);
	strcpy(end, rest);
}

void tour_log_hook(const char *name, const char *arguments, int64_t result)
{
	char shown[TOUR_EVENT_TEXT - 48], text[TOUR_EVENT_TEXT];

	if (the_log == NULL)
		return; /* a question of the tour's own */
	snprintf(shown, sizeof(shown), "%s", arguments);
	if (strcmp(name, "bind") == 0 || strcmp(name, "connect") == 0 ||
		strcmp(name, "accept") == 0 || strcmp(name, "getsockname") == 0)
		drop_last(shown);
	shorten_bytes(shown);
	if (result < 0)
		snprintf(text, sizeof(text), "%s(%s) = -1 %s", name, shown,
			errno_name((int)-result));
	else
		snprintf(text, sizeof(text), "%s(%s) = %lld", name, shown, (long long)result);
	add_call(text);
}

void tour_log_say(const char *text)
{
	if (the_log != NULL)
		add_call(text);
}

void tour_log_add_waiting(struct tour_log *log, enum tour_who who, const char *text)
{
	pthread_mutex_lock(&log->lock);

	struct tour_event *event = append(log, TOUR_EVENT_WAITS);

	event->who = who;
	snprintf(event->text, sizeof(event->text), "%s", text);
	log->waited[who] = true;
	pthread_mutex_unlock(&log->lock);
}

void tour_log_add_packet(struct tour_log *log, const struct tour_packet *packet)
{
	pthread_mutex_lock(&log->lock);

	struct tour_event *full = find_full(log, TOUR_EVENT_PACKET, TOUR_EVENT_MORE_PACKETS,
		TOUR_WORKERS, TOUR_LOG_PACKETS_SHOWN);

	if (full != NULL)
		full->count++;
	else {
		struct tour_event *event = append(log, TOUR_EVENT_PACKET);

		event->who = TOUR_WORKERS;
		event->packet = *packet;
	}
	pthread_mutex_unlock(&log->lock);
}

size_t tour_log_copy(struct tour_log *log, struct tour_event *ret_events)
{
	size_t count;

	pthread_mutex_lock(&log->lock);
	count = log->count;
	memcpy(ret_events, log->events, count * sizeof(log->events[0]));
	pthread_mutex_unlock(&log->lock);
	return count;
}
