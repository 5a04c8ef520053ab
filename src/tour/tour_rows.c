/*
 * A call that is longer than its column is broken behind a comma, and its result goes into a line of its own
 * where it does not fit. Nothing is cut.
 */
#include "tour/tour_rows.h"

#include <stdio.h>
#include <string.h>

/* Rows that one step may take in one column. */
#define BLOCK_ROWS 24
/* A call that took less is not shown with its time. */
#define SHOWN_MS 5.0
#define INDENT 4

struct column {
	char cells[BLOCK_ROWS][TOUR_ROWS_CELL_SIZE];
	size_t count;
	unsigned width;
};

struct block {
	struct column left, middle, right;
};

/* How many bytes of the text fit, in whole characters. */
static size_t fitting(const char *text, unsigned width)
{
	char start[TOUR_ROWS_CELL_SIZE];
	size_t length = strlen(text);

	snprintf(start, sizeof(start), "%s", text);
	while (length > 0 && tour_view_width(start) > width) {
		do
			length--;
		while (length > 0 && (start[length] & 0xc0) == 0x80);
		start[length] = '\0';
	}
	return length;
}

/* What has no place to be broken, and is too wide, is broken where it is. */
static void add(struct column *column, const char *text)
{
	while (column->count < BLOCK_ROWS) {
		size_t length = fitting(text, column->width);

		snprintf(column->cells[column->count++], TOUR_ROWS_CELL_SIZE, "%.*s", (int)length,
			text);
		text += length;
		/* The blank behind a comma may hang over the edge. */
		if (length == 0 || strspn(text, " ") == strlen(text))
			return;
	}
}

static void add_at_right_edge(struct column *column, const char *text)
{
	char cell[TOUR_ROWS_CELL_SIZE];
	unsigned used = tour_view_width(text);

	snprintf(cell, sizeof(cell), "%*s%s",
		used < column->width ? (int)(column->width - used) : 0, "", text);
	add(column, cell);
}

/* The next piece that must stay whole: up to and with ", ", or before " = ". Returns its length. */
static size_t piece_length(const char *text)
{
	const char *at = text + 1;

	for (; *at != '\0'; at++) {
		if (strncmp(at, ", ", 2) == 0)
			return (size_t)(at + 2 - text);
		if (strncmp(at, " = ", 3) == 0 || strncmp(at, " -> ", 4) == 0)
			return (size_t)(at - text);
	}
	return (size_t)(at - text);
}

static void add_wrapped(struct column *column, const char *text)
{
	char line[TOUR_ROWS_CELL_SIZE] = "", piece[TOUR_EVENT_TEXT];

	while (*text != '\0') {
		size_t length = piece_length(text);
		unsigned used = tour_view_width(line);

		snprintf(piece, sizeof(piece), "%.*s", (int)length, text);
		unsigned wanted = tour_view_width(piece) -
			(length > 1 && text[length - 1] == ' ');

		if (used > INDENT && used + wanted > column->width) {
			bool is_result = strncmp(piece, " = ", 3) == 0;

			add(column, line);
			if (is_result) {
				add_at_right_edge(column, piece + 1);
				return;
			}
			snprintf(line, sizeof(line), "%*s%s", INDENT, "",
				piece[0] == ' ' ? piece + 1 : piece);
		} else
			strncat(line, piece, sizeof(line) - strlen(line) - 1);
		text += length;
	}
	if (line[0] != '\0')
		add(column, line);
}

static void add_time(struct column *column, double ms)
{
	char text[32], *last;

	if (ms < SHOWN_MS || column->count == 0)
		return;
	snprintf(text, sizeof(text), "%.1f ms", ms);
	last = column->cells[column->count - 1];

	int gap = (int)column->width - (int)tour_view_width(last) - (int)tour_view_width(text);

	if (gap >= 2)
		snprintf(last + strlen(last), TOUR_ROWS_CELL_SIZE - strlen(last), "%*s%s", gap, "",
			text);
	else
		add_at_right_edge(column, text);
}

/* ---- packets ---- */

static void label_of(
	const struct tour_view *view, const struct tour_packet *packet, char *label, size_t size)
{
	const char *ack = (packet->flags & TOUR_ACK) != 0 ? "+ACK" : "";

	if ((packet->flags & TOUR_SYN) != 0)
		snprintf(label, size, "SYN%s", ack);
	else if ((packet->flags & TOUR_RST) != 0)
		snprintf(label, size, "RST");
	else if (packet->length > 0)
		snprintf(label, size,
			view->korean                  ? "%u바이트%s"
				: packet->length == 1 ? "%u byte%s"
						      : "%u bytes%s",
			packet->length, (packet->flags & TOUR_FIN) != 0 ? "+FIN" : "");
	else if ((packet->flags & TOUR_FIN) != 0)
		snprintf(label, size, "FIN");
	else if (packet->window == 0)
		snprintf(label, size, "%s", view->korean ? "ACK 윈도우0" : "ACK window 0");
	else
		snprintf(label, size, "ACK");
}

