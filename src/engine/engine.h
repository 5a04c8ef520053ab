/*
 * THE contract of an engine: it owns the sockets of one thread and moves their bytes, telling a
 * protocol what happens and doing what that answers (protocol/protocol.h). An engine has no opinions:
 * it does not log, does not know what an echo is, and decides nothing that a protocol or its host
 * can decide.
 *
 * It is shaped for completions as much as for readiness: nothing here speaks of "ready"; receives
 * are bounded by credit (room), buffers change hands by reference, and a connection is named by
 * slot and generation, so that a late event of a closed one is recognised.
 *
 * Thread: everything belongs to the thread that calls engine_run(), except engine_post(), which any
 * thread may call at any time between engine_new() and engine_free(). Before engine_run() the thread
 * that made the engine may set it up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "net/addr.h"
#include "protocol/protocol.h"

struct engine;
struct conn;

/* Buffers of one engine, at most, beyond the small one that every connection may always have. */
#define ENGINE_DEFAULT_POOL_BYTES (256u << 20)

/* Looks again for about as long as a sleep costs, where that has proved worth it (engine/spin.h). */
#define ENGINE_BUSY_POLL_AUTO DURATION_AUTO

struct engine_options {
	size_t pool_bytes;
	/* How long after the last traffic to look for more before sleeping; 0: never. */
	uint64_t busy_poll_ns;
	bool mark_urgent; /* tell urgent bytes apart (costs a system call a receive) */
};

/* A connection as its host sees it, valid during the call. */
struct engine_conn {
	uint32_t slot; /* small and dense: may index an array of the host's */
	int fd;
	enum addr_scheme scheme;
	const struct protocol_conn *protocol;
};

/* A datagram that has come, as its host sees it, valid during the call. */
struct engine_datagram {
	enum addr_scheme scheme;
	const struct sockaddr *peer;
	const struct in6_addr *asked; /* our address, IPv4 in its mapped form; NULL: not known */
};

enum engine_close_reason {
	ENGINE_CLOSE_DONE, /* the protocol said so, everything is sent */
	ENGINE_CLOSE_LOST, /* error tells why */
	ENGINE_CLOSE_CUT, /* by engine_cut(), engine_cut_some(), or the protocol's reset */
};

/* Whether a connection is to be cut. */
typedef bool engine_condemn_fn(void *context, const struct engine_conn *conn);

/*
 * What the engine tells its owner; every function may be NULL. Called on the engine's thread.
 * `closed` is told for every connection that was opened or called, also without `opened`: nobody could
 * be reached.
 */
struct engine_host {
	/* Whether somebody who has just been accepted may come in; who may not is reset. NULL: all. */
	bool (*admit)(void *context, int fd, enum addr_scheme scheme);
	/* The same for a datagram: one that may not is dropped, and the protocol does not hear of it. */
	bool (*admit_datagram)(void *context, const struct engine_datagram *datagram);
	void (*opened)(void *context, const struct engine_conn *conn);
	void (*closed)(void *context, const struct engine_conn *conn,
		enum engine_close_reason reason, int error);
	/* Out of descriptors or memory (-errno): new connections wait. Told once, until `resumed`. */
	void (*accept_paused)(void *context, int error);
	void (*accept_resumed)(void *context);
	/*
	 * A listener had become blocking, and is non-blocking again: another process shares its description
	 * (O_NONBLOCK is a flag of that, fcntl(2)). Told each time.
	 */
	void (*accept_mended)(void *context, int fd, enum addr_scheme scheme, unsigned tag);
	/*
	 * The pacer: called once a round, and gives the time when it wants to be called next (CLOCK_NEVER:
	 * when something else has happened). It may call engine_nudge(), engine_connect() and the calls
	 * that are for tasks. While there is one, waits end to the microsecond and not to the millisecond,
	 * as far as the kernel can.
	 */
	uint64_t (*pace)(void *context, struct engine *engine, uint64_t now_ns);
};

/* Where to call, and how; copied. */
struct engine_connect_options {
	const struct addr *to;
	/*
	 * NULL: as the kernel chooses. Without a port the kernel takes one that is free for this pair
	 * of addresses (IP_BIND_ADDRESS_NO_PORT), so each source address has all ports for each target.
	 */
	const struct addr *from;
	uint64_t deadline_ns; /* then it is LOST, -ETIMEDOUT; 0: as long as the kernel tries */
	struct protocol_conn memory; /* what the protocol's memory begins with: to know it by */
};

/* A piece of work for the engine's thread; stays the caller's until `run` has been called. */
struct engine_task {
	void (*run)(struct engine *engine, struct engine_task *task);
	struct engine_task *next; /* the engine's, while it is posted */
};

/*
 * Told of one feature of the kernel's: its name (a key, never translated), whether it is used, and why
 * or why not, in words that are valid during the call.
 */
typedef void engine_feature_fn(void *context, const char *name, bool used, const char *reason);

