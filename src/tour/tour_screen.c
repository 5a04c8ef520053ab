/*
 * From the top: title, rule, heads of the three columns, nine rows of them, rule, two lines of the kernel,
 * rule, three lines of the idea, the answer to the last guess, the next question and its choices, rule, keys.
 * The three columns are 29, 18 and 30 wide, with a blank before and bars between them.
 *
 * Lines and arrows outside ASCII are of ambiguous width (Unicode annex 11); `ascii` is for terminals that
 * show them two columns wide.
 */
#include "tour/tour_screen.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "tour/tour_rows.h"

/* Where the parts begin. */
enum {
	LINE_TITLE,
	LINE_RULE_1,
	LINE_HEADS,
	LINE_BODY,
	LINE_RULE_2 = 12,
	LINE_KERNEL,
	LINE_RULE_3 = 15,
	LINE_IDEA,
	LINE_ANSWER = 19,
	LINE_QUESTION,
	LINE_CHOICES,
	LINE_RULE_4,
	LINE_KEYS
};

#define BODY_ROWS (LINE_RULE_2 - LINE_BODY)
#define IDEA_LINES 3

typedef char screen_lines[TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE];

const char *tour_screen_text(const struct tour_text *text, bool korean)
{
	const char *chosen = korean ? text->ko : text->en;

	return chosen != NULL ? chosen : "";
}

static const char *word(const struct tour_view *view, const char *ko, const char *en)
{
	return view->korean ? ko : en;
}

static unsigned decode(const unsigned char *bytes, unsigned *ret_length)
{
	if (bytes[0] < 0x80) {
		*ret_length = 1;
		return bytes[0];
	}
	unsigned length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
	unsigned value = bytes[0] & (0xff >> (length + 1));

	for (unsigned i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			*ret_length = i;
			return '?';
		}
		value = value << 6 | (bytes[i] & 0x3f);
	}
	*ret_length = length;
	return value;
}

unsigned tour_screen_width(const char *text)
{
	unsigned columns = 0, length;

	for (; *text != '\0'; text += length) {
		unsigned c = decode((const unsigned char *)text, &length);

		/* Hangul, kana, Han and the full-width forms: all that the tour may come to show. */
		columns += (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xd7a3) ||
				(c >= 0xf900 && c <= 0xfaff) || (c >= 0xff00 && c <= 0xff60)
			? 2
			: 1;
	}
	return columns;
}

const char *tour_screen_fill(const char *text, uint16_t port, char *filled, size_t size)
{
	size_t used = 0;

	while (*text != '\0' && used + 8 < size) {
		bool is_port = strncmp(text, "{port}", 6) == 0;
		bool is_swapped = strncmp(text, "{swapped}", 9) == 0;

		if (is_port || is_swapped) {
			unsigned shown = is_port ? port : (uint16_t)(port << 8 | port >> 8);

			used += (size_t)snprintf(filled + used, size - used, "%u", shown);
			text += is_port ? 6 : 9;
		} else
			filled[used++] = *text++;
	}
	filled[used] = '\0';
	return filled;
}

/* ---- lines ---- */

static void rule(const struct tour_view *view, char *line)
{
	line[0] = '\0';
	for (unsigned i = 0; i < TOUR_SCREEN_COLUMNS; i++)
		strcat(line, view->ascii ? "-" : "─");
}

/* `right` at the right edge. */
static void two_ends(const char *left, const char *right, char *line)
{
	unsigned used = tour_screen_width(left) + tour_screen_width(right);
	int gap = used + 1 < TOUR_SCREEN_COLUMNS ? (int)(TOUR_SCREEN_COLUMNS - used) : 1;

	snprintf(line, TOUR_SCREEN_LINE_SIZE, "%s%*s%s", left, gap, "", right);
}

