/*
 * `meari serve`: reads the options and hands them to the server. What an option means is written in
 * docs/man/meari-serve.1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/serve_address.h"
#include "cli/settings.h"
#include "cli/take.h"
#include "cli/tls_options.h"
#include "cli/web_input.h"
#include "engine/engine.h"
#include "net/call.h"
#include "net/cidr.h"
#include "net/resolve.h"
#include "protocol/echo.h"
#include "protocol/guard.h"
#include "server/admission/limits.h"
#include "server/admission/peer_rule.h"
#include "server/explain.h"
#include "server/fault/fault_spec.h"
#include "server/listen/activation.h"
#include "server/reload.h"
#include "server/server.h"

enum option_key {
	KEY_ENGINE = 256,
	KEY_THREADS,
	KEY_BACKLOG,
	KEY_PENDING,
	KEY_PENDING_TOTAL,
	KEY_URGENT,
	KEY_BUSY_POLL,
	KEY_PIN,
	KEY_DRAIN,
	KEY_READY_FD,
	KEY_TRACE,
	KEY_LOG_FORMAT,
	KEY_EXPLAIN,
	KEY_MAX_CONNECTIONS,
	KEY_MAX_PER_SOURCE,
	KEY_SOURCE_PREFIX,
	KEY_CONNECT_RATE,
	KEY_DATAGRAM_RATE,
	KEY_FIXED_PORT_RATE,
	KEY_IDLE_TIMEOUT,
	KEY_MAX_LIFETIME,
	KEY_MAX_RATE,
	KEY_MAX_MEMORY,
	KEY_ALLOW,
	KEY_DENY,
	KEY_FAULT,
	KEY_PROXY_FROM,
	KEY_PROXY_TIMEOUT,
	KEY_ACTIVATED,
	KEY_USER,
	KEY_NO_SANDBOX,
	KEY_NO_SPLICE,
	KEY_CONFIG,
	KEY_CHECK_CONFIG,
	KEY_UPGRADE,
	KEY_WEB,
	KEY_WEB_ALLOW,
	KEY_WEB_NAME,
	KEY_CONTROL,
};

static const char *urgent_choice(size_t index)
{
	static const char *const names[] = { "inline", "urgent", NULL };

	return names[index];
}

static const char *log_format_choice(size_t index)
{
	static const char *const names[] = { "text", "json", NULL };

	return names[index];
}

static const struct options_row rows[] = {
	{ .help = N_("Most used:") },
	{ "config", KEY_CONFIG, "FILE", OPTIONS_FILE,
		N_("read options from a file, one a line, without dashes; SIGHUP reads it again") },
	{ "check-config", KEY_CHECK_CONFIG, NULL, 0,
		N_("only read options, file and lists, and report what is wrong with them") },
	{ "threads", KEY_THREADS, "N", OPTIONS_NUMBER,
		N_("threads (default: the processors it may use)") },
	{ "engine", KEY_ENGINE, "NAME", OPTIONS_CHOICE,
		N_("auto, epoll (works everywhere) or uring (cheaper with many busy connections; "
		   "default: auto)"),
		cli_engine_choice },
	{ "drain", KEY_DRAIN, "TIME", OPTIONS_TIME,
		N_("time that connections have to finish after SIGTERM or SIGINT (default: 5s)") },
	{ "verbose", 'v', NULL, 0, N_("log each connection too: its peer, and how it ended") },
	{ "explain", KEY_EXPLAIN, NULL, 0,
		N_("print which engine and kernel features it would use here, and why; do not "
		   "serve") },
	{ .help = N_("Who may connect, and how much (default: every peer, without limits):") },
	{ "allow", KEY_ALLOW, "BLOCK", OPTIONS_TEXT,
		N_("only peers in this block (192.0.2.0/24) or in those of @FILE; may be given again") },
	{ "deny", KEY_DENY, "BLOCK", OPTIONS_TEXT,
		N_("no peers in this block or in those of @FILE, even if allowed; may be given again") },
	{ "max-connections", KEY_MAX_CONNECTIONS, "N", OPTIONS_NUMBER,
		N_("most connections open at once") },
	{ "max-per-source", KEY_MAX_PER_SOURCE, "N", OPTIONS_NUMBER,
		N_("connections at once from one source: an IPv4 address, an IPv6 prefix") },
	{ "source-prefix", KEY_SOURCE_PREFIX, "BITS", OPTIONS_NUMBER,
		N_("how much of an IPv6 address is one source (default: 64)") },
	{ "connect-rate", KEY_CONNECT_RATE, "N", OPTIONS_NUMBER, N_("new connections a second") },
	{ "idle-timeout", KEY_IDLE_TIMEOUT, "TIME", OPTIONS_TIME,
		N_("end a connection that has been idle for this long") },
	{ "max-lifetime", KEY_MAX_LIFETIME, "TIME", OPTIONS_TIME,
		N_("end a connection that has been open for this long") },
	{ "max-rate", KEY_MAX_RATE, "SIZE", OPTIONS_SIZE,
		N_("bytes a second of one connection; beyond that it is not read from") },
	{ "max-memory", KEY_MAX_MEMORY, "SIZE", OPTIONS_SIZE,
		N_("memory for connections and their buffers together") },
	{ "datagram-rate", KEY_DATAGRAM_RATE, "N", OPTIONS_NUMBER,
		N_("datagrams a second of one source; more are not answered") },
	{ "fixed-port-rate", KEY_FIXED_PORT_RATE, "N", OPTIONS_NUMBER,
		N_("answers a second to one UDP peer whose port is fixed, where a server may be "
		   "(default: 1000)") },
	{ .help = N_("Behind a proxy (ADDRESS?proxy=require or ADDRESS?proxy=accept):") },
	{ "proxy-from", KEY_PROXY_FROM, "BLOCK", OPTIONS_TEXT,
		N_("proxies whose PROXY header counts: a block, @FILE, or unix; may be given again") },
	{ "proxy-timeout", KEY_PROXY_TIMEOUT, "TIME", OPTIONS_TIME,
		N_("how long a proxy's header may take (default: 3s)") },
	TLS_OPTIONS_SERVER_ROWS,
	{ .help = N_("Metrics and a live page:") },
	{ "web", KEY_WEB, "ADDRESS", OPTIONS_ADDRESS,
		N_("serve them at http://ADDRESS, or on the manager's socket fd:NAME; may be given again") },
	{ "web-allow", KEY_WEB_ALLOW, "BLOCK", OPTIONS_TEXT,
		N_("peers in this block may see them, too (default: this machine alone); may be given again") },
	{ "web-name", KEY_WEB_NAME, "NAME", OPTIONS_TEXT,
		N_("a name, beside addresses and localhost, that browsers may ask for; may be given again") },
	{ .help = N_("Start, restart, privileges:") },
	{ "activated", KEY_ACTIVATED, "NAME", OPTIONS_TEXT,
		N_("serve only the service manager's sockets of this name; may be given again (default: all)") },
	{ "upgrade", KEY_UPGRADE, "PATH", OPTIONS_FILE,
		N_("take over from the server with this PATH, if there is one; then wait there for "
		   "the next") },
	{ "ready-fd", KEY_READY_FD, "N", OPTIONS_NUMBER,
		N_("write each address to descriptor N, one a line, once it accepts; then close it") },
	{ "user", KEY_USER, "NAME", OPTIONS_USER,
		N_("become this user once everything is open (needs root)") },
	{ "no-sandbox", KEY_NO_SANDBOX, NULL, 0,
		N_("no sandbox: all files, new sockets and system calls stay within reach") },
	{ .help = N_("Tuning:") },
	{ "backlog", KEY_BACKLOG, "N", OPTIONS_NUMBER,
		N_("connections that may wait to be accepted (default: 4096)") },
	{ "pending", KEY_PENDING, "SIZE", OPTIONS_SIZE,
		N_("most unsent bytes of a connection; with more it is not read until its peer "
		   "reads (default: 256K)") },
	{ "pending-total", KEY_PENDING_TOTAL, "SIZE", OPTIONS_SIZE,
		N_("the same for all connections together (default: 256M)") },
	{ "busy-poll", KEY_BUSY_POLL, "TIME", OPTIONS_TIME,
		N_("how long to poll before sleeping: auto, 0 (never) or a time (default: auto; with "
		   "--trace: 0)") },
	{ "no-splice", KEY_NO_SPLICE, NULL, 0,
		N_("copy bulk too, instead of moving it through pipes inside the kernel") },
	{ "pin", KEY_PIN, NULL, 0,
		N_("keep each thread on a processor of its own, and give it the connections that "
		   "come in there") },
	{ "urgent", KEY_URGENT, "HOW", OPTIONS_CHOICE,
		N_("how urgent data comes back: inline, as a plain byte in its place, or urgent "
		   "(default: inline)"),
		urgent_choice },
	{ .help = N_("Faults on purpose (default: none):") },
	{ "fault", KEY_FAULT, "SPEC", OPTIONS_NAME,
		N_("such as delay=20ms or drop,p=1%; may be given again; for one address alone: "
		   "ADDRESS?fault=SPEC"),
		fault_spec_beginning },
	{ .help = N_("Log, figures, trace:") },
	{ "log-format", KEY_LOG_FORMAT, "FORMAT", OPTIONS_CHOICE,
		N_("text or json (default: text)"), log_format_choice },
	{ "control", KEY_CONTROL, "PATH", OPTIONS_FILE,
		N_("answer what this user asks at PATH: counters, faults or connections, a line of "
		   "JSON each") },
	{ "trace", KEY_TRACE, NULL, 0,
		N_("every socket call as it is made, with its arguments and result") },
	{ 0 },
};

struct serve_input {
	struct server_options server;
	struct addr_spec *specs;
	struct addr upgrade_at, control_at;
	struct tls_options_server tls;
	const char **activated;
	struct web_input web;
	char *config; /* the text of --config */
	bool explain, check;
	bool is_offered; /* there are sockets of a service manager */
	bool is_again; /* read by a server that runs: what it has used up is not checked */
};

