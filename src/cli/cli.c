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

int cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	int index = 0;

	complained = false;
	/* argp's own complaints are two lines and name no reason in our words: ours replace them. */
	error_t r = argp_parse(
		argp, argc, argv, asks_for_help(argc, argv) ? 0 : ARGP_NO_ERRS, &index, input);

	if (r == 0)
		return 0;
	if (!complained) {
		/* getopt has already moved past the option that it did not like. */
		const char *subject = index > 0 && index <= argc ? argv[index - 1] : argv[argc - 1];

		log_error(
			_("option '%s' is unknown, ambiguous or lacks its value (see '%s --help')"),
			subject, argv[0]);
	}
	return -EINVAL;
}