static void draw_title(const struct tour_view *view, char *line)
{
	char left[256], right[256];

	snprintf(left, sizeof(left), " %s  %u/%u  %s", word(view, "메아리 둘러보기", "meari tour"),
		view->number, view->count, tour_screen_text(&view->stop->title, view->korean));
	if (view->broken != NULL)
		snprintf(right, sizeof(right), "[%s: %s] ", word(view, "고장", "broken"),
			tour_screen_text(&view->broken->title, view->korean));
	else if (view->stop->chapter != NULL)
		snprintf(right, sizeof(right), "%s %s ", word(view, "교과서", "chapter:"),
			view->stop->chapter);
	else
		right[0] = '\0';
	two_ends(left, right, line);
}

/* ---- the three columns ---- */

static void join_row(const struct tour_view *view, const struct tour_rows_row *row, char *line)
{
	const char *bar = view->ascii ? "|" : "│";
	int left = TOUR_ROWS_LEFT - (int)tour_screen_width(row->left);
	int middle = TOUR_ROWS_MIDDLE - (int)tour_screen_width(row->middle);

	snprintf(line, TOUR_SCREEN_LINE_SIZE, " %s%*s%s%s%*s%s%s", row->left, left > 0 ? left : 0,
		"", bar, row->middle, middle > 0 ? middle : 0, "", bar, row->right);
}

static void draw_heads(const struct tour_view *view, char *line)
{
	struct tour_rows_row heads;

	snprintf(heads.left, sizeof(heads.left), "%s  127.0.0.1:%u", word(view, "서버", "server"),
		view->port);
	snprintf(heads.middle, sizeof(heads.middle), " %s",
		view->inferred ? word(view, "회선 (추정)", "wire (inferred)")
			       : word(view, "회선 (실제 패킷)", "wire (real pkts)"));
	if (view->client_port != 0)
		snprintf(heads.right, sizeof(heads.right), "%s  127.0.0.1:%u",
			word(view, "클라이언트", "client"), view->client_port);
	else
		snprintf(
			heads.right, sizeof(heads.right), "%s", word(view, "클라이언트", "client"));
	join_row(view, &heads, line);
}

static void draw_body(const struct tour_view *view, screen_lines lines)
{
	struct tour_rows rows;
	size_t first;

	tour_rows_make(view, &rows);
	first = rows.count > BODY_ROWS ? rows.count - BODY_ROWS : 0;
	for (size_t i = 0; i < BODY_ROWS; i++) {
		static const struct tour_rows_row empty;

		join_row(view, first + i < rows.count ? &rows.rows[first + i] : &empty,
			lines[LINE_BODY + i]);
	}
}

static void draw_overlay(const struct tour_view *view, screen_lines lines)
{
	snprintf(lines[LINE_HEADS], TOUR_SCREEN_LINE_SIZE, " %s", view->overlay_title);
	for (size_t i = 0; i < BODY_ROWS; i++)
		snprintf(lines[LINE_BODY + i], TOUR_SCREEN_LINE_SIZE, "%s",
			i < view->overlay_count ? view->overlay[i] : "");
}

/* ---- the kernel ---- */

static void say_queue(const struct tour_fact *fact, bool in_numbers, char *text, size_t size)
{
	char bar[16] = "";

	/* So many wait; a dot for each that could wait, too. */
	for (long i = 0; i < 8 && (i < fact->queue || i < fact->backlog); i++)
		strcat(bar, i < fact->queue ? "#" : ".");
	snprintf(text, size, "%ld/%ld%s%s", fact->queue, fact->backlog, in_numbers ? "" : " ",
		in_numbers ? "" : bar);
}

static const char *buffers_format(const struct tour_view *view, enum tour_brevity brevity)
{
	switch (brevity) {
	case TOUR_IN_FULL:
		return word(
			view, "%s %s 보낼 것 %ld, 읽을 것 %ld", "%s %s to send %ld, to read %ld");
	case TOUR_BRIEFLY: return word(view, "%s %s 보낼 %ld 읽을 %ld", "%s %s send %ld read %ld");
	default: return "%s %s %ld/%ld";
	}
}

size_t tour_screen_describe_fact(const struct tour_view *view, enum tour_slot slot,
	enum tour_brevity brevity, char *text, size_t size)
{
	const struct tour_fact *fact = &view->facts.sockets[slot];
	char descriptor[24] = "-", queue[48];