/* What it takes to read everything again. */
struct rereading {
	int argc;
	char **argv;
	const struct serve_input *first;
	struct serve_input *last; /* NULL: none yet */
};

static int add_activated(struct serve_input *input, const char *name)
{
	struct server_options *server = &input->server;
	int r = web_input_append(name, &input->activated, &server->activated_count);

	server->activated = input->activated;
	return r;
}

/* PATH, unix:PATH or @NAME: a unix stream's address, with or without its scheme. */
static int take_place(
	struct cli_state *state, const char *option, const char *text, struct addr *ret_at)
{
	static const char scheme[] = "unix:";
	char full[ADDR_TEXT_SIZE];
	struct addr_spec spec;
	struct addr_fault fault;
	struct resolve_list found;
	bool has_scheme = strncmp(text, scheme, strlen(scheme)) == 0;

	if (snprintf(full, sizeof(full), "%s%s", has_scheme ? "" : scheme, text) >=
		(int)sizeof(full))
		return cli_complain(state, _("%s '%s' is too long for a path"), option, text);
	if (addr_parse(full, &spec, &fault) < 0)
		return cli_complain(state, _("%s '%s' is not the path of a socket: %s"), option,
			text, fault.text);
	if (resolve(&spec, RESOLVE_LISTEN, &found) < 0)
		return -EINVAL;
	*ret_at = found.addrs[0];
	return 0;
}

