/*
 * A cell of braille has two columns of four dots (U+2800 and eight bits), so a picture has twice as many columns as
 * characters, and four times as many rows. A dot that stands for anything at all is never rounded away: the one slow
 * answer is what a picture is looked at for.
 */
#include "stats/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"

#define SHAPE_ROWS 12u
#define COURSE_ROWS 9u
#define DOTS_HIGH 4u
#define MOST_COLUMNS 200u
#define LABEL_COLUMNS 9
#define VALUE_SIZE 32

/* ---- courses ---- */

void plot_course_init(struct plot_course *course, uint64_t slot_ns)
{
	memset(course, 0, sizeof(*course));
	course->slot_ns = slot_ns > 0 ? slot_ns : 1;
}

static void widen(struct plot_slot *slot, const struct plot_slot *more)
{
	slot->lost += more->lost;
	if (more->high_ns == 0)
		return;
	if (slot->high_ns == 0 || more->low_ns < slot->low_ns)
		slot->low_ns = more->low_ns;
	if (more->middle_ns > slot->middle_ns)
		slot->middle_ns = more->middle_ns;
	if (more->high_ns > slot->high_ns)
		slot->high_ns = more->high_ns;
}

static struct plot_slot *slot_at(struct plot_course *course, uint64_t at_ns)
{
	size_t which;

	while (at_ns / course->slot_ns >= PLOT_SLOTS) {
		for (unsigned i = 0; i < PLOT_SLOTS / 2; i++) {
			struct plot_slot joined = course->slots[2 * i];

			widen(&joined, &course->slots[2 * i + 1]);
			course->slots[i] = joined;
		}
		memset(course->slots + PLOT_SLOTS / 2, 0,
			PLOT_SLOTS / 2 * sizeof(struct plot_slot));
		course->slot_ns *= 2;
		course->used = (course->used + 1) / 2;
	}
	which = at_ns / course->slot_ns;
	if (which >= course->used)
		course->used = (unsigned)which + 1;
	return &course->slots[which];
}

void plot_course_add(struct plot_course *course, uint64_t at_ns, uint64_t low_ns,
	uint64_t middle_ns, uint64_t high_ns)
{
	const struct plot_slot one = {
		.low_ns = low_ns > 0 ? low_ns : 1,
		.middle_ns = middle_ns > 0 ? middle_ns : 1,
		.high_ns = high_ns > 0 ? high_ns : 1,
	};

	widen(slot_at(course, at_ns), &one);
}

void plot_course_add_lost(struct plot_course *course, uint64_t at_ns, uint64_t count)
{
	slot_at(course, at_ns)->lost += count;
}

/* ---- numbers ---- */

/* Three digits that count: "85.2 us", "1.20 ms". */
static const char *write_time(double ns, char text[VALUE_SIZE])
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned unit = 0;

	while (ns >= 999.5 && unit < 3) {
		ns /= 1000;
		unit++;
	}
	snprintf(text, VALUE_SIZE, "%.*f %s",
		unit == 0 || ns >= 99.95 ? 0
			: ns >= 9.995    ? 1
					 : 2,
		ns, units[unit]);
	return text;
}

static unsigned width_of(unsigned columns)
{
	if (columns == 0)
		return 80;
	if (columns < PLOT_LEAST_COLUMNS)
		return PLOT_LEAST_COLUMNS;
	return columns < MOST_COLUMNS ? columns : MOST_COLUMNS;
}

/* ---- the shape ---- */

