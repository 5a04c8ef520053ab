/*
 * The sentences, by code. Figures come from files: none is taken at its word.
 */
#include "report/model/reason.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/i18n.h"

/* No kernel has error numbers above this. */
#define MOST_ERRNO 4095

struct kind {
	const char *code;
	const char *brief; /* without figures: what a file from before there were any says */
	const char *gravity; /* the figure that makes it grave */
	bool less_is_graver;
};

static const struct kind kinds[] = {
	{ "generator-cpu",
		N_("the generator itself was out of processor time: this is its limit, not the "
		   "service's"),
		"waiting_share", false },
	{ "behind-schedule",
		N_("the generator was behind its schedule: that is part of the latency from the "
		   "intended time"),
		"late_ns", false },
	{ "connections-missing",
		N_("not all connections could be made: the others carried no load"), "connected",
		true },
	{ "messages-unsent",
		N_("messages that were due were never sent: the latency from the intended time is at "
		   "least what is shown"),
		"unsent", false },
	{ "connections-silent",
		N_("some connections stopped answering: the figures are those of the others"), NULL,
		false },
	{ "latency-out-of-range", N_("some latencies were longer than the hour that is measured"),
		NULL, false },
	{ "intervals-overlap",
		N_("intervals of the log overlap: some of it may be there twice, and rates do not "
		   "hold"),
		"overlaps", false },
	{ "unit-unclear",
		N_("MAX and the histograms of the log disagree: its values may be of another unit "
		   "(--unit)"),
		"lines", false },
};

static const struct kind *kind_of(const struct model_reason *reason)
{
	for (size_t i = 0; reason->code != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].code, reason->code) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* NAN: there is none of that name. */
static double figure(const struct model_reason *reason, const char *name)
{
	const struct model_figure *figures = reason->figures.items;

	for (size_t i = 0; i < reason->figures.count; i++) {
		if (figures[i].name != NULL && strcmp(figures[i].name, name) == 0)
			return figures[i].value;
	}
	return NAN;
}

static unsigned whole(double value)
{
	return value < UINT32_MAX ? (unsigned)value : UINT32_MAX;
}

/* The message itself or its translation. */
static const char *pick(bool translated, const char *message)
{
	return translated ? _(message) : message;
}

static const char *error_text(double number, bool translated)
{
	const char *text = NULL;

	if (number >= 1 && number <= MOST_ERRNO)
		text = translated ? strerror((int)number) : strerrordesc_np((int)number);
	return text != NULL ? text : "?";
}

static void format_cpu(double running, double waiting, bool translated, char *buffer, size_t size)
{
	const char *format = pick(translated,
		N_("the generator itself was out of processor time (busiest thread: %.0f%% "
		   "running, %.0f%% waiting to run): this is its limit, not the service's; "
		   "more --threads or a lower rate help"));

	snprintf(buffer, size, format, fmin(running, 1) * 100, fmin(waiting, 1) * 100);
}

/* 2^63 ns are three centuries. */
static const char *format_time(double ns, char text[static DURATION_TEXT_SIZE])
{
	return duration_format(
		ns >= 0 && ns < 0x1p63 ? (uint64_t)ns : INT64_MAX, text, DURATION_TEXT_SIZE);
}

/* As it is known of results from before there was a share. */
static void format_behind(double late_ns, bool translated, char *buffer, size_t size)
{
	char time[DURATION_TEXT_SIZE];
	const char *format = pick(translated,
		N_("the generator was behind its schedule (1 message in 100 was handed out %s late "
		   "or more): that is part of the latency from the intended time"));

	snprintf(buffer, size, format, format_time(late_ns, time));
}

/* How much of the latency that is, and what to do about it. */
static void format_explained(
	double late_ns, double latency_ns, bool translated, char *buffer, size_t size)
{
	char late[DURATION_TEXT_SIZE], latency[DURATION_TEXT_SIZE];
	const char *format = pick(translated,
		N_("the generator was behind its schedule (1 message in 100 was handed out %s late "
		   "or more), which can explain up to %.0f%% of the p99 of %s from the intended "
		   "time; --busy-poll, a lower --rate or an idle machine helps"));

	snprintf(buffer, size, format, format_time(late_ns, late),
		latency_ns > late_ns ? late_ns / latency_ns * 100 : 100,
		format_time(latency_ns, latency));
}

static void format_unsent(double unsent, double due, bool translated, char *buffer, size_t size)
{
	const char *format = pick(translated,
		N_("%.0f of %.0f messages that were due were never sent, because the connections "
		   "waited for answers, were gone, or the generator was too slow: they count as "
		   "lost, and the latency from the intended time is at least what is shown"));

	snprintf(buffer, size, format, unsent, due);
}