/* When all options are known. */
static int finish_tls(struct serve_input *input, struct cli_state *state)
{
	struct server_options *server = &input->server;

	server->tls = input->tls.tls;
	server->tls.pairs = input->tls.pairs;
	server->handshake_ns = input->tls.handshake_ns;
	return tls_options_check_server(&input->tls, server->specs, server->spec_count, state);
}

static bool may_write(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static int parse_tuning(
	struct serve_input *input, int key, const char *text, struct cli_state *state)
{
	struct server_options *server = &input->server;
	uint64_t number = 0;
	int r;

	switch (key) {
	case KEY_THREADS:
		r = take_count(state, "--threads", text, 1, SERVER_MOST_THREADS, &number);
		server->threads = (unsigned)number;
		return r;
	case KEY_BACKLOG:
		r = take_count(state, "--backlog", text, 1, 1u << 20, &number);
		server->backlog = (int)number;
		return r;
	case KEY_PENDING:
		r = take_size(state, "--pending", text, ECHO_LEAST_CAP_BYTES, ECHO_MOST_CAP_BYTES,
			&number);
		server->pending_bytes = (uint32_t)number;
		return r;
	case KEY_PENDING_TOTAL:
		r = take_size(state, "--pending-total", text, SERVER_LEAST_POOL_BYTES, 1ull << 50,
			&number);
		server->pool_bytes = number;
		return r;
	case KEY_BUSY_POLL:
		if (cli_parse_busy_poll(text, &server->busy_poll_ns) < 0)
			return cli_complain(state,
				_("--busy-poll '%s' is neither 'auto' nor a time, such as 50us"),
				text);
		return 0;
	case KEY_PIN: server->pin = true; return 0;
	case KEY_DRAIN:
		if (duration_parse(text, &server->drain_ns) < 0)
			return cli_complain(
				state, _("--drain '%s' is not a time, such as 500ms or 5s"), text);
		return 0;
	case KEY_READY_FD:
		r = take_count(state, "--ready-fd", text, 0, 1u << 20, &number);
		if (r == 0 && !input->is_again && !may_write((int)number))
			return cli_complain(state,
				_("--ready-fd '%s' is not a descriptor open for writing"), text);
		server->ready_fd = (int)number;
		return r;
	default: return tls_options_take_server(&input->tls, key, text, state);
	}
}

/* The server reads the file. */
static int add_block(struct cli_state *state, const char *option, const char *text,
	struct access_entries *entries)
{
	const struct serve_input *input = state->input;
	const struct access_entries *proxies = &input->server.proxies;
	struct addr_fault fault;
	struct cidr cidr;
	const char **longer = reallocarray(
		entries->texts, entries->count + 1, sizeof(const char *));

	if (longer == NULL)
		return -ENOMEM;
	entries->texts = longer;
	if (entries == proxies && strcmp(text, ACCESS_UNIX) == 0) {
		entries->texts[entries->count++] = text;
		return 0;
	}
	if (text[0] != '@' && cidr_parse(text, &cidr, &fault) < 0)
		return cli_complain(state,
			_("%s '%s' is not a block of addresses: %s (column %zu)"), option, text,
			fault.text, fault.column + 1);
	if (strcmp(text, "@") == 0)
		return cli_complain(state, _("%s '@' names no file"), option);
	entries->texts[entries->count++] = text;
	return 0;
}

static int add_fault(struct cli_state *state, const char *text, struct fault_plan *plan)
{
	const char *why;
	size_t column;

	if (plan->count == FAULT_PLAN_MOST_GIVEN)
		return cli_complain(
			state, _("--fault: more than %d faults"), FAULT_PLAN_MOST_GIVEN);
	if (fault_spec_parse(text, &plan->rules[plan->count], &column, &why) < 0)
		return cli_complain(state, _("--fault '%s' is not a fault: %s (column %zu)"), text,
			why, column + 1);
	plan->count++;
	return 0;
}

static int parse_limit(
	struct serve_input *input, int key, const char *text, struct cli_state *state)
{
	struct server_options *server = &input->server;
	uint64_t number = 0;
	int r;

	switch (key) {
	case KEY_ALLOW: return add_block(state, "--allow", text, &server->allow);
	case KEY_DENY: return add_block(state, "--deny", text, &server->deny);
	case KEY_PROXY_FROM: return add_block(state, "--proxy-from", text, &server->proxies);
	case KEY_PROXY_TIMEOUT:
		return take_time(state, "--proxy-timeout", text, &server->proxy_limit_ns);
	case KEY_FAULT: return add_fault(state, text, &server->faults);
	case KEY_MAX_CONNECTIONS:
		return take_u32(state, "--max-connections", text, &server->most_connections);
	case KEY_MAX_PER_SOURCE:
		return take_u32(state, "--max-per-source", text, &server->most_per_source);
	case KEY_SOURCE_PREFIX:
		r = take_count(state, "--source-prefix", text, 1, 128, &number);
		server->source_bits = (unsigned)number;
		return r;
	case KEY_CONNECT_RATE:
		return take_u32(state, "--connect-rate", text, &server->connects_per_s);
	case KEY_DATAGRAM_RATE:
		return take_u32(state, "--datagram-rate", text, &server->datagrams_per_s);
	case KEY_FIXED_PORT_RATE:
		r = take_count(state, "--fixed-port-rate", text, 0, 1000 * 1000 * 1000, &number);
		server->fixed_port_per_s = (uint32_t)number;
		return r;
	case KEY_IDLE_TIMEOUT: return take_time(state, "--idle-timeout", text, &server->idle_ns);
	case KEY_MAX_LIFETIME:
		return take_time(state, "--max-lifetime", text, &server->lifetime_ns);
	case KEY_MAX_RATE:
		return take_size(
			state, "--max-rate", text, 1, GUARD_MOST_RATE_BYTES, &server->rate_bytes);
	case KEY_MAX_MEMORY:
		r = take_size(state, "--max-memory", text, 2 * SERVER_LEAST_POOL_BYTES, 1ull << 50,
			&number);
		server->memory_bytes = number;
		return r;
	default: return parse_tuning(input, key, text, state);
	}
}

/* What only concerns pages is a mistake without them. */
static int check_web(struct serve_input *input, struct cli_state *state)
{
	struct server_options *server = &input->server;
	const struct web_input *web = &input->web;

	server->web_specs = web->specs;
	server->web_spec_count = web->spec_count;
	server->web_activated = web->activated;
	server->web_activated_count = web->activated_count;
	server->web_names = web->names;
	server->web_name_count = web->name_count;
	if (web->spec_count + web->activated_count > 0 ||
		web->name_count + server->web_allow.count == 0)
		return 0;
	return cli_complain(
		state, _("%s needs --web"), web->name_count > 0 ? "--web-name" : "--web-allow");
}

static int take(int key, const char *text, struct cli_state *state)
{
	struct serve_input *input = state->input;

	switch (key) {
	case KEY_ENGINE: input->server.engine = text; return 0;
	case KEY_URGENT: input->server.return_urgent = strcmp(text, "urgent") == 0; return 0;
	case KEY_LOG_FORMAT:
		input->server.log_format = strcmp(text, "json") == 0 ? LOG_FORMAT_JSON
								     : LOG_FORMAT_TEXT;
		return 0;
	case KEY_TRACE: input->server.trace = true; return 0;
	case KEY_EXPLAIN: input->explain = true; return 0;
	case KEY_CHECK_CONFIG: input->check = true; return 0;
	case 'v': input->server.log_level = LOG_LEVEL_DEBUG; return 0;
	case CLI_KEY_ARGUMENT: return serve_address_add(&input->server, &input->specs, text, state);
	case KEY_USER: input->server.user = text; return 0;
	case KEY_NO_SPLICE: input->server.no_splice = true; return 0;
	case KEY_NO_SANDBOX: input->server.no_sandbox = true; return 0;
	case KEY_ACTIVATED: return add_activated(input, text);
	case KEY_UPGRADE:
		input->server.upgrade_at = &input->upgrade_at;
		return take_place(state, "--upgrade", text, &input->upgrade_at);
	case KEY_CONTROL:
		input->server.control_at = &input->control_at;
		return take_place(state, "--control", text, &input->control_at);
	case KEY_WEB: return web_input_add(&input->web, text, state);
	case KEY_WEB_NAME: return web_input_add_name(&input->web, text, state);
	case KEY_WEB_ALLOW: return add_block(state, "--web-allow", text, &input->server.web_allow);
	case KEY_CONFIG:
		if (input->config != NULL)
			return cli_complain(state, _("--config can be given once"));
		input->server.config_path = text;
		return settings_apply(text, state, &input->config);
	case CLI_KEY_END:
		if (check_web(input, state) < 0)
			return -EINVAL;
		if (input->server.spec_count > 0 || input->is_offered)
			return serve_address_check(&input->server, state) < 0
				? -EINVAL
				: finish_tls(input, state);
		input->server.specs_are_default = true;
		return serve_address_add(&input->server, &input->specs, "tcp://*", state);
	default: return parse_limit(input, key, text, state);
	}
}

const struct options_table verb_serve_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("[ADDRESS...]"),
	.argument_kind = OPTIONS_ADDRESS,
	.default_host = "*",
	.about = N_("Runs the echo server: every byte comes back, exactly, to every client."),
	.closing = N_(
		"ADDRESS: tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:PATH, unix:@NAME or "
		"unixgram:PATH; HOST:PORT means tcp, * every address, port 0 lets the "
		"kernel choose. Without ADDRESS: tcp://*:5000. SIGUSR1 prints the "
		"counters."),
};

