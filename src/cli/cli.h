/*
 * What the verbs share: how a verb looks to main(), what it may return, and how options are read.
 */
#pragma once

#include <argp.h>
#include <stdint.h>

/* Exit statuses. A verb with others of its own (ping, bench) documents them in its man page. */
enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1, /* it was tried and did not work; a message has been printed */
	CLI_USAGE = 2, /* what was asked makes no sense; a message has been printed */
	CLI_UNMET = 3, /* it ran, but what was demanded of the result does not hold */
	CLI_NOT_JUDGED = 4, /* it ran, but whether what was demanded holds cannot be said */
	CLI_PIPE_CLOSED =
		141, /* 128 + SIGPIPE: the reader of the output closed it; nothing is printed */
};

struct cli_verb {
	const char *name;
	const char *summary; /* N_("...") one line for `meari --help` */
	/* argv[0] is "meari <name>", for argp's usage lines. */
	enum cli_status (*run)(int argc, char **argv);
};

enum cli_status verb_serve(int argc, char **argv);
enum cli_status verb_talk(int argc, char **argv);
enum cli_status verb_ping(int argc, char **argv);
enum cli_status verb_check(int argc, char **argv);
enum cli_status verb_addr(int argc, char **argv);
enum cli_status verb_bench(int argc, char **argv);
enum cli_status verb_report(int argc, char **argv);

/*
 * Reads the options with argp. 0: go on; otherwise the verb must return CLI_USAGE (a line has been
 * printed). --help, --usage and --version print and exit by themselves.
 */
int cli_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Where an option stands that did not come from the command line: what state->hook points to then. */
struct cli_place {
	const char *path;
	unsigned line;
	size_t column; /* from 1 */
};

/*
 * For argp parsers: prints "meari VERB: <message> (see 'meari VERB --help')", with the place in a file
 * before the message where there is one, and gives the EINVAL that the parser returns.
 */
error_t cli_complain(const struct argp_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reads what --busy-poll takes: "auto" (ENGINE_BUSY_POLL_AUTO), "0" or a time. As duration_parse(). */
int cli_parse_busy_poll(const char *text, uint64_t *ret_ns);
