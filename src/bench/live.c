/*
 * What is on the screen is remembered by its widths only: should the window have become narrower, the
 * terminal has broken those lines, and the way up to the first of them is longer.
 */
#include "bench/live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "base/outfile.h"
#include "client/visible.h"

/* A window without a size, and the least that is drawn for. */
#define USUAL_COLUMNS 80
#define USUAL_ROWS 24
#define LEAST_COLUMNS 10
#define BAR_MOST 40

static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const letters[] = { "_", ".", ":", "-", "=", "+", "*", "#" };

void live_init(struct live *live, FILE *out, const char *title)
{
	const char *terminal = getenv("TERM");

	*live = (struct live){
		.out = out,
		.title = title,
		.redraws = isatty(fileno(out)) && terminal != NULL && *terminal != '\0' &&
			strcmp(terminal, "dumb") != 0,
		.bars = i18n_terminal_is_utf8(),
	};
}

bool live_redraws(const struct live *live)
{
	return live->redraws;
}

/* ---- widths ---- */

struct clip {
	char *line;
	size_t size, used;
	unsigned columns, width;
};

static void clip_put(void *context, const char *text, size_t length, unsigned width)
{
	struct clip *clip = context;

	if (clip->width + width > clip->columns || clip->used + length >= clip->size) {
		clip->columns = 0; /* what follows would stand in the wrong place */
		return;
	}
	memcpy(clip->line + clip->used, text, length);
	clip->used += length;
	clip->width += width;
}

/* Cuts the line in place; returns its width. */
static unsigned clip_line(char line[static LIVE_LINE_SIZE], unsigned columns)
{
	char whole[LIVE_LINE_SIZE];
	struct visible visible = { 0 };
	struct clip clip = { .line = line, .size = LIVE_LINE_SIZE, .columns = columns };

	strcpy(whole, line);
	visible_feed(&visible, whole, strlen(whole), clip_put, &clip);
	line[clip.used] = '\0';
	return clip.width;
}

/* ---- the block ---- */

void live_draw_bars(const double *values, size_t count, bool use_blocks, char *buffer, size_t size)
{
	double most = 0;
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		most = values[i] > most ? values[i] : most;
	buffer[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		size_t level = most > 0 ? (size_t)(values[i] / most * 7 + 0.5) : 0;
		const char *bar = (use_blocks ? blocks : letters)[level < 8 ? level : 7];

		if (used + strlen(bar) >= size)
			return;
		strcpy(buffer + used, bar);
		used += strlen(bar);
	}
}

static const char *phase_name(enum bench_phase phase)
{
	switch (phase) {
	case BENCH_WAITING: return _("waiting for the time to begin");
	case BENCH_CONNECTING: return _("connecting");
	case BENCH_WARMING_UP: return _("warming up");
	case BENCH_MEASURING: return _("measuring");
	case BENCH_FINISHING: return _("waiting for what is under way");
	}
	return "";
}

static void compose_progress(
	const struct bench_progress *progress, unsigned columns, char line[static LIVE_LINE_SIZE])
{
	char elapsed[DURATION_TEXT_SIZE], length[DURATION_TEXT_SIZE], bar[BAR_MOST + 1] = "";
	unsigned size = columns > 60 ? BAR_MOST : columns > 40 ? 16 : 0, filled;

	if (progress->length_ns == 0) {
		snprintf(line, LIVE_LINE_SIZE, "  %s", phase_name(progress->phase));
		return;
	}
	filled = (unsigned)((double)progress->elapsed_ns / (double)progress->length_ns * size);
	for (unsigned i = 0; i < size; i++)
		bar[i] = i < filled ? '#' : '.';
	/* TRANSLATORS: a bar, a phase, and a time of a time: "####.... measuring 4.00s of 10.0s" */
	snprintf(line, LIVE_LINE_SIZE, _("  %s%s%s %s of %s"), bar, size > 0 ? " " : "",
		phase_name(progress->phase),
		duration_format(progress->elapsed_ns, elapsed, sizeof(elapsed)),
		duration_format(progress->length_ns, length, sizeof(length)));
}

/* Where nothing came back there is no latency, and none is 0. */
static const char *format_latency(uint64_t ns, char *buffer, size_t size)
{
	if (ns == 0)
		snprintf(buffer, size, "-");
	else
		duration_format(ns, buffer, size);
	return buffer;
}

static void compose_figures(
	const struct outcome_interval *figures, char *line, size_t size, const char *indent)
{
	char rate[NUMBER_TEXT_SIZE], p50[DURATION_TEXT_SIZE], p99[DURATION_TEXT_SIZE],
		most[DURATION_TEXT_SIZE];

	snprintf(line, size, _("%s%s/s  p50 %s  p99 %s  max %s"), indent,
		number_format_rate(figures->reached_per_s, rate, sizeof(rate)),
		format_latency(figures->p50_ns, p50, sizeof(p50)),
		format_latency(figures->p99_ns, p99, sizeof(p99)),
		format_latency(figures->max_ns, most, sizeof(most)));
}

