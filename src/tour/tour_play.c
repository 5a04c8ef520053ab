/*
 * A claim is asked until it holds or the time is over: the kernel does much of its work behind a call.
 */
#include "tour/tour_play.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "net/call.h"
#include "tour/tour_call.h"
#include "tour/tour_claim.h"

/* What is to wait is seen waiting after this long; what is to return has much longer. */
#define WAITS_MS 50
#define RETURNS_MS 3000
#define CLAIM_MS 3000
/* A compiler has so long, also on a busy machine, and so has a program that it made. */
#define PROGRAM_MS 30000
/* Once a kernel has disagreed, what follows from it is not waited for as long. */
#define DOUBTED_MS 100
#define FIRST_ASK_MS 2
#define ASK_AGAIN_MS 10

int tour_play_init(struct tour_play *play, bool isolated, int packets)
{
	int r;

	memset(play, 0, sizeof(*play));
	tour_log_init(&play->log);
	tour_world_catch_sigpipe();
	r = tour_world_init(&play->world, isolated, packets);
	if (r == 0)
		r = tour_runner_new(&play->world, &play->log, &play->runner);
	call_set_hook(tour_log_hook);
	return r;
}

void tour_play_fini(struct tour_play *play)
{
	tour_runner_free(play->runner);
	tour_world_fini(&play->world);
	call_set_hook(NULL);
}

static void take_packets(struct tour_play *play, const struct tour_step *step)
{
	struct tour_packet packet;

	while (play->world.packets >= 0 && tour_packets_next(play->world.packets, &packet)) {
		play->packets++;
		tour_log_add_packet(&play->log, &packet);
		for (size_t i = 0; step != NULL && i < TOUR_CLAIMS_MOST; i++) {
			if (step->claims[i].kind == TOUR_PACKET &&
				tour_claim_matches(&play->world, step->claims[i].value, &packet))
				play->packet_seen[i] = true;
		}
	}
}

static void throw_packets_away(struct tour_play *play)
{
	struct tour_packet packet;

	while (play->world.packets >= 0 && tour_packets_next(play->world.packets, &packet))
		continue;
}

static const struct tour_claim *find_claim(
	const struct tour_step *step, enum tour_claim_kind kind, long value)
{
	for (size_t i = 0; i < TOUR_CLAIMS_MOST; i++) {
		const struct tour_claim *claim = &step->claims[i];

		if (claim->kind == kind &&
			(kind == TOUR_RETURNED ? (long)claim->slot : claim->value) == value)
			return claim;
	}
	return NULL;
}

static void make(struct tour_play *play, const struct tour_step *step)
{
	bool is_to_wait = find_claim(step, TOUR_BLOCKED, step->call.who) != NULL;
	unsigned returns_ms = tour_call_is_of_programs(&step->call) ? PROGRAM_MS
		: play->doubted                                     ? DOUBTED_MS
								    : RETURNS_MS;

	play->outcome = tour_runner_make(
		play->runner, &step->call, is_to_wait ? WAITS_MS : returns_ms);
	for (size_t i = 0; i < TOUR_WORKERS; i++) {
		enum tour_who who = (enum tour_who)i;

		play->returned[i] = false;
		if (who == step->call.who && play->outcome.waits)
			continue;
		play->returned[i] = tour_runner_collect(play->runner, who,
			find_claim(step, TOUR_RETURNED, who) != NULL ? returns_ms : 5,
			&play->outcomes[i]);
	}
}

static void hold_claims(struct tour_play *play, const struct tour_step *step)
{
	uint64_t until_ns = clock_now_ns() +
		(play->doubted ? DOUBTED_MS : CLAIM_MS) * CLOCK_NS_PER_MS;

	for (int wait_ms = step->claims[0].kind != TOUR_CLAIM_END ? FIRST_ASK_MS : 0;;
		wait_ms = ASK_AGAIN_MS) {
		poll(NULL, 0, wait_ms);
		take_packets(play, step);
		tour_facts_take(&play->world, &play->facts);
		play->agrees = true;
		for (size_t i = 0; i < TOUR_CLAIMS_MOST; i++) {
			play->verdicts[i] = tour_claim_judge(play, &step->claims[i], i);
			if (play->verdicts[i] == TOUR_DISAGREES)
				play->agrees = false;
		}
		if (play->agrees || clock_now_ns() >= until_ns)
			break;
	}
	play->doubted = play->doubted || !play->agrees;
}

static void make_step(struct tour_play *play, const struct tour_step *step)
{
	struct tour_facts before = play->facts;

	tour_log_next_block(&play->log);
	play->packets = 0;
	memset(play->packet_seen, 0, sizeof(play->packet_seen));
	make(play, step);
	hold_claims(play, step);
	if (play->world.packets < 0)
		tour_facts_infer(&play->world, &before, &play->facts, &play->log);
}

const struct tour_step *tour_play_step(const struct tour_play *play, size_t index)
{
	const struct tour_stop *stop = play->stop;

	if (play->broken == NULL)
		return index < stop->count ? &stop->steps[index] : NULL;
	if (index < play->broken->from)
		return &stop->steps[index];
	index -= play->broken->from;
	return index < play->broken->count ? &play->broken->steps[index] : NULL;
}

void tour_play_next(struct tour_play *play)
{
	const struct tour_step *step = tour_play_step(play, play->made);

	if (step == NULL)
		return;
	make_step(play, step);
	play->made++;
}

bool tour_play_start(struct tour_play *play, const struct tour_stop *stop,
	const struct tour_break *broken, size_t steps)
{
	bool fine = true;

	tour_runner_call_off(play->runner);
	tour_world_clear(&play->world);
	poll(NULL, 0, FIRST_ASK_MS);
	throw_packets_away(play);
	tour_log_clear(&play->log);
	memset(&play->facts, 0, sizeof(play->facts));
	play->stop = stop;
	play->broken = broken;
	play->made = 0;
	play->agrees = true;
	if (steps == SIZE_MAX)
		steps = broken != NULL ? broken->from : 0;
	for (size_t i = 0; i < stop->prelude_count; i++) {
		make_step(play, &stop->prelude[i]);
		fine = fine && play->agrees && (play->outcome.waits || play->outcome.result >= 0);
	}
	/* The screen begins empty where a stop has a beginning of its own. */
	if (stop->prelude_count > 0)
		tour_log_clear(&play->log);
	while (play->made < steps && tour_play_step(play, play->made) != NULL)
		tour_play_next(play);
	tour_facts_take(&play->world, &play->facts);
	return fine;
}
