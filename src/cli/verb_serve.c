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

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/settings.h"
#include "engine/engine.h"
#include "net/call.h"
#include "net/cidr.h"
#include "net/resolve.h"
#include "protocol/echo.h"
#include "protocol/guard.h"
#include "server/activation.h"
#include "server/explain.h"
#include "server/fault_address.h"
#include "server/fault_spec.h"
#include "server/limits.h"
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
	KEY_IDLE_TIMEOUT,
	KEY_MAX_LIFETIME,
	KEY_MAX_RATE,
	KEY_MAX_MEMORY,
	KEY_ALLOW,
	KEY_DENY,
	KEY_FAULT,
	KEY_ACTIVATED,
	KEY_USER,
	KEY_NO_SANDBOX,
	KEY_CONFIG,
	KEY_UPGRADE,
};

static const struct argp_option options[] = {
	{ "config", KEY_CONFIG, "FILE", 0,
		N_("read these options from a file, one a line, without the dashes; 'address' names "
		   "an address"),
		0 },
	{ NULL, 0, NULL, 0, N_("How it works:"), 1 },
	{ "engine", KEY_ENGINE, "NAME", 0,
		N_("how bytes are moved: epoll (works everywhere), uring (cheaper with a thousand "
		   "busy connections; often forbidden in containers) or auto (the better one "
		   "here; the default)"),
		0 },
	{ "threads", KEY_THREADS, "N", 0, N_("threads (default: the processors it may use)"), 0 },
	{ "backlog", KEY_BACKLOG, "N", 0,
		N_("connections that may wait to be accepted (default: 4096)"), 0 },
	{ "pending", KEY_PENDING, "SIZE", 0,
		N_("unsent bytes of one connection, at most; then it is not read from until its "
		   "peer reads (default: 256K)"),
		0 },
	{ "pending-total", KEY_PENDING_TOTAL, "SIZE", 0,
		N_("the same for all connections together (default: 256M)"), 0 },
	{ "urgent", KEY_URGENT, "HOW", 0,
		N_("what becomes of urgent data: inline (it keeps its place, as a plain byte) or "
		   "urgent (and goes back as urgent; default: inline)"),
		0 },
	{ "busy-poll", KEY_BUSY_POLL, "TIME", 0,
		N_("how long to look for more before sleeping: auto, 0 (never) or a time "
		   "(default: auto; with --trace: 0)"),
		0 },
	{ "pin", KEY_PIN, NULL, 0,
		N_("keep each thread on a processor of its own, and give it the connections that "
		   "come in there"),
		0 },
	{ "drain", KEY_DRAIN, "TIME", 0,
		N_("time that connections have to finish after SIGTERM or SIGINT (default: 5s)"),
		0 },
	{ "activated", KEY_ACTIVATED, "NAME", 0,
		N_("of the sockets that a service manager hands over (LISTEN_FDS), serve on those "
		   "with this name only; may be given again (default: all)"),
		0 },
	{ "upgrade", KEY_UPGRADE, "PATH", 0,
		N_("take over from the server that was started with this PATH, without losing a "
		   "connection; where there is none, start as ever; then wait there to be taken "
		   "over from"),
		0 },
	{ NULL, 0, NULL, 0, N_("Who may come, and how much (default: everybody, without limits):"),
		2 },
	{ "allow", KEY_ALLOW, "BLOCK", 0,
		N_("only who is in this block of addresses (192.0.2.0/24, 2001:db8::/32), or in "
		   "one of those in a file (@FILE); may be given again"),
		0 },
	{ "deny", KEY_DENY, "BLOCK", 0,
		N_("not who is in this block, or in one of @FILE, even if allowed; may be given "
		   "again; SIGHUP reads the files again"),
		0 },
	{ "max-connections", KEY_MAX_CONNECTIONS, "N", 0, N_("connections at once"), 0 },
	{ "max-per-source", KEY_MAX_PER_SOURCE, "N", 0,
		N_("connections at once from one source: an IPv4 address, an IPv6 prefix"), 0 },
	{ "source-prefix", KEY_SOURCE_PREFIX, "BITS", 0,
		N_("how much of an IPv6 address is one source (default: 64)"), 0 },
	{ "connect-rate", KEY_CONNECT_RATE, "N", 0, N_("new connections a second"), 0 },
	{ "idle-timeout", KEY_IDLE_TIMEOUT, "TIME", 0,
		N_("end a connection on which nothing has moved for so long"), 0 },
	{ "max-lifetime", KEY_MAX_LIFETIME, "TIME", 0,
		N_("end a connection that has been open for so long"), 0 },
	{ "max-rate", KEY_MAX_RATE, "SIZE", 0,
		N_("bytes a second of one connection; beyond that it is not read from"), 0 },
	{ "max-memory", KEY_MAX_MEMORY, "SIZE", 0,
		N_("memory for connections and their buffers together"), 0 },
	{ "datagram-rate", KEY_DATAGRAM_RATE, "N", 0,
		N_("datagrams a second of one source; more are not answered"), 0 },
	{ "user", KEY_USER, "NAME", 0, N_("become this user once everything is open (needs root)"),
		0 },
	{ "no-sandbox", KEY_NO_SANDBOX, NULL, 0,
		N_("keep everything within reach: by default files, new sockets and system calls that "
		   "a server does not need are not"),
		0 },
	{ NULL, 0, NULL, 0, N_("What it does wrong, on purpose (default: nothing):"), 3 },
	{ "fault", KEY_FAULT, "SPEC", 0,
		N_("a fault, such as delay=20ms, close,after=100 or drop,p=1%; may be given again; "
		   "the man page lists them; for one address alone: ADDRESS?fault=SPEC"),
		0 },
	{ NULL, 0, NULL, 0, N_("What it tells:"), 4 },
	{ "explain", KEY_EXPLAIN, NULL, 0,
		N_("print which engine and which features of the kernel it would use here, and why "
		   "not the others; do not serve"),
		0 },
	{ "verbose", 'v', NULL, 0, N_("also every connection: who came and how it ended"), 0 },
	{ "trace", KEY_TRACE, NULL, 0,
		N_("every socket call as it is made, with its arguments and result"), 0 },
	{ "log-format", KEY_LOG_FORMAT, "FORMAT", 0, N_("text or json (default: text)"), 0 },
	{ "ready-fd", KEY_READY_FD, "N", 0,
		N_("write each address to descriptor N, one a line, once it accepts; then close it"),
		0 },
	{ 0 },
};

