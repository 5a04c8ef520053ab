/*
 * Reading numeric addresses by hand. inet_pton(3) and inet_aton(3) only say "no"; people need to
 * know which byte is wrong and why. Where those two accept a text, this file gives the same octets:
 * a fuzzer compares them. Departures: inet_aton takes anything after a blank, we take nothing; a
 * zone is kept here, which inet_pton does not know.
 */
#include "net/literal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"
#include "base/quote.h"
#include "base/text.h"

#define GROUPS 8

/* What is being read: `at` moves through `text`, which ends at `end`. */
struct cursor {
	const char *text;
	const char *at;
	const char *end;
	struct addr_fault *fault;
};

/* A translation may be too long for the fault: then it must not end in half a character. */
static void trim(char *text)
{
	size_t length = strlen(text), start = length;
	uint32_t code;

	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && text_decode(text + start - 1, length - start + 1, &code) <= 0)
		text[start - 1] = '\0';
}

int literal_fail(struct addr_fault *reterr_fault, size_t column, const char *format, ...)
{
	va_list arguments;

	if (reterr_fault != NULL) {
		reterr_fault->column = column;
		va_start(arguments, format);
		vsnprintf(reterr_fault->text, sizeof(reterr_fault->text), format, arguments);
		va_end(arguments);
		trim(reterr_fault->text);
	}
	return -EINVAL;
}

static size_t column_of(const struct cursor *cursor, const char *at)
{
	return (size_t)(at - cursor->text);
}

/* Not isxdigit(3): that follows the locale. 16 for what is no digit in any base. */
static unsigned digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned)(digit - '0');
	if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
		return (unsigned)((digit | 0x20) - 'a' + 10);
	return 16;
}

static int fail_digit(const struct cursor *cursor, const char *at, unsigned base)
{
	char piece[QUOTE_PIECE_SIZE];
	size_t left = (size_t)(cursor->end - at);
	uint32_t code;
	int wide = text_decode(at, left, &code);
	const char *format = base == 16 ? _("'%s' is not a hexadecimal digit")
		: base == 8             ? _("'%s' is not an octal digit (a leading 0 means octal)")
					: _("'%s' is not a decimal digit");

	quote_piece(at, wide > 0 ? (size_t)wide : 1, piece);
	return literal_fail(cursor->fault, column_of(cursor, at), format, piece);
}

static bool is_hex_prefix(const char *at, const char *end)
{
	return end - at >= 2 && at[0] == '0' && (at[1] | 0x20) == 'x';
}

/* One part of an IPv4 address, from cursor->at up to the next '.' or the end; any of the bases. */
static int read_part(struct cursor *cursor, uint64_t *ret_value, bool *ret_decimal)
{
	const char *start = cursor->at;
	const char *stop = memchr(start, '.', (size_t)(cursor->end - start));
	unsigned base = 10;
	uint64_t value = 0;

	if (stop == NULL)
		stop = cursor->end;
	if (start == stop)
		return literal_fail(cursor->fault, column_of(cursor, start), _("empty octet"));
	if (is_hex_prefix(start, stop)) {
		base = 16;
		start += 2;
		if (start == stop)
			return literal_fail(
				cursor->fault, column_of(cursor, start), _("no digits after '0x'"));
	} else if (*start == '0' && stop - start > 1) {
		base = 8;
	}
	for (const char *at = start; at < stop; at++) {
		unsigned digit = digit_value(*at);

		if (digit >= base)
			return fail_digit(cursor, at, base);
		value = value * base + digit;
		if (value > UINT32_MAX)
			value = (uint64_t)UINT32_MAX + 1; /* too much, however many digits follow */
	}
	cursor->at = stop;
	*ret_value = value;
	*ret_decimal = base == 10;
	return 0;
}

static int fail_octet(const struct cursor *cursor, const char *start)
{
	char piece[QUOTE_PIECE_SIZE];

	quote_piece(start, strcspn(start, ".%"), piece);
	return literal_fail(
		cursor->fault, column_of(cursor, start), _("octet %s is above 255"), piece);
}

/* Puts the last part, which fills all octets from `index` on. */
static int put_last(struct cursor *cursor, const char *start, size_t index, uint64_t value,
	struct literal *literal)
{
	uint64_t most = UINT32_MAX >> (8 * index);
	char piece[QUOTE_PIECE_SIZE];

	if (value > most && index == 3)
		return fail_octet(cursor, start);
	if (value > most)
		return literal_fail(cursor->fault, column_of(cursor, start),
			_("%s is above %llu, the most that the last %zu octets can hold"),
			quote_piece(start, (size_t)(cursor->end - start), piece),
			(unsigned long long)most, 4 - index);
	for (size_t i = 4; i-- > index; value >>= 8)
		literal->octets[i] = (uint8_t)value;
	return 0;
}

