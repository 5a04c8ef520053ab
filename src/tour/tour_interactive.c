/*
 * Keys become moves of the play; after each key the screen is drawn anew from what is known. An overlay (words,
 * source, what can be broken) takes the place of the calls, until the next key.
 */
#include "tour/tour_interactive.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "tour/stops/tour_stops.h"
#include "tour/stops/tour_words.h"
#include "tour/tour_call.h"
#include "tour/tour_screen.h"
#include "tour/tour_source.h"
#include "tour/tour_terminal.h"

enum overlay { NO_OVERLAY, WORDS, SOURCE, BREAKS };

struct session {
	struct tour_play *play;
	struct tour_terminal terminal;
	size_t stop;
	bool korean, inferred;
	enum overlay overlay;
	unsigned guess; /* at the next step */
	unsigned answer; /* at the last one */
	struct tour_event events[TOUR_EVENTS_MOST];
	char overlay_lines[TOUR_VIEW_OVERLAY_LINES][TOUR_SOURCE_LINE_SIZE];
	char overlay_title[128];
};

static const struct tour_step *last_step(const struct session *session)
{
	const struct tour_play *play = session->play;

	return play->made > 0 ? tour_play_step(play, play->made - 1) : NULL;
}

static const struct tour_step *next_step(const struct session *session)
{
	return tour_play_step(session->play, session->play->made);
}

/* ---- overlays ---- */

/* Words of this step, and where it has none, of all the stop. */
static size_t find_words(const struct session *session, const struct tour_word **ret_words)
{
	const struct tour_step *step = last_step(session);
	char all[8192];
	size_t count = 0, used;

	if (step != NULL)
		count = tour_words_find(step->idea.en, ret_words, TOUR_VIEW_OVERLAY_LINES);
	if (count > 0)
		return count;
	used = (size_t)snprintf(all, sizeof(all), "%s %s", session->play->stop->title.en,
		session->play->stop->intro.en);
	for (size_t i = 0; tour_play_step(session->play, i) != NULL && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, " %s",
			tour_play_step(session->play, i)->idea.en);
	return tour_words_find(all, ret_words, TOUR_VIEW_OVERLAY_LINES);
}

static size_t add_words(struct session *session)
{
	const struct tour_word *words[TOUR_VIEW_OVERLAY_LINES];
	size_t count = find_words(session, words);

	for (size_t i = 0; i < count; i++)
		snprintf(session->overlay_lines[i], TOUR_SOURCE_LINE_SIZE, " %s",
			tour_view_text(&words[i]->meaning, session->korean));
	snprintf(session->overlay_title, sizeof(session->overlay_title), "%s",
		session->korean ? "용어" : "words");
	return count;
}

static size_t add_source(struct session *session)
{
	const struct tour_step *step = last_step(session);
	unsigned line;

	if (step == NULL || tour_source_find(&step->source) == 0)
		step = next_step(session);
	line = step != NULL ? tour_source_find(&step->source) : 0;
	if (line == 0) {
		snprintf(session->overlay_title, sizeof(session->overlay_title), "%s",
			session->korean ? "이 호출은 교과서의 예제에 없습니다"
					: "no program of the chapter makes this call");
		return 0;
	}
	snprintf(session->overlay_title, sizeof(session->overlay_title),
		session->korean ? "examples/%s.c, %u행" : "examples/%s.c, line %u",
		step->source.file, line);
	return tour_source_around(&step->source, TOUR_VIEW_OVERLAY_LINES, session->overlay_lines);
}

static size_t add_breaks(struct session *session)
{
	const struct tour_stop *stop = session->play->stop;
	bool none = stop->break_count == 0;

	for (size_t i = 0; i < stop->break_count; i++)
		snprintf(session->overlay_lines[i], TOUR_SOURCE_LINE_SIZE, "   %zu) %s", i + 1,
			tour_view_text(&stop->breaks[i].title, session->korean));
	if (!none)
		snprintf(session->overlay_lines[stop->break_count], TOUR_SOURCE_LINE_SIZE,
			"   0) %s", session->korean ? "원래대로" : "as it should be");
	snprintf(session->overlay_title, sizeof(session->overlay_title), "%s",
		none ? (session->korean ? "여기에는 고장 낼 것이 없습니다"
					: "there is nothing to break here")
			: session->korean ? "무엇을 고장 내 볼까요? 번호를 누르십시오."
					  : "What shall be broken? Press a number.");
	return none ? 0 : stop->break_count + 1;
}

static void add_overlay(struct session *session, struct tour_view *view)
{
	size_t count = 0;

	switch (session->overlay) {
	case NO_OVERLAY: return;
	case WORDS: count = add_words(session); break;
	case SOURCE: count = add_source(session); break;
	case BREAKS: count = add_breaks(session); break;
	}
	view->overlay_title = session->overlay_title;
	view->overlay_count = count;
	for (size_t i = 0; i < count; i++)
		view->overlay[i] = session->overlay_lines[i];
}

/* ---- the screen ---- */

