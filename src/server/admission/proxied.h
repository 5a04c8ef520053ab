/*
 * Connections that come through a proxy: on which listeners, and what is remembered of their clients. Of a worker;
 * one thread, the worker's. What it means for admission is gate.h's.
 *
 * Limits: one allocation for each such connection. Ownership: what is pointed to stays the caller's.
 */
#pragma once

#include "engine/engine.h"
#include "server/admission/slot_table.h"
#include "server/listen/listener_list.h"
#include "wire/proxy.h"

struct proxied_options {
	/* For each tag of a listener; NULL: none has a proxy. */
	const enum listener_proxy *modes;
	uint64_t limit_ns; /* how long a header may take */
};

struct proxied_client {
	bool waits; /* it is not open yet */
	bool named; /* the proxy has said who the client is: `addr`; otherwise it is the socket's own peer */
	struct addr addr;
	const struct proxy_header
		*header; /* only until the connection is opened; NULL: there was none */
};

struct proxied {
	struct proxied_options options;
	struct slot_table clients; /* struct proxied_client */
};

/* `options` NULL: there are no proxies. */
void proxied_init(struct proxied *proxied, const struct proxied_options *options);
void proxied_fini(struct proxied *proxied);

enum listener_proxy proxied_mode(const struct proxied *proxied, unsigned tag);

/* A connection whose header is awaited; NULL: no memory. It stays until proxied_forget(). */
struct proxied_client *proxied_begin(struct proxied *proxied, uint32_t slot);
/* NULL: it came without a proxy, or there was no memory. */
struct proxied_client *proxied_find(const struct proxied *proxied, uint32_t slot);
void proxied_forget(struct proxied *proxied, uint32_t slot);

enum proxied_verdict {
	PROXIED_MORE,
	PROXIED_WHOLE, /* a header, in `ret_header` */
	PROXIED_PLAIN, /* no header, and none is needed */
	PROXIED_MISSING, /* the first bytes are not those of a header, or the peer has gone without one */
	PROXIED_WRONG, /* `reterr_fault` says what */
	PROXIED_LATE,
	PROXIED_CUT_SHORT, /* the stream has ended within it */
};

/* What has come in front of a stream. Pure. */
enum proxied_verdict proxied_judge(enum listener_proxy mode, const struct engine_preface *preface,
	struct proxy_header *ret_header, enum proxy_fault *reterr_fault);
