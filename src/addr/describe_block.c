/*
 * A block has a kind where its first and its last address are of the same one: blocks of the
 * registries (RFC 6890) are blocks, too, so that all between is of that kind or of a narrower one.
 */
#include "addr/describe_block.h"

#include <stdio.h>
#include <string.h>

#include "addr/describe.h"
#include "addr/facts.h"
#include "base/i18n.h"
#include "net/kind.h"

/* Size for "340282366920938463463374607431768211456 (2^128)". */
#define COUNT_SIZE (FACTS_NUMBER_SIZE + 8)

static unsigned octet_bits(const struct cidr *cidr)
{
	return cidr->family == AF_INET ? 32 : 128;
}

/* How many addresses, in decimal; 2^128 is one more than 16 octets hold. */
static const char *count_text(unsigned power, char buffer[static FACTS_NUMBER_SIZE])
{
	uint8_t octets[16] = { 0 };

	if (power == 128)
		return strcpy(buffer, "340282366920938463463374607431768211456");
	octets[15 - power / 8] = (uint8_t)(1u << power % 8);
	return facts_decimal(octets, sizeof(octets), false, buffer);
}

/* NULL: the block is of several kinds. */
static const struct kind *kind_of_block(
	const struct cidr *cidr, const uint8_t *first, const uint8_t *last)
{
	const struct kind *kind = kind_of(cidr->family, first);

	return kind == kind_of(cidr->family, last) && kind->bits <= cidr->bits ? kind : NULL;
}

static bool has_host_bits(const struct describe_block *block)
{
	size_t count = octet_bits(&block->cidr) / 8;

	return block->literal.family == block->cidr.family &&
		memcmp(block->literal.octets, block->cidr.octets, count) != 0;
}

void describe_block_text(const struct describe_block *block)
{
	const struct cidr *cidr = &block->cidr;
	struct literal first = { .family = cidr->family }, last = first;
	unsigned power = octet_bits(cidr) - cidr->bits;
	char text[LITERAL_TEXT_SIZE], network[CIDR_TEXT_SIZE], count[FACTS_NUMBER_SIZE],
		both[COUNT_SIZE], prefix[KIND_PREFIX_SIZE], line[KIND_PREFIX_SIZE + 256];

	cidr_range(cidr, first.octets, last.octets);
	describe_row(_("family"), cidr->family == AF_INET ? "IPv4 (AF_INET)" : "IPv6 (AF_INET6)");
	describe_row(_("network"), cidr_format(cidr, network, sizeof(network)));
	if (has_host_bits(block)) {
		snprintf(line, sizeof(line),
			_("bits behind the prefix are set: '%s' is one address of this block"),
			literal_format(&block->literal, text, sizeof(text)));
		describe_row(_("note"), line);
	}
	describe_row(_("first address"), literal_format(&first, text, sizeof(text)));
	describe_row(_("last address"), literal_format(&last, text, sizeof(text)));
	snprintf(both, sizeof(both), "%s (2^%u)", count_text(power, count), power);
	describe_row(_("addresses"), both);

	const struct kind *kind = kind_of_block(cidr, first.octets, last.octets);

	if (kind == NULL)
		describe_row(_("kind"), _("of several kinds"));
	else if (kind->bits > 0) {
		snprintf(line, sizeof(line), "%s, %s (%s)", _(kind->name),
			kind_prefix(kind, prefix, sizeof(prefix)), kind->rfc);
		describe_row(_("kind"), line);
	} else {
		snprintf(line, sizeof(line), "%s (%s)", _(kind->name), kind->rfc);
		describe_row(_("kind"), line);
	}
}

json_t *describe_block_json(const struct describe_block *block)
{
	const struct cidr *cidr = &block->cidr;
	struct literal first = { .family = cidr->family }, last = first;
	unsigned power = octet_bits(cidr) - cidr->bits;
	char first_text[LITERAL_TEXT_SIZE], last_text[LITERAL_TEXT_SIZE], network[CIDR_TEXT_SIZE],
		count[FACTS_NUMBER_SIZE], prefix[KIND_PREFIX_SIZE];

	cidr_range(cidr, first.octets, last.octets);

	const struct kind *kind = kind_of_block(cidr, first.octets, last.octets);
	json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b}", "family",
		cidr->family == AF_INET ? "IPv4" : "IPv6", "network",
		cidr_format(cidr, network, sizeof(network)), "prefix_length", (int)cidr->bits,
		"first", literal_format(&first, first_text, sizeof(first_text)), "last",
		literal_format(&last, last_text, sizeof(last_text)), "host_bits_set",
		has_host_bits(block));

	/* As with integers of addresses: a number where it is one of IPv4, otherwise a text. */
	count_text(power, count);
	json_object_set_new(object, "count",
		cidr->family == AF_INET ? json_integer((json_int_t)1 << power)
					: json_string(count));
	if (kind != NULL) {
		json_object_set_new(object, "kind", json_string(kind->name));
		json_object_set_new(
			object, "prefix", json_string(kind_prefix(kind, prefix, sizeof(prefix))));
		json_object_set_new(object, "rfc", json_string(kind->rfc));
	}
	return object;
}
