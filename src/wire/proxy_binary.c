/*
 * Version 2: 16 fixed bytes, which end with the length of what follows; addresses; fields of type, length and
 * value (TLV). A checksum covers all of it, its own four bytes counted as zero.
 *
 * LOCAL: all behind the fixed part is to be ignored (section 2.2), and so is what is wrong with it, except a
 * checksum that does not fit: that means damage.
 */
#include <string.h>

#include "wire/crc32c.h"
#include "wire/proxy.h"

#define FIELD_HEAD_BYTES 3u
#define SSL_HEAD_BYTES 5u /* what the client did, and whether its certificate was verified: 0 */
#define SSL_CLIENT_SSL 0x01
#define SSL_CLIENT_CERT_CONN 0x02
#define SSL_CLIENT_CERT_SESS 0x04

enum { FAMILY_NONE, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILIES };
enum { TRANSPORT_NONE, TRANSPORT_STREAM, TRANSPORT_DATAGRAM, TRANSPORTS };
enum { COMMAND_LOCAL, COMMAND_PROXY };

/* Of both addresses together. */
static const size_t addresses_bytes[FAMILIES] = {
	[FAMILY_NONE] = 0,
	[FAMILY_INET] = 12,
	[FAMILY_INET6] = 36,
	[FAMILY_UNIX] = 216,
};

static unsigned read_u16(const unsigned char *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static uint32_t read_u32(const unsigned char *bytes)
{
	return (uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2);
}

/* ---- addresses ---- */

static struct addr read_inet(
	enum addr_scheme scheme, const unsigned char *host, const unsigned char *port)
{
	struct addr addr = { .scheme = scheme, .length = sizeof(addr.in) };

	addr.in.sin_family = AF_INET;
	memcpy(&addr.in.sin_addr, host, 4);
	memcpy(&addr.in.sin_port, port, 2);
	return addr;
}

static struct addr read_inet6(
	enum addr_scheme scheme, const unsigned char *host, const unsigned char *port)
{
	struct addr addr = { .scheme = scheme, .length = sizeof(addr.in6) };

	addr.in6.sin6_family = AF_INET6;
	memcpy(&addr.in6.sin6_addr, host, 16);
	memcpy(&addr.in6.sin6_port, port, 2);
	return addr;
}

/* Without a name where all is zero. An abstract name ends with its last byte that is not: its length is not told. */
static struct addr read_unix(enum addr_scheme scheme, const unsigned char *path)
{
	struct addr addr = { .scheme = scheme };
	size_t length = ADDR_PATH_SIZE;

	addr.un.sun_family = AF_UNIX;
	if (path[0] != '\0')
		length = strnlen((const char *)path, ADDR_PATH_SIZE);
	else
		while (length > 0 && path[length - 1] == '\0')
			length--;
	memcpy(addr.un.sun_path, path, length);
	if (path[0] != '\0' && length < ADDR_PATH_SIZE)
		length++; /* the NUL, as the kernel counts it */
	addr.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return addr;
}

static void read_addresses(const unsigned char *bytes, unsigned family, unsigned transport,
	struct proxy_header *header)
{
	bool stream = transport == TRANSPORT_STREAM;
	enum addr_scheme scheme = family != FAMILY_UNIX ? (stream ? ADDR_TCP : ADDR_UDP)
							: (stream ? ADDR_UNIX : ADDR_UNIXGRAM);

	switch (family) {
	case FAMILY_INET:
		header->source = read_inet(scheme, bytes, bytes + 8);
		header->destination = read_inet(scheme, bytes + 4, bytes + 10);
		break;
	case FAMILY_INET6:
		header->source = read_inet6(scheme, bytes, bytes + 32);
		header->destination = read_inet6(scheme, bytes + 16, bytes + 34);
		break;
	case FAMILY_UNIX:
		header->source = read_unix(scheme, bytes);
		header->destination = read_unix(scheme, bytes + ADDR_PATH_SIZE);
		break;
	default: break;
	}
}

/* ---- fields ---- */

static struct proxy_text text_of(const unsigned char *bytes, size_t length)
{
	return (struct proxy_text){ .bytes = (const char *)bytes, .length = length };
}

/* The next field. 1: there is one; 0: there is none; -1: it is not well formed. */
static int take_field(const unsigned char **at, const unsigned char *end, unsigned *ret_type,
	const unsigned char **ret_value, size_t *ret_length)
{
	size_t rest = (size_t)(end - *at);

	if (rest == 0)
		return 0;
	if (rest < FIELD_HEAD_BYTES || rest - FIELD_HEAD_BYTES < read_u16(*at + 1))
		return -1;
	*ret_type = (*at)[0];
	*ret_length = read_u16(*at + 1);
	*ret_value = *at + FIELD_HEAD_BYTES;
	*at = *ret_value + *ret_length;
	return 1;
}

static bool read_ssl(const unsigned char *value, size_t length, struct proxy_header *header)
{
	const unsigned char *at = value + SSL_HEAD_BYTES, *end = value + length, *inner;
	unsigned type;
	size_t inner_length;
	int r;

	if (length < SSL_HEAD_BYTES)
		return false;
	header->has_tls = true;
	header->client_used_tls = (value[0] & SSL_CLIENT_SSL) != 0;
	header->client_has_certificate = (value[0] &
						 (SSL_CLIENT_CERT_CONN | SSL_CLIENT_CERT_SESS)) !=
		0;
	header->certificate_verified = header->client_has_certificate && read_u32(value + 1) == 0;
	while ((r = take_field(&at, end, &type, &inner, &inner_length)) > 0) {
		switch (type) {
		case PROXY_TLV_SSL_VERSION:
			header->tls_version = text_of(inner, inner_length);
			break;
		case PROXY_TLV_SSL_NAME: header->tls_name = text_of(inner, inner_length); break;
		case PROXY_TLV_SSL_CIPHER: header->tls_cipher = text_of(inner, inner_length); break;
		default: break;
		}
	}
	return r == 0;
}

/* The checksum of the whole header, with its own field as zero. */
static uint32_t sum(const unsigned char *bytes, size_t length, const unsigned char *field)
{
	static const unsigned char zero[4];
	size_t before = (size_t)(field - bytes);
	uint32_t crc = crc32c(0, bytes, before);

	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, field + sizeof(zero), length - before - sizeof(zero));
}

