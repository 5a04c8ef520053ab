/*
 * The echo server as a whole: listeners, workers, signals, the end. Main thread; speaks through the
 * log, also of its own failures.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "net/addr.h"
#include "protocol/fault_plan.h"
#include "server/admission/access.h"
#include "server/listen/listener_list.h"
#include "wire/tls_context.h"

#define SERVER_DEFAULT_HANDSHAKE_NS (10ull * 1000000000)
#define SERVER_DEFAULT_DRAIN_NS (5ull * 1000000000)
#define SERVER_DEFAULT_PROXY_LIMIT_NS (3ull * 1000000000)
#define SERVER_MOST_THREADS 1024
#define SERVER_LEAST_POOL_BYTES (1u << 20)
/* What a connection may need beyond the pool: its small buffer, its slot, and what limits remember. */
#define SERVER_CONNECTION_BYTES (4096u + 512u)

struct server_options {
	const struct addr_spec *specs; /* at least one, unless sockets are handed over */
	size_t spec_count;
	bool specs_are_default; /* not asked for: left out where a service manager's sockets are */
	const char *const *activated; /* the names of those that are wanted; none: all */
	size_t activated_count;
	const char *engine; /* "auto" or a name */
	unsigned threads; /* 0: as many as there are processors to use */
	int backlog;
	uint32_t pending_bytes; /* unsent bytes of one connection, at most */
	size_t pool_bytes; /* buffers of all connections together, at most */
	bool return_urgent;
	uint64_t busy_poll_ns; /* as in engine_options */
	bool no_splice; /* bulk is copied; see engine_options */
	bool pin; /* each thread keeps to one processor, and to the connections that come in there */
	uint64_t drain_ns;

	/* Limits; 0: none, and for times CLOCK_NEVER. */
	uint32_t most_connections, most_per_source;
	unsigned source_bits; /* of an IPv6 address */
	uint32_t connects_per_s, datagrams_per_s;
	uint32_t fixed_port_per_s; /* see peer_rule.h */
	uint64_t idle_ns, lifetime_ns;
	uint64_t rate_bytes; /* of a connection, in a second */
	size_t memory_bytes; /* for buffers and connections together */
	struct access_entries allow, deny;
	struct fault_plan faults; /* on all listeners; no rules: none */
	/* For each spec those of its listeners alone, with rules, or NULL; NULL: there are none at all. */
	struct fault_plan **spec_faults;
	/* For each spec whether a proxy stands in front; and the proxies whose word counts, at least one if any does. */
	enum listener_proxy *spec_proxies;
	struct access_entries proxies;
	uint64_t proxy_limit_ns; /* how long their headers may take */

	struct tls_server_options tls; /* for addresses of tls:// */
	uint64_t handshake_ns; /* for a handshake, at most */

	const struct addr
		*upgrade_at; /* where to take over, and be taken over from; NULL: neither */

	const struct addr
		*control_at; /* where it answers what it is asked (control.h); NULL: nowhere */

	const char *user; /* NULL: the user that started it */
	bool no_sandbox;

	/* Web pages: no addresses and no names, none. Sockets of the service manager go by the names that it gave them. */
	const struct addr_spec *web_specs;
	size_t web_spec_count;
	const char *const *web_activated;
	size_t web_activated_count;
	struct access_entries web_allow; /* who may see them, beside this machine */
	const char *const *web_names; /* under which they may be asked for */
	size_t web_name_count;

	/* As they are in force already. */
	enum log_level log_level;
	enum log_format log_format;
	bool trace;

	/*
	 * SIGHUP: gives the options as they are now. The result is good until the next call. -errno, and one
	 * line has been printed. NULL: there are but lists to be read again.
	 */
	int (*read_again)(void *context, const struct server_options **ret_options);
	void *read_context;
	const char *config_path; /* the file that it reads; NULL: none */

	int ready_fd; /* -1: none; taken over */
};

/*
 * Serves until SIGTERM, SIGINT, or another server has taken over. 0: ended as asked; -errno: it could not run, one line has been
 * printed.
 */
int server_run(const struct server_options *options);