static void format_silent(
	const struct model_reason *reason, bool translated, char *buffer, size_t size)
{
	unsigned connections = whole(figure(reason, "connections"));
	unsigned silent = whole(figure(reason, "silent"));
	unsigned stalled = whole(figure(reason, "stalled"));

	if (stalled == 0)
		snprintf(buffer, size,
			pick(translated,
				N_("%u of %u connections brought nothing back during the whole "
				   "measurement: the figures are those of the others")),
			silent, connections);
	else if (silent == 0)
		snprintf(buffer, size,
			pick(translated,
				N_("%u of %u connections stopped answering before the measurement "
				   "ended: from then on the figures are those of the others")),
			stalled, connections);
	else
		snprintf(buffer, size,
			pick(translated,
				N_("%u connections brought nothing back during the whole "
				   "measurement, and %u stopped answering before it ended, of %u: "
				   "the figures are those of the others")),
			silent, stalled, connections);
}

/* What to do about it; "" where that is not known. */
static const char *next_step(double number, bool translated)
{
	if (number == EADDRNOTAVAIL)
		return pick(translated,
			N_("; an address has only so many ports: --source takes several"));
	if (number == EMFILE || number == ENFILE)
		return pick(translated, N_("; 'ulimit -n' raises the limit"));
	return "";
}

static void format_missing(
	const struct model_reason *reason, bool translated, char *buffer, size_t size)
{
	double number = figure(reason, "errno");
	const char *format = pick(translated,
		N_("only %u of %u connections could be made (%s): the others carried no load"));
	int used = snprintf(buffer, size, format, whole(figure(reason, "connected")),
		whole(figure(reason, "connections")), error_text(number, translated));

	if (used > 0 && (size_t)used < size)
		snprintf(buffer + used, size - (size_t)used, "%s", next_step(number, translated));
}

/* False: it lacks the figures that its sentence has. */
static bool format_figures(
	const struct model_reason *reason, bool translated, char *buffer, size_t size)
{
	double running = figure(reason, "running_share"), waiting = figure(reason, "waiting_share");
	double late_ns = figure(reason, "late_ns"), latency_ns = figure(reason, "latency_ns");
	double unsent = figure(reason, "unsent"), due = figure(reason, "due");

	if (strcmp(reason->code, "generator-cpu") == 0 && !isnan(running) && !isnan(waiting))
		format_cpu(running, waiting, translated, buffer, size);
	else if (strcmp(reason->code, "behind-schedule") == 0 && !isnan(late_ns) &&
		!isnan(latency_ns))
		format_explained(late_ns, latency_ns, translated, buffer, size);
	else if (strcmp(reason->code, "messages-unsent") == 0 && !isnan(unsent) && !isnan(due))
		format_unsent(unsent, due, translated, buffer, size);
	else if (strcmp(reason->code, "connections-silent") == 0 &&
		!isnan(figure(reason, "silent")) && !isnan(figure(reason, "stalled")) &&
		!isnan(figure(reason, "connections")))
		format_silent(reason, translated, buffer, size);
	else if (strcmp(reason->code, "behind-schedule") == 0 && !isnan(late_ns))
		format_behind(late_ns, translated, buffer, size);
	else if (strcmp(reason->code, "connections-missing") == 0 &&
		!isnan(figure(reason, "connected")) && !isnan(figure(reason, "connections")))
		format_missing(reason, translated, buffer, size);
	else
		return false;
	return true;
}

const char *reason_format(
	const struct model_reason *reason, bool translated, char *buffer, size_t size)
{
	const struct kind *kind = kind_of(reason);

	if (kind == NULL) {
		const char *known = reason->text != NULL ? reason->text : reason->code;

		snprintf(buffer, size, "%s", known != NULL ? known : "?");
	} else if (!format_figures(reason, translated, buffer, size)) {
		const char *brief = pick(translated, kind->brief);

		if (reason->text == NULL || strcmp(reason->text, kind->brief) == 0)
			snprintf(buffer, size, "%s", brief);
		else if (brief == kind->brief)
			snprintf(buffer, size, "%s", reason->text);
		else /* The text is English and has the figures. */
			snprintf(buffer, size, "%s (%s)", brief, reason->text);
	}
	return buffer;
}

int reason_add_figure(struct model_reason *reason, const char *name, double value)
{
	struct model_figure *added = model_append(&reason->figures, sizeof(*added));

	if (added == NULL)
		return -ENOMEM;
	added->value = value;
	return model_set_text(&added->name, name);
}

static bool is_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool reason_is_same(const struct model_reason *a, const struct model_reason *b)
{
	if (!is_equal(a->code, b->code))
		return false;
	/* A text that nothing else is known of has to be read. */
	if (kind_of(a) == NULL || a->figures.count == 0 || b->figures.count == 0)
		return is_equal(a->text, b->text);
	return true;
}

bool reason_is_graver(const struct model_reason *a, const struct model_reason *b)
{
	const struct kind *kind = kind_of(a);

	if (kind == NULL || kind->gravity == NULL)
		return false;

	double of_a = figure(a, kind->gravity), of_b = figure(b, kind->gravity);

	return kind->less_is_graver ? of_a < of_b : of_a > of_b;
}
