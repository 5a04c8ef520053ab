/*
 * A stage between the bytes of a connection and its protocol, such as TLS. Like a protocol it is
 * pure: bytes in, bytes out, no socket and no clock; so engines, blocking clients, fuzzers and unit
 * tests use the same one.
 *
 *	wire ──feed──▶ [ stage ] ──read──▶ plain        (what the peer sends)
 *	wire ◀──sink── [ stage ] ◀──write── plain       (what we send)
 *
 * Bytes of the wire are given by stage_feed(); stage_read() takes from them as much as it needs, and
 * stage_keep() saves the rest before they go away. Whatever is to leave is handed to the sink while
 * one of the calls runs, in order. The opening (a handshake) is done by stage_read(), which gives
 * -EAGAIN until stage_is_open().
 *
 * Limits: what stage_keep() holds is bounded by what the caller feeds before it reads again; inside,
 * a stage holds one record (STAGE_RECORD_BYTES) of either direction at most. Failing: -ENOMEM; after
 * any other error than -EAGAIN a stage is over, and stage_why() has the reason in words. Thread: one
 * at a time. Ownership: the caller frees it by stage_free(); fed bytes stay the caller's and must be
 * valid until stage_keep().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A record on the wire: 2^14 bytes, 256 of expansion, 5 of header (RFC 8446 5.2); TLS 1.2 allows 2048. */
#define STAGE_RECORD_BYTES (16384u + 2048u + 5u)

/* Size of any text of stage_why(). */
#define STAGE_WHY_SIZE 200

struct stage;

struct stage_sink {
	/* Takes all of the bytes, or -ENOMEM. */
	int (*take)(void *context, const unsigned char *bytes, size_t length);
	void *context;
};

/* Why a stage is over. */
enum stage_failure {
	STAGE_FINE,
	STAGE_NOT_SPOKEN, /* the peer does not speak this protocol at all */
	STAGE_MIRRORED, /* it sends back what we have sent: a plain echo */
	STAGE_UNTRUSTED, /* its certificate is not accepted */
	STAGE_REFUSED, /* it has refused us, and says why */
	STAGE_BROKEN, /* anything else */
};

struct stage_ops {
	const char *name; /* never translated */
	void (*free)(struct stage *stage);
	void (*feed)(struct stage *stage, const unsigned char *bytes, size_t length);
	int (*keep)(struct stage *stage);
	ssize_t (*read)(struct stage *stage, void *bytes, size_t size);
	int (*write)(struct stage *stage, const void *bytes, size_t length);
	int (*finish)(struct stage *stage);
	bool (*has_more)(const struct stage *stage);
};

struct stage {
	const struct stage_ops *ops;
	struct stage_sink sink; /* the owner's: set before the first call */
	uint32_t owner; /* the owner's: which connection it is */
	unsigned owner_tag; /* the owner's: of which listener */
	bool open; /* plain bytes can be written */
	bool finished; /* nothing more can be written */
	enum stage_failure failure;
	char why[STAGE_WHY_SIZE];
};

/* NULL is fine. */
static inline void stage_free(struct stage *stage)
{
	if (stage != NULL)
		stage->ops->free(stage);
}

static inline void stage_feed(struct stage *stage, const unsigned char *bytes, size_t length)
{
	stage->ops->feed(stage, bytes, length);
}

/* -ENOMEM: what was left is lost, and the connection with it. */
static inline int stage_keep(struct stage *stage)
{
	return stage->ops->keep(stage);
}

/*
 * More than 0: so many plain bytes; 0: the peer has finished, properly; -EAGAIN: the rest has not
 * come yet; -EPROTO: it is over (see stage_why()); -ENOMEM. `size` may be 0 until it is open.
 */
static inline ssize_t stage_read(struct stage *stage, void *bytes, size_t size)
{
	return stage->ops->read(stage, bytes, size);
}

/* Once it is open. All of them, or -ENOMEM or -EPROTO. */
static inline int stage_write(struct stage *stage, const void *bytes, size_t length)
{
	return stage->ops->write(stage, bytes, length);
}

/* Says to the peer that nothing more will be written; the other direction goes on. */
static inline int stage_finish(struct stage *stage)
{
	return stage->ops->finish(stage);
}

/* Bytes that have been fed and not read yet: stage_read() may give something without more. */
static inline bool stage_has_more(const struct stage *stage)
{
	return stage->ops->has_more(stage);
}

static inline bool stage_is_open(const struct stage *stage)
{
	return stage->open;
}

/* The reason of a failure; in English where a library says it. */
static inline const char *stage_why(const struct stage *stage)
{
	return stage->why;
}