/* One implementation. */
struct engine_ops {
	const char *name;
	/* 0 if it can work here; otherwise -errno and the reason in words in `why`. */
	int (*probe)(char *why, size_t size);
	/* Where it can work: what it uses here. Each feature is asked for, as in earnest. */
	void (*explain)(engine_feature_fn *tell, void *context);
	int (*create)(const struct engine_options *options, struct engine **ret_engine);
	void (*destroy)(struct engine *engine);
	int (*listen)(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
	int (*adopt)(struct engine *engine, int fd, enum addr_scheme scheme);
	/* What is to become a connection: `conn` is in its slot, CONN_CONNECTING, nothing else done. */
	void (*connect)(struct engine *engine, struct conn *conn);
	void (*nudge)(struct engine *engine, struct conn *conn);
	int (*run)(struct engine *engine);
	void (*stop_listening)(struct engine *engine);
	/* See engine_look_again(); NULL where nobody is ever told in our place. */
	void (*look_again)(struct engine *engine);
	/* Those that are condemned; `condemned` NULL: all, and for good. */
	unsigned (*cut)(struct engine *engine, engine_condemn_fn *condemned, void *context);
};

/* ---- choosing ---- */

/* All that were built in, best first; ends with NULL. */
extern const struct engine_ops *const engine_list[];

/* The one that "auto" takes where it can work, and the reason, translated. */
const struct engine_ops *engine_favourite(const char **ret_reason);

/*
 * `name` is one of the list, or "auto": the favourite, or else the first that can work. -ENOENT: no such
 * engine; another -errno: it cannot work here. `why` then says why not; at success it is empty, or
 * says why the favourite was not to be had.
 */
int engine_choose(const char *name, const struct engine_ops **ret_ops, char *why, size_t size);
/* The same with a list, which ends with NULL, and a favourite of the caller's: for tests. */
int engine_choose_among(const struct engine_ops *const *list, const struct engine_ops *favourite,
	const char *name, const struct engine_ops **ret_ops, char *why, size_t size);

/* ---- one engine ---- */

/* protocol, host and context stay the caller's and must outlive the engine. */
int engine_new(const struct engine_ops *ops, const struct engine_options *options,
	struct protocol *protocol, const struct engine_host *host, void *context,
	struct engine **ret_engine);
/* Closes what is open without telling anybody. NULL is fine. */
void engine_free(struct engine *engine);

/*
 * Serves on a socket that listens (streams) or is bound (datagrams). Takes over `fd`, also when it
 * fails: -ENOMEM or the errno of the engine's own call. `tag` is the caller's, and means nothing here:
 * OPENED and DATAGRAM bring it along, so that a protocol can tell who came in where.
 */
int engine_listen(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag);

/* Takes over a connected, non-blocking stream as if it had been accepted; `fd` also on failure. */
int engine_adopt(struct engine *engine, int fd, enum addr_scheme scheme);

/*
 * Calls `to`: a stream, or a datagram socket that from then on is a flow (protocol.h). The protocol is
 * told OPENED when it is connected, or LOST with the error when nobody could be reached, always from
 * run() and never from within this call; from then on it is a connection like one that was accepted.
 * `ret_name` names it for engine_nudge(). Before engine_run(), from a task, the pacer or `closed`.
 * -errno: no socket, or `from` cannot be had, or -ENOMEM, or -ESHUTDOWN: draining; nobody is told then.
 */
int engine_connect(
	struct engine *engine, const struct engine_connect_options *options, uint64_t *ret_name);
/*
 * Tells the protocol NUDGED, and does what it answers, at once. From a task or the pacer. False: that
 * connection is gone, or is not there yet.
 */
bool engine_nudge(struct engine *engine, uint64_t name);
/* The same for every connection. From a task. */
void engine_nudge_all(struct engine *engine);

/*
 * From `closed`, which may come when the pacer has been called already: it is to be called again no later than
 * `when_ns`, whatever it has said.
 */
void engine_pace_by(struct engine *engine, uint64_t when_ns);

/* Works until engine_drain(), and then until nothing is open. 0 or -errno. */
int engine_run(struct engine *engine);

/* Runs the task on the engine's thread, soon. Tasks run in the order of posting. */
void engine_post(struct engine *engine, struct engine_task *task);

/* On the engine's thread, when engine_run() has returned: runs what was posted too late for it. */
void engine_run_tasks(struct engine *engine);

/* From a task: serve whoever already knocked, close the listeners, let connections end. */
void engine_drain(struct engine *engine);
/*
 * From a task: look at every listener anew. Another process that served on the same sockets has gone, and
 * the kernel may have told that one alone of somebody who still waits.
 */
void engine_look_again(struct engine *engine);
/* From a task: close every connection now; returns how many there were. Implies engine_drain(). */
unsigned engine_cut(struct engine *engine);
/* From a task: closes at once the connections that `condemned` says yes to; the others go on. */
unsigned engine_cut_some(struct engine *engine, engine_condemn_fn *condemned, void *context);