static void make_view(struct session *session, struct tour_view *view)
{
	const struct tour_play *play = session->play;
	const struct tour_step *last = last_step(session), *next = next_step(session);

	*view = (struct tour_view){
		.korean = session->korean,
		.ascii = session->terminal.ambiguous_is_wide || !i18n_terminal_is_utf8(),
		.inferred = session->inferred,
		.number = (unsigned)session->stop + 1,
		.count = TOUR_STOPS,
		.stop = play->stop,
		.broken = play->broken,
		.events = session->events,
		.event_count = tour_log_copy(&session->play->log, session->events),
		.facts = play->facts,
		.port = play->world.port,
		.client_port = play->world.client_ports[TOUR_CLI],
		.idea = last != NULL ? last->idea : play->stop->intro,
		.question = next != NULL ? &next->question : NULL,
		.guess = session->guess,
		.answered = last != NULL ? &last->question : NULL,
		.answer = session->answer,
		.disagrees = !play->agrees,
	};
	if (next != NULL) {
		tour_call_describe(&play->world, &next->call, view->next, sizeof(view->next));
		view->next_who = next->call.who;
	}
	add_overlay(session, view);
}

static void draw_too_small(const struct session *session)
{
	static char lines[TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE];

	snprintf(lines[0], sizeof(lines[0]), "%s",
		session->korean ? "창이 너무 작습니다." : "The window is too small.");
	snprintf(lines[1], sizeof(lines[1]),
		session->korean ? "80x24 필요, 지금 %ux%u" : "80x24 needed, now %ux%u",
		session->terminal.columns, session->terminal.rows);
	tour_terminal_show(lines, 2);
}

static bool is_too_small(const struct session *session)
{
	return session->terminal.columns < TOUR_SCREEN_COLUMNS ||
		session->terminal.rows < TOUR_SCREEN_LINES;
}

static void draw(struct session *session)
{
	static char lines[TOUR_SCREEN_LINES][TOUR_SCREEN_LINE_SIZE];
	static struct tour_view view;

	if (is_too_small(session)) {
		draw_too_small(session);
		return;
	}
	make_view(session, &view);
	tour_screen_draw(&view, lines);
	tour_terminal_show(lines, TOUR_SCREEN_LINES);
}

/* ---- keys ---- */

static void go_to(struct session *session, const struct tour_break *broken, size_t steps)
{
	session->guess = session->answer = 0;
	tour_play_start(session->play, tour_stops[session->stop], broken, steps);
}

/* False: that was the last stop. */
static bool go_on(struct session *session)
{
	if (next_step(session) != NULL) {
		session->answer = session->guess;
		session->guess = 0;
		tour_play_next(session->play);
		return true;
	}
	if (session->play->broken == NULL && session->stop + 1 == TOUR_STOPS)
		return false;
	if (session->play->broken == NULL)
		session->stop++;
	/* From a break back to the stop, as it should be, where it was broken. */
	go_to(session, NULL, session->play->broken != NULL ? session->play->broken->from : 0);
	return true;
}

static void go_back(struct session *session)
{
	size_t made = session->play->made;

	if (made == 0 && session->play->broken == NULL && session->stop > 0) {
		session->stop--;
		made = 1;
	}
	go_to(session, session->play->broken, made > 0 ? made - 1 : 0);
}

static void choose(struct session *session, unsigned number)
{
	const struct tour_stop *stop = session->play->stop;
	const struct tour_step *next = next_step(session);

	if (session->overlay == BREAKS) {
		session->overlay = NO_OVERLAY;
		if (number == 0)
			go_to(session, NULL, 0);
		else if (number <= stop->break_count)
			go_to(session, &stop->breaks[number - 1], SIZE_MAX);
		return;
	}
	if (next != NULL && next->question.right != 0 && number >= 1 && number <= TOUR_CHOICES_MOST)
		session->guess = number;
}

/* False: the tour is over. */
static bool obey(struct session *session, int key)
{
	if (key >= '0' && key <= '9') {
		choose(session, (unsigned)(key - '0'));
		return true;
	}
	switch (key) {
	case 'q':
	case 'Q':
	case TOUR_KEY_END: return false;
	case 'L':
	case 'l': session->korean = !session->korean; return true;
	case TOUR_KEY_RESIZED:
	case TOUR_KEY_NONE: return true;
	default: break;
	}
	if (session->overlay != NO_OVERLAY) {
		session->overlay = NO_OVERLAY;
		return true;
	}
	switch (key) {
	case TOUR_KEY_ENTER: return is_too_small(session) || go_on(session);
	case 'b': go_back(session); break;
	case 'x': session->overlay = BREAKS; break;
	case 's': session->overlay = SOURCE; break;
	case '?': session->overlay = WORDS; break;
	}
	return true;
}

int tour_interactive(struct tour_play *play, bool isolated, int packets, size_t first, bool korean)
{
	static struct session session; /* too large for a stack */
	int key = TOUR_KEY_NONE, number = 0, r;

	session = (struct session){
		.play = play, .stop = first, .korean = korean, .inferred = packets < 0
	};
	r = tour_terminal_init(&session.terminal);
	if (r < 0)
		return r;
	/* Behind the signals of the terminal: its threads must not have them. */
	r = tour_play_init(play, isolated, packets);
	play->world.may_act = true;
	if (r == 0) {
		go_to(&session, NULL, 0);
		do {
			draw(&session);
			key = tour_terminal_key(&session.terminal, &number);
		} while (key != TOUR_KEY_SIGNAL && obey(&session, key));
	}
	tour_terminal_fini(&session.terminal);
	return r < 0 ? r : number;
}
