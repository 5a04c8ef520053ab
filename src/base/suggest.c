/*
 * The distance is the one of Damerau (1964) and Levenshtein, in the restricted form: no piece of text is
 * changed twice.
 */
#include "base/suggest.h"

#include <string.h>

static unsigned least(unsigned one, unsigned other)
{
	return one < other ? one : other;
}

/* How many letters must be put in, left out, replaced, or swapped with their neighbour. */
static unsigned distance(const char *one, size_t one_length, const char *other, size_t other_length)
{
	unsigned rows[3][SUGGEST_MOST_LENGTH + 1];
	unsigned *before_last = rows[0], *last = rows[1], *row = rows[2];

	for (size_t k = 0; k <= other_length; k++)
		last[k] = (unsigned)k;
	for (size_t i = 1; i <= one_length; i++) {
		unsigned *free_row = before_last;

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= other_length; k++) {
			row[k] = least(least(last[k], row[k - 1]) + 1,
				last[k - 1] + (one[i - 1] != other[k - 1]));
			if (i > 1 && k > 1 && one[i - 1] == other[k - 2] &&
				one[i - 2] == other[k - 1])
				row[k] = least(row[k], before_last[k - 2] + 1);
		}
		before_last = last;
		last = row;
		row = free_row;
	}
	return last[other_length];
}

const char *suggest_nearest(const char *text, const char *const *candidates, size_t count)
{
	size_t length = strlen(text);
	const char *nearest = NULL;
	unsigned nearest_distance = 0;

	for (size_t i = 0; length > 0 && length <= SUGGEST_MOST_LENGTH && i < count; i++) {
		size_t other_length = strlen(candidates[i]);
		unsigned found;

		if (other_length > SUGGEST_MOST_LENGTH)
			continue;
		found = distance(text, length, candidates[i], other_length);
		/* Of short words a third is less than one letter, and one may be wrong. */
		if (found > (other_length < 3 ? 1 : other_length / 3) || found >= length ||
			(nearest != NULL && found >= nearest_distance))
			continue;
		nearest = candidates[i];
		nearest_distance = found;
	}
	return nearest;
}
