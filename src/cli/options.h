/*
 * The options of a verb as one table, and how a command line is cut by it. The table is what everything
 * about options is made from: parsing (here), --help (usage.h), files of options (settings.h), the nearest
 * name of a wrong one (cli.h), shell completions (completion.h), and the test of the man pages.
 *
 * A command line is understood as getopt_long(3) does: -abc, -c5, -c 5, --opt=X, --opt X, --opt[=X], the
 * start of a long name where only one option begins like it, "--" before what is no option, and options
 * behind arguments. No limits; nothing is allocated or printed. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a value is. It decides what a shell offers; only choices are checked by it (cli_apply). */
enum options_kind {
	OPTIONS_TEXT, /* also: there is no value */
	OPTIONS_NUMBER,
	OPTIONS_SIZE, /* bytes: 64K */
	OPTIONS_TIME, /* 500ms */
	OPTIONS_ADDRESS, /* of a service: tcp://HOST:PORT */
	OPTIONS_FILE,
	OPTIONS_USER,
	OPTIONS_CHOICE, /* one of `choice`, and nothing else */
	OPTIONS_NAME, /* one of `choice`; the verb has words of its own for what is none */
	OPTIONS_KIND_MASK = 0xff,
	OPTIONS_OPTIONAL =
		0x100, /* flag: the value may be left out; only --opt=X and -oX give one */
	OPTIONS_HIDDEN = 0x200, /* flag: works, but no help or shell names it */
};

/* A row without name and key is the title of the rows below it; one without anything ends the table. */
struct options_row {
	const char *name; /* without the dashes; NULL: there is only the letter */
	int key; /* a printable ASCII character is also the option's letter */
	const char *value; /* N_() its name in the help; NULL: it takes none */
	int kind; /* enum options_kind */
	const char *help; /* N_() */
	const char *(*choice)(size_t index); /* NULL behind the last one */
};

struct cli_state;

struct options_table {
	const struct options_row *rows;
	/* Called with each option and argument, see cli_parse(). */
	int (*take)(int key, const char *text, struct cli_state *state);
	const char *arguments; /* N_() as in the line of usage: "ADDRESS" */
	enum options_kind argument_kind;
	const char *default_host; /* where only a port is given: "*"; NULL: "localhost" */
	const char *about; /* N_() before the options; a line feed ends a paragraph */
	const char *closing; /* N_() behind them, or NULL */
};

bool options_is_end(const struct options_row *row);
bool options_is_title(const struct options_row *row);
/* The option's letter, or 0. */
char options_letter(const struct options_row *row);
/* By its full name; NULL: there is none. */
const struct options_row *options_find(const struct options_row *rows, const char *name);

#define OPTIONS_SUBJECT_SIZE 64

enum options_trouble {
	OPTIONS_UNKNOWN,
	OPTIONS_UNCLEAR, /* several begin like it: `row` and `other` are the first two */
	OPTIONS_LACKS_VALUE,
	OPTIONS_TAKES_NO_VALUE,
};

struct options_fault {
	enum options_trouble trouble;
	char subject
		[OPTIONS_SUBJECT_SIZE]; /* the option as typed, without its value; safe to print */
	const char *word; /* all of it, as it was typed */
	const struct options_row *row, *other;
};

/* A command line on its way. `argv` is reordered: what is no option moves behind the options. */
struct options_scan {
	const struct options_row *tables[2];
	char **argv;
	int argc;
	int next; /* the word to be read next */
	int first_argument; /* once options_next() has given 0: argv[first_argument] to argv[argc - 1] */
	const char *letters; /* what is left of -abc */
};

/* `more`: rows that come on top of the verb's own, or NULL. argv[0] is skipped. */
void options_start(struct options_scan *scan, const struct options_row *rows,
	const struct options_row *more, int argc, char **argv);

/*
 * 1: an option, with its value (NULL: none); 0: there is none left; -EINVAL: `reterr_fault` says what is wrong.
 * Values and words point into argv.
 */
int options_next(struct options_scan *scan, const struct options_row **ret_row,
	const char **ret_value, struct options_fault *reterr_fault);
