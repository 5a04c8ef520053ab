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

static const char *word(const struct tour_view *view, const char *ko, const char *en)
{
	return view->korean ? ko : en;
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
	unsigned used = tour_view_width(left) + tour_view_width(right);
	int gap = used + 1 < TOUR_SCREEN_COLUMNS ? (int)(TOUR_SCREEN_COLUMNS - used) : 1;

	snprintf(line, TOUR_SCREEN_LINE_SIZE, "%s%*s%s", left, gap, "", right);
}

static void draw_title(const struct tour_view *view, char *line)
{
	char left[256], right[256];

	snprintf(left, sizeof(left), " %s  %u/%u  %s", word(view, "메아리 둘러보기", "meari tour"),
		view->number, view->count, tour_view_text(&view->stop->title, view->korean));
	if (view->broken != NULL)
		snprintf(right, sizeof(right), "[%s: %s] ", word(view, "고장", "broken"),
			tour_view_text(&view->broken->title, view->korean));
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
	int left = TOUR_ROWS_LEFT - (int)tour_view_width(row->left);
	int middle = TOUR_ROWS_MIDDLE - (int)tour_view_width(row->middle);

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

/* The last socket of these that there is; 0: none. */
static size_t last_of(const struct tour_view *view, size_t first, size_t last)
{
	char one[160];

	while (last >= first &&
		tour_view_describe_fact(
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

		if (tour_view_describe_fact(view, (enum tour_slot)i, brevity, one, sizeof(one)) ==
			0)
			continue;
		if (tour_view_width(line) + 3 + tour_view_width(one) > room) {
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
	if (tour_view_width(server) + tour_view_width(signals) <= TOUR_SCREEN_COLUMNS)
		strcat(server, signals);
}

/* ---- what is said ---- */

static void draw_idea(const struct tour_view *view, screen_lines lines)
{
	char filled[3 * TOUR_SCREEN_LINE_SIZE];
	char *rest = filled, *line;

	tour_view_fill(
		tour_view_text(&view->idea, view->korean), view->port, filled, sizeof(filled));
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
	tour_view_fill(tour_view_text(&question->text, view->korean), view->port, filled,
		sizeof(filled));
	snprintf(lines[LINE_QUESTION], TOUR_SCREEN_LINE_SIZE, " %s %s",
		word(view, "예상:", "Guess:"), filled);
	tour_view_fill(tour_view_text(&question->choices, view->korean), view->port, filled,
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
