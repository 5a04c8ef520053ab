/*
 * options.c: a command line is cut as getopt_long(3) cuts it. Each case is also given to getopt_long(), which
 * is the measure where both have an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

#define MOST_WORDS 12

enum { KEY_ENGINE = 256, KEY_CHURN, KEY_VERIFY, KEY_USAGE };

static const struct options_row rows[] = {
	{ .help = "The load:" },
	{ "connections", 'c', "N", OPTIONS_NUMBER, "" },
	{ "connect", 'C', NULL, 0, "" },
	{ "engine", KEY_ENGINE, "NAME", OPTIONS_CHOICE, "" },
	{ "churn", KEY_CHURN, "N", OPTIONS_NUMBER | OPTIONS_OPTIONAL, "" },
	{ "optional", 'o', "N", OPTIONS_NUMBER | OPTIONS_OPTIONAL, "" },
	{ NULL, '4', NULL, 0, "" },
	{ "verify", KEY_VERIFY, NULL, 0, "" },
	{ 0 },
};
static const struct options_row more[] = {
	{ "verbose", 'v', NULL, 0, "" },
	{ "help", '?', NULL, OPTIONS_HIDDEN, "" },
	{ 0 },
};

static const struct option getopt_rows[] = {
	{ "connections", required_argument, NULL, 'c' },
	{ "connect", no_argument, NULL, 'C' },
	{ "engine", required_argument, NULL, KEY_ENGINE },
	{ "churn", optional_argument, NULL, KEY_CHURN },
	{ "optional", optional_argument, NULL, 'o' },
	{ "verify", no_argument, NULL, KEY_VERIFY },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, '?' },
	{ 0 },
};

struct line {
	char text[200];
	char *argv[MOST_WORDS];
	int argc;
};

/* "-c 5 host" as argv, behind the program's name; '' is an empty word. */
static void cut(struct line *line, const char *text)
{
	line->argc = 0;
	line->argv[line->argc++] = (char *)"meari test";
	snprintf(line->text, sizeof(line->text), "%s", text);
	for (char *word = strtok(line->text, " "); word != NULL; word = strtok(NULL, " "))
		line->argv[line->argc++] = strcmp(word, "''") == 0 ? (char *)"" : word;
	line->argv[line->argc] = NULL;
}

/* Everything that was read, as text: "key=value;" for options, "!" for a fault, then the arguments. */
static void by_options(const char *text, char *told, size_t size)
{
	const struct options_row *row;
	struct options_fault fault;
	struct options_scan scan;
	struct line line;
	const char *value;
	size_t length = 0;
	int r;

	cut(&line, text);
	told[0] = '\0';
	options_start(&scan, rows, more, line.argc, line.argv);
	while ((r = options_next(&scan, &row, &value, &fault)) > 0)
		length += (size_t)snprintf(told + length, size - length, "%d=%s;", row->key,
			value != NULL ? value : "(none)");
	if (r < 0)
		length += (size_t)snprintf(told + length, size - length, "!");
	for (int i = scan.first_argument; r == 0 && i < line.argc; i++)
		length += (size_t)snprintf(told + length, size - length, " '%s'", line.argv[i]);
}

static void by_getopt(const char *text, char *told, size_t size)
{
	struct line line;
	size_t length = 0;
	int key;

	cut(&line, text);
	told[0] = '\0';
	optind = 0; /* begins anew */
	opterr = 0;
	while ((key = getopt_long(line.argc, line.argv, ":c:Co::4v", getopt_rows, NULL)) != -1) {
		if (key == ':' || key == '?') {
			snprintf(told + length, size - length, "!");
			return;
		}
		length += (size_t)snprintf(told + length, size - length, "%d=%s;", key,
			optarg != NULL ? optarg : "(none)");
	}
	for (int i = optind; i < line.argc; i++)
		length += (size_t)snprintf(told + length, size - length, " '%s'", line.argv[i]);
}

static void as_getopt_long(void **state)
{
	static const char *const lines[] = {
		"",
		"host",
		"-c 5 host",
		"-c5",
		"-c5 host",
		"-c=5",
		"--connections 5",
		"--connections=5",
		"--connections=",
		"--connections",
		"-c",
		"-c -5",
		"-c --",
		"--engine -v",
		"-4v",
		"-4vc5",
		"-4vc 5",
		"-vx",
		"-x",
		"-4x4",
		"--",
		"-- -c 5",
		"a -- -v b",
		"a -c 5 b -v c",
		"a b c -4 d --engine=x",
		"-",
		"- -v",
		"-v - --",
		"--churn",
		"--churn=3",
		"--churn 3",
		"--churn=",
		"-o",
		"-o3",
		"-o 3",
		"-vo3v",
		"--eng x",
		"--e x",
		"--con",
		"--conn 5",
		"--connect",
		"--connec",
		"--connecti 5",
		"--ver",
		"--verb",
		"--verify=1",
		"--verify=",
		"--nothing",
		"--nothing=1",
		"''",
		"'' -v ''",
		"--=",
		"--=x",
		"---",
		"---v",
		"-4 -4 -v -4",
		"--engine a --engine b",
		"-v --verbose",
		"a b -c",
		"a b --engine",
		"a -4 b -- c -4",
	};
	char ours[300], theirs[300];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		by_options(lines[i], ours, sizeof(ours));
		by_getopt(lines[i], theirs, sizeof(theirs));
		if (strcmp(ours, theirs) != 0)
			print_error("'%s': %s, but getopt_long has %s\n", lines[i], ours, theirs);
		assert_string_equal(ours, theirs);
	}
}