struct serve_input {
	struct server_options server;
	struct addr_spec *specs;
	struct addr upgrade_at;
	const char **activated;
	char *config; /* the text of --config */
	enum log_level level;
	enum log_format format;
	bool explain;
};

/* For one more; its faults are NULL then. */
static bool make_room_for_address(struct serve_input *input)
{
	struct server_options *server = &input->server;
	size_t count = server->spec_count + 1;
	struct addr_spec *specs = reallocarray(input->specs, count, sizeof(*specs));

	if (specs != NULL)
		server->specs = input->specs = specs;

	struct fault_plan **faults = reallocarray(server->spec_faults, count, sizeof(*faults));

	if (faults != NULL) {
		server->spec_faults = faults;
		faults[server->spec_count] = NULL;
	}
	return specs != NULL && faults != NULL;
}

static error_t add_address(struct serve_input *input, const char *text, struct argp_state *state)
{
	struct server_options *server = &input->server;
	size_t length = fault_address_length(text), column;
	CLEANUP_FREE char *address = strndup(text, length);
	struct addr_fault fault;
	struct fault_plan plan;
	const char *why;

	if (address == NULL || !make_room_for_address(input))
		return ENOMEM;

	struct addr_spec *spec = &input->specs[server->spec_count];

	if (addr_parse(address, spec, &fault) < 0)
		return cli_complain(state, _("'%s' is not an address: %s (column %zu)"), text,
			fault.text, fault.column + 1);
	if (fault_address_parse(text, length, addr_socket_type(spec->scheme) == SOCK_DGRAM, &plan,
		    &column, &why) < 0)
		return cli_complain(state, _("'%s' has a fault that is none: %s (column %zu)"),
			text, why, column + 1);
	if (plan.count > 0) {
		struct fault_plan *own = malloc(sizeof(*own));

		if (own == NULL)
			return ENOMEM;
		*own = plan;
		server->spec_faults[server->spec_count] = own;
	}
	server->spec_count++;
	return 0;
}

static error_t add_activated(struct serve_input *input, const char *name)
{
	struct server_options *server = &input->server;
	const char **longer = reallocarray(
		input->activated, server->activated_count + 1, sizeof(const char *));

	if (longer == NULL)
		return ENOMEM;
	longer[server->activated_count++] = name;
	input->activated = longer;
	server->activated = longer;
	return 0;
}

