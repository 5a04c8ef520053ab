/* The tour's screen, for every step of every stop: 24 lines, none too wide, nothing cut. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "tour/stops/tour_stops.h"
#include "tour/tour_call.h"
#include "tour/tour_screen.h"
#include "tour/tour_source.h"
#include "tour/stops/tour_words.h"

typedef void check_fn(const struct tour_stop *stop, const struct tour_break *broken,
	const struct tour_step *step, const struct tour_step *next);

static void for_script(const struct tour_stop *stop, const struct tour_break *broken,
	const struct tour_step *steps, size_t count, check_fn *check)
{
	for (size_t i = 0; i < count; i++)
		check(stop, broken, &steps[i], i + 1 < count ? &steps[i + 1] : NULL);
}

static void for_all(check_fn *check)
{
	for (size_t i = 0; i < TOUR_STOPS; i++) {
		const struct tour_stop *stop = tour_stops[i];

		assert_true(stop->count >= 3);
		for_script(stop, NULL, stop->steps, stop->count, check);
		for (size_t b = 0; b < stop->break_count; b++)
			for_script(stop, &stop->breaks[b], stop->breaks[b].steps,
				stop->breaks[b].count, check);
	}
}

/* Columns that libc counts: not the ones that the screen itself counts. */
static int columns_of(const char *line)
{
	wchar_t wide[TOUR_SCREEN_LINE_SIZE];
	size_t length = mbstowcs(wide, line, TOUR_SCREEN_LINE_SIZE);

	assert_true(length != (size_t)-1);
	return wcswidth(wide, length);
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		count++;
	return count;
}

/* The longest that a kernel can say: five digits and more everywhere. */
static void fill_facts(struct tour_facts *facts)
{
	for (size_t i = 0; i < TOUR_SLOTS; i++) {
		facts->sockets[i] = (struct tour_fact){ .fd = i % 3 == 2 ? -1 : (int)i + 2,
			.state = TCP_ESTABLISHED,
			.to_send = 131072,
			.to_read = 98304 };
	}
	facts->sockets[TOUR_LISTENER] = (struct tour_fact){
		.fd = 3, .state = TCP_LISTEN, .queue = 6, .backlog = 5
	};
	facts->sigpipes = 2;
}

static size_t add_events(const struct tour_step *step, const char call[static TOUR_EVENT_TEXT - 24],
	struct tour_event *events)
{
	static const struct tour_packet packets[] = {
		{ .from_port = 43054, .to_port = 5000, .flags = TOUR_SYN },
		{ .from_port = 5000, .to_port = 43054, .flags = TOUR_SYN_ACK },
		{ .from_port = 43054,
			.to_port = 5000,
			.flags = TOUR_ACK,
			.length = 65483,
			.window = 9 },
		{ .from_port = 5000, .to_port = 43054, .flags = TOUR_ACK | TOUR_FIN, .length = 13 },
		{ .from_port = 5000, .to_port = 43054, .flags = TOUR_ACK },
		{ .from_port = 43054, .to_port = 5000, .flags = TOUR_RST | TOUR_ACK },
	};
	size_t count = 0;

	events[count] = (struct tour_event){
		.kind = TOUR_EVENT_CALL, .who = step->call.who, .ms = 1044.4
	};
	snprintf(events[count++].text, TOUR_EVENT_TEXT, "%.120s = -1 ECONNREFUSED", call);
	events[count] = (struct tour_event){ .kind = TOUR_EVENT_CALL, .who = TOUR_SERVER };
	snprintf(events[count++].text, TOUR_EVENT_TEXT,
		"send(12, \"hello world!\\n\", 65536, MSG_NOSIGNAL|MSG_DONTWAIT) = 65536");
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		events[count++] = (struct tour_event){ .kind = TOUR_EVENT_PACKET,
			.packet = packets[i] };
	events[count] = (struct tour_event){
		.kind = TOUR_EVENT_WAITS, .who = step->call.who, .block = 1
	};
	snprintf(events[count++].text, TOUR_EVENT_TEXT, "%s", call);
	events[count++] = (struct tour_event){
		.kind = TOUR_EVENT_MORE, .who = TOUR_CLIENT, .count = 1234, .block = 1
	};
	return count;
}

