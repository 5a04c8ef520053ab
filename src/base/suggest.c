/*
 * The distance by the usual table, of which three rows are kept: a swap needs the row before the
 * last.
 */
#include "base/suggest.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Letters that the beginning of a name must have to be taken for it. */
#define LEAST_BEGINNING 3

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(char a, char b)
{
	return lower(a) == lower(b);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Both have at most SUGGEST_MOST_BYTES. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][SUGGEST_MOST_BYTES + 1];

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3],
			 *two_above = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = least(above[j], row[j - 1]) + 1;
			row[j] = least(row[j], above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

static unsigned most_distance(size_t length)
{
	return length < 3 ? 0 : length <= 4 ? 1 : length <= 8 ? 2 : 3;
}

/*
 * How far apart two names are, in half letters: a beginning counts for more than one letter, less
 * than two.
 */
static unsigned half_letters(
	const char *text, size_t length, const char *candidate, size_t candidate_length)
{
	unsigned apart = 2 * distance(text, length, candidate, candidate_length);
	bool is_beginning = length >= LEAST_BEGINNING && strncasecmp(text, candidate, length) == 0;

	return is_beginning ? least(apart, 3) : apart;
}

const char *suggest_nearest(const char *text, const char *const *candidates, size_t count)
{
	size_t length = strlen(text);
	unsigned nearest = 2 * most_distance(length) + 2;
	const char *found = NULL;

	for (size_t i = 0; i < count && length <= SUGGEST_MOST_BYTES; i++) {
		size_t candidate_length = candidates[i] != NULL ? strlen(candidates[i]) : 0;

		if (candidate_length == 0 || candidate_length > SUGGEST_MOST_BYTES)
			continue;

		unsigned apart = half_letters(text, length, candidates[i], candidate_length);

		if (apart < nearest) {
			nearest = apart;
			found = candidates[i];
		}
	}
	return found;
}
