/*
 * What the tour's screen is drawn from, and words of it that more than one part of the screen needs. Pure.
 * Columns are counted here, not by the locale: Hangul takes two, all else one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tour/stops/tour_stop.h"
#include "tour/tour_facts.h"
#include "tour/tour_log.h"

/* What an overlay may take. */
#define TOUR_VIEW_OVERLAY_LINES 9

struct tour_view {
	bool korean;
	bool ascii; /* lines and arrows of ASCII */
	bool inferred; /* the packets are */
	unsigned number, count; /* of the stop */
	const struct tour_stop *stop;
	const struct tour_break *broken; /* or NULL */
	const struct tour_event *events;
	size_t event_count;
	struct tour_facts facts;
	uint16_t port, client_port;
	/* The call to be made next; empty: there is none. */
	char next[TOUR_EVENT_TEXT];
	enum tour_who next_who;
	struct tour_text idea;
	const struct tour_question *question; /* of the next step, or NULL */
	unsigned guess; /* at it; 0: none yet */
	const struct tour_question *answered; /* of the step that was made, or NULL */
	unsigned answer; /* what was guessed there */
	bool disagrees; /* the kernel does not say what the table says */
	/* Instead of the calls; NULL: none. */
	const char *overlay_title;
	const char *overlay[TOUR_VIEW_OVERLAY_LINES];
	size_t overlay_count;
};

/* Columns that a text takes. */
unsigned tour_view_width(const char *text);

/* `text` with {port} and {swapped} filled in. Returns `filled`. */
const char *tour_view_fill(const char *text, uint16_t port, char *filled, size_t size);

/* "ko" or "en" of a text. */
const char *tour_view_text(const struct tour_text *text, bool korean);

/* How long the kernel's words for a socket may be. */
enum tour_brevity { TOUR_IN_FULL, TOUR_BRIEFLY, TOUR_IN_NUMBERS };

/* One socket as the kernel's lines have it: "4 ESTABLISHED to send 0, to read 0"; 0: there is none. */
size_t tour_view_describe_fact(const struct tour_view *view, enum tour_slot slot,
	enum tour_brevity brevity, char *text, size_t size);
