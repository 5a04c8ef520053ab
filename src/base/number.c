/*
 * Whole numbers from the command line, strictly: no sign, no blanks, no hexadecimal, nothing left
 * over. strtoull(3) would take all of these.
 */
#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char unit_letters[] = "KMGT";

/* Reads digits; `ret_rest` is what follows them. */
static int parse_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
	uint64_t number = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return -ERANGE;
	}
	if (at == text)
		return -EINVAL;
	*ret_number = number;
	*ret_rest = at;
	return 0;
}

int number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
	uint64_t number;
	const char *rest;
	int r = parse_digits(text, &number, &rest);

	if (r < 0)
		return r;
	if (*rest != '\0')
		return -EINVAL;
	if (number < least || number > most)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

int number_parse_size(const char *text, uint64_t least, uint64_t most, uint64_t *ret_bytes)
{
	uint64_t bytes;
	const char *rest;
	int r = parse_digits(text, &bytes, &rest);

	if (r < 0)
		return r;
	if (*rest != '\0') {
		char letter = (char)(*rest & ~0x20); /* k and K alike */
		const char *unit = strchr(unit_letters, letter);

		if (letter == '\0' || unit == NULL)
			return -EINVAL;
		rest++;
		if (*rest != '\0' && strcmp(rest, "B") != 0 && strcmp(rest, "iB") != 0)
			return -EINVAL;
		unsigned shift = 10 * (unsigned)(unit - unit_letters + 1);

		if (bytes > UINT64_MAX >> shift)
			return -ERANGE;
		bytes <<= shift;
	}
	if (bytes < least || bytes > most)
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

int number_scan_rate(const char *text, double *ret_per_s, size_t *ret_length)
{
	static const char letters[] = "kMG";
	const char *at = text;
	double number = 0, place = 0.1;

	for (; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	if (at > text && at[0] == '.' && at[1] >= '0' && at[1] <= '9') {
		for (at++; *at >= '0' && *at <= '9'; at++, place /= 10)
			number += place * (*at - '0');
	}
	if (at == text)
		return -EINVAL;

	const char *letter = *at == 'K' ? letters : *at != '\0' ? strchr(letters, *at) : NULL;

	if (letter != NULL) {
		for (const char *step = letters; step <= letter; step++)
			number *= 1000;
		at++;
	}
	if (!(number <= NUMBER_MOST_RATE))
		return -ERANGE;
	*ret_per_s = number;
	*ret_length = (size_t)(at - text);
	return 0;
}

uint64_t number_from_double(double value)
{
	if (!(value > 0))
		return 0;
	return value < 0x1p64 ? (uint64_t)nearbyint(value) : UINT64_MAX;
}

const char *number_format_rate(double per_s, char *buffer, size_t size)
{
	static const char *const letters[] = { "", "k", "M", "G", "T" };
	double value = per_s;
	size_t unit = 0;

	while (value >= 999.5 && unit < sizeof(letters) / sizeof(letters[0]) - 1) {
		value /= 1000;
		unit++;
	}

	int decimals = value >= 99.95 || (unit == 0 && value == floor(value)) ? 0
		: value >= 9.995                                              ? 1
									      : 2;

	snprintf(buffer, size, "%.*f%s", decimals, value, letters[unit]);
	return buffer;
}

const char *number_format_size(uint64_t bytes, char *buffer, size_t size)
{
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1023.95 && unit < strlen(unit_letters)) {
		value /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(buffer, size, "%llu B", (unsigned long long)bytes);
	else
		snprintf(buffer, size, "%.1f %ciB", value, unit_letters[unit - 1]);
	return buffer;
}