/* PATH, unix:PATH or @NAME: a unix stream's address, with or without its scheme. */
static error_t take_upgrade(struct serve_input *input, const char *text, struct argp_state *state)
{
	static const char scheme[] = "unix:";
	char full[ADDR_TEXT_SIZE];
	struct addr_spec spec;
	struct addr_fault fault;
	struct resolve_list found;
	bool has_scheme = strncmp(text, scheme, strlen(scheme)) == 0;

	if (snprintf(full, sizeof(full), "%s%s", has_scheme ? "" : scheme, text) >=
		(int)sizeof(full))
		return cli_complain(state, _("--upgrade '%s' is too long for a path"), text);
	if (addr_parse(full, &spec, &fault) < 0)
		return cli_complain(state, _("--upgrade '%s' is not the path of a socket: %s"),
			text, fault.text);
	if (resolve(&spec, RESOLVE_LISTEN, &found) < 0)
		return EINVAL;
	input->upgrade_at = found.addrs[0];
	input->server.upgrade_at = &input->upgrade_at;
	return 0;
}

static error_t take_count(struct argp_state *state, const char *option, const char *text,
	uint64_t least, uint64_t most, uint64_t *ret_number)
{
	if (number_parse(text, least, most, ret_number) < 0)
		return cli_complain(state, _("%s '%s' is not a number from %llu to %llu"), option,
			text, (unsigned long long)least, (unsigned long long)most);
	return 0;
}

static error_t take_size(struct argp_state *state, const char *option, const char *text,
	uint64_t least, uint64_t most, uint64_t *ret_bytes)
{
	char least_text[NUMBER_TEXT_SIZE], most_text[NUMBER_TEXT_SIZE];

	if (number_parse_size(text, least, most, ret_bytes) < 0)
		return cli_complain(state,
			_("%s '%s' is not a size from %s to %s (K, M and G are units)"), option,
			text, number_format_size(least, least_text, sizeof(least_text)),
			number_format_size(most, most_text, sizeof(most_text)));
	return 0;
}

/* One of two words: `ret_second` tells which. */
static error_t take_word(struct argp_state *state, const char *option, const char *text,
	const char *first, const char *second, bool *ret_second)
{
	if (strcmp(text, first) != 0 && strcmp(text, second) != 0)
		return cli_complain(
			state, _("%s '%s' is neither '%s' nor '%s'"), option, text, first, second);
	*ret_second = strcmp(text, second) == 0;
	return 0;
}

static error_t take_engine(struct serve_input *input, const char *text, struct argp_state *state)
{
	bool known = strcmp(text, "auto") == 0;
	char names[100] = "auto";

	for (size_t i = 0; engine_list[i] != NULL; i++) {
		size_t length = strlen(names);

		known = known || strcmp(text, engine_list[i]->name) == 0;
		snprintf(names + length, sizeof(names) - length, ", %s", engine_list[i]->name);
	}
	if (!known)
		return cli_complain(
			state, _("no engine is named '%s' (there are %s)"), text, names);
	input->server.engine = text;
	return 0;
}