/* In eighths of a column; a bar of anything is seen. */
static void write_bar(double columns, enum plot_style style, FILE *out)
{
	static const char *const parts[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned eighths = columns > 0 ? (unsigned)(columns * 8 + 0.5) : 0;

	if (columns > 0 && eighths == 0)
		eighths = 1;
	if (style == PLOT_ASCII) {
		for (unsigned i = 0; i < (eighths + 7) / 8; i++)
			fputc('#', out);
		return;
	}
	for (unsigned i = 0; i < eighths / 8; i++)
		fputs("█", out);
	fputs(parts[eighths % 8], out);
}

void plot_write_shape(
	const struct histogram *histogram, enum plot_style style, unsigned columns, FILE *out)
{
	uint64_t counts[SHAPE_ROWS] = { 0 }, most = 0;
	double least, ratio;
	struct histogram_step step = { 0 };
	unsigned room = width_of(columns) - LABEL_COLUMNS - 24;

	if (histogram_count(histogram) == 0)
		return;
	least = histogram_min(histogram) > 0 ? (double)histogram_min(histogram) : 1;
	ratio = log((double)histogram_max(histogram) / least + 1e-9) / SHAPE_ROWS;
	while (histogram_next(histogram, &step)) {
		double middle = ((double)step.lower + (double)step.upper) / 2;
		double row = ratio > 1e-6 && middle > least ? log(middle / least) / ratio : 0;

		counts[row < SHAPE_ROWS ? (unsigned)row : SHAPE_ROWS - 1] += step.count;
	}
	for (unsigned i = 0; i < SHAPE_ROWS; i++)
		most = counts[i] > most ? counts[i] : most;
	for (unsigned i = 0; i < (ratio > 1e-6 ? SHAPE_ROWS : 1); i++) {
		char from[VALUE_SIZE];

		fprintf(out, "%*s %s", LABEL_COLUMNS, write_time(least * exp(ratio * i), from),
			style == PLOT_ASCII ? "|" : "┤");
		write_bar((double)counts[i] / (double)most * room, style, out);
		if (counts[i] > 0)
			fprintf(out, " %llu (%.*f%%)", (unsigned long long)counts[i],
				counts[i] * 100 < histogram_count(histogram) ? 3 : 1,
				(double)counts[i] * 100 / (double)histogram_count(histogram));
		fputc('\n', out);
	}
}

/* ---- over time ---- */

struct canvas {
	enum plot_style style;
	unsigned columns, wide, high; /* characters; dots each way */
	double bottom, top; /* logarithms */
	unsigned char cells[COURSE_ROWS][MOST_COLUMNS]; /* bits of braille; in ASCII a character */
};

/* From the bottom. */
static unsigned height_of(const struct canvas *canvas, uint64_t ns)
{
	double share = (log((double)ns) - canvas->bottom) / (canvas->top - canvas->bottom);

	return share <= 0    ? 0
		: share >= 1 ? canvas->high - 1
			     : (unsigned)(share * (canvas->high - 1) + 0.5);
}

static void set_dot(struct canvas *canvas, unsigned x, unsigned y, char ascii)
{
	/* By column and row from the top (Unicode's numbers of the dots). */
	static const unsigned char bits[2][DOTS_HIGH] = { { 0x01, 0x02, 0x04, 0x40 },
		{ 0x08, 0x10, 0x20, 0x80 } };
	unsigned row = canvas->high - 1 - y;

	if (canvas->style == PLOT_BRAILLE)
		canvas->cells[row / DOTS_HIGH][x / 2] |= bits[x % 2][row % DOTS_HIGH];
	else if (canvas->cells[row][x] != '#')
		canvas->cells[row][x] = (unsigned char)ascii;
}

/* All slots that lie in one column of dots. */
static struct plot_slot gather(const struct plot_course *course, unsigned x, unsigned wide)
{
	struct plot_slot all = { 0 };
	unsigned from = x * course->used / wide, to = (x + 1) * course->used / wide;

	for (unsigned i = from; i < to || i == from; i++)
		widen(&all, &course->slots[i]);
	return all;
}

static void paint(struct canvas *canvas, const struct plot_course *course)
{
	for (unsigned x = 0; x < canvas->wide; x++) {
		struct plot_slot slot = gather(course, x, canvas->wide);

		if (slot.high_ns == 0)
			continue;
		for (unsigned y = height_of(canvas, slot.low_ns);
			y <= height_of(canvas, slot.middle_ns); y++)
			set_dot(canvas, x, y, '#');
		set_dot(canvas, x, height_of(canvas, slot.high_ns), '.');
	}
}

static void write_cell(unsigned char cell, enum plot_style style, FILE *out)
{
	/* U+2800 to U+28FF in UTF-8. */
	if (style == PLOT_BRAILLE)
		fprintf(out, "\xe2%c%c", 0xa0 + (cell >> 6), 0x80 + (cell & 0x3f));
	else
		fputc(cell != 0 ? cell : ' ', out);
}

static void write_rows(const struct canvas *canvas, FILE *out)
{
	for (unsigned row = 0; row < COURSE_ROWS; row++) {
		double share = 1 - (double)row / (COURSE_ROWS - 1);
		char label[VALUE_SIZE] = "";

		if (row % 2 == 0)
			write_time(exp(canvas->bottom + share * (canvas->top - canvas->bottom)),
				label);
		fprintf(out, "%*s %s", LABEL_COLUMNS, label,
			canvas->style == PLOT_ASCII ? "|"
				: row % 2 == 0      ? "┤"
						    : "│");
		for (unsigned x = 0; x < canvas->columns; x++)
			write_cell(canvas->cells[row][x], canvas->style, out);
		fputc('\n', out);
	}
}

/* A mark below each column in which something was lost; no line where nothing was. */
static void write_lost(const struct plot_course *course, const struct canvas *canvas, FILE *out)
{
	char marks[MOST_COLUMNS + 1];
	bool any = false;

	for (unsigned x = 0; x < canvas->columns; x++) {
		bool lost = gather(course, x, canvas->columns).lost > 0;

		marks[x] = lost ? 'x' : ' ';
		any = any || lost;
	}
	marks[canvas->columns] = '\0';
	/* TRANSLATORS: before a line of marks, each a moment in which answers were lost; 9 columns. */
	if (any)
		fprintf(out, "%*s  %s\n", LABEL_COLUMNS, _("lost"), marks);
}

static bool find_range(const struct plot_course *course, struct canvas *canvas)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (unsigned i = 0; i < course->used; i++) {
		const struct plot_slot *slot = &course->slots[i];

		if (slot->high_ns == 0)
			continue;
		low = slot->low_ns < low ? slot->low_ns : low;
		high = slot->high_ns > high ? slot->high_ns : high;
	}
	/* At least a fifth apart: what is all the same is a line, not noise as high as the picture. */
	canvas->bottom = log((double)low / 1.1);
	canvas->top = log((double)high * 1.1);
	return high > 0;
}

