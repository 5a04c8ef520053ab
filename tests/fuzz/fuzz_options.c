/*
 * Command lines of any words: reading ends, no word is lost or made up, a value belongs to an option that takes
 * one, what is wrong is named in text that a terminal does not obey, and the nearest name is one of those given.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define MOST_WORDS 32

static const struct options_row rows[] = {
	{ .help = "title" },
	{ "connections", 'c', "N", OPTIONS_NUMBER, "" },
	{ "connect", 'C', NULL, 0, "" },
	{ "churn", 256, "N", OPTIONS_NUMBER | OPTIONS_OPTIONAL, "" },
	{ "optional", 'o', "N", OPTIONS_OPTIONAL, "" },
	{ NULL, '4', NULL, 0, "" },
	{ 0 },
};
static const struct options_row more[] = { { "help", '?', NULL, 0, "" }, { 0 } };

static bool is_one_of(const char *word, char *const *words, int count)
{
	for (int i = 1; i < count; i++) {
		if (words[i] == word)
			return true;
	}
	return false;
}

static void check_fault(const struct options_fault *fault, char *const *words, int count)
{
	const char *const names[] = { "connections", "connect", "churn", NULL, "" };
	const char *nearest = suggest_nearest(fault->word, names, 5);

	ASSERT(is_one_of(fault->word, words, count));
	ASSERT(strnlen(fault->subject, sizeof(fault->subject)) < sizeof(fault->subject));
	for (const char *c = fault->subject; *c != '\0'; c++)
		ASSERT((unsigned char)*c >= 0x20 && *c != 0x7f);
	ASSERT(fault->subject[0] == '-');
	ASSERT((fault->row == NULL) == (fault->trouble == OPTIONS_UNKNOWN));
	ASSERT((fault->other != NULL) == (fault->trouble == OPTIONS_UNCLEAR));
	ASSERT(nearest == NULL || nearest == names[0] || nearest == names[1] ||
		nearest == names[2]);
}

static void check_line(char **words, int count)
{
	char *argv[MOST_WORDS + 1];
	const struct options_row *row;
	struct options_fault fault;
	struct options_scan scan;
	const char *value;
	size_t steps = 0, letters = 0;
	int r;

	memcpy(argv, words, (size_t)(count + 1) * sizeof(*argv));
	for (int i = 1; i < count; i++)
		letters += strlen(words[i]);
	options_start(&scan, rows, more, count, argv);
	while ((r = options_next(&scan, &row, &value, &fault)) > 0) {
		ASSERT(++steps <= letters);
		ASSERT(!options_is_title(row));
		ASSERT(value == NULL || row->value != NULL);
		ASSERT(value != NULL || row->value == NULL || (row->kind & OPTIONS_OPTIONAL));
	}
	for (int i = 1; i < count; i++)
		ASSERT(is_one_of(words[i], argv, count));
	ASSERT(scan.first_argument >= 1 && scan.first_argument <= count);
	if (r < 0)
		check_fault(&fault, words, count);
	/* Arguments keep their order. */
	for (int i = scan.first_argument, at = 1; r == 0 && i < count; i++, at++) {
		while (at < count && words[at] != argv[i])
			at++;
		ASSERT(at < count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1), *words[MOST_WORDS + 1];
	int count = 0;

	memcpy(text, bytes, length);
	text[length] = '\0';
	words[count++] = (char *)"meari test";
	for (char *word = text; word <= text + length && count < MOST_WORDS;
		word += strlen(word) + 1)
		words[count++] = word;
	words[count] = NULL;
	check_line(words, count);
	free(text);
	return 0;
}