static bool may_write(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static error_t parse_tuning(
	struct serve_input *input, int key, char *text, struct argp_state *state)
{
	struct server_options *server = &input->server;
	uint64_t number = 0;
	error_t r;

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
		if (r == 0 && !may_write((int)number))
			return cli_complain(state,
				_("--ready-fd '%s' is not a descriptor open for writing"), text);
		server->ready_fd = (int)number;
		return r;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static error_t take_time(
	struct argp_state *state, const char *option, const char *text, uint64_t *ret_ns)
{
	uint64_t ns;

	if (duration_parse(text, &ns) < 0 || ns == 0)
		return cli_complain(
			state, _("%s '%s' is not a time, such as 500ms or 5s"), option, text);
	*ret_ns = ns;
	return 0;
}

/* What a file says is looked at by the server. */
static error_t add_block(struct argp_state *state, const char *option, const char *text,
	struct access_entries *entries)
{
	struct addr_fault fault;
	struct cidr cidr;
	const char **longer = reallocarray(
		entries->texts, entries->count + 1, sizeof(const char *));

	if (longer == NULL)
		return ENOMEM;
	entries->texts = longer;
	if (text[0] != '@' && cidr_parse(text, &cidr, &fault) < 0)
		return cli_complain(state,
			_("%s '%s' is not a block of addresses: %s (column %zu)"), option, text,
			fault.text, fault.column + 1);
	if (strcmp(text, "@") == 0)
		return cli_complain(state, _("%s '@' names no file"), option);
	entries->texts[entries->count++] = text;
	return 0;
}

static error_t add_fault(struct argp_state *state, const char *text, struct fault_plan *plan)
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

static error_t take_u32(
	struct argp_state *state, const char *option, const char *text, uint32_t *ret_number)
{
	uint64_t number;
	error_t r = take_count(state, option, text, 1, 1000 * 1000 * 1000, &number);

	if (r == 0)
		*ret_number = (uint32_t)number;
	return r;
}

static error_t parse_limit(struct serve_input *input, int key, char *text, struct argp_state *state)
{
	struct server_options *server = &input->server;
	uint64_t number = 0;
	error_t r;

	switch (key) {
	case KEY_ALLOW: return add_block(state, "--allow", text, &server->allow);
	case KEY_DENY: return add_block(state, "--deny", text, &server->deny);
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

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct serve_input *input = state->input;
	bool second = false;
	error_t r;

	switch (key) {
	case KEY_ENGINE: return take_engine(input, text, state);
	case KEY_URGENT:
		return take_word(
			state, "--urgent", text, "inline", "urgent", &input->server.return_urgent);
	case KEY_LOG_FORMAT:
		r = take_word(state, "--log-format", text, "text", "json", &second);
		input->format = second ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
		return r;
	case KEY_TRACE: call_set_hook(call_trace_to_stderr); return 0;
	case KEY_EXPLAIN: input->explain = true; return 0;
	case 'v': input->level = LOG_LEVEL_DEBUG; return 0;
	case ARGP_KEY_ARG: return add_address(input, text, state);
	case KEY_USER: input->server.user = text; return 0;
	case KEY_NO_SANDBOX: input->server.no_sandbox = true; return 0;
	case KEY_ACTIVATED: return add_activated(input, text);
	case KEY_UPGRADE: return take_upgrade(input, text, state);
	case KEY_CONFIG:
		if (input->config != NULL)
			return cli_complain(state, _("--config can be given once"));
		return settings_apply(text, options, parse, state, &input->config);
	case ARGP_KEY_NO_ARGS:
		if (input->server.spec_count > 0 || activation_is_offered())
			return 0;
		input->server.specs_are_default = true;
		return add_address(input, "tcp://*", state);
	default: return parse_limit(input, key, text, state);
	}
}

/* What --help ends with. */
static char *add_closing_words(int key, const char *text, void *input)
{
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	return strdup(_("ADDRESS: tcp://HOST:PORT, udp://HOST:PORT, unix:PATH, unix:@NAME or "
			"unixgram:PATH; HOST:PORT means tcp, * every address, port 0 lets the "
			"kernel choose. Without ADDRESS: tcp://*:5000. SIGUSR1 prints the "
			"counters."));
}

enum cli_status verb_serve(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = N_("[ADDRESS...]"),
		.doc = N_("Runs the echo server: every byte comes back, exactly, to every client."),
		.help_filter = add_closing_words,
	};
	struct serve_input input = {
		.server = {
			.engine = "auto",
			.backlog = 4096,
			.pending_bytes = ECHO_DEFAULT_CAP_BYTES,
			.pool_bytes = ENGINE_DEFAULT_POOL_BYTES,
			.busy_poll_ns = ENGINE_BUSY_POLL_AUTO,
			.drain_ns = SERVER_DEFAULT_DRAIN_NS,
			.ready_fd = -1,
			.source_bits = LIMITS_DEFAULT_SOURCE_BITS,
			.idle_ns = CLOCK_NEVER,
			.lifetime_ns = CLOCK_NEVER,
		},
		.level = LOG_LEVEL_INFO,
		.format = LOG_FORMAT_TEXT,
	};
	int r = cli_parse(&argp, argc, argv, &input);
	enum cli_status status = r == -ENOMEM ? CLI_FAILED : CLI_USAGE;

	/* Each look would be a line of the trace. */
	if (call_is_watched() && input.server.busy_poll_ns == ENGINE_BUSY_POLL_AUTO)
		input.server.busy_poll_ns = 0;
	if (r == 0) {
		log_init(input.level, input.format);
		r = input.explain ? explain_print(&input.server, stdout)
				  : server_run(&input.server);
		status = r < 0 ? CLI_FAILED : CLI_OK;
	}
	for (size_t i = 0; i < input.server.spec_count; i++)
		free(input.server.spec_faults[i]);
	free(input.server.spec_faults);
	free(input.specs);
	free(input.activated);
	free(input.config);
	free(input.server.allow.texts);
	free(input.server.deny.texts);
	return status;
}
