/*
 * meari ping: reads the options, and turns what became of the probes into an exit status: that of
 * ping(8), and one more for replies that are not what was sent.
 */
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>

#include "base/descriptors.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/meant.h"
#include "cli/take.h"
#include "cli/tls_options.h"
#include "net/call.h"
#include "ping/ping.h"
#include "ping/ping_wait.h"

enum {
	OPTION_BUSY_POLL = 256,
	OPTION_CONNECT,
	OPTION_JSON,
	OPTION_PORTS,
	OPTION_SEND_PROXY,
	OPTION_TCP_INFO,
	OPTION_PLOT,
	OPTION_TRACE,
	OPTION_WAIT,
};

/* Statuses of our own, as ping(8) has them. */
enum { STATUS_UNANSWERED = 1, STATUS_ERROR = 2, STATUS_DAMAGED = 3 };

struct arguments {
	struct tls_client_options tls;
	struct ping_options ping;
	struct send_proxy proxy; /* of --send-proxy */
	bool target_given;
	uint64_t wait_ns; /* of --wait; 0: it was not given */
	size_t target_count; /* of --wait */
	struct addr_spec targets[PING_WAIT_ADDRESSES_MOST];
	const char *unfit; /* an option that does not go with --wait, or NULL */
	int family; /* of -4 and -6; AF_UNSPEC where neither is given */
	bool trace;
};

static const struct options_row rows[] = {
	{ .help = N_("How many, how often, how long:") },
	{ "count", 'c', "N", OPTIONS_NUMBER, N_("stop after N probes") },
	{ "interval", 'i', "TIME", OPTIONS_TIME, N_("from one probe to the next (default: 1s)") },
	{ "flood", 'f', NULL, 0,
		N_("the next probe with each reply, at least 100 a second; shows a dot for each "
		   "that is under way") },
	{ "timeout", 'W', "TIME", OPTIONS_TIME,
		N_("a reply after this long is late (default: 2s)") },
	{ "deadline", 'w', "TIME", OPTIONS_TIME,
		N_("stop after this long; with -c, when N have been answered before") },
	{ "wait", OPTION_WAIT, "TIME", OPTIONS_TIME,
		N_("wait in silence until each ADDRESS has echoed exactly, at most TIME; status 1: "
		   "some have not") },
	{ .help = N_("What is sent, and how:") },
	{ "size", 's', "SIZE", OPTIONS_SIZE, N_("bytes in a probe (default: 56)") },
	{ "connect", OPTION_CONNECT, NULL, 0,
		N_("a fresh connection for each probe; connecting and echo are timed apart") },
	{ "ports", OPTION_PORTS, "N", OPTIONS_NUMBER,
		N_("N source ports in turn, with a line for each at the end: shows a broken member "
		   "of a path with several") },
	{ "source", 'I', "ADDRESS", OPTIONS_TEXT,
		N_("send from this address, or through this interface, of this machine") },
	{ "send-proxy", OPTION_SEND_PROXY, "SPEC", OPTIONS_TEXT | OPTIONS_OPTIONAL,
		N_("begin with a PROXY header: v1 (default) or v2; with ,from=ADDRESS another client's") },
	{ NULL, '4', NULL, 0, N_("use IPv4 only") },
	{ NULL, '6', NULL, 0, N_("use IPv6 only") },
	{ "busy-poll", OPTION_BUSY_POLL, "TIME", OPTIONS_TIME,
		N_("wait for a reply without sleeping, for up to TIME ('auto': where it pays; "
		   "default: 0)") },
	{ .help = N_("What is shown:") },
	{ "quiet", 'q', NULL, 0, N_("nothing but the figures at the end") },
	{ "timestamps", 'D', NULL, 0, N_("the time of day before each line") },
	{ "outstanding", 'O', NULL, 0,
		N_("report a probe that has no reply when the next one is sent") },
	{ "tcp-info", OPTION_TCP_INFO, NULL, 0,
		N_("show the kernel's own round-trip time, retransmissions and window, too") },
	{ "plot", OPTION_PLOT, "HOW", OPTIONS_CHOICE | OPTIONS_OPTIONAL,
		N_("draw the times at the end: auto, braille or ascii (default: auto)"),
		take_plot_choice },
	{ "json", OPTION_JSON, NULL, 0, N_("one JSON object a line, as it happens") },
	{ "trace", OPTION_TRACE, NULL, 0, N_("show every socket call on standard error") },
	TLS_OPTIONS_CLIENT_ROWS,
	{ 0 },
};