void plot_write_course(const struct plot_course *course, enum plot_style style, unsigned columns,
	const char *band, const char *peak, FILE *out)
{
	struct canvas canvas = { .style = style, .columns = width_of(columns) - LABEL_COLUMNS - 3 };
	char end[VALUE_SIZE];

	if (!find_range(course, &canvas))
		return;
	canvas.wide = canvas.columns * (style == PLOT_BRAILLE ? 2 : 1);
	canvas.high = COURSE_ROWS * (style == PLOT_BRAILLE ? DOTS_HIGH : 1);
	paint(&canvas, course);
	write_rows(&canvas, out);
	write_lost(course, &canvas, out);
	write_time((double)course->used * (double)course->slot_ns, end);
	fprintf(out, "%*s  0%*s\n", LABEL_COLUMNS, "", (int)canvas.columns - 1, end);
	fprintf(out, "%*s  %s: %s", LABEL_COLUMNS, "", style == PLOT_ASCII ? "#" : "⣿", band);
	if (peak != NULL)
		fprintf(out, "; %s: %s", style == PLOT_ASCII ? "." : "⠂", peak);
	fputc('\n', out);
}

enum plot_style plot_style_of_terminal(void)
{
	/* The console's font has no braille, and these have little but ASCII. */
	static const char *const poor[] = { "linux", "dumb", "vt100", "vt220" };
	const char *terminal = getenv("TERM");

	for (size_t i = 0; terminal != NULL && i < sizeof(poor) / sizeof(poor[0]); i++) {
		if (strcmp(terminal, poor[i]) == 0)
			return PLOT_ASCII;
	}
	return i18n_terminal_is_utf8() ? PLOT_BRAILLE : PLOT_ASCII;
}
