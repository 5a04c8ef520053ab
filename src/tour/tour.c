/*
 * The order of the beginning matters: a network of its own before there are threads, the packet socket while
 * there are capabilities in it, then none: the tour runs without privileges, also when root starts it.
 */
#include "tour/tour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/log.h"
#include "client/isolation.h"
#include "tour/stops/tour_stops.h"
#include "tour/tour_exercise.h"
#include "tour/tour_interactive.h"
#include "tour/tour_plain.h"
#include "tour/tour_play.h"
#include "tour/tour_view.h"

void tour_list(FILE *out)
{
	bool korean = i18n_is_korean();

	for (size_t i = 0; i < TOUR_STOPS; i++)
		fprintf(out, "%zu  %-9s  %s\n", i + 1, tour_stops[i]->name,
			tour_view_text(&tour_stops[i]->title, korean));
}

/* -1: the packets cannot be seen. */
static int isolate(bool *ret_isolated)
{
	char reason[ISOLATION_REASON_SIZE];
	int packets = -1;

	*ret_isolated = isolation_enter(reason, sizeof(reason)) == 0;
	if (*ret_isolated)
		packets = tour_packets_open();
	isolation_drop_privileges();
	return packets < 0 ? -1 : tour_world_move_up(packets);
}

static bool can_have_a_screen(void)
{
	const char *name = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && name != NULL && *name != '\0' &&
		strcmp(name, "dumb") != 0;
}

int tour(const struct tour_options *options)
{
	static struct tour_play play; /* too large for a stack */
	bool korean = i18n_is_korean(), isolated = false;
	bool plain = options->plain || !can_have_a_screen();
	int packets = isolate(&isolated), r;

	r = plain ? tour_play_init(&play, isolated, packets) : 0;
	if (r == 0 && plain)
		r = tour_plain(&play, options->first, options->last, korean);
	else if (r == 0)
		r = tour_interactive(&play, isolated, packets, options->first, korean);
	if (play.runner != NULL)
		tour_play_fini(&play);
	tour_exercise_forget();
	if (r < 0 && r != -EPROTO)
		log_error(_("the tour cannot begin: %s"), strerror(-r));
	return r;
}