static const struct serve_input defaults = {
	.server = {
		.engine = "auto",
		.backlog = 4096,
		.pending_bytes = ECHO_DEFAULT_CAP_BYTES,
		.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
		.busy_poll_ns = ENGINE_BUSY_POLL_AUTO,
		.drain_ns = SERVER_DEFAULT_DRAIN_NS,
		.ready_fd = -1,
		.source_bits = LIMITS_DEFAULT_SOURCE_BITS,
		.fixed_port_per_s = PEER_RULE_DEFAULT_PER_S,
		.idle_ns = CLOCK_NEVER,
		.lifetime_ns = CLOCK_NEVER,
		.proxy_limit_ns = SERVER_DEFAULT_PROXY_LIMIT_NS,
		.log_level = LOG_LEVEL_INFO,
		.log_format = LOG_FORMAT_TEXT,
	},
	.tls = { .handshake_ns = SERVER_DEFAULT_HANDSHAKE_NS },
};

static void input_fini(struct serve_input *input)
{
	for (size_t i = 0; i < input->server.spec_count; i++)
		free(input->server.spec_faults[i]);
	free(input->server.spec_faults);
	free(input->server.spec_proxies);
	free(input->server.proxies.texts);
	free(input->specs);
	free(input->activated);
	web_input_fini(&input->web);
	free(input->server.web_allow.texts);
	free(input->config);
	free(input->server.allow.texts);
	free(input->server.deny.texts);
}

