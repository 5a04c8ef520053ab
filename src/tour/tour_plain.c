/*
 * What the screen shows side by side stands below each other here, with the side in front of each line. A
 * claim that the kernel does not hold to has a line of its own, "!".
 */
#include "tour/tour_plain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/log.h"
#include "tour/stops/tour_stops.h"
#include "tour/tour_claim.h"
#include "tour/tour_source.h"
#include "tour/tour_view.h"

struct plain {
	struct tour_play *play;
	bool korean;
	unsigned failures;
	struct tour_event events[TOUR_EVENTS_MOST];
};

static const char *side_of(const struct plain *plain, enum tour_who who)
{
	bool server = who == TOUR_SERVER || who == TOUR_SERVER_2;

	if (plain->korean)
		return server ? "서버" : "클라이언트";
	return server ? "server" : "client";
}

/* Each line of a text behind `indent`. */
static void print_lines(const struct plain *plain, const struct tour_text *text, const char *indent)
{
	char filled[2048];
	char *rest = filled, *line;

	tour_view_fill(tour_view_text(text, plain->korean), plain->play->world.port, filled,
		sizeof(filled));
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line != '\0')
			printf("%s%s\n", indent, line);
	}
}

static void print_packet(const struct plain *plain, const struct tour_packet *packet)
{
	bool by_server = tour_world_is_server_port(&plain->play->world, packet->from_port);
	const char *from = side_of(plain, by_server ? TOUR_SERVER : TOUR_CLIENT);
	const char *to = side_of(plain, by_server ? TOUR_CLIENT : TOUR_SERVER);

	printf("    %s -> %s:%s%s%s%s", from, to, (packet->flags & TOUR_SYN) != 0 ? " SYN" : "",
		(packet->flags & TOUR_FIN) != 0 ? " FIN" : "",
		(packet->flags & TOUR_RST) != 0 ? " RST" : "",
		(packet->flags & TOUR_ACK) != 0 ? " ACK" : "");
	if (packet->length > 0)
		printf(plain->korean                  ? ", %u바이트"
				: packet->length == 1 ? ", %u byte"
						      : ", %u bytes",
			packet->length);
	if (packet->window == 0 && (packet->flags & TOUR_RST) == 0)
		printf(plain->korean ? ", 윈도우 0" : ", window 0");
	printf("%s\n",
		plain->play->world.packets >= 0 ? ""
			: plain->korean         ? " (추정)"
						: " (inferred)");
}

static void print_event(const struct plain *plain, const struct tour_event *event)
{
	switch (event->kind) {
	case TOUR_EVENT_CALL:
		printf("  %s: %s", side_of(plain, event->who), event->text);
		if (event->ms >= 5)
			printf("  (%.1f ms)", event->ms);
		printf("\n");
		break;
	case TOUR_EVENT_WAITS:
		printf(plain->korean ? "  %s: %s (기다리는 중)\n" : "  %s: %s (waits)\n",
			side_of(plain, event->who), event->text);
		break;
	case TOUR_EVENT_MORE:
	case TOUR_EVENT_MORE_PACKETS:
		printf(plain->korean ? "    ... %u개 더\n" : "    ... %u more\n", event->count);
		break;
	case TOUR_EVENT_PACKET: print_packet(plain, &event->packet); break;
	}
}

static void print_facts(const struct plain *plain)
{
	struct tour_view view = { .korean = plain->korean, .facts = plain->play->facts };
	char text[160];
	bool first = true;

	for (size_t i = TOUR_LISTENER; i < TOUR_SLOTS; i++) {
		if (tour_view_describe_fact(
			    &view, (enum tour_slot)i, TOUR_IN_FULL, text, sizeof(text)) == 0)
			continue;
		printf("%s%s: %s", first ? (plain->korean ? "  커널: " : "  kernel: ") : "; ",
			side_of(plain, i < TOUR_CLI ? TOUR_SERVER : TOUR_CLIENT), text);
		first = false;
	}
	if (!first)
		printf("\n");
}

static const char *how_seen(const struct plain *plain, enum tour_verdict verdict)
{
	switch (verdict) {
	case TOUR_NOT_SEEN: return plain->korean ? " (여기서는 볼 수 없음)" : " (not seen here)";
	case TOUR_NOT_JUDGED:
		return plain->korean ? " (시스템이 바빠 판정하지 않음)"
				     : " (not judged: the machine was busy)";
	default: return "";
	}
}

