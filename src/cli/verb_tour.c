/*
 * meari tour: reads the options. The texts of the tour itself are in its own tables, in both languages.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "cli/cli.h"
#include "tour/stops/tour_stops.h"
#include "tour/tour.h"

enum { OPTION_PLAIN = 256, OPTION_LIST };

struct arguments {
	struct tour_options tour;
	bool stop_given, list;
};

static const struct options_row rows[] = {
	{ "list", OPTION_LIST, NULL, 0, N_("show the stops and exit") },
	{ "plain", OPTION_PLAIN, NULL, 0,
		N_("print everything as lines, without keys, and hold every claim to this kernel") },
	{ 0 },
};

static int take_stop(struct cli_state *state, const char *text)
{
	struct arguments *arguments = state->input;
	size_t index;

	if (arguments->stop_given)
		return cli_complain(state, _("one stop is enough, '%s' is one too many"), text);
	if (!tour_stops_find(text, &index))
		return cli_complain(state,
			_("there is no stop '%s': they are numbered from 1 to %d, and --list "
			  "shows their names"),
			text, TOUR_STOPS);
	arguments->stop_given = true;
	arguments->tour.first = arguments->tour.last = index;
	return 0;
}

static int take(int key, const char *argument, struct cli_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_PLAIN: arguments->tour.plain = true; return 0;
	case OPTION_LIST: arguments->list = true; return 0;
	case CLI_KEY_ARGUMENT: return take_stop(state, argument);
	case CLI_KEY_END: return 0;
	default: return CLI_UNKNOWN_KEY;
	}
}

const struct options_table verb_tour_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("[STOP]"),
	.argument_kind = OPTIONS_TEXT,
	.about = N_(
		"Shows how sockets work, in nine stops: a server and a client make real calls, one for "
		"each press of Enter, and the screen shows the calls, the packets and what the kernel "
		"says. Needs no privileges and no network."),
	.closing = N_(
		"STOP is a number from 1 to 9 or a name of --list. Where standard input or output is no "
		"terminal, everything is printed as with --plain."),
};

enum cli_status verb_tour(int argc, char **argv)
{
	struct arguments arguments = { .tour.last = TOUR_STOPS - 1 };
	enum cli_status status;

	if (!cli_parse(&verb_tour_options, argc, argv, &arguments, &status))
		return status;
	if (arguments.list) {
		tour_list(stdout);
		return CLI_OK;
	}

	int r = tour(&arguments.tour);

	/* As shells count it: 130 after Ctrl-C. */
	if (r > 0)
		return (enum cli_status)(128 + r);
	return r == 0 ? CLI_OK : CLI_FAILED;
}