	text[0] = '\0';
	if (fact->fd < 0 && fact->state == 0)
		return 0;
	if (fact->fd >= 0)
		snprintf(descriptor, sizeof(descriptor), "%d", fact->fd);
	else if (brevity == TOUR_IN_FULL)
		snprintf(descriptor, sizeof(descriptor), "%s",
			word(view, "(번호 없음)", "(no descriptor)"));
	if (slot == TOUR_LISTENER && fact->state == TCP_LISTEN) {
		say_queue(fact, brevity == TOUR_IN_NUMBERS, queue, sizeof(queue));
		return (size_t)snprintf(text, size, "%s LISTEN %s %s", descriptor,
			word(view, "대기열", "queue"), queue);
	}
	if (slot == TOUR_LISTENER || fact->state == TCP_CLOSE || fact->state == TCP_TIME_WAIT)
		return (size_t)snprintf(
			text, size, "%s %s", descriptor, tour_facts_state_name(fact->state));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return (size_t)snprintf(text, size, buffers_format(view, brevity), descriptor,
		tour_facts_state_name(fact->state), fact->to_send, fact->to_read);
#pragma GCC diagnostic pop
}

/* The last socket of these that there is; 0: none. */
static size_t last_of(const struct tour_view *view, size_t first, size_t last)
{
	char one[160];

	while (last >= first &&
		tour_screen_describe_fact(
			view, (enum tour_slot)last, TOUR_IN_NUMBERS, one, sizeof(one)) == 0)
		last--;
	return last >= first ? last : 0;
}

/* Those of one side in a line; false: they are too long for it. */
static bool join_facts(const struct tour_view *view, const char *label, size_t first, size_t last,
	enum tour_brevity brevity, char *line)
{
	size_t used = (size_t)snprintf(line, TOUR_SCREEN_LINE_SIZE, " %s", label);
	size_t final = last_of(view, first, last);
	unsigned hidden = 0;
	char one[160];

	for (size_t i = first; i <= final; i++) {
		/* Room for how many are hidden, unless this is the last one. */
		unsigned room = TOUR_SCREEN_COLUMNS - (i < final || hidden > 0 ? 5 : 0);

		if (tour_screen_describe_fact(view, (enum tour_slot)i, brevity, one, sizeof(one)) ==
			0)
			continue;
		if (tour_screen_width(line) + 3 + tour_screen_width(one) > room) {
			if (brevity != TOUR_IN_NUMBERS)
				return false;
			hidden++;
			continue;
		}
		used += (size_t)snprintf(line + used, TOUR_SCREEN_LINE_SIZE - used, "   %s", one);
	}
	if (hidden > 0)
		snprintf(line + used, TOUR_SCREEN_LINE_SIZE - used, "  +%u", hidden);
	return true;
}

static void draw_side(
	const struct tour_view *view, const char *label, size_t first, size_t last, char *line)
{
	if (!join_facts(view, label, first, last, TOUR_IN_FULL, line) &&
		!join_facts(view, label, first, last, TOUR_BRIEFLY, line))
		join_facts(view, label, first, last, TOUR_IN_NUMBERS, line);
}

static void draw_kernel(const struct tour_view *view, screen_lines lines)
{
	char signals[48];
	char *server = lines[LINE_KERNEL];

	draw_side(view, word(view, "커널 서버      ", "kernel, server"), TOUR_LISTENER, TOUR_CONN_2,
		server);
	draw_side(view, word(view, "     클라이언트", "        client"), TOUR_CLI, TOUR_SLOTS - 1,
		lines[LINE_KERNEL + 1]);
	if (view->facts.sigpipes == 0)
		return;
	/* Only the server of the tour sends to a peer that is gone. */
	snprintf(signals, sizeof(signals), word(view, "   SIGPIPE %ld번", "   SIGPIPE: %ld"),
		view->facts.sigpipes);
	if (tour_screen_width(server) + tour_screen_width(signals) <= TOUR_SCREEN_COLUMNS)
		strcat(server, signals);
}

/* ---- what is said ---- */