static bool comes_from_server(const struct tour_view *view, const struct tour_packet *packet)
{
	uint16_t from = packet->from_port;

	return from == view->port || from == (uint16_t)(view->port << 8 | view->port >> 8) ||
		from == 1004 || from == 0xec03; /* the same with its bytes swapped */
}

static void add_packet(
	const struct tour_view *view, struct column *column, const struct tour_packet *packet)
{
	char label[48], cell[TOUR_ROWS_CELL_SIZE], shaft[64] = "";
	bool to_right = comes_from_server(view, packet);
	unsigned used;

	label_of(view, packet, label, sizeof(label));
	used = tour_view_width(label) +
		4; /* a blank at each end, an arrow, a blank before the label */
	for (; used < TOUR_ROWS_MIDDLE; used++)
		strcat(shaft, view->ascii ? "-" : "─");
	if (to_right)
		snprintf(cell, sizeof(cell), " %s %s%s ", label, shaft, view->ascii ? ">" : "▶");
	else
		snprintf(cell, sizeof(cell), " %s%s %s ", view->ascii ? "<" : "◀", shaft, label);
	add(column, cell);
}

/* ---- steps ---- */

static bool is_server(enum tour_who who)
{
	return who == TOUR_SERVER || who == TOUR_SERVER_2;
}

static void add_more(const struct tour_view *view, struct column *column, unsigned count)
{
	char text[64];

	snprintf(text, sizeof(text), view->korean ? " ... %u개 더" : " ... %u more", count);
	add(column, text);
}

static void add_event(
	const struct tour_view *view, const struct tour_event *event, struct block *block)
{
	struct column *side = is_server(event->who) ? &block->left : &block->right;

	switch (event->kind) {
	case TOUR_EVENT_CALL:
		add_wrapped(side, event->text);
		add_time(side, event->ms);
		break;
	case TOUR_EVENT_WAITS:
		add_wrapped(side, event->text);
		add(side, view->korean ? "  (기다리는 중)" : "  (waits)");
		break;
	case TOUR_EVENT_MORE: add_more(view, side, event->count); break;
	case TOUR_EVENT_PACKET: add_packet(view, &block->middle, &event->packet); break;
	case TOUR_EVENT_MORE_PACKETS: add_more(view, &block->middle, event->count); break;
	}
}

static void add_row(struct tour_rows *rows, const struct block *block, size_t i)
{
	struct tour_rows_row *row;

	if (rows->count == TOUR_ROWS_MOST) {
		memmove(rows->rows, rows->rows + 1, (TOUR_ROWS_MOST - 1) * sizeof(rows->rows[0]));
		rows->count--;
	}
	row = &rows->rows[rows->count++];
	memset(row, 0, sizeof(*row));
	if (i < block->left.count)
		strcpy(row->left, block->left.cells[i]);
	if (i < block->middle.count)
		strcpy(row->middle, block->middle.cells[i]);
	if (i < block->right.count)
		strcpy(row->right, block->right.cells[i]);
}

static void end_block(struct tour_rows *rows, struct block *block)
{
	size_t most = block->left.count;

	if (block->middle.count > most)
		most = block->middle.count;
	if (block->right.count > most)
		most = block->right.count;
	for (size_t i = 0; i < most; i++)
		add_row(rows, block, i);
	block->left.count = block->middle.count = block->right.count = 0;
}

static void add_next(const struct tour_view *view, struct tour_rows *rows, struct block *block)
{
	struct column *side = is_server(view->next_who) ? &block->left : &block->right;
	char text[TOUR_EVENT_TEXT + 8];

	if (view->next[0] == '\0')
		return;
	snprintf(text, sizeof(text), "%s %s", view->ascii ? ">" : "▶", view->next);
	add_wrapped(side, text);
	end_block(rows, block);
}

void tour_rows_make(const struct tour_view *view, struct tour_rows *ret_rows)
{
	struct block block = { .left.width = TOUR_ROWS_LEFT,
		.middle.width = TOUR_ROWS_MIDDLE,
		.right.width = TOUR_ROWS_RIGHT };

	ret_rows->count = 0;
	for (size_t i = 0; i < view->event_count; i++) {
		if (i > 0 && view->events[i].block != view->events[i - 1].block)
			end_block(ret_rows, &block);
		add_event(view, &view->events[i], &block);
	}
	end_block(ret_rows, &block);
	add_next(view, ret_rows, &block);
}