/* ping(8) takes the name of an interface in the same place. */
static int read_source(struct cli_state *state, const char *text)
{
	struct arguments *arguments = state->input;

	if (if_nametoindex(text) != 0) {
		arguments->ping.device = text;
		return 0;
	}
	arguments->ping.source_given = true;
	return cli_take_address(state, text, &arguments->ping.source);
}

static int read_time(struct cli_state *state, const char *text, const char *option,
	uint64_t least_ns, uint64_t *ret_ns)
{
	uint64_t ns;

	if (duration_parse(text, &ns) < 0 || ns < least_ns)
		return cli_complain(state,
			_("'%s' is not a length of time for %s, like 500ms or 10s"), text, option);
	*ret_ns = ns;
	return 0;
}

static int read_busy(struct cli_state *state, const char *text, uint64_t *ret_ns)
{
	if (cli_parse_busy_poll(text, ret_ns) < 0)
		return cli_complain(state,
			_("--busy-poll '%s' is neither 'auto' nor a time, such as 50us"), text);
	return 0;
}

static int read_count(struct cli_state *state, const char *text, uint64_t *ret_count)
{
	if (number_parse(text, 1, INT64_MAX, ret_count) < 0)
		return cli_complain(
			state, _("'%s' is not a number for -c: it must be 1 or more"), text);
	return 0;
}

static int read_ports(struct cli_state *state, const char *text, size_t *ret_ports)
{
	uint64_t ports;

	if (number_parse(text, 1, PING_RUN_PORTS_MOST, &ports) < 0)
		return cli_complain(state, _("'%s' is not a number for --ports: from 1 to %d"),
			text, PING_RUN_PORTS_MOST);
	*ret_ports = (size_t)ports;
	return 0;
}

static int read_size(struct cli_state *state, const char *text)
{
	struct arguments *arguments = state->input;
	uint64_t bytes;

	if (number_parse_size(text, 0, PROBE_SIZE_MOST, &bytes) < 0)
		return cli_complain(state, _("'%s' is not a size for -s: at most %u bytes"), text,
			PROBE_SIZE_MOST);
	arguments->ping.size_bytes = (size_t)bytes;
	return 0;
}

static bool is_unix(const struct addr_spec *spec)
{
	return spec->scheme == ADDR_UNIX || spec->scheme == ADDR_UNIXGRAM;
}

static int apply_family(struct cli_state *state, struct arguments *arguments)
{
	struct ping_options *ping = &arguments->ping;
	int family = arguments->family;

	if (family != AF_UNSPEC && ping->target.family != AF_UNSPEC &&
		ping->target.family != family)
		return cli_complain(state, _("-%c does not fit the family that the address names"),
			family == AF_INET ? '4' : '6');
	if (family != AF_UNSPEC)
		ping->target.family = family;
	/* An address of one family to speak from leaves no choice for the other end. */
	if (ping->source_given && ping->target.family == AF_UNSPEC)
		ping->target.family = ping->source.family;
	return 0;
}

static int check_size(struct cli_state *state, const struct ping_options *ping)
{
	if (addr_socket_type(ping->target.scheme) == SOCK_STREAM) {
		if (ping->size_bytes == 0)
			return cli_complain(
				state, _("a stream has no empty probes: -s must be 1 or more"));
	} else if (ping->size_bytes > PROBE_DATAGRAM_SIZE_MOST) {
		return cli_complain(
			state, _("a datagram has at most %d bytes"), PROBE_DATAGRAM_SIZE_MOST);
	}
	return 0;
}