/* Whoever reads the options again (a server, at SIGHUP) has only the argv that was reordered. */
static void read_twice(void **state)
{
	static const char *const lines[] = { "a -c 5 b -v c", "a -- -v b", "a - -4 -- -4 --",
		"-vc5 a" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct options_row *row;
		struct options_fault fault;
		struct options_scan scan;
		struct line line;
		const char *value;
		int firsts[2], counts[2] = { 0, 0 };

		cut(&line, lines[i]);
		for (int k = 0; k < 2; k++) {
			options_start(&scan, rows, more, line.argc, line.argv);
			while (options_next(&scan, &row, &value, &fault) > 0)
				counts[k]++;
			firsts[k] = scan.first_argument;
		}
		assert_int_equal(firsts[0], firsts[1]);
		assert_int_equal(counts[0], counts[1]);
	}
}

/* What is wrong, and what is said to be. */
static void expect_fault(const char *text, enum options_trouble trouble, const char *subject)
{
	const struct options_row *row;
	struct options_fault fault;
	struct options_scan scan;
	struct line line;
	const char *value;
	int r;

	cut(&line, text);
	options_start(&scan, rows, more, line.argc, line.argv);
	while ((r = options_next(&scan, &row, &value, &fault)) > 0)
		;
	assert_int_equal(r, -EINVAL);
	assert_int_equal(fault.trouble, trouble);
	assert_string_equal(fault.subject, subject);
	if (trouble != OPTIONS_UNKNOWN)
		assert_non_null(fault.row);
	if (trouble == OPTIONS_UNCLEAR)
		assert_true(fault.other != NULL && fault.other != fault.row);
	/* All of it, for what is said beyond that. */
	assert_non_null(strstr(fault.word, subject[0] == '-' && subject[1] != '-' ? "-" : "--"));
}

static void what_is_wrong_is_named(void **state)
{
	expect_fault("a --nothing=5", OPTIONS_UNKNOWN, "--nothing");
	expect_fault("--=5", OPTIONS_UNKNOWN, "--");
	expect_fault("-vx5", OPTIONS_UNKNOWN, "-x");
	expect_fault("-v\xc3\xa9x", OPTIONS_UNKNOWN, "-\xc3\xa9");
	expect_fault("-v\xc3", OPTIONS_UNKNOWN, "-\\xc3");
	expect_fault("--\x1b[31m", OPTIONS_UNKNOWN, "--\\x1b[31m");
	expect_fault("--ver", OPTIONS_UNCLEAR, "--ver");
	expect_fault("--conn=5", OPTIONS_UNCLEAR, "--conn");
	expect_fault("--eng", OPTIONS_LACKS_VALUE, "--eng");
	expect_fault("-4c", OPTIONS_LACKS_VALUE, "-c");
	expect_fault("--verify=yes", OPTIONS_TAKES_NO_VALUE, "--verify");
}

static void a_long_subject_is_cut(void **state)
{
	char text[150];

	memset(text, 'x', sizeof(text));
	memcpy(text, "--", 2);
	text[sizeof(text) - 1] = '\0';

	char *argv[] = { (char *)"meari", text, NULL };
	const struct options_row *row;
	struct options_fault fault;
	struct options_scan scan;
	const char *value;

	options_start(&scan, rows, NULL, 2, argv);
	assert_int_equal(options_next(&scan, &row, &value, &fault), -EINVAL);
	assert_true(strlen(fault.subject) < OPTIONS_SUBJECT_SIZE);
	assert_ptr_equal(fault.word, text);
}

static void rows_of_a_table(void **state)
{
	assert_true(options_is_title(&rows[0]) && !options_is_end(&rows[0]));
	assert_true(options_is_end(&rows[sizeof(rows) / sizeof(rows[0]) - 1]));
	assert_int_equal(options_letter(&rows[1]), 'c');
	assert_int_equal(options_letter(&rows[3]), 0);
	assert_ptr_equal(options_find(rows, "engine"), &rows[3]);
	assert_null(options_find(rows, "eng")); /* no short forms */
	assert_null(options_find(rows, "help"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_getopt_long),
		cmocka_unit_test(read_twice),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_long_subject_is_cut),
		cmocka_unit_test(rows_of_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