static int parse_v4(struct cursor *cursor, struct literal *literal)
{
	literal->family = AF_INET;
	for (size_t index = 0;; index++) {
		const char *start = cursor->at;
		uint64_t value = 0;
		bool decimal = true;

		if (index == 4)
			return literal_fail(cursor->fault, column_of(cursor, start),
				_("more than four octets"));

		int r = read_part(cursor, &value, &decimal);

		if (r < 0)
			return r;
		if (!decimal)
			literal->classic = true;
		if (cursor->at == cursor->end) {
			if (index < 3)
				literal->classic = true;
			return put_last(cursor, start, index, value, literal);
		}
		if (value > 255)
			return fail_octet(cursor, start);
		literal->octets[index] = (uint8_t)value;
		cursor->at++;
	}
}

/* The IPv4 tail of an IPv6 address: four decimal octets and nothing else (RFC 4291 2.2). */
static int parse_embedded(struct cursor *cursor, uint8_t *octets)
{
	const char *start = cursor->at;
	struct literal inner = { 0 };
	char piece[QUOTE_PIECE_SIZE];

	for (const char *at = start; at < cursor->end; at++) {
		if (at > start && at[-1] != '.')
			continue;
		if (*at == '0' && at + 1 < cursor->end && at[1] != '.')
			return literal_fail(cursor->fault, column_of(cursor, at),
				_("octet '%s' starts with 0, which is not allowed inside IPv6"),
				quote_piece(at, strcspn(at, ".%"), piece));
	}

	int r = parse_v4(cursor, &inner);

	if (r < 0)
		return r;
	if (inner.classic)
		return literal_fail(cursor->fault, column_of(cursor, start),
			_("the IPv4 address inside IPv6 needs all four octets"));
	memcpy(octets, inner.octets, 4);
	return 0;
}

/* The groups as they come; `gap` is the group that '::' stands before, or -1. */
struct groups {
	uint8_t octets[2 * GROUPS];
	size_t count;
	int gap;
};

/* One group of hexadecimal digits, or the IPv4 address that stands for the last two. */
static int read_group(struct cursor *cursor, struct groups *groups)
{
	const char *start = cursor->at;
	const char *stop = start;
	char piece[QUOTE_PIECE_SIZE];
	unsigned value = 0;

	while (stop < cursor->end && *stop != ':' && *stop != '.')
		stop++;

	bool embedded = stop < cursor->end && *stop == '.';

	if (groups->count + embedded >= GROUPS)
		return literal_fail(
			cursor->fault, column_of(cursor, start), _("more than 8 groups"));
	if (embedded) {
		int r = parse_embedded(cursor, groups->octets + 2 * groups->count);

		if (r < 0)
			return r;
		groups->count += 2;
		return 0;
	}
	for (const char *at = start; at < stop; at++) {
		if (digit_value(*at) >= 16)
			return fail_digit(cursor, at, 16);
		value = value << 4 | digit_value(*at);
	}
	if (stop - start > 4)
		return literal_fail(cursor->fault, column_of(cursor, start),
			_("group '%s' has more than 4 digits"),
			quote_piece(start, (size_t)(stop - start), piece));
	groups->octets[2 * groups->count] = (uint8_t)(value >> 8);
	groups->octets[2 * groups->count + 1] = (uint8_t)value;
	groups->count++;
	cursor->at = stop;
	return 0;
}

/* What stands between groups, at cursor->at: ':' or the one '::'. */
static int read_colons(struct cursor *cursor, struct groups *groups)
{
	const char *start = cursor->at;
	size_t colons = strspn(start, ":");

	if (colons > 2)
		return literal_fail(cursor->fault, column_of(cursor, start + 2),
			_("more than two ':' in a row"));
	if (colons == 2 && groups->gap >= 0)
		return literal_fail(
			cursor->fault, column_of(cursor, start), _("more than one '::'"));
	if (colons == 2)
		groups->gap = (int)groups->count;
	else if (groups->count == 0)
		return literal_fail(cursor->fault, column_of(cursor, start),
			_("a single ':' at the start (only '::' may stand there)"));
	else if (start + 1 == cursor->end)
		return literal_fail(cursor->fault, column_of(cursor, start),
			_("a single ':' at the end (only '::' may stand there)"));
	cursor->at += colons;
	return 0;
}

static int put_groups(struct cursor *cursor, const struct groups *groups, struct literal *literal)
{
	if (groups->gap < 0) {
		if (groups->count < GROUPS)
			return literal_fail(cursor->fault, column_of(cursor, cursor->end),
				_("only %zu of 8 groups, and no '::' for the others"),
				groups->count);
		memcpy(literal->octets, groups->octets, sizeof(literal->octets));
		return 0;
	}
	if (groups->count >= GROUPS)
		return literal_fail(cursor->fault,
			(size_t)(strstr(cursor->text, "::") - cursor->text),
			_("'::' stands for no group, there are 8 without it"));

	size_t before = 2 * (size_t)groups->gap;
	size_t after = 2 * groups->count - before;

	memcpy(literal->octets, groups->octets, before);
	memcpy(literal->octets + sizeof(literal->octets) - after, groups->octets + before, after);
	return 0;
}

