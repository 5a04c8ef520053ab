/*
 * An access list is read once and used for years: so nothing is guessed. What literal.c accepts
 * beyond four decimal octets (127.1, 0x7f.1) is refused here, and so is 10.0.0.1/8.
 */
#include "net/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"

/* Of ::ffff:0:0/96. */
#define MAPPED_BITS 96

void cidr_mask(uint8_t *octets, size_t count, unsigned bits)
{
	for (size_t i = 0; i < count; i++) {
		if (bits >= 8) {
			bits -= 8;
			continue;
		}
		octets[i] &= (uint8_t)(0xff00 >> bits);
		bits = 0;
	}
}

static size_t octet_count(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* The address, up to the slash or the end. */
static int read_address(
	const char *text, size_t length, struct literal *literal, struct addr_fault *reterr_fault)
{
	char address[LITERAL_TEXT_SIZE];
	int r;

	if (length >= sizeof(address))
		return literal_fail(reterr_fault, 0, _("too long for an address"));
	memcpy(address, text, length);
	address[length] = '\0';
	r = literal_parse(address, literal, reterr_fault);
	if (r < 0)
		return r;
	if (literal->zone[0] != '\0')
		return literal_fail(reterr_fault, (size_t)(strchr(address, '%') - address),
			_("a block of addresses has no zone"));
	if (literal->classic)
		return literal_fail(
			reterr_fault, 0, _("write the address as four decimal numbers"));
	return 0;
}

static int read_bits(const char *text, size_t column, unsigned most, unsigned *bits,
	struct addr_fault *reterr_fault)
{
	uint64_t number;

	/* A leading zero could be meant as octal. */
	if ((text[0] == '0' && text[1] != '\0') || number_parse(text, 0, most, &number) < 0)
		return literal_fail(reterr_fault, column,
			_("the prefix's length is a number from 0 to %u"), most);
	*bits = (unsigned)number;
	return 0;
}

static void unmap(struct cidr *cidr, const struct literal *literal)
{
	if (!literal_is_mapped(literal) || cidr->bits < MAPPED_BITS)
		return;
	cidr->family = AF_INET;
	cidr->bits -= MAPPED_BITS;
	memmove(cidr->octets, cidr->octets + MAPPED_BITS / 8, 4);
	memset(cidr->octets + 4, 0, sizeof(cidr->octets) - 4);
}

int cidr_parse_loosely(const char *text, struct cidr *ret_cidr, struct literal *ret_literal,
	struct addr_fault *reterr_fault)
{
	size_t length = strcspn(text, "/");
	struct literal literal;
	struct cidr cidr = { 0 };
	int r = read_address(text, length, &literal, reterr_fault);

	if (r < 0)
		return r;
	cidr.family = literal.family;
	cidr.bits = (unsigned)octet_count(cidr.family) * 8;
	memcpy(cidr.octets, literal.octets, sizeof(cidr.octets));
	if (text[length] == '/') {
		r = read_bits(text + length + 1, length + 1, cidr.bits, &cidr.bits, reterr_fault);
		if (r < 0)
			return r;
	}
	cidr_mask(cidr.octets, octet_count(cidr.family), cidr.bits);
	*ret_cidr = cidr;
	*ret_literal = literal;
	return 0;
}

int cidr_parse(const char *text, struct cidr *ret_cidr, struct addr_fault *reterr_fault)
{
	struct literal literal;
	struct cidr cidr;
	char network[CIDR_TEXT_SIZE];
	int r = cidr_parse_loosely(text, &cidr, &literal, reterr_fault);

	if (r < 0)
		return r;
	if (memcmp(literal.octets, cidr.octets, octet_count(cidr.family)) != 0)
		return literal_fail(reterr_fault, 0,
			_("bits behind the prefix are set (its network is %s)"),
			cidr_format(&cidr, network, sizeof(network)));
	unmap(&cidr, &literal);
	*ret_cidr = cidr;
	return 0;
}

bool cidr_is_meant(const char *text)
{
	size_t length = strcspn(text, "/");
	char address[LITERAL_TEXT_SIZE];
	struct literal literal;

	if (text[length] != '/' || length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	return literal_parse(address, &literal, NULL) == 0;
}

void cidr_range(const struct cidr *cidr, uint8_t *ret_first, uint8_t *ret_last)
{
	size_t count = octet_count(cidr->family);
	uint8_t mask[16];

	memset(mask, 0xff, sizeof(mask));
	cidr_mask(mask, count, cidr->bits);
	for (size_t i = 0; i < count; i++) {
		ret_first[i] = cidr->octets[i];
		ret_last[i] = cidr->octets[i] | (uint8_t)~mask[i];
	}
}

const char *cidr_format(const struct cidr *cidr, char *buffer, size_t size)
{
	char digits[INET6_ADDRSTRLEN];

	inet_ntop(cidr->family, cidr->octets, digits, sizeof(digits));
	snprintf(buffer, size, "%s/%u", digits, cidr->bits);
	return buffer;
}
