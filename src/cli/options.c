/*
 * Cutting a command line by a table of options. Why this is not popt, or argp, is in docs/architecture.md.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/quote.h"
#include "base/text.h"

bool options_is_end(const struct options_row *row)
{
	return row->name == NULL && row->key == 0 && row->help == NULL;
}

bool options_is_title(const struct options_row *row)
{
	return row->name == NULL && row->key == 0;
}

char options_letter(const struct options_row *row)
{
	return row->key > ' ' && row->key < 0x7f ? (char)row->key : '\0';
}

const struct options_row *options_find(const struct options_row *rows, const char *name)
{
	for (; !options_is_end(rows); rows++) {
		if (rows->name != NULL && strcmp(rows->name, name) == 0)
			return rows;
	}
	return NULL;
}

void options_start(struct options_scan *scan, const struct options_row *rows,
	const struct options_row *more, int argc, char **argv)
{
	*scan = (struct options_scan){
		.tables = { rows, more },
		.argv = argv,
		.argc = argc,
		.next = 1,
		.first_argument = 1,
	};
}

/* The next word, which belongs to an option: it moves before the arguments that were passed over. */
static char *take_word(struct options_scan *scan)
{
	char **argv = scan->argv, *word = argv[scan->next];

	memmove(argv + scan->first_argument + 1, argv + scan->first_argument,
		(size_t)(scan->next - scan->first_argument) * sizeof(*argv));
	argv[scan->first_argument] = word;
	scan->first_argument++;
	scan->next++;
	return word;
}

static int fail(struct options_fault *fault, enum options_trouble trouble)
{
	fault->trouble = trouble;
	return -EINVAL;
}

/*
 * By the first `length` bytes of a name: written in full, or the only one that begins like it. Gives how
 * many were found, with the first two.
 */
static unsigned match(const struct options_scan *scan, const char *name, size_t length,
	const struct options_row *ret_rows[static 2])
{
	unsigned count = 0;

	for (size_t i = 0; i < 2 && length > 0; i++) {
		const struct options_row *row = scan->tables[i];

		for (; row != NULL && !options_is_end(row); row++) {
			if (row->name == NULL || strncmp(row->name, name, length) != 0)
				continue;
			if (row->name[length] == '\0') {
				ret_rows[0] = row;
				return 1;
			}
			if (count < 2)
				ret_rows[count] = row;
			count++;
		}
	}
	return count;
}

static int next_long(struct options_scan *scan, const struct options_row **ret_row,
	const char **ret_value, struct options_fault *fault)
{
	const char *word = take_word(scan), *assigned = strchr(word, '=');
	size_t length = assigned != NULL ? (size_t)(assigned - word) : strlen(word);
	const struct options_row *found[2] = { NULL, NULL };
	unsigned count = match(scan, word + 2, length - 2, found);

	*fault = (struct options_fault){ .word = word, .row = found[0], .other = found[1] };
	quote_bytes(word, length, fault->subject, sizeof(fault->subject));
	if (count != 1)
		return fail(fault, count == 0 ? OPTIONS_UNKNOWN : OPTIONS_UNCLEAR);
	*ret_row = found[0];
	*ret_value = assigned != NULL ? assigned + 1 : NULL;
	if (assigned != NULL && found[0]->value == NULL)
		return fail(fault, OPTIONS_TAKES_NO_VALUE);
	if (assigned != NULL || found[0]->value == NULL || (found[0]->kind & OPTIONS_OPTIONAL))
		return 1;
	if (scan->next == scan->argc)
		return fail(fault, OPTIONS_LACKS_VALUE);
	*ret_value = take_word(scan);
	return 1;
}

static const struct options_row *find_letter(const struct options_scan *scan, char letter)
{
	for (size_t i = 0; i < 2; i++) {
		const struct options_row *row = scan->tables[i];

		for (; row != NULL && !options_is_end(row); row++) {
			if (options_letter(row) == letter)
				return row;
		}
	}
	return NULL;
}

static int next_letter(struct options_scan *scan, const struct options_row **ret_row,
	const char **ret_value, struct options_fault *fault)
{
	const char *letter = scan->letters;
	uint32_t code;
	int taken = text_decode(letter, strlen(letter), &code);
	size_t length = taken > 0 ? (size_t)taken : 0;
	const struct options_row *row = find_letter(scan, *letter);

	*fault = (struct options_fault){ .word = scan->argv[scan->first_argument - 1], .row = row };
	fault->subject[0] = '-';
	quote_bytes(
		letter, length > 0 ? length : 1, fault->subject + 1, sizeof(fault->subject) - 1);
	if (row == NULL)
		return fail(fault, OPTIONS_UNKNOWN);
	*ret_row = row;
	*ret_value = NULL;
	scan->letters = letter[1] != '\0' ? letter + 1 : NULL;
	if (row->value == NULL)
		return 1;
	*ret_value = scan->letters;
	scan->letters = NULL;
	if (*ret_value != NULL || (row->kind & OPTIONS_OPTIONAL))
		return 1;
	if (scan->next == scan->argc)
		return fail(fault, OPTIONS_LACKS_VALUE);
	*ret_value = take_word(scan);
	return 1;
}

int options_next(struct options_scan *scan, const struct options_row **ret_row,
	const char **ret_value, struct options_fault *reterr_fault)
{
	while (scan->letters == NULL) {
		const char *word;

		if (scan->next >= scan->argc)
			return 0;
		word = scan->argv[scan->next];
		if (word[0] != '-' || word[1] == '\0') {
			scan->next++; /* an argument: taken when there are no more options */
		} else if (word[1] != '-') {
			scan->letters = take_word(scan) + 1;
		} else if (word[2] != '\0') {
			return next_long(scan, ret_row, ret_value, reterr_fault);
		} else {
			take_word(scan);
			scan->next = scan->argc;
		}
	}
	return next_letter(scan, ret_row, ret_value, reterr_fault);
}
