/*
 * The grammar of --source, and counting through what it names without writing it all down.
 */
#include "bench/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"
#include "net/literal.h"

/* An address as text, with its terminator; longer ones are refused before they are copied. */
#define PIECE_SIZE LITERAL_TEXT_SIZE
#define ADDRESSES_MOST (1ull << 32)

struct reader {
	const char *text, *at;
	const char *why;
};

static int refuse(struct reader *reader, const char *why)
{
	reader->why = why;
	return -EINVAL;
}

static int copy_piece(struct reader *reader, size_t length, char piece[static PIECE_SIZE])
{
	if (length >= PIECE_SIZE)
		return -EINVAL;
	memcpy(piece, reader->at, length);
	piece[length] = '\0';
	return (int)length;
}

/* Reads up to one of `ends`, which is not taken. */
static int read_piece(struct reader *reader, const char *ends, char piece[static PIECE_SIZE])
{
	return copy_piece(reader, strcspn(reader->at, ends), piece);
}

/*
 * An address up to one of `ends` or to the '-' of a range. A zone may have a '-' of its own (br-lan): what
 * begins the last address of a range has a colon in it.
 */
static size_t address_length(const char *at, const char *ends)
{
	size_t length = strcspn(at, ends), zone = strcspn(at, "%"), dash = strcspn(at, "-");

	if (dash < zone || zone >= length)
		return dash < length ? dash : length;
	for (size_t i = length; i-- > zone;) {
		if (at[i] == '-' && strcspn(at + i + 1, ":") < strcspn(at + i + 1, "-,]"))
			return i;
	}
	return length;
}

static int read_literal(struct reader *reader, size_t wanted, struct literal *ret_literal)
{
	char piece[PIECE_SIZE];
	int length = copy_piece(reader, wanted, piece);

	if (length < 0 || literal_parse(piece, ret_literal, NULL) < 0 || ret_literal->classic)
		return refuse(reader, _("a numeric address is expected here"));
	reader->at += length;
	return 0;
}

/* The address has been read; 0 for one without a zone. */
static int find_zone(struct reader *reader, const char *zone, uint32_t *ret_scope_id)
{
	uint64_t number = 0;
	unsigned index = *zone != '\0' ? if_nametoindex(zone) : 0;

	/* An index need not exist here: the kernel judges it, as that of a target. */
	if (index == 0 && *zone != '\0' && number_parse(zone, 1, UINT32_MAX, &number) < 0) {
		reader->at -= strlen(zone);
		return refuse(reader,
			_("there is no network interface of this name ('ip link' lists them)"));
	}
	*ret_scope_id = index != 0 ? index : (uint32_t)number;
	return 0;
}

static unsigned bit_count(int family)
{
	return family == AF_INET ? 32 : 128;
}

static unsigned __int128 to_number(const struct literal *literal)
{
	unsigned __int128 number = 0;

	for (unsigned i = 0; i < bit_count(literal->family) / 8; i++)
		number = number << 8 | literal->octets[i];
	return number;
}

static uint64_t at_most(unsigned __int128 count)
{
	return count > ADDRESSES_MOST ? ADDRESSES_MOST : (uint64_t)count;
}

static int read_prefix(struct reader *reader, const char *ends, struct source_range *range)
{
	unsigned bits = bit_count(range->family), host_bits;
	char piece[PIECE_SIZE];
	uint64_t prefix;
	int length = read_piece(reader, ends, piece);

	if (length < 0 || number_parse(piece, 1, bits, &prefix) < 0)
		return refuse(reader, _("a prefix length is expected here, such as 24"));
	host_bits = bits - (unsigned)prefix; /* 127 at most */
	range->first = range->first >> host_bits << host_bits;
	range->address_count = at_most((unsigned __int128)1 << host_bits);
	if (host_bits >= 2) {
		range->first++;
		range->address_count -= range->family == AF_INET ? 2 : 1;
	}
	reader->at += length;
	return 0;
}

static int read_last(struct reader *reader, const char *ends, struct source_range *range)
{
	const char *start = reader->at;
	struct literal last;
	uint32_t scope_id = 0;
	int r = read_literal(reader, strcspn(reader->at, ends), &last);

	if (r == 0)
		r = find_zone(reader, last.zone, &scope_id);
	if (r < 0)
		return r;
	if (scope_id != 0 && scope_id != range->scope_id) {
		reader->at = start;
		return refuse(reader, _("a range has one zone, that of its first address"));
	}
	if (last.family != range->family || to_number(&last) < range->first) {
		reader->at = start;
		return refuse(
			reader, _("a range must not go down, nor from one family to the other"));
	}
	range->address_count = at_most(to_number(&last) - range->first);
	if (range->address_count < ADDRESSES_MOST)
		range->address_count++;
	return 0;
}

static int read_addresses(struct reader *reader, const char *ends, struct source_range *range)
{
	struct literal first;
	char all_ends[8] = "/";
	int r;

	strcat(all_ends, ends);
	r = read_literal(reader, address_length(reader->at, all_ends), &first);
	if (r == 0)
		r = find_zone(reader, first.zone, &range->scope_id);
	if (r < 0)
		return r;
	range->family = first.family;
	range->first = to_number(&first);
	range->address_count = 1;
	if (*reader->at == '/') {
		reader->at++;
		return read_prefix(reader, ends, range);
	}
	if (*reader->at == '-') {
		reader->at++;
		return read_last(reader, ends, range);
	}
	return 0;
}