/* What fits together only when everything has been read: of one address. */
static int check_target(struct cli_state *state, struct arguments *arguments)
{
	struct ping_options *ping = &arguments->ping;
	bool stream = addr_socket_type(ping->target.scheme) == SOCK_STREAM;

	if (!is_unix(&ping->target) && ping->target.port == 0)
		return cli_complain(
			state, _("no service listens on port 0; name the server's port"));
	if (ping->source_given && is_unix(&ping->source) != is_unix(&ping->target))
		return cli_complain(state,
			_("--source and the address must both be of the network, or both unix"));
	if (ping->device != NULL && is_unix(&ping->target))
		return cli_complain(state, _("a unix address is not reached by an interface"));
	if (ping->connect && !stream)
		return cli_complain(state, _("--connect is for connections, tcp and unix"));
	if (ping->kernel && !addr_is_tcp(ping->target.scheme))
		return cli_complain(state, _("--tcp-info is for tcp"));
	if (ping->ports > 0 && is_unix(&ping->target))
		return cli_complain(state, _("a unix address has no ports for --ports"));
	if (ping->ports > 0 && ping->connect)
		return cli_complain(state,
			_("--ports and --connect exclude each other: a port keeps its connection"));
	if (ping->ports > 1 && ping->source_given && ping->source.port_given &&
		ping->source.port != 0 && ping->source.port + ping->ports > 65536)
		return cli_complain(state,
			_("--ports needs more ports than there are from that of --source on"));
	if (check_size(state, ping) != 0 ||
		take_check_proxy(state, ping->proxy, &ping->target) != 0)
		return -EINVAL;
	return apply_family(state, arguments);
}

/* For the first that needs it; where none does, the options of TLS have no use. */
static int open_tls(struct cli_state *state, struct arguments *arguments)
{
	size_t which = 0;

	while (which + 1 < arguments->target_count && arguments->targets[which].scheme != ADDR_TLS)
		which++;
	return tls_options_open_client(
		&arguments->tls, &arguments->targets[which], state, &arguments->ping.tls);
}

static int check(struct cli_state *state, struct arguments *arguments)
{
	struct ping_options *ping = &arguments->ping;

	if (!arguments->target_given)
		return cli_complain(state, _("there is no address to ping"));
	if (ping->json && ping->plots)
		return cli_complain(state, _("--plot is for people: it does not go with --json"));
	if (arguments->wait_ns != 0 && arguments->unfit != NULL)
		return cli_complain(state, _("--wait does not go with --%s"), arguments->unfit);
	if (arguments->wait_ns != 0 && ping->size_bytes == 0)
		return cli_complain(
			state, _("--wait needs a byte to compare: -s must be 1 or more"));
	for (size_t i = 0; i < arguments->target_count; i++) {
		ping->target = arguments->targets[i];
		if (check_target(state, arguments) != 0)
			return -EINVAL;
		arguments->targets[i] = ping->target; /* its family may be known now */
	}
	return open_tls(state, arguments);
}

/* With --wait there is only to choose what is sent, and how long for an answer. */
static void note_unfit(struct arguments *arguments, int key)
{
	switch (key) {
	case '4':
	case '6':
	case 's':
	case 'W':
	case 'q':
	case OPTION_SEND_PROXY:
	case OPTION_TRACE:
	case OPTION_WAIT:
	case TLS_OPTIONS_CA:
	case TLS_OPTIONS_CERT:
	case TLS_OPTIONS_KEY:
	case TLS_OPTIONS_SNI:
	case TLS_OPTIONS_ALPN:
	case TLS_OPTIONS_INSECURE: return;
	}
	for (const struct options_row *row = rows; !options_is_end(row); row++) {
		if (row->name != NULL && row->key == key)
			arguments->unfit = row->name;
	}
}

static int take_address(struct cli_state *state, const char *text)
{
	struct arguments *arguments = state->input;

	if (arguments->wait_ns == 0 && arguments->target_given) {
		char meant[MEANT_SIZE];
		bool found = meant_join("", state->last_argument, text, meant);

		if (found)
			return cli_complain_meant(state, meant,
				_("one address is enough, '%s' is one too many"), text);
		return cli_complain(state,
			_("one address is enough, '%s' is one too many: several are for --wait"),
			text);
	}
	if (arguments->target_count == PING_WAIT_ADDRESSES_MOST)
		return cli_complain(
			state, _("--wait is for at most %d addresses"), PING_WAIT_ADDRESSES_MOST);
	arguments->target_given = true;
	return cli_take_address(state, text, &arguments->targets[arguments->target_count++]);
}