/* Between the three columns, in each line at the same places. */
static void check_bars(const char *line, wchar_t bar)
{
	wchar_t wide[TOUR_SCREEN_LINE_SIZE];
	int column = 0;
	unsigned found = 0;

	mbstowcs(wide, line, TOUR_SCREEN_LINE_SIZE);
	for (const wchar_t *at = wide; *at != L'\0'; column += wcwidth(*at++))
		found += (column == 30 || column == 49) && *at == bar;
	if (found != 2)
		fail_msg("no straight columns: '%s'", line);
}

static void check_lines(const struct tour_view *view)
{
	static char lines[TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE];

	memset(lines, 'z', sizeof(lines));
	tour_screen_draw(view, lines);
	for (size_t i = 0; i < TOUR_SCREEN_LINES; i++) {
		int columns = columns_of(lines[i]);

		if (columns > TOUR_SCREEN_COLUMNS || strchr(lines[i], '\n') != NULL)
			fail_msg("%d columns: '%s'", columns, lines[i]);
		if (i >= 2 && i < 12 && view->overlay_title == NULL)
			check_bars(lines[i], view->ascii ? L'|' : L'│');
		if (view->ascii) {
			assert_null(strstr(lines[i], "─"));
			assert_null(strstr(lines[i], "▶"));
		}
	}
}

static void draw_step(const struct tour_stop *stop, const struct tour_break *broken,
	const struct tour_step *step, const struct tour_step *next)
{
	static struct tour_event events[TOUR_EVENTS_MOST];
	struct tour_world world = { .port = 55000 };
	char call[TOUR_EVENT_TEXT - 24];

	for (size_t i = 0; i < TOUR_SLOTS; i++)
		world.fds[i] = 12;
	tour_call_describe(&world, &step->call, call, sizeof(call));
	assert_string_not_equal(call, "");
	for (unsigned variant = 0; variant < 16; variant++) {
		struct tour_view view = { .korean = (variant & 1) != 0,
			.ascii = (variant & 2) != 0,
			.inferred = (variant & 4) != 0,
			.number = 9,
			.count = TOUR_STOPS,
			.stop = stop,
			.broken = broken,
			.events = events,
			.event_count = add_events(step, call, events),
			.port = 55000,
			.client_port = 43054,
			.next_who = step->call.who,
			.idea = step->idea,
			.question = next != NULL ? &next->question : &step->question,
			.guess = 2,
			.answered = &step->question,
			.answer = 1,
			.disagrees = (variant & 8) != 0 };

		strcpy(view.next, call);
		fill_facts(&view.facts);
		check_lines(&view);
		view.idea = stop->intro;
		view.facts = (struct tour_facts){ 0 };
		check_lines(&view);
	}
}

static void test_every_step(void **state)
{
	for_all(draw_step);
}

static unsigned lines_in(const char *text)
{
	return (unsigned)count_of(text, "\n") + 1;
}

/* Of the screen's characters none may be one or two columns wide, as the terminal likes. */
static void check_characters(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at < 0x80)
			continue;
		/* Hangul syllables are U+AC00 to U+D7A3: ea b0 80 to ed 9e a3. */
		if (*at < 0xea || *at > 0xed)
			fail_msg("neither ASCII nor Hangul: '%s'", text);
		at += 2;
	}
}

static void check_text(const struct tour_text *text, unsigned most_lines)
{
	assert_non_null(text->ko);
	assert_non_null(text->en);
	assert_true(lines_in(text->ko) <= most_lines);
	assert_true(lines_in(text->en) <= most_lines);
	check_characters(text->ko);
	check_characters(text->en);
	/* English has no Hangul. */
	for (const char *at = text->en; *at != '\0'; at++)
		assert_true(*at > 0);
}