static void draw_idea(const struct tour_view *view, screen_lines lines)
{
	char filled[3 * TOUR_SCREEN_LINE_SIZE];
	char *rest = filled, *line;

	tour_screen_fill(
		tour_screen_text(&view->idea, view->korean), view->port, filled, sizeof(filled));
	for (size_t i = 0; i < IDEA_LINES && (line = strsep(&rest, "\n")) != NULL; i++)
		snprintf(lines[LINE_IDEA + i], TOUR_SCREEN_LINE_SIZE, " %s", line);
}

static void draw_answer(const struct tour_view *view, char *line)
{
	if (view->disagrees)
		snprintf(line, TOUR_SCREEN_LINE_SIZE, " %s",
			word(view, "! 이 커널은 다르게 답했습니다 (meari tour --plain 참고)",
				"! this kernel answered otherwise (see meari tour --plain)"));
	else if (view->answered != NULL && view->answer != 0 &&
		view->answer == view->answered->right)
		snprintf(line, TOUR_SCREEN_LINE_SIZE,
			word(view, " 예상 %u: 맞았습니다.", " Your guess, %u: right."),
			view->answer);
	else if (view->answered != NULL && view->answer != 0)
		snprintf(line, TOUR_SCREEN_LINE_SIZE,
			word(view, " 예상 %u: 아닙니다. 답은 %u번입니다.",
				" Your guess, %u: no. The answer is %u."),
			view->answer, view->answered->right);
}

static void draw_question(const struct tour_view *view, screen_lines lines)
{
	char filled[TOUR_SCREEN_LINE_SIZE - 32];
	const struct tour_question *question = view->question;
	size_t used;

	if (question == NULL || question->right == 0)
		return;
	tour_screen_fill(tour_screen_text(&question->text, view->korean), view->port, filled,
		sizeof(filled));
	snprintf(lines[LINE_QUESTION], TOUR_SCREEN_LINE_SIZE, " %s %s",
		word(view, "예상:", "Guess:"), filled);
	tour_screen_fill(tour_screen_text(&question->choices, view->korean), view->port, filled,
		sizeof(filled));
	used = (size_t)snprintf(lines[LINE_CHOICES], TOUR_SCREEN_LINE_SIZE, "   %s", filled);
	if (view->guess != 0)
		snprintf(lines[LINE_CHOICES] + used, TOUR_SCREEN_LINE_SIZE - used, "   > %u",
			view->guess);
}

/* What Enter does now. */
static const char *enter_words(const struct tour_view *view)
{
	if (view->next[0] != '\0')
		return word(view, "Enter 다음 호출", "Enter next call");
	if (view->broken != NULL)
		return word(view, "Enter 원래대로", "Enter mend it");
	if (view->number == view->count)
		return word(view, "Enter 마침", "Enter the end");
	return word(view, "Enter 다음 정거장", "Enter next stop");
}

static void draw_keys(const struct tour_view *view, char *line)
{
	if (view->overlay_title != NULL)
		snprintf(line, TOUR_SCREEN_LINE_SIZE, " %s",
			word(view, "Enter 돌아가기   q 끝", "Enter go on   q quit"));
	else
		snprintf(line, TOUR_SCREEN_LINE_SIZE, " %s  %s", enter_words(view),
			word(view, "b 뒤로  x 고장 내기  s 소스  ? 용어  L English  q 끝",
				"b back  x break it  s source  ? words  L 한국어  q quit"));
}

void tour_screen_draw(
	const struct tour_view *view, char lines[static TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE])
{
	for (size_t i = 0; i < TOUR_SCREEN_LINES; i++)
		lines[i][0] = '\0';
	draw_title(view, lines[LINE_TITLE]);
	rule(view, lines[LINE_RULE_1]);
	rule(view, lines[LINE_RULE_2]);
	rule(view, lines[LINE_RULE_3]);
	rule(view, lines[LINE_RULE_4]);
	if (view->overlay_title != NULL)
		draw_overlay(view, lines);
	else {
		draw_heads(view, lines[LINE_HEADS]);
		draw_body(view, lines);
	}
	draw_kernel(view, lines);
	draw_idea(view, lines);
	draw_answer(view, lines[LINE_ANSWER]);
	draw_question(view, lines);
	draw_keys(view, lines[LINE_KEYS]);
}
