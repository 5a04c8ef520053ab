/*
 * The table of verbs, and the only place that turns what a verb says into an exit status. A verb is
 * one file (verb_<name>.c), one man page (docs/man/meari-<name>.1) and one test file
 * (tests/e2e/test_<name>.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/log.h"
#include "base/outfile.h"
#include "base/quote.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/usage.h"
#include "config.h"

static const struct cli_verb verbs[] = {
	{ "serve", N_("run the echo server: every byte comes back, exactly"), &verb_serve_options,
		verb_serve },
	{ "talk", N_("talk to an echo service by hand, or through a pipe"), &verb_talk_options,
		verb_talk },
	{ "ping", N_("ask an echo service again and again, and tell what is lost"),
		&verb_ping_options, verb_ping },
	{ "bench", N_("load an echo service and measure throughput and latency"),
		&verb_bench_options, verb_bench },
	{ "check", N_("hold an echo service, any one, to the rules of an echo"),
		&verb_check_options, verb_check },
	{ "report", N_("merge, compare and draw saved results"), &verb_report_options,
		verb_report },
	{ "addr", N_("show what an address really is, in every form"), &verb_addr_options,
		verb_addr },
	{ "tour", N_("learn how sockets work, one real call after the other"), &verb_tour_options,
		verb_tour },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *to)
{
	struct usage_text text = { .out = to, .width = usage_width(to), .fresh = true };

	usage_write(&text, _("Usage: meari VERB [OPTION...] [ADDRESS...]\n"));
	usage_write(&text, _("The echo end of every network test (RFC 862).\n\n"));
	for (size_t i = 0; i < VERB_COUNT; i++) {
		usage_go_to(&text, 2);
		usage_write(&text, verbs[i].name);
		usage_go_to(&text, 11);
		usage_write(&text, _(verbs[i].summary));
		usage_end_line(&text);
	}
	text.indent = 0;
	usage_write(&text,
		_("\n'meari VERB --help' lists a verb's options, 'man meari-VERB' is its manual.\n"));
	usage_write(&text,
		_("'--lang ko' or '--lang en', before or behind the verb, chooses the language.\n"));
	usage_write(&text,
		_("First steps: 'meari serve' here, then 'meari talk localhost' in another terminal.\n"));
}

static const struct cli_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static bool asks_for_help(const char *text)
{
	static const char *const ways[] = { "--help", "-h", "-?", "--usage" };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(text, ways[i]) == 0)
			return true;
	}
	return false;
}

static int unknown_verb(const char *name)
{
	const char *names[VERB_COUNT + 1], *nearest;
	char shown[QUOTE_PIECE_SIZE];

	for (size_t i = 0; i < VERB_COUNT; i++)
		names[i] = verbs[i].name;
	names[VERB_COUNT] = "help";
	nearest = suggest_nearest(name, names, VERB_COUNT + 1);
	quote_piece(name, strlen(name), shown);
	if (name[0] == '-')
		log_error(_("unknown option '%s' before the verb (see 'meari --help')"), shown);
	else if (nearest != NULL)
		log_error(_("unknown verb '%s' (did you mean '%s'?)"), shown, nearest);
	else
		log_error(_("unknown verb '%s' (see 'meari --help')"), shown);
	return CLI_USAGE;
}

/* Not in the help: for packages, which install what it prints. */
static int print_completions(const char *shell)
{
	if (shell != NULL && completion_print(shell, verbs, VERB_COUNT, stdout) == 0)
		return CLI_OK;
	log_error(_("--completions needs a shell: bash, zsh or fish"));
	return CLI_USAGE;
}

/* `meari help VERB` is `meari VERB --help`. */
static int run_help(int argc, char **argv)
{
	const struct cli_verb *verb = argc == 3 ? find_verb(argv[2]) : NULL;

	if (argc < 3 || strcmp(argv[2], "help") == 0 || asks_for_help(argv[2])) {
		print_help(stdout);
		return CLI_OK;
	}
	if (argc > 3) {
		log_error(_("help is about one verb at a time, '%s' is one too many (see 'meari "
			    "--help')"),
			argv[3]);
		return CLI_USAGE;
	}
	if (verb == NULL)
		return unknown_verb(argv[2]);

	char title[32];
	char *help_argv[] = { title, (char[]){ "--help" }, NULL };

	snprintf(title, sizeof(title), "meari %s", verb->name);
	return (int)verb->run(2, help_argv);
}

/*
 * Output that could not be written must not end in success. A reader that has read enough (`| head`) is
 * no failure to report: the status is what SIGPIPE would have given.
 */
static int finish(int status)
{
	int r = outfile_flush_stdout();

	if (r == 0)
		return status;
	if (r == -EPIPE)
		return CLI_PIPE_CLOSED;
	log_error(_("cannot write the output: %s"), strerror(-r));
	return status == CLI_OK ? CLI_FAILED : status;
}

/* A socket that took the number of a closed standard error would be sent our own messages. */
static void keep_stderr_taken(void)
{
	if (fcntl(STDERR_FILENO, F_GETFD) >= 0)
		return;

	int fd = open("/dev/null", O_RDWR);

	if (fd >= 0 && fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

/*
 * A shell without job control starts what is in the background ('meari ping ... &' in a script) with SIGINT and
 * SIGQUIT ignored. A user who sends one to it means it, as with ping(8), so both work as in the foreground, from
 * the start. SIGHUP stays ignored, which is what nohup(1) is for.
 */
static void heed_in_background(void)
{
	static const int ignored[] = { SIGINT, SIGQUIT };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		struct sigaction action;

		if (sigaction(ignored[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			signal(ignored[i], SIG_DFL);
	}
}

int main(int argc, char **argv)
{
	heed_in_background();
	keep_stderr_taken();
	i18n_init();
	if (cli_take_language(&argc, argv, false) < 0)
		return CLI_USAGE;
	if (argc < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}

	const struct cli_verb *verb = find_verb(argv[1]);

	if (verb == NULL && cli_take_language(&argc, argv, true) < 0)
		return CLI_USAGE;
	if (asks_for_help(argv[1])) {
		print_help(stdout);
		return finish(CLI_OK);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("meari %s\n", MEARI_VERSION);
		return finish(CLI_OK);
	}
	if (strcmp(argv[1], "--completions") == 0)
		return finish(print_completions(argv[2]));
	if (strcmp(argv[1], "help") == 0)
		return finish(run_help(argc, argv));
	if (verb == NULL)
		return unknown_verb(argv[1]);

	char title[32];

	snprintf(title, sizeof(title), "meari %s", verb->name);
	argv[1] = title;
	return finish((int)verb->run(argc - 1, argv + 1));
}
