/*
 * Addresses as people write them, and as the kernel takes them.
 *
 *	tcp://HOST:PORT  tcp4:// tcp6:// udp:// udp4:// udp6:// tls:// tls4:// tls6://
 *	unix:PATH  unix:@NAME  unixgram:PATH
 *	HOST:PORT and HOST mean tcp; no port means 5000; the port "echo" means 7; "*" or an empty host
 *	means every address; IPv6 literals in brackets, a zone as %eth0.
 *
 * Two steps, because only the second may need the network: addr_parse() makes a struct addr_spec
 * out of text; resolve.h makes struct addr out of that. Any thread; nothing is allocated.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDR_DEFAULT_PORT 5000 /* the textbook's */
#define ADDR_ECHO_PORT 7 /* RFC 862 */

/* Size of any text of addr_format and addr_spec_format ("unix:" + a path, every byte escaped). */
#define ADDR_TEXT_SIZE 512
/* A DNS name has at most 253 characters (RFC 1035 2.3.4); a zone's interface name 15 more. */
#define ADDR_HOST_SIZE 272
/* sun_path holds 108 bytes on Linux, see unix(7). */
#define ADDR_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

/* TLS is a stream of TCP with a stage between (wire/tls.h): for the kernel it is TCP. */
enum addr_scheme { ADDR_TCP, ADDR_UDP, ADDR_UNIX, ADDR_UNIXGRAM, ADDR_TLS };

/* What was written, taken apart. */
struct addr_spec {
	enum addr_scheme scheme;
	int family; /* AF_UNSPEC (either), AF_INET, AF_INET6 or AF_UNIX */
	bool any; /* every address of the family; host is empty */
	bool port_given;
	uint16_t port; /* host order */
	char host[ADDR_HOST_SIZE]; /* name or literal without brackets, with its zone */
	bool abstract; /* unix:@NAME; path holds NAME without the @ */
	size_t path_length;
	char path[ADDR_PATH_SIZE + 1]; /* ends with 0 for printing; abstract names may hold 0 too */
};

/* Where and why a text is not an address; `text` is a translated sentence without a full stop. */
struct addr_fault {
	size_t column; /* of the first wrong byte in the whole text, from 0 */
	char text[200];
};

/* One concrete address of one socket. */
struct addr {
	enum addr_scheme scheme;
	bool dual_stack; /* [::] that stands for IPv4 as well; set by resolve.c for listening only */
	socklen_t length;
	union {
		struct sockaddr generic;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
};

/* -EINVAL: not an address; `reterr_fault` (may be NULL) then holds where and why. */
int addr_parse(const char *text, struct addr_spec *ret_spec, struct addr_fault *reterr_fault);

/*
 * Writes the canonical text, with scheme: "tcp://127.0.0.1:5000", "tcp://[::1]:5000",
 * "unix:/run/echo.sock", "unix:@echo"; a spec may have "*" as host. A v4-mapped address is written
 * as the IPv4 address that it is. Unprintable bytes of a path, and the backslash, appear as \xNN,
 * and addr_parse reads them so. An unnamed unix address is "unix:" alone. Both return `buffer`.
 */
const char *addr_format(const struct addr *addr, char *buffer, size_t size);
const char *addr_spec_format(const struct addr_spec *spec, char *buffer, size_t size);

/* Its sockets are TCP's. */
static inline bool addr_is_tcp(enum addr_scheme scheme)
{
	return scheme == ADDR_TCP || scheme == ADDR_TLS;
}

/* SOCK_STREAM or SOCK_DGRAM. */
int addr_socket_type(enum addr_scheme scheme);
/* "tcp", "udp", "unix", "unixgram", "tls": never translated. */
const char *addr_scheme_name(enum addr_scheme scheme);
/* Host order; 0 for unix addresses. */
uint16_t addr_port(const struct addr *addr);
void addr_set_port(struct addr *addr, uint16_t port);
/* Turns ::ffff:a.b.c.d into a.b.c.d in place; leaves every other address alone. */
void addr_unmap(struct addr *addr);
/* A link-local IPv6 address without a zone names no place: the kernel says EINVAL (RFC 4007). */
bool addr_lacks_zone(const struct addr *addr);
/* Same family, address, port and path; v4-mapped equals IPv4. */
bool addr_equal(const struct addr *one, const struct addr *other);
