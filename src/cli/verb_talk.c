/*
 * meari talk: reads the options, and turns how the conversation went into an exit status.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/take.h"
#include "cli/tls_options.h"
#include "net/call.h"
#include "talk/lockstep.h"
#include "talk/talk.h"

enum {
	OPTION_VERIFY = 256,
	OPTION_SIZE,
	OPTION_TIMEOUT,
	OPTION_SOURCE,
	OPTION_SEND_PROXY,
	OPTION_TRACE
};

struct arguments {
	struct talk_options talk;
	struct send_proxy proxy; /* of --send-proxy */
	bool target_given;
	int family; /* of -4 and -6; AF_UNSPEC where neither is given */
	bool trace;
	struct tls_client_options tls;
};

static const struct options_row rows[] = {
	{ NULL, '4', NULL, 0, N_("use IPv4 only") },
	{ NULL, '6', NULL, 0, N_("use IPv6 only") },
	{ "source", OPTION_SOURCE, "ADDRESS", OPTIONS_TEXT,
		N_("connect from this address of this machine") },
	{ "send-proxy", OPTION_SEND_PROXY, "SPEC", OPTIONS_TEXT | OPTIONS_OPTIONAL,
		N_("begin with a PROXY header: v1 (default) or v2; with ,from=ADDRESS another client's") },
	{ "timeout", OPTION_TIMEOUT, "TIME", OPTIONS_TIME,
		N_("give up connecting, or waiting for an answer, after this time (default: 10s, a "
		   "datagram's echo 1s)") },
	{ "size", OPTION_SIZE, "SIZE", OPTIONS_SIZE,
		N_("in a pipe: cut the input into datagrams of at most this size (default: 1400)") },
	{ "verify", OPTION_VERIFY, NULL, 0,
		N_("in a pipe: compare while it streams, and name the first offset that differs") },
	{ "verbose", 'v', NULL, 0,
		N_("say which address is used, and show round-trip times or totals") },
	{ "trace", OPTION_TRACE, NULL, 0, N_("show every socket call on standard error") },
	TLS_OPTIONS_CLIENT_ROWS,
	{ 0 },
};

static int read_timeout(struct cli_state *state, const char *text, uint64_t *ret_ns)
{
	uint64_t ns;

	if (duration_parse(text, &ns) < 0 || ns == 0)
		return cli_complain(state,
			_("'%s' is not a length of time for --timeout, like 500ms or 10s"), text);
	*ret_ns = ns;
	return 0;
}

static int read_size(struct cli_state *state, const char *text, size_t *ret_bytes)
{
	uint64_t bytes;

	if (number_parse_size(text, 1, LOCKSTEP_SIZE_MOST, &bytes) < 0)
		return cli_complain(state, _("'%s' is not a size for --size: from 1 to %d bytes"),
			text, LOCKSTEP_SIZE_MOST);
	*ret_bytes = (size_t)bytes;
	return 0;
}

static bool is_unix(const struct addr_spec *spec)
{
	return spec->scheme == ADDR_UNIX || spec->scheme == ADDR_UNIXGRAM;
}

static int apply_family(struct cli_state *state, struct arguments *arguments)
{
	struct addr_spec *target = &arguments->talk.target;

	if (arguments->family == AF_UNSPEC)
		return 0;
	if (target->family != AF_UNSPEC && target->family != arguments->family)
		return cli_complain(state, _("-%c does not fit the family that the address names"),
			arguments->family == AF_INET ? '4' : '6');
	target->family = arguments->family;
	return 0;
}

/* What fits together only when everything has been read. */
static int check(struct cli_state *state, struct arguments *arguments)
{
	const struct talk_options *talk = &arguments->talk;

	if (!arguments->target_given)
		return cli_complain(state, _("there is no address to talk to"));
	if (!is_unix(&talk->target) && talk->target.port == 0)
		return cli_complain(
			state, _("no service listens on port 0; name the server's port"));
	if (talk->source_given && is_unix(&talk->source) != is_unix(&talk->target))
		return cli_complain(state,
			_("--source and the address must both be of the network, or both unix"));
	if (talk->size_bytes != 0 && addr_socket_type(talk->target.scheme) != SOCK_DGRAM)
		return cli_complain(state, _("--size is for datagrams, udp and unixgram"));
	if ((talk->verify || talk->size_bytes != 0) && talk_is_by_hand())
		return cli_complain(state,
			_("--verify and --size are for pipes: input or output must not be a terminal"));
	if (take_check_proxy(state, talk->proxy, &talk->target) < 0)
		return -EINVAL;
	if (apply_family(state, arguments) < 0)
		return -EINVAL;
	return tls_options_open_client(&arguments->tls, &talk->target, state, &arguments->talk.tls);
}

static int take(int key, const char *argument, struct cli_state *state)
{
	struct arguments *arguments = state->input;
	struct talk_options *talk = &arguments->talk;

	switch (key) {
	case '4':
	case '6': {
		int family = key == '4' ? AF_INET : AF_INET6;

		if (arguments->family != AF_UNSPEC && arguments->family != family)
			return cli_complain(state, _("-4 and -6 exclude each other"));
		arguments->family = family;
		return 0;
	}
	case 'v': talk->verbose = true; return 0;
	case OPTION_VERIFY: talk->verify = true; return 0;
	case OPTION_TRACE: arguments->trace = true; return 0;
	case OPTION_TIMEOUT: return read_timeout(state, argument, &talk->timeout_ns);
	case OPTION_SIZE: return read_size(state, argument, &talk->size_bytes);
	case OPTION_SEND_PROXY:
		return take_send_proxy(state, argument, &arguments->proxy, &talk->proxy);
	case OPTION_SOURCE:
		talk->source_given = true;
		return cli_take_address(state, argument, &talk->source);
	case CLI_KEY_ARGUMENT:
		return cli_take_target(state, argument, &arguments->target_given, &talk->target);
	case CLI_KEY_END: return check(state, arguments);
	default: return tls_options_take_client(&arguments->tls, key, argument, state);
	}
}

const struct options_table verb_talk_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("ADDRESS"),
	.argument_kind = OPTIONS_ADDRESS,
	.about = N_("Talks to an echo service: by hand at a terminal, line by line; in a pipe, "
		    "sends all of the input and writes what comes back."),
};

enum cli_status verb_talk(int argc, char **argv)
{
	struct arguments arguments = { .family = AF_UNSPEC };

	enum cli_status status;

	if (!cli_parse(&verb_talk_options, argc, argv, &arguments, &status))
		return status;
	if (arguments.trace)
		call_set_hook(call_trace_to_stderr);

	int r = talk(&arguments.talk);

	tls_context_free(arguments.talk.tls);

	/* As shells count it: 130 after Ctrl-C in a pipe. */
	if (r > 0)
		return (enum cli_status)(128 + r);
	return r == 0 ? CLI_OK : CLI_FAILED;
}