/* Behind the "25" that stands for '%' in a URI; digits only are an interface's number. */
static const char *skip_percent(const char *zone)
{
	bool escaped = strncmp(zone, "25", 2) == 0 && zone[strspn(zone, "0123456789")] != '\0';

	return escaped ? zone + 2 : zone;
}

static int parse_zone(const struct cursor *cursor, const char *zone, struct literal *literal)
{
	zone = skip_percent(zone);

	size_t length = strlen(zone);

	if (length == 0)
		return literal_fail(
			cursor->fault, column_of(cursor, zone), _("no zone after '%%'"));
	if (length >= LITERAL_ZONE_SIZE)
		return literal_fail(cursor->fault, column_of(cursor, zone),
			_("the zone has %zu bytes, an interface's name at most %d"), length,
			LITERAL_ZONE_SIZE - 1);
	/*
	 * What the kernel refuses in a name, what would break our own syntax, and what is not
	 * ASCII.
	 */
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)zone[i];

		if (byte <= ' ' || byte >= 0x7f || strchr("/:[]%", byte) != NULL) {
			char piece[QUOTE_PIECE_SIZE];

			return literal_fail(cursor->fault, column_of(cursor, zone + i),
				_("'%s' cannot be in a zone"), quote_piece(zone + i, 1, piece));
		}
	}
	memcpy(literal->zone, zone, length + 1);
	return 0;
}

static int parse_v6(struct cursor *cursor, struct literal *literal)
{
	const char *zone = strchr(cursor->text, '%');
	struct groups groups = { .gap = -1 };
	int r;

	literal->family = AF_INET6;
	if (zone != NULL)
		cursor->end = zone;
	while (cursor->at < cursor->end) {
		if (*cursor->at == ':')
			r = read_colons(cursor, &groups);
		else
			r = read_group(cursor, &groups);
		if (r < 0)
			return r;
	}
	r = put_groups(cursor, &groups, literal);
	if (r < 0 || zone == NULL)
		return r;
	return parse_zone(cursor, zone + 1, literal);
}

int literal_parse(const char *text, struct literal *ret_literal, struct addr_fault *reterr_fault)
{
	struct literal literal = { 0 };
	struct cursor cursor = {
		.text = text,
		.at = text,
		.end = text + strlen(text),
		.fault = reterr_fault,
	};
	int r = strchr(text, ':') != NULL ? parse_v6(&cursor, &literal)
					  : parse_v4(&cursor, &literal);

	if (r < 0)
		return r;
	*ret_literal = literal;
	return 0;
}

bool literal_port_meant(const char *text, char buffer[static LITERAL_MEANT_SIZE])
{
	const char *last = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	struct literal literal;
	uint64_t port;

	if (last == NULL || last[1] == '\0' || last[1] == '0' || last[2] == '\0' ||
		number_parse(last + 1, 1, UINT16_MAX, &port) < 0 ||
		literal_parse(text, &literal, NULL) < 0)
		return false;

	/* "::5000" is "::" with a port. */
	size_t length = (size_t)(last - text);

	if (length > 0 && last[-1] == ':')
		length++;
	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (strchr(host, ':') == NULL || literal_parse(host, &literal, NULL) < 0)
		return false;
	snprintf(buffer, LITERAL_MEANT_SIZE, "[%s]:%u", host, (unsigned)port);
	return true;
}

static bool is_number(const char *label, size_t length)
{
	size_t i = is_hex_prefix(label, label + length) ? 2 : 0;
	unsigned base = i == 2 ? 16 : 10;

	if (length == 0)
		return false;
	while (i < length && digit_value(label[i]) < base)
		i++;
	return i == length;
}

bool literal_is_meant(const char *text)
{
	size_t length = strlen(text), labels = 0, with_digit = 0;
	const char *last = text;

	if (length > 0 && text[length - 1] == '.')
		length--;
	for (const char *at = text; at < text + length; labels++) {
		const char *dot = memchr(at, '.', (size_t)(text + length - at));

		last = at;
		with_digit += digit_value(*at) < 10;
		at = dot != NULL ? dot + 1 : text + length;
	}
	return is_number(last, (size_t)(text + length - last)) || (labels == 4 && with_digit == 4);
}

bool literal_is_mapped(const struct literal *literal)
{
	static const uint8_t prefix[12] = { [10] = 0xff, 0xff };

	return literal->family == AF_INET6 && memcmp(literal->octets, prefix, sizeof(prefix)) == 0;
}

const char *literal_format(const struct literal *literal, char *buffer, size_t size)
{
	char digits[INET6_ADDRSTRLEN];

	inet_ntop(literal->family, literal->octets, digits, sizeof(digits));
	snprintf(
		buffer, size, "%s%s%s", digits, literal->zone[0] != '\0' ? "%" : "", literal->zone);
	return buffer;
}