static void rereading_fini(struct rereading *rereading)
{
	if (rereading->last != NULL)
		input_fini(rereading->last);
	free(rereading->last);
	rereading->last = NULL;
}

/* What follows from other options. While a server looks for more, each look would be a line of the trace. */
static void settle(struct server_options *server)
{
	if (server->trace && server->busy_poll_ns == ENGINE_BUSY_POLL_AUTO)
		server->busy_poll_ns = 0;
}

static int read_again(void *context, const struct server_options **ret_options)
{
	struct rereading *rereading = context;
	struct serve_input *input = malloc(sizeof(*input));
	enum cli_status status;

	rereading_fini(rereading);
	if (input == NULL) {
		log_error(_("cannot read the options: %s"), strerror(ENOMEM));
		return -ENOMEM;
	}
	rereading->last = input;
	*input = defaults;
	input->is_again = true;
	input->is_offered = rereading->first->is_offered;
	if (!cli_parse(&verb_serve_options, rereading->argc, rereading->argv, input, &status))
		return status == CLI_FAILED ? -ENOMEM : -EINVAL;
	settle(&input->server);
	*ret_options = &input->server;
	return 0;
}

/* The lists are all that the options only name. Opens nothing else. */
static enum cli_status check(const struct server_options *server)
{
	struct access *access;
	int r = reload_access(server, &access);

	access_free(access);
	return r < 0 ? CLI_USAGE : CLI_OK;
}

static enum cli_status run(struct serve_input *input, struct rereading *rereading)
{
	int r;

	settle(&input->server);
	log_init(input->server.log_level, input->server.log_format);
	if (input->check)
		return check(&input->server);
	if (input->server.trace)
		call_set_hook(call_trace_to_stderr);
	if (input->server.config_path != NULL) {
		input->server.read_again = read_again;
		input->server.read_context = rereading;
	}
	r = input->explain ? explain_print(&input->server, stdout) : server_run(&input->server);
	return r < 0 ? CLI_FAILED : CLI_OK;
}

enum cli_status verb_serve(int argc, char **argv)
{
	struct serve_input input = defaults;
	struct rereading rereading = { .argc = argc, .argv = argv, .first = &input };
	enum cli_status status;

	input.is_offered = activation_is_offered();
	if (cli_parse(&verb_serve_options, argc, argv, &input, &status))
		status = run(&input, &rereading);
	rereading_fini(&rereading);
	input_fini(&input);
	return status;
}