static void print_verdicts(struct plain *plain, const struct tour_step *step)
{
	char claim[128], actual[96];
	bool first = true;

	for (size_t i = 0; i < TOUR_CLAIMS_MOST && step->claims[i].kind != TOUR_CLAIM_END; i++) {
		tour_claim_describe(&step->claims[i], plain->korean, claim, sizeof(claim));
		if (plain->play->verdicts[i] == TOUR_DISAGREES) {
			plain->failures++;
			tour_claim_actual(plain->play, &step->claims[i], plain->korean, actual,
				sizeof(actual));
			printf(plain->korean ? "%s  ! %s: 커널의 답은 %s\n"
					     : "%s  ! %s: the kernel says %s\n",
				first ? "" : "\n", claim, actual);
			first = true;
			continue;
		}
		printf("%s%s%s", first ? (plain->korean ? "  확인: " : "  holds: ") : ", ", claim,
			how_seen(plain, plain->play->verdicts[i]));
		first = false;
	}
	if (!first)
		printf("\n");
}

static void print_question(const struct plain *plain, const struct tour_question *question)
{
	if (question->right == 0)
		return;
	print_lines(plain, &question->text, plain->korean ? "  예상: " : "  Guess: ");
	print_lines(plain, &question->choices, "    ");
}

static void play_step(struct plain *plain, unsigned number)
{
	struct tour_play *play = plain->play;
	const struct tour_step *step = tour_play_step(play, play->made);
	unsigned line = tour_source_find(&step->source);
	size_t count;

	printf("\n%u.\n", number);
	print_question(plain, &step->question);
	tour_play_next(play);
	count = tour_log_copy(&play->log, plain->events);
	for (size_t i = 0; i < count; i++) {
		if (plain->events[i].block == play->log.block)
			print_event(plain, &plain->events[i]);
	}
	print_facts(plain);
	print_verdicts(plain, step);
	if (step->question.right != 0)
		printf(plain->korean ? "  답: %u\n" : "  Answer: %u\n", step->question.right);
	print_lines(plain, &step->idea, "  ");
	if (line != 0)
		printf(plain->korean ? "  소스: examples/%s.c, %u행\n"
				     : "  source: examples/%s.c, line %u\n",
			step->source.file, line);
}

static void play_script(
	struct plain *plain, const struct tour_stop *stop, const struct tour_break *broken)
{
	struct tour_play *play = plain->play;

	if (!tour_play_start(play, stop, broken, SIZE_MAX)) {
		plain->failures++;
		printf("  ! %s\n",
			plain->korean ? "준비하는 호출이 실패했습니다"
				      : "a call that prepares the stop failed");
	}
	for (unsigned number = 1; tour_play_step(play, play->made) != NULL; number++)
		play_step(plain, number);
}

static void play_stop(struct plain *plain, size_t index)
{
	const struct tour_stop *stop = tour_stops[index];

	printf("%zu/%d  %s", index + 1, TOUR_STOPS, tour_view_text(&stop->title, plain->korean));
	if (stop->chapter != NULL)
		printf(plain->korean ? "  (교과서 %s)" : "  (chapter: %s)", stop->chapter);
	printf("\n\n");
	print_lines(plain, &stop->intro, "");
	play_script(plain, stop, NULL);
	for (size_t i = 0; i < stop->break_count; i++) {
		printf("\n%s: ", plain->korean ? "고장 내기" : "Broken on purpose");
		print_lines(plain, &stop->breaks[i].title, "");
		play_script(plain, stop, &stop->breaks[i]);
	}
}

int tour_plain(struct tour_play *play, size_t first, size_t last, bool korean)
{
	static struct plain plain; /* too large for a stack */

	plain = (struct plain){ .play = play, .korean = korean };
	for (size_t i = first; i <= last; i++) {
		if (i > first)
			printf("\n\n");
		play_stop(&plain, i);
		fflush(stdout);
	}
	if (plain.failures == 0)
		return 0;
	log_error(
		_("this kernel disagrees with the tour in %u places (the lines that begin with '!')"),
		plain.failures);
	return -EPROTO;
}
