/*
 * Durations on the command line and in what is printed. One table of units serves both ways.
 */
#include "base/duration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60000000000 },
	{ "h", 3600000000000 },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static int unit_find(const char *name, uint64_t *ret_ns)
{
	if (*name == '\0')
		name = "s";
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(units[i].name, name) == 0) {
			*ret_ns = units[i].ns;
			return 0;
		}
	}
	return -EINVAL;
}

int duration_parse(const char *text, uint64_t *ret_ns)
{
	/* By hand, because strtod takes "inf", "0x1p3" and the locale's decimal comma. */
	uint64_t whole = 0, fraction = 0, fraction_scale = 1, unit_ns;
	size_t digits = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++, digits++) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole))
			return -ERANGE;
	}
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9'; at++, digits++) {
			if (fraction_scale >= 1000000000)
				continue; /* below a nanosecond whatever the unit, near enough */
			fraction = fraction * 10 + (uint64_t)(*at - '0');
			fraction_scale *= 10;
		}
	}
	if (digits == 0 || unit_find(at, &unit_ns) < 0)
		return -EINVAL;

	uint64_t ns;

	if (__builtin_mul_overflow(whole, unit_ns, &ns))
		return -ERANGE;
	/*
	 * 0.999999999 h times 3.6e12 does not fit in 64 bits before the division: so in two parts
	 * that do.
	 */
	uint64_t scaled = fraction * (unit_ns % fraction_scale) + fraction_scale / 2;
	uint64_t part = fraction * (unit_ns / fraction_scale) + scaled / fraction_scale;

	if (__builtin_add_overflow(ns, part, &ns) || ns == UINT64_MAX)
		return -ERANGE;
	*ret_ns = ns;
	return 0;
}

const char *duration_format(uint64_t ns, char *buffer, size_t size)
{
	/* Minutes and hours are left to the reader: "90s" is plainer than "1.5m" in a result. */
	size_t unit = 0;

	/* What would be rounded to 1000 of a unit is one of the next. */
	while (unit < 3 && ns >= units[unit + 1].ns - units[unit + 1].ns / 2000)
		unit++;

	double value = (double)ns / (double)units[unit].ns;
	int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;

	snprintf(buffer, size, "%.*f%s", decimals, value, units[unit].name);
	return buffer;
}