static void compose_counts(const struct live *live, const struct load_record_counts *counts,
	unsigned columns, char line[static LIVE_LINE_SIZE])
{
	size_t bars = live->history_count < columns / 3 ? live->history_count : columns / 3;
	uint64_t waiting = counts->offered > counts->sent ? counts->offered - counts->sent : 0;
	int used = snprintf(line, LIVE_LINE_SIZE,
		_("  errors %llu  waiting %llu  lost %llu  damaged %llu  "),
		(unsigned long long)outcome_errors(counts), (unsigned long long)waiting,
		(unsigned long long)counts->lost, (unsigned long long)counts->damaged);

	if (used > 0 && used < LIVE_LINE_SIZE)
		live_draw_bars(live->history + live->history_count - bars, bars, live->bars,
			line + used, LIVE_LINE_SIZE - (size_t)used);
}

unsigned live_compose(const struct live *live, const struct bench_progress *progress,
	unsigned columns, unsigned rows, char lines[static LIVE_LINES][LIVE_LINE_SIZE])
{
	unsigned most_columns = columns > LEAST_COLUMNS ? columns - 1 : LEAST_COLUMNS, count = 0;
	bool is_low = rows <= LIVE_LINES;

	if (!is_low)
		snprintf(lines[count++], LIVE_LINE_SIZE, "%s", live->title);
	if (!is_low || !live->measured)
		compose_progress(progress, most_columns, lines[count++]);
	if (live->measured)
		compose_figures(&live->figures, lines[count++], LIVE_LINE_SIZE, "  ");
	if (!is_low && live->measured)
		compose_counts(live, &progress->sum->counts, most_columns, lines[count++]);
	for (unsigned i = 0; i < count; i++)
		clip_line(lines[i], most_columns);
	return count;
}

/* Before the measuring nothing is counted, and after it nothing is sent. */
void live_remember(struct live *live, const struct bench_progress *progress)
{
	if (progress->phase != BENCH_MEASURING)
		return;
	/* What is left at the end may be too short for anything to have come back in it. */
	if (live->measured && progress->tick.length_ns < live->figures.length_ns / 4)
		return;
	if (live->history_count == LIVE_HISTORY) {
		memmove(live->history, live->history + 1,
			(LIVE_HISTORY - 1) * sizeof(live->history[0]));
		live->history_count--;
	}
	live->history[live->history_count++] = progress->tick.reached_per_s;
	live->figures = progress->tick;
	live->measured = true;
}

static struct winsize measure(const struct live *live)
{
	struct winsize size = { 0 };

	if (ioctl(fileno(live->out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
		size = (struct winsize){ .ws_col = USUAL_COLUMNS, .ws_row = USUAL_ROWS };
	return size;
}

/* Moves to where the block begins, and clears from there. */
static void rewind_block(struct live *live, unsigned columns)
{
	unsigned up = 0;

	for (unsigned i = 0; i < live->line_count; i++)
		up += live->widths[i] == 0 ? 1 : (live->widths[i] - 1) / columns + 1;
	if (up > 0)
		fprintf(live->out, "\r\033[%uA\033[J", up);
	live->line_count = 0;
}

void live_clear(struct live *live)
{
	if (!live->redraws)
		return;
	rewind_block(live, measure(live).ws_col);
	outfile_flush(live->out);
}

void live_tick(struct live *live, const struct bench_progress *progress)
{
	char lines[LIVE_LINES][LIVE_LINE_SIZE];
	struct winsize size;
	unsigned count;

	if (!live->redraws)
		return;
	size = measure(live);
	live_remember(live, progress);
	rewind_block(live, size.ws_col);
	count = live_compose(live, progress, size.ws_col, size.ws_row, lines);
	for (unsigned i = 0; i < count; i++) {
		live->widths[i] = clip_line(lines[i], UINT16_MAX);
		fprintf(live->out, "%s\n", lines[i]);
	}
	live->line_count = count;
	outfile_flush(live->out);
}

void live_interval(struct live *live, const struct outcome_interval *interval)
{
	char time[DURATION_TEXT_SIZE], line[LIVE_LINE_SIZE], figures[LIVE_LINE_SIZE / 2];
	int used;

	if (live->redraws)
		return;
	compose_figures(interval, figures, sizeof(figures), "  ");
	duration_format(interval->start_ns + interval->length_ns, time, sizeof(time));
	used = snprintf(line, sizeof(line), _("%7s%s  errors %llu"), time, figures,
		(unsigned long long)interval->errors);
	/* They are no errors yet: they may still be sent. */
	if (interval->unsent > 0 && used > 0 && (size_t)used < sizeof(line))
		snprintf(line + used, sizeof(line) - (size_t)used, _("  waiting %llu"),
			(unsigned long long)interval->unsent);
	fprintf(live->out, "%s\n", line);
	outfile_flush(live->out);
}
