/*
 * What has happened at a stop, in the order that it did: calls (from the hook of net/call.h), calls that
 * wait, packets, remarks. The screen is drawn from it in either language, so nothing in it is translated.
 * Calls are added by the workers' threads, all else by the main thread; read it from the main thread, with
 * a copy (tour_log_copy).
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "tour/tour_packets.h"
#include "tour/stops/tour_stop.h"

enum tour_event_kind {
	TOUR_EVENT_CALL, /* text: "send(4, ...) = 13" */
	TOUR_EVENT_WAITS, /* text: a call that has not returned */
	TOUR_EVENT_MORE, /* `count` more calls, not shown */
	TOUR_EVENT_PACKET,
	TOUR_EVENT_MORE_PACKETS,
};

#define TOUR_EVENT_TEXT 160

struct tour_event {
	enum tour_event_kind kind;
	unsigned block; /* events of one step have one number */
	enum tour_who who;
	char text[TOUR_EVENT_TEXT];
	double ms; /* that the call took; 0: too short to tell, or it waited for a person */
	unsigned count;
	struct tour_packet packet;
};

/* Older ones are forgotten. */
#define TOUR_EVENTS_MOST 160
/* In one block and of one worker, or of the wire; what is beyond is counted. */
#define TOUR_LOG_CALLS_SHOWN 5
#define TOUR_LOG_PACKETS_SHOWN 8

struct tour_log {
	pthread_mutex_t lock;
	struct tour_event events[TOUR_EVENTS_MOST];
	size_t count;
	unsigned block;
	bool waited[TOUR_WORKERS];
};

void tour_log_init(struct tour_log *log);
void tour_log_clear(struct tour_log *log);
/* From now on it is a new step. */
void tour_log_next_block(struct tour_log *log);

/* For the thread that calls it: from now on its calls are those of `who`. The hook must be set, too. */
void tour_log_speak_as(struct tour_log *log, enum tour_who who);
/* Its next call begins now. */
void tour_log_start_clock(void);
/* To be given to call_set_hook. */
void tour_log_hook(const char *name, const char *arguments, int64_t result);
/* What is no call of net/call.h: whole lines. From a worker's thread. */
void tour_log_say(const char *text);

void tour_log_add_waiting(struct tour_log *log, enum tour_who who, const char *text);
void tour_log_add_packet(struct tour_log *log, const struct tour_packet *packet);

/* Into `ret_events`, which has room for TOUR_EVENTS_MOST. Returns how many. */
size_t tour_log_copy(struct tour_log *log, struct tour_event *ret_events);
