/*
 * Reading options with argp, with one difference from its habit: a wrong option gives one line, not
 * two, in the user's language and with the subject quoted.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "config.h"
#include "engine/engine.h"

/* A key outside the characters: --usage has no short form. */
#define OPTION_USAGE 0x1000

/* Set when the parser has told the reason itself, so that it is not told twice. Main thread only. */
static bool complained;

error_t cli_complain(const struct argp_state *state, const char *format, ...)
{
	const struct cli_place *place = state->hook;
	va_list arguments;
	CLEANUP_FREE char *message = NULL;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	if (place != NULL)
		log_error(_("'%s', line %u, column %zu: %s (see '%s --help')"), place->path,
			place->line, place->column, message != NULL ? message : format,
			state->argv[0]);
	else
		log_error(_("%s (see '%s --help')"), message != NULL ? message : format,
			state->argv[0]);
	complained = true;
	return EINVAL;
}

/*
 * In place of argp's own --help and its like: those print nothing under ARGP_NO_ERRS, are not in the
 * user's language, and take a full disk for success. None of this returns.
 */
static const struct argp_option standard_options[] = {
	{ "help", '?', NULL, 0, N_("show this help and exit"), -1 },
	{ NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0 }, /* what many hands type first */
	{ "usage", OPTION_USAGE, NULL, 0, N_("show the options in short and exit"), 0 },
	{ "version", 'V', NULL, 0, N_("show the version and exit"), 0 },
	{ 0 },
};

static void end_after_help(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		exit(CLI_OK);
	log_error(_("cannot write the output: %s"), strerror(errno));
	exit(CLI_FAILED);
}

static error_t parse_standard(int key, char *text, struct argp_state *state)
{
	state->flags &= ~(unsigned)ARGP_NO_ERRS;
	if (key == '?' || key == 'h') {
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK);
		end_after_help();
	} else if (key == OPTION_USAGE) {
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
		end_after_help();
	} else if (key == 'V') {
		printf("meari %s\n", MEARI_VERSION);
		end_after_help();
	}
	state->flags |= ARGP_NO_ERRS;
	return ARGP_ERR_UNKNOWN;
}

static const struct argp standard = { .options = standard_options, .parser = parse_standard };

/* Says what is wrong with an option that getopt refused: it tells only that it did. */
static void complain_of_option(
	const struct argp_option *options, const char *subject, const char *title)
{
	size_t length = strcspn(subject, "=");
	unsigned like = 0;
	const struct argp_option *found = NULL;

	for (const struct argp_option *option = options;
		strncmp(subject, "--", 2) == 0 && (option->name != NULL || option->doc != NULL);
		option++) {
		if (option->name == NULL || strncmp(option->name, subject + 2, length - 2) != 0)
			continue;
		like++;
		found = option;
		if (strlen(option->name) == length - 2) {
			like = 1; /* written in full: that others begin like it does not matter */
			break;
		}
	}
	if (like == 0)
		log_error(_("unknown option '%s' (see '%s --help')"), subject, title);
	else if (like > 1)
		log_error(
			_("option '%s' could be one of several (see '%s --help')"), subject, title);
	else if (found->arg != NULL)
		log_error(_("option '--%s' needs a value, %s (see '%s --help')"), found->name,
			found->arg, title);
	else
		log_error(_("option '--%s' takes no value (see '%s --help')"), found->name, title);
}

/* The verb's own parser, and how far getopt had come when it failed. Main thread only. */
static argp_parser_t verb_parser;
static int failed_at;

/* argp tells the place of an error only here. */
static error_t watch_for_errors(int key, char *text, struct argp_state *state)
{
	if (key == ARGP_KEY_ERROR)
		failed_at = state->next;
	return verb_parser(key, text, state);
}

int cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	const struct argp_child children[] = { { &standard, 0, NULL, -1 }, { 0 } };
	struct argp watched = *argp;

	watched.children = children;
	watched.parser = watch_for_errors;
	verb_parser = argp->parser;
	complained = false;
	failed_at = argc;
	/* argp's own complaints are two lines and name no reason in our words: ours replace them. */
	error_t error = argp_parse(&watched, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, input);

	if (error == 0)
		return 0;
	if (error == ENOMEM && !complained) {
		log_error(_("cannot read the options: %s"), strerror(ENOMEM));
		return -ENOMEM;
	}
	if (!complained)
		/* getopt has already moved past the option that it did not like. */
		complain_of_option(argp->options, argv[failed_at - 1], argv[0]);
	return -EINVAL;
}

int cli_parse_busy_poll(const char *text, uint64_t *ret_ns)
{
	if (strcmp(text, "auto") != 0)
		return duration_parse(text, ret_ns);
	*ret_ns = ENGINE_BUSY_POLL_AUTO;
	return 0;
}