static int parse_family(struct cli_state *state, int key)
{
	struct arguments *arguments = state->input;
	int family = key == '4' ? AF_INET : AF_INET6;

	if (arguments->family != AF_UNSPEC && arguments->family != family)
		return cli_complain(state, _("-4 and -6 exclude each other"));
	arguments->family = family;
	return 0;
}

static int take(int key, const char *argument, struct cli_state *state)
{
	struct arguments *arguments = state->input;
	struct ping_options *ping = &arguments->ping;

	note_unfit(arguments, key);
	switch (key) {
	case '4':
	case '6': return parse_family(state, key);
	case 'c': return read_count(state, argument, &ping->count);
	case 'i':
		ping->interval_given = true;
		return read_time(state, argument, "-i", 0, &ping->interval_ns);
	case 'f': ping->flood = true; return 0;
	case 'W': return read_time(state, argument, "-W", 1, &ping->timeout_ns);
	case 'w': return read_time(state, argument, "-w", 1, &ping->deadline_ns);
	case 's': return read_size(state, argument);
	case 'I': return read_source(state, argument);
	case 'q': ping->quiet = true; return 0;
	case 'D': ping->wall_times = true; return 0;
	case 'O': ping->show_waiting = true; return 0;
	case OPTION_BUSY_POLL: return read_busy(state, argument, &ping->busy_ns);
	case OPTION_CONNECT: ping->connect = true; return 0;
	case OPTION_PORTS: return read_ports(state, argument, &ping->ports);
	case OPTION_SEND_PROXY:
		return take_send_proxy(state, argument, &arguments->proxy, &ping->proxy);
	case OPTION_TCP_INFO: ping->kernel = true; return 0;
	case OPTION_JSON: ping->json = true; return 0;
	case OPTION_PLOT:
		ping->plots = true;
		ping->plot_style = take_plot_style(argument);
		return 0;
	case OPTION_TRACE: arguments->trace = true; return 0;
	case OPTION_WAIT: return read_time(state, argument, "--wait", 1, &arguments->wait_ns);
	case CLI_KEY_ARGUMENT: return take_address(state, argument);
	case CLI_KEY_END: return check(state, arguments);
	default: return tls_options_take_client(&arguments->tls, key, argument, state);
	}
}

const struct options_table verb_ping_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("ADDRESS"),
	.argument_kind = OPTIONS_ADDRESS,
	.about = N_("Sends probes to an echo service, like ping(8), and reports the time of each "
		    "reply, what was lost or changed, and when the service was away."),
};

static enum cli_status wait_for_all(const struct arguments *arguments)
{
	const struct ping_wait_options options = {
		.targets = arguments->targets,
		.count = arguments->target_count,
		.tls = arguments->ping.tls,
		.size_bytes = arguments->ping.size_bytes,
		.patience_ns = arguments->wait_ns,
		.timeout_ns = arguments->ping.timeout_ns,
		.proxy = arguments->ping.proxy,
	};
	int r = ping_wait(&options);

	if (r == -ETIMEDOUT || r == -EINTR)
		return (enum cli_status)STATUS_UNANSWERED;
	return r < 0 ? (enum cli_status)STATUS_ERROR : CLI_OK;
}

enum cli_status verb_ping(int argc, char **argv)
{
	/* Too large for a stack, with room for the addresses of --wait. */
	static struct arguments arguments = {
		.family = AF_UNSPEC,
		.ping = {
			.size_bytes = PROBE_SIZE_DEFAULT,
			.interval_ns = PING_INTERVAL_NS,
			.timeout_ns = PING_TIMEOUT_NS,
		},
	};
	enum ping_verdict verdict;
	enum cli_status status;

	if (!cli_parse(&verb_ping_options, argc, argv, &arguments, &status))
		return status;
	if (arguments.trace)
		call_set_hook(call_trace_to_stderr);
	descriptors_raise_limit();
	if (arguments.wait_ns != 0)
		return wait_for_all(&arguments);
	if (ping(&arguments.ping, &verdict) < 0)
		return (enum cli_status)STATUS_ERROR;
	switch (verdict) {
	case PING_ANSWERED: break;
	case PING_UNANSWERED: return (enum cli_status)STATUS_UNANSWERED;
	case PING_DAMAGED: return (enum cli_status)STATUS_DAMAGED;
	}
	return CLI_OK;
}
