/*
 * THE contract of an engine: it owns the sockets of one thread and moves their bytes. It reports to
 * a protocol what happens, and does what the protocol answers (protocol/protocol.h). An engine has
 * no opinions: it does not log, does not know what an echo is, and decides nothing that a protocol
 * or its host can decide.
 *
 * It is shaped for completions as much as for readiness: nothing here speaks of "ready"; receives
 * are bounded by credit, buffers change hands by reference, and a connection is named by slot and
 * generation, so that a late event of a closed connection is recognised.
 *
 * Limits: buffers up to engine_options.pool_bytes and a small one for each connection; connections
 * as memory and descriptors allow. When descriptors run out, accepting pauses (accept_paused). When
 * the system has no memory for one connection, that connection waits or is lost; the others go on.
 *
 * Thread: everything belongs to the thread that calls engine_run(), except engine_post(), which any
 * thread may call between engine_new() and engine_free(). Before engine_run() the thread that made
 * the engine may set it up.
 *
 * Ownership: an engine owns the descriptors that it is given, from the call on, even if the call
 * fails. Protocol, host, context and tasks stay the caller's.
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

/* Polls for about as long as a sleep costs, as long as that has proved worth it (engine/spin.h). */
#define ENGINE_BUSY_POLL_AUTO DURATION_AUTO

struct engine_options {
	size_t pool_bytes;
	/* How long after the last traffic to poll before sleeping; 0: never. */
	uint64_t busy_poll_ns;
	bool mark_urgent; /* report urgent bytes as such (costs a system call a receive) */
	/*
	 * Connections in bulk move by splice(2) (engine/bulk.h), where the protocol allows it. Then
	 * engine_run() blocks SIGPIPE in its thread, for good: splice(2) cannot be told not to raise it.
	 */
	bool splice;
};

/* A connection as its host sees it, valid during the call. */
struct engine_conn {
	uint32_t slot; /* small and dense: may index an array of the host's */
	int fd;
	enum addr_scheme scheme;
	unsigned tag; /* of the listener (engine_listen); known to `opened` only */
	const struct protocol_conn *protocol;
};

/* A datagram that has come, as its host sees it, valid during the call. */
struct engine_datagram {
	enum addr_scheme scheme;
	const struct sockaddr *peer;
	const struct in6_addr *asked; /* our address, IPv4 in its mapped form; NULL: not known */
	unsigned tag; /* of the listener */
};

/* A preface may have so many bytes at most: no more are shown to the host. */
#define ENGINE_PREFACE_MOST_BYTES 4096u

enum engine_preface_state {
	ENGINE_PREFACE_GROWS, /* more may come */
	ENGINE_PREFACE_ENDED, /* the peer has finished, or is gone: nothing more will come */
	ENGINE_PREFACE_LATE, /* the time is over */
};

/* All that has come of a connection so far, valid during the call; perhaps nothing. */
struct engine_preface {
	const unsigned char *bytes;
	size_t length;
	enum engine_preface_state state;
};

enum engine_preface_verdict {
	ENGINE_PREFACE_MORE, /* to be asked again; only for a preface that grows, otherwise it is refused */
	ENGINE_PREFACE_WHOLE, /* the stream begins behind so many bytes, perhaps none */
	ENGINE_PREFACE_REFUSED, /* the connection is reset */
};

enum engine_close_reason {
	ENGINE_CLOSE_DONE, /* the protocol closed it, and everything is sent */
	ENGINE_CLOSE_LOST, /* for the reason in `error` */
	ENGINE_CLOSE_CUT, /* by engine_cut(), engine_cut_some(), or the protocol's reset */
};

/* Whether a connection is to be cut. */
typedef bool engine_condemn_fn(void *context, const struct engine_conn *conn);

/*
 * What the engine calls in its owner; every function may be NULL. Called on the engine's thread.
 * `closed` is called once for every accepted or connecting connection; without a preceding `opened`
 * when connecting failed, or the preface was refused or never came.
 */