static void check_step(const struct tour_stop *stop, const struct tour_break *broken,
	const struct tour_step *step, const struct tour_step *next)
{
	const struct tour_question *question = &step->question;
	char choice[8];

	check_text(&step->idea, 3);
	assert_true(step->claims[0].kind != TOUR_CLAIM_END);
	if (question->right != 0) {
		check_text(&question->text, 1);
		check_text(&question->choices, 1);
		for (unsigned i = 1; i <= 2 || i <= question->right; i++) {
			snprintf(choice, sizeof(choice), "%u) ", i);
			assert_non_null(strstr(question->choices.ko, choice));
			assert_non_null(strstr(question->choices.en, choice));
		}
	}
	if (step->source.file != NULL && tour_source_find(&step->source) == 0)
		fail_msg("no '%s' in examples/%s.c", step->source.line, step->source.file);
}

static void test_tables(void **state)
{
	for_all(check_step);
	for (size_t i = 0; i < TOUR_STOPS; i++) {
		const struct tour_stop *stop = tour_stops[i];

		check_text(&stop->title, 1);
		check_text(&stop->intro, 3);
		for (size_t b = 0; b < stop->break_count; b++) {
			check_text(&stop->breaks[b].title, 1);
			assert_true(stop->breaks[b].from <= stop->count);
		}
	}
}

static void check_source(const struct tour_stop *stop, const struct tour_break *broken,
	const struct tour_step *step, const struct tour_step *next)
{
	char lines[TOUR_VIEW_OVERLAY_LINES][TOUR_SOURCE_LINE_SIZE];
	size_t count = tour_source_around(&step->source, TOUR_VIEW_OVERLAY_LINES, lines),
	       marked = 0;

	if (step->source.file == NULL)
		return;
	assert_int_equal(count, TOUR_VIEW_OVERLAY_LINES);
	for (size_t i = 0; i < count; i++) {
		assert_true(columns_of(lines[i]) <= TOUR_SCREEN_COLUMNS);
		marked += lines[i][0] == '>';
	}
	assert_int_equal(marked, 1);
}

static void test_sources(void **state)
{
	for_all(check_source);
	assert_int_equal(tour_source_find(&(struct tour_source){ "ex12-04", "not in it" }), 0);
	assert_int_equal(tour_source_find(&(struct tour_source){ "ex99-99", "x" }), 0);
}

static void check_words(const struct tour_stop *stop, const struct tour_break *broken,
	const struct tour_step *step, const struct tour_step *next)
{
	const struct tour_word *words[TOUR_VIEW_OVERLAY_LINES];

	assert_true(tour_words_find(step->idea.en, words, TOUR_VIEW_OVERLAY_LINES) <=
		TOUR_VIEW_OVERLAY_LINES);
}

static void test_words(void **state)
{
	const struct tour_word *found[4];

	for_all(check_words);
	for (size_t i = 0; i < tour_words_count; i++) {
		check_text(&tour_words_list[i].meaning, 1);
		assert_true(columns_of(tour_words_list[i].meaning.ko) < TOUR_SCREEN_COLUMNS);
		assert_true(columns_of(tour_words_list[i].meaning.en) < TOUR_SCREEN_COLUMNS);
	}
	assert_int_equal(tour_words_find("a FIN and an RST", found, 4), 2);
	assert_string_equal(found[0]->word, "FIN");
	assert_int_equal(tour_words_find("a FIN and an RST", found, 1), 1);
}

static void test_fill(void **state)
{
	char text[64];

	assert_string_equal(
		tour_view_fill("{port} {swapped} {x", 5000, text, sizeof(text)), "5000 34835 {x");
}

static void test_a_call_is_never_cut(void **state)
{
	static char lines[TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE];
	struct tour_event event = { .kind = TOUR_EVENT_CALL,
		.who = TOUR_SERVER,
		.text = "recv(4, \"hello world!\\n\", 4096, 0) = 13" };
	struct tour_view view = {
		.stop = &tour_stop_stream, .events = &event, .event_count = 1, .ascii = true
	};

	tour_screen_draw(&view, lines);
	assert_string_equal(lines[3], " recv(4, \"hello world!\\n\",    |                  |");
	assert_string_equal(lines[4], "     4096, 0) = 13            |                  |");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_a_call_is_never_cut),
	};

	if (setlocale(LC_ALL, "C.UTF-8") == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
