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
#include "base/i18n.h"
#include "base/log.h"
#include "config.h"

const char *argp_program_version = "meari " MEARI_VERSION;

/* Set when the parser has told the reason itself, so that it is not told twice. Main thread only. */
static bool complained;

error_t cli_complain(const struct argp_state *state, const char *format, ...)
{
	va_list arguments;
	CLEANUP_FREE char *message = NULL;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	log_error(_("%s (see '%s --help')"), message != NULL ? message : format, state->argv[0]);
	complained = true;
	return EINVAL;
}

/*
 * Whether one of argp's own options is among the arguments: with ARGP_NO_ERRS, argp keeps silent about
 * them too (argp_state_help(3) prints nothing then).
 */
static bool asks_for_help(int argc, char **argv)
{
	static const char *const own[] = { "--help", "-?", "--usage", "--version", "-V" };

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		for (size_t j = 0; j < sizeof(own) / sizeof(own[0]); j++) {
			if (strcmp(argv[i], own[j]) == 0)
				return true;
		}
	}
	return false;
}

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
	struct argp watched = *argp;

	watched.parser = watch_for_errors;
	verb_parser = argp->parser;
	complained = false;
	failed_at = argc;
	/* argp's own complaints are two lines and name no reason in our words: ours replace them. */
	unsigned flags = asks_for_help(argc, argv) ? 0 : ARGP_NO_ERRS;

	if (argp_parse(&watched, argc, argv, flags, NULL, input) == 0)
		return 0;
	if (!complained)
		/* getopt has already moved past the option that it did not like. */
		complain_of_option(argp->options, argv[failed_at - 1], argv[0]);
	return -EINVAL;
}
