/*
 * How much the server takes on as a whole: connections, of all and of each source, and how fast they
 * may come; and datagrams of each source. Shared by all workers: any thread may ask at any time.
 * Nothing here is touched while the bytes of a connection move.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A /64 is what one customer, one machine, or one attacker has of IPv6. */
#define LIMITS_DEFAULT_SOURCE_BITS 64

struct limits_options {
	uint32_t connections; /* at once; 0: no limit */
	uint32_t
		memory_connections; /* the same, because there is no memory for more; 0: no limit */
	uint32_t per_source; /* connections at once; 0: no limit */
	unsigned source_bits; /* how much of an IPv6 address is a source */
	uint32_t connects_per_s; /* with as many at once after a second's silence; 0: no limit */
	uint32_t datagrams_per_s; /* of one source, the same; 0: no limit */
	bool adjustable; /* limits_set() will be called */
};

enum limits_verdict {
	LIMITS_ADMITTED,
	LIMITS_CONNECTIONS,
	LIMITS_MEMORY,
	LIMITS_PER_SOURCE,
	LIMITS_CONNECT_RATE,
};

struct limits;
struct limits_source;

int limits_new(const struct limits_options *options, struct limits **ret_limits);
/*
 * Other limits from now on, for new connections; of sources only those are counted that came while there was
 * a limit. Any thread. Only where `adjustable` was set.
 */
void limits_set(struct limits *limits, const struct limits_options *options);
/* All that was admitted must have been released. NULL is fine. */
void limits_free(struct limits *limits);

/*
 * Takes on one connection. `source` may be NULL or unix: it is then counted as a connection, and of no
 * source. At LIMITS_ADMITTED `ret_source` (perhaps NULL) is for limits_release().
 */
enum limits_verdict limits_admit(struct limits *limits, const struct sockaddr *source,
	uint64_t now_ns, struct limits_source **ret_source);
/*
 * The same in two steps, where the source is not known at first: takes on one connection of no source yet, by how
 * many there are; and then its source, at LIMITS_ADMITTED only. Otherwise the first step is to be released.
 */
enum limits_verdict limits_enter(struct limits *limits);
enum limits_verdict limits_admit_source(struct limits *limits, const struct sockaddr *source,
	uint64_t now_ns, struct limits_source **ret_source);
/* Takes on one that is there already, whatever the limits. */
void limits_force(struct limits *limits);
void limits_release(struct limits *limits, struct limits_source *source);

/* Whether a datagram from this source may be answered now. */
bool limits_admit_datagram(struct limits *limits, const struct sockaddr *source, uint64_t now_ns);