struct engine_host {
	/*
	 * Whether a connection that has just been accepted is admitted; otherwise it is reset.
	 * NULL: all are. `tag` as in engine_listen().
	 */
	bool (*admit)(void *context, int fd, enum addr_scheme scheme, unsigned tag);
	/* The same for a datagram: otherwise it is dropped, and not reported to the protocol. */
	bool (*admit_datagram)(void *context, const struct engine_datagram *datagram);
	/*
	 * Asked next, of a connection that was accepted: until when it may bring a preface, bytes in front of its
	 * stream that are not the protocol's; 0: it has none. With a preface, it is `opened` when that has come.
	 * NULL: none has.
	 */
	uint64_t (*preface_limit)(void *context, const struct engine_conn *conn, unsigned tag);
	/*
	 * Reads a preface: called at once, whenever more has come, at the end of the stream and at the limit.
	 * `ret_length` of ENGINE_PREFACE_WHOLE: how long it is, at most preface->length; what `preface` points to is valid
	 * until `opened` has returned. The connection's `protocol` is not to be read.
	 */
	enum engine_preface_verdict (*preface)(void *context, const struct engine_conn *conn,
		unsigned tag, const struct engine_preface *preface, size_t *ret_length);
	void (*opened)(void *context, const struct engine_conn *conn);
	/*
	 * An outgoing stream is connected, and nothing has been sent: the host may send a preface of its own by `fd`.
	 * -errno: the connection is lost. NULL: there is none.
	 */
	int (*connected)(void *context, const struct engine_conn *conn);
	void (*closed)(void *context, const struct engine_conn *conn,
		enum engine_close_reason reason, int error);
	/*
	 * Out of descriptors or memory (-errno): new connections wait. Called once, until
	 * `accept_resumed`.
	 */
	void (*accept_paused)(void *context, int error);
	void (*accept_resumed)(void *context);
	/*
	 * A listener had become blocking, and is non-blocking again: another process shares its
	 * description (O_NONBLOCK is a flag of that, fcntl(2)). Called each time.
	 */
	void (*accept_mended)(void *context, int fd, enum addr_scheme scheme, unsigned tag);
	/*
	 * A listener, or a datagram socket, was shut down by another process that shares it (shutdown(2)). The engine has
	 * stopped using it. Called once for each of its sockets; `tag` as in engine_listen().
	 */
	void (*listener_lost)(void *context, unsigned tag);
	/*
	 * The pacer: called once a round; returns the time when it needs to be called next
	 * (CLOCK_NEVER: after the next event). It may call engine_nudge(), engine_connect() and
	 * what a task may call. With a pacer, waits end to the microsecond and not to the
	 * millisecond, as far as the kernel can.
	 */
	uint64_t (*pace)(void *context, struct engine *engine, uint64_t now_ns);
};

/* Where to connect, and how; copied. */
struct engine_connect_options {
	const struct addr *to;
	/*
	 * NULL: as the kernel chooses. Without a port the kernel takes one that is free for this
	 * pair of addresses (IP_BIND_ADDRESS_NO_PORT), so each source address has all ports for
	 * each target.
	 */
	const struct addr *from;
	uint64_t deadline_ns; /* then it is LOST, -ETIMEDOUT; 0: as long as the kernel tries */
	/*
	 * A UDP flow whose answers the kernel cuts into datagrams of so many bytes (UDP_SEGMENT); the
	 * last may be shorter. SENT and FAULT then count the bytes of a whole answer. 0: an answer is
	 * a datagram. -ENOPROTOOPT: this kernel does not do that.
	 */
	uint16_t segment_bytes;
	struct protocol_conn
		memory; /* the protocol's memory before the first event: to recognise it */
};

/* A piece of work for the engine's thread; stays the caller's until `run` has been called. */
struct engine_task {
	void (*run)(struct engine *engine, struct engine_task *task);
	struct engine_task *next; /* the engine's, while it is posted */
};

/*
 * Reports one feature of the kernel: its name (a key, never translated), whether it is used, and
 * the reason, in words that are valid during the call.
 */
typedef void engine_feature_fn(void *context, const char *name, bool used, const char *reason);