static int read_port(struct reader *reader, const char *ends, uint64_t *ret_port)
{
	char piece[PIECE_SIZE];
	int length = read_piece(reader, ends, piece);

	if (length < 0 || number_parse(piece, 1, UINT16_MAX, ret_port) < 0)
		return refuse(reader, _("a port is expected here, 1 to 65535"));
	reader->at += length;
	return 0;
}

static int read_ports(struct reader *reader, struct source_range *range)
{
	uint64_t first, last;
	int r = read_port(reader, "-,", &first);

	if (r < 0)
		return r;
	last = first;
	if (*reader->at == '-') {
		reader->at++;
		r = read_port(reader, ",", &last);
		if (r < 0)
			return r;
		if (last < first)
			return refuse(reader, _("a range of ports must not go down"));
	}
	range->first_port = (uint16_t)first;
	range->port_count = (uint32_t)(last - first + 1);
	return 0;
}

static int read_range(struct reader *reader, struct source_range *range)
{
	bool bracket = *reader->at == '[';
	int r;

	range->port_count = 1;
	if (!bracket) {
		/* An IPv6 address is full of colons: without brackets it has no port. */
		const char *end = reader->at + strcspn(reader->at, ",");
		const char *colon = memchr(reader->at, ':', (size_t)(end - reader->at));
		bool v6 = colon != NULL &&
			memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL;

		r = read_addresses(reader, v6 ? "," : ":,", range);
	} else {
		reader->at++;
		r = read_addresses(reader, "]", range);
		if (r == 0 && *reader->at != ']')
			return refuse(reader, _("the bracket is never closed"));
		reader->at += r == 0;
	}
	if (r == 0 && *reader->at == ':') {
		reader->at++;
		r = read_ports(reader, range);
	}
	if (r == 0 && *reader->at != '\0' && *reader->at != ',')
		return refuse(reader, _("a colon and ports, or a comma, are expected here"));
	return r;
}

int source_parse(
	const char *text, struct source *ret_source, size_t *ret_column, const char **ret_why)
{
	struct reader reader = { .text = text, .at = text };
	struct source source = { 0 };
	int r;

	for (;;) {
		r = read_range(&reader, &source.ranges[source.count]);
		if (r < 0)
			break;
		source.count++;
		if (*reader.at == '\0')
			break;
		if (source.count == SOURCE_MOST_RANGES) {
			r = refuse(&reader, _("these are too many ranges"));
			break;
		}
		reader.at++;
	}
	if (r < 0) {
		*ret_column = (size_t)(reader.at - text);
		*ret_why = reader.why;
		return r;
	}
	*ret_source = source;
	return 0;
}

static uint64_t range_count(const struct source_range *range)
{
	return range->address_count * range->port_count; /* at most 2^48 */
}

uint64_t source_count(const struct source *source, int family)
{
	uint64_t count = 0;

	for (size_t i = 0; i < source->count; i++) {
		if (source->ranges[i].family == family)
			count += range_count(&source->ranges[i]);
	}
	return count;
}

void source_split(struct source *source, uint32_t rank, uint32_t size)
{
	source->rank = rank;
	source->size = size;
}

/* Among all of the family. */
static uint64_t own_index(const struct source *source, uint64_t index, uint64_t count)
{
	uint64_t first, end;

	if (source->size == 0)
		return index % count;
	if (count < source->size)
		return source->rank % count;
	first = (uint64_t)((unsigned __int128)count * source->rank / source->size);
	end = (uint64_t)((unsigned __int128)count * (source->rank + 1u) / source->size);
	return first + index % (end - first);
}

bool source_at(const struct source *source, uint64_t index, enum addr_scheme scheme, int family,
	struct addr *ret_addr)
{
	uint64_t count = source_count(source, family);
	const struct source_range *range = source->ranges;

	if (count == 0)
		return false;
	index = own_index(source, index, count);
	for (;; range++) {
		if (range->family != family)
			continue;
		if (index < range_count(range))
			break;
		index -= range_count(range);
	}

	unsigned __int128 number = range->first + index % range->address_count;
	uint16_t port = range->first_port == 0
		? 0
		: (uint16_t)(range->first_port + index / range->address_count);

	*ret_addr = (struct addr){ .scheme = scheme };
	if (family == AF_INET) {
		ret_addr->length = sizeof(ret_addr->in);
		ret_addr->in.sin_family = AF_INET;
		ret_addr->in.sin_addr.s_addr = htonl((uint32_t)number);
	} else {
		ret_addr->length = sizeof(ret_addr->in6);
		ret_addr->in6.sin6_family = AF_INET6;
		ret_addr->in6.sin6_scope_id = range->scope_id;
		for (size_t i = 16; i-- > 0; number >>= 8)
			ret_addr->in6.sin6_addr.s6_addr[i] = (uint8_t)number;
	}
	addr_set_port(ret_addr, port);
	return true;
}
