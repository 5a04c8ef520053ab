/*
 * Both addresses of a header have one family, so the pair is made alike first.
 */
#include "wire/proxy_write.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "wire/crc32c.h"

#define VERSION_2 0x20
#define COMMAND_PROXY 0x01
#define FAMILY_INET 0x11
#define FAMILY_INET6 0x21
#define FAMILY_UNIX 0x31
#define CHECKSUM_BYTES 4

static void map(struct addr *addr)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = addr->in.sin_port };

	in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&in6.sin6_addr.s6_addr[12], &addr->in.sin_addr, 4);
	addr->in6 = in6;
	addr->length = sizeof(in6);
}

/* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC: the two cannot stand in one header. */
static int make_alike(struct addr *source, struct addr *destination)
{
	addr_unmap(source);
	addr_unmap(destination);
	if (source->generic.sa_family == destination->generic.sa_family)
		return source->generic.sa_family;
	if (source->generic.sa_family == AF_UNIX || destination->generic.sa_family == AF_UNIX)
		return AF_UNSPEC;
	map(source->generic.sa_family == AF_INET ? source : destination);
	return AF_INET6;
}

static const void *host_of(const struct addr *addr)
{
	return addr->generic.sa_family == AF_INET ? (const void *)&addr->in.sin_addr
						  : (const void *)&addr->in6.sin6_addr;
}

static size_t write_line(int family, const struct addr *source, const struct addr *destination,
	unsigned char *buffer)
{
	char source_text[INET6_ADDRSTRLEN], destination_text[INET6_ADDRSTRLEN];

	if (family != AF_INET && family != AF_INET6)
		return (size_t)snprintf((char *)buffer, PROXY_WRITE_SIZE, "PROXY UNKNOWN\r\n");
	inet_ntop(family, host_of(source), source_text, sizeof(source_text));
	inet_ntop(family, host_of(destination), destination_text, sizeof(destination_text));
	return (size_t)snprintf((char *)buffer, PROXY_WRITE_SIZE, "PROXY TCP%c %s %s %u %u\r\n",
		family == AF_INET ? '4' : '6', source_text, destination_text,
		(unsigned)addr_port(source), (unsigned)addr_port(destination));
}

static unsigned char *put(unsigned char *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static unsigned char *put_u16(unsigned char *at, unsigned value)
{
	*at++ = (unsigned char)(value >> 8);
	*at++ = (unsigned char)value;
	return at;
}

static unsigned char *put_path(unsigned char *at, const struct addr *addr)
{
	size_t length = addr->length - offsetof(struct sockaddr_un, sun_path);

	memset(at, 0, ADDR_PATH_SIZE);
	if (addr->length > offsetof(struct sockaddr_un, sun_path))
		memcpy(at, addr->un.sun_path, length < ADDR_PATH_SIZE ? length : ADDR_PATH_SIZE);
	return at + ADDR_PATH_SIZE;
}

static unsigned char *put_addresses(
	unsigned char *at, int family, const struct addr *source, const struct addr *destination)
{
	size_t host_bytes = family == AF_INET ? 4 : 16;

	if (family == AF_UNIX)
		return put_path(put_path(at, source), destination);
	if (family == AF_UNSPEC)
		return at;
	at = put(put(at, host_of(source), host_bytes), host_of(destination), host_bytes);
	return put_u16(put_u16(at, addr_port(source)), addr_port(destination));
}

/* The length, and a checksum over all. */
static size_t seal(unsigned char *buffer, unsigned char *at)
{
	unsigned char *checksum;
	uint32_t crc;
	size_t length;

	*at++ = PROXY_TLV_CRC32C;
	at = put_u16(at, CHECKSUM_BYTES);
	checksum = at;
	at = put_u16(put_u16(at, 0), 0);
	length = (size_t)(at - buffer);
	put_u16(buffer + 14, (unsigned)(length - PROXY_FIXED_BYTES));
	crc = crc32c(0, buffer, length);
	put_u16(put_u16(checksum, crc >> 16), crc & 0xffff);
	return length;
}

static unsigned char *begin(unsigned char *buffer, unsigned command, unsigned family)
{
	unsigned char *at = put(buffer, PROXY_SIGNATURE, PROXY_SIGNATURE_BYTES);

	*at++ = (unsigned char)(VERSION_2 | command);
	*at++ = (unsigned char)family;
	return at + 2;
}

size_t proxy_write(enum proxy_version version, const struct addr *source,
	const struct addr *destination, unsigned char buffer[static PROXY_WRITE_SIZE])
{
	struct addr from = *source, to = *destination;
	int family = make_alike(&from, &to);
	unsigned code = family == AF_INET ? FAMILY_INET
		: family == AF_INET6      ? FAMILY_INET6
		: family == AF_UNIX       ? FAMILY_UNIX
					  : 0;

	if (version == PROXY_V1)
		return write_line(family, &from, &to, buffer);
	return seal(buffer, put_addresses(begin(buffer, COMMAND_PROXY, code), family, &from, &to));
}

size_t proxy_write_local(unsigned char buffer[static PROXY_WRITE_SIZE])
{
	return seal(buffer, begin(buffer, 0, 0));
}