static enum proxy_fault read_field(unsigned type, const unsigned char *value, size_t length,
	const unsigned char *bytes, struct proxy_header *header)
{
	switch (type) {
	case PROXY_TLV_ALPN: header->alpn = text_of(value, length); break;
	case PROXY_TLV_AUTHORITY: header->authority = text_of(value, length); break;
	case PROXY_TLV_NETNS: header->netns = text_of(value, length); break;
	case PROXY_TLV_UNIQUE_ID:
		if (length > PROXY_UNIQUE_ID_MOST)
			return PROXY_BAD_TLV;
		header->unique_id = text_of(value, length);
		break;
	case PROXY_TLV_CRC32C:
		/* Of two, neither could be right: each covers the other. */
		if (length != sizeof(uint32_t) || header->checked)
			return PROXY_BAD_TLV;
		if (sum(bytes, header->length, value) != read_u32(value))
			return PROXY_BAD_CHECKSUM;
		header->checked = true;
		break;
	case PROXY_TLV_SSL:
		if (!read_ssl(value, length, header))
			return PROXY_BAD_TLV;
		break;
	default: break; /* of later versions, or of one maker alone (section 2.2.7) */
	}
	return PROXY_NO_FAULT;
}

static enum proxy_fault read_fields(
	const unsigned char *bytes, size_t offset, struct proxy_header *header)
{
	const unsigned char *at = bytes + offset, *end = bytes + header->length, *value;
	unsigned type;
	size_t length;
	int r;

	while ((r = take_field(&at, end, &type, &value, &length)) > 0) {
		enum proxy_fault fault = read_field(type, value, length, bytes, header);

		if (fault != PROXY_NO_FAULT)
			return fault;
	}
	return r < 0 ? PROXY_BAD_TLV : PROXY_NO_FAULT;
}

/* ---- the whole ---- */

/* What the addresses' family must be, and where the fields begin. */
static enum proxy_fault read_behind(const unsigned char *bytes, struct proxy_header *header)
{
	unsigned family = bytes[13] >> 4, transport = bytes[13] & 15;
	size_t rest = header->length - PROXY_FIXED_BYTES;

	if (family >= FAMILIES || transport >= TRANSPORTS)
		return PROXY_BAD_FAMILY;
	if (rest < addresses_bytes[family])
		return PROXY_BAD_LENGTH;
	if (family == FAMILY_NONE || transport == TRANSPORT_NONE)
		header->kind = PROXY_UNKNOWN;
	else
		read_addresses(bytes + PROXY_FIXED_BYTES, family, transport, header);
	return read_fields(bytes, PROXY_FIXED_BYTES + addresses_bytes[family], header);
}

enum proxy_verdict proxy_binary_take(const unsigned char *bytes, size_t length,
	struct proxy_header *ret_header, enum proxy_fault *reterr_fault)
{
	struct proxy_header header = { .version = PROXY_V2 };
	enum proxy_fault fault = PROXY_NO_FAULT;
	unsigned command;

	if (length <= PROXY_SIGNATURE_BYTES)
		return PROXY_MORE;
	command = bytes[12] & 15;
	if (bytes[12] >> 4 != 2 || command > COMMAND_PROXY) {
		*reterr_fault = PROXY_BAD_VERSION;
		return PROXY_WRONG;
	}
	if (length < PROXY_FIXED_BYTES)
		return PROXY_MORE;
	header.length = PROXY_FIXED_BYTES + read_u16(bytes + 14);
	if (header.length > PROXY_MOST_BYTES) {
		*reterr_fault = PROXY_TOO_LONG;
		return PROXY_WRONG;
	}
	if (length < header.length)
		return PROXY_MORE;
	fault = read_behind(bytes, &header);
	if (command == COMMAND_LOCAL) {
		header.kind = PROXY_LOCAL;
		if (fault != PROXY_BAD_CHECKSUM)
			fault = PROXY_NO_FAULT;
	}
	if (fault != PROXY_NO_FAULT) {
		*reterr_fault = fault;
		return PROXY_WRONG;
	}
	*ret_header = header;
	return PROXY_WHOLE;
}
