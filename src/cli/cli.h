/*
 * What the verbs share: a verb's entry in main(), its exit statuses, and how its options are read and
 * refused. Main thread.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "net/addr.h"

/* Exit statuses. A verb with others of its own (ping, bench) documents them in its man page. */
enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1, /* it did not work; a message has been printed */
	CLI_USAGE = 2, /* the command line makes no sense; a message has been printed */
	CLI_UNMET = 3, /* it ran, but what was asserted does not hold */
	CLI_NOT_JUDGED = 4, /* it ran, but the result does not suffice for a verdict */
	CLI_PIPE_CLOSED =
		141, /* 128 + SIGPIPE: the reader of the output closed it; nothing is printed */
};

struct cli_verb {
	const char *name;
	const char *summary; /* N_("...") one line for `meari --help` */
	const struct options_table *options;
	/* argv[0] is "meari <name>", for usage lines and messages. */
	enum cli_status (*run)(int argc, char **argv);
};

extern const struct options_table verb_serve_options, verb_talk_options, verb_ping_options,
	verb_check_options, verb_addr_options, verb_bench_options, verb_report_options,
	verb_tour_options;

enum cli_status verb_serve(int argc, char **argv);
enum cli_status verb_talk(int argc, char **argv);
enum cli_status verb_ping(int argc, char **argv);
enum cli_status verb_check(int argc, char **argv);
enum cli_status verb_addr(int argc, char **argv);
enum cli_status verb_bench(int argc, char **argv);
enum cli_status verb_report(int argc, char **argv);
enum cli_status verb_tour(int argc, char **argv);

/* Rows of every verb, below its own: help, usage, version, language. */
extern const struct options_row cli_standard_options[];

/* ---- reading options ---- */

/* Keys beside those of a verb's rows, for its `take`. */
enum cli_key {
	CLI_KEY_ARGUMENT = -1, /* what is no option; after all options */
	CLI_KEY_END = -2, /* everything has been read; the text is NULL */
};

/* What `take` returns for a key that it does not know. */
#define CLI_UNKNOWN_KEY (-ENOTSUP)

/* Where an option stands that did not come from the command line. */
struct cli_place {
	const char *path;
	unsigned line;
	size_t column; /* from 1 */
};

struct cli_state {
	const struct options_table *table;
	const char *title; /* "meari serve" */
	void *input; /* the verb's own */
	const struct cli_place *place; /* NULL: the command line */
	const char *last_argument; /* the one before this one; NULL: there was none */
	bool complained; /* a message has been printed */
};

/*
 * Reads the options and gives each to the table's `take`; then the arguments, then CLI_KEY_END. `take` returns
 * 0, CLI_UNKNOWN_KEY, -ENOMEM, or what cli_complain() gives.
 * False: the verb ends with `ret_status`; a message, the help or the version has been printed.
 */
bool cli_parse(const struct options_table *table, int argc, char **argv, void *input,
	enum cli_status *ret_status);

/*
 * Takes "--lang LANGUAGE" (or "--lang=LANGUAGE") out of the words before the first other one, or wherever it
 * stands, and chooses that language. 0, or -EINVAL: a message has been printed.
 */
int cli_take_language(int *argc, char **argv, bool everywhere);

/* Gives one option to `take`, once it is sure that the value of an OPTIONS_CHOICE is one. */
int cli_apply(struct cli_state *state, const struct options_row *row, const char *value);

/* ---- complaining ---- */

/*
 * Prints "meari: <message> (see 'meari VERB --help')", with the place in a file before the message where there
 * is one. Gives -EINVAL.
 */
int cli_complain(struct cli_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Ends with "(did you mean '<meant>'?)" instead; `meant` NULL: as cli_complain(). */
int cli_complain_meant(struct cli_state *state, const char *meant, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- values of several verbs ---- */

/* Choices of --engine: "auto" and the engines of this build. */
const char *cli_engine_choice(size_t index);

/* Reads what --busy-poll takes: "auto" (ENGINE_BUSY_POLL_AUTO), "0" or a time. As duration_parse(). */
int cli_parse_busy_poll(const char *text, uint64_t *ret_ns);

/* Reads an address, or complains. A number alone is a port without a host: it says how to write it. */
int cli_take_address(struct cli_state *state, const char *text, struct addr_spec *ret_spec);
/* The same for the first `length` bytes of what was typed; messages show all of it. */
int cli_take_address_part(
	struct cli_state *state, const char *text, size_t length, struct addr_spec *ret_spec);

/* For a verb with one address: reads it, and complains of a second one. `given`: whether there was one. */
int cli_take_target(
	struct cli_state *state, const char *text, bool *given, struct addr_spec *ret_spec);