/* One implementation. */
struct engine_ops {
	const char *name;
	/* 0 if it can work here; otherwise -errno and the reason in words in `reterr_why`. */
	int (*probe)(char *reterr_why, size_t size);
	/*
	 * If it can work: which features it uses here. Each is requested as the engine requests it.
	 */
	void (*explain)(engine_feature_fn *report, void *context);
	int (*create)(const struct engine_options *options, struct engine **ret_engine);
	void (*destroy)(struct engine *engine);
	int (*listen)(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
	int (*adopt)(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag);
	/*
	 * `conn` is in its slot, CONN_CONNECTING, and connect(2) has been called: waits for the
	 * outcome.
	 */
	void (*connect)(struct engine *engine, struct conn *conn);
	void (*nudge)(struct engine *engine, struct conn *conn);
	int (*run)(struct engine *engine);
	void (*stop_listening)(struct engine *engine);
	/* See engine_recheck(); NULL if the kernel never wakes another process in our place. */
	void (*recheck)(struct engine *engine);
	/*
	 * Cuts the connections that are condemned; `condemned` NULL: all, and no more are accepted.
	 */
	unsigned (*cut)(struct engine *engine, engine_condemn_fn *condemned, void *context);
};

/*
 * The implementations: engine/epoll/epoll_engine.c, and, if it is built in,
 * engine/uring/uring_engine.c.
 */
extern const struct engine_ops epoll_engine_ops, uring_engine_ops;

/* ---- choosing ---- */

/* All that were built in, best first; ends with NULL. */
extern const struct engine_ops *const engine_list[];

/* The engine that "auto" takes if it can work here, and the reason, translated. */
const struct engine_ops *engine_favourite(const char **ret_reason);

/*
 * `name` is one of the list, or "auto": the favourite, or else the first that can work. -ENOENT: no
 * such engine; another -errno: it cannot work here. `reterr_why` then holds the reason. On success
 * it is empty, or holds the reason why the favourite cannot work here.
 */
int engine_choose(
	const char *name, const struct engine_ops **ret_ops, char *reterr_why, size_t size);
/* The same with a list, which ends with NULL, and a favourite of the caller's: for tests. */
int engine_choose_among(const struct engine_ops *const *list, const struct engine_ops *favourite,
	const char *name, const struct engine_ops **ret_ops, char *reterr_why, size_t size);

/* ---- one engine ---- */

/*
 * protocol, host and context stay the caller's and must outlive the engine. -ENOMEM or another
 * -errno.
 */
int engine_new(const struct engine_ops *ops, const struct engine_options *options,
	struct protocol *protocol, const struct engine_host *host, void *context,
	struct engine **ret_engine);
/* Closes what is open, without a report. NULL is fine. */
void engine_free(struct engine *engine);

/*
 * Serves on a socket that listens (streams) or is bound (datagrams). Takes over `fd`, also on
 * failure: -ENOMEM or the errno of the engine's own call. `tag` is the caller's, and means nothing
 * here: OPENED and DATAGRAM carry it, so that a protocol knows the listener.
 */
int engine_listen(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag);

/*
 * Takes over a connected, non-blocking stream as if a listener with this tag had accepted it;
 * `fd` also on failure.
 */
int engine_adopt(struct engine *engine, int fd, enum addr_scheme scheme, unsigned tag);

/*
 * Connects to `to`: a stream, or a datagram socket, which is a flow (protocol.h). The protocol gets
 * OPENED when it is connected, or LOST with the error when connecting failed, always from run() and
 * never from within this call. From then on it is a connection like an accepted one. `ret_name`
 * names it for engine_nudge(). Before engine_run(), from a task, the pacer or `closed`. -errno: no
 * socket, or `from` is not available, or -ENOMEM, or -ESHUTDOWN: draining; then nothing is
 * reported.
 */
int engine_connect(
	struct engine *engine, const struct engine_connect_options *options, uint64_t *ret_name);
/*
 * Reports NUDGED to the protocol, and does what it answers, at once. From a task or the pacer.
 * False: that connection is closed, or still connecting.
 */
bool engine_nudge(struct engine *engine, uint64_t name);
/* The same for every connection. From a task. */
void engine_nudge_all(struct engine *engine);

/*
 * From a task: shows the open connections in the slots from `from` on, until `look` gives false, or `most_slots` have
 * been gone through: so a crowd costs no more than a few. Returns where to go on: 0 behind the last one.
 */
typedef bool engine_look_fn(void *context, const struct engine_conn *conn);
uint32_t engine_look(struct engine *engine, uint32_t from, uint32_t most_slots,
	engine_look_fn *look, void *context);

/*
 * From `closed`, which may come after the pacer has been called in this round: the pacer is to be
 * called again no later than `when_ns`, whatever it has returned.
 */
void engine_pace_by(struct engine *engine, uint64_t when_ns);

/* Works until engine_drain(), and then until nothing is open. 0 or -errno. */
int engine_run(struct engine *engine);

/* Runs the task on the engine's thread, soon. Tasks run in the order of posting. */
void engine_post(struct engine *engine, struct engine_task *task);

/*
 * On the engine's thread, when engine_run() has returned: runs the tasks that were posted too late
 * for it.
 */
void engine_run_tasks(struct engine *engine);

/*
 * From a task: accepts the connections that are pending, closes the listeners, and lets connections
 * end.
 */
void engine_drain(struct engine *engine);
/*
 * From a task: checks every listener again. Another process that served on the same sockets has
 * ended, and the kernel may have woken that one alone for a connection that is still pending.
 */
void engine_recheck(struct engine *engine);
/* From a task: closes every connection now; returns how many there were. Implies engine_drain(). */
unsigned engine_cut(struct engine *engine);
/*
 * From a task: shows each connection that is established, until `visit` returns false. It must not change anything.
 */
void engine_visit(struct engine *engine,
	bool (*visit)(void *context, const struct engine_conn *conn), void *context);
/* How many connections are open. From a task. */
uint32_t engine_count(const struct engine *engine);
/*
 * From a task: closes at once the connections for which `condemned` returns true; the others go on.
 */
unsigned engine_cut_some(struct engine *engine, engine_condemn_fn *condemned, void *context);
