/*
 * The header of the PROXY protocol, versions 1 and 2 ("The PROXY protocol", HAProxy's doc/proxy-protocol.txt):
 * what a load balancer writes in front of a stream to say whose it is. Pure: bytes in, a value out. TLS, where
 * it is used, begins behind the header.
 *
 *   proxy         reading: which version, and version 1
 *   proxy_binary  reading version 2
 *   proxy_write   writing both
 *
 * Limits: a header of version 1 has 107 bytes at most; of version 2 up to 65,551 are allowed, and
 * PROXY_MOST_BYTES are taken here. Any thread; nothing is allocated. Ownership: a header that was read points
 * into the bytes that it was read from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define PROXY_MOST_BYTES 4096
/* The longest that proxy_write() writes: unix addresses and a checksum. */
#define PROXY_WRITE_SIZE 256
#define PROXY_UNIQUE_ID_MOST 128

enum proxy_version { PROXY_V1 = 1, PROXY_V2 = 2 };

/* What the bytes are that have come. */
enum proxy_verdict {
	PROXY_MORE, /* the beginning of a header; or nothing yet */
	PROXY_NONE, /* no header: the first bytes differ from those of every header */
	PROXY_WRONG, /* it begins like a header, and is none */
	PROXY_WHOLE,
};

enum proxy_fault {
	PROXY_NO_FAULT,
	PROXY_BAD_LINE, /* version 1 */
	PROXY_BAD_VERSION, /* ... or command, of version 2 */
	PROXY_BAD_FAMILY,
	PROXY_BAD_LENGTH, /* too short for the addresses */
	PROXY_BAD_TLV,
	PROXY_BAD_CHECKSUM,
	PROXY_TOO_LONG,
};

/* Whose connection it is. */
enum proxy_kind {
	PROXY_CLIENT, /* the client's at `source`, which connected to `destination` */
	PROXY_UNKNOWN, /* a client's of whom the proxy says nothing */
	PROXY_LOCAL, /* the proxy's own: a health check; or that of one who has no address */
};

/* Bytes of the header; NULL: it has no such field. */
struct proxy_text {
	const char *bytes;
	size_t length;
};

struct proxy_header {
	size_t length; /* all of it: the stream begins behind */
	enum proxy_version version;
	enum proxy_kind kind;
	struct addr source,
		destination; /* of PROXY_CLIENT only; a scheme of udp: the proxy's client speaks UDP */
	bool checked; /* it has a checksum (CRC-32C), which is right */
	struct proxy_text alpn, authority, unique_id, netns;
	bool has_tls; /* the proxy says how its client came; then the next five: */
	bool client_used_tls, client_has_certificate, certificate_verified;
	struct proxy_text tls_version, tls_name, tls_cipher;
};

/*
 * Reads the header at the begin of `bytes`: all that has come, as far as `length`. PROXY_MORE also where
 * `length` is 0. PROXY_NONE is said at the first byte that differs. `reterr_fault` is set for PROXY_WRONG,
 * `ret_header` for PROXY_WHOLE.
 */
enum proxy_verdict proxy_read(const void *bytes, size_t length, struct proxy_header *ret_header,
	enum proxy_fault *reterr_fault);

/* Whether all has come that every header of a version begins with: what goes on as no header is a wrong one. */
bool proxy_has_begun(const void *bytes, size_t length);

/* What is wrong, translated, without a full stop; and a word for programs, which never is. */
const char *proxy_fault_text(enum proxy_fault fault);
const char *proxy_fault_key(enum proxy_fault fault);

/* ---- for proxy_*.c ---- */

/* Version 2, where its signature has come. */
enum proxy_verdict proxy_binary_take(const unsigned char *bytes, size_t length,
	struct proxy_header *ret_header, enum proxy_fault *reterr_fault);

#define PROXY_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_SIGNATURE_BYTES 12u
#define PROXY_FIXED_BYTES 16u /* of version 2: signature, version and command, family, length */

enum proxy_tlv {
	PROXY_TLV_ALPN = 0x01,
	PROXY_TLV_AUTHORITY = 0x02,
	PROXY_TLV_CRC32C = 0x03,
	PROXY_TLV_NOOP = 0x04,
	PROXY_TLV_UNIQUE_ID = 0x05,
	PROXY_TLV_SSL = 0x20,
	PROXY_TLV_SSL_VERSION = 0x21, /* inside of SSL, as are the next two */
	PROXY_TLV_SSL_NAME = 0x22,
	PROXY_TLV_SSL_CIPHER = 0x23,
	PROXY_TLV_NETNS = 0x30,
};
