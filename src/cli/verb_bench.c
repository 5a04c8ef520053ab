/*
 * `meari bench`: reads the options. What an option means is written in docs/man/meari-bench.1; what is
 * done with them is measure.c.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"
#include "bench/fleet/start.h"
#include "bench/ineffective.h"
#include "bench/measure.h"
#include "bench/mix.h"
#include "cli/cli.h"
#include "cli/take.h"
#include "cli/tls_options.h"
#include "engine/engine.h"
#include "net/call.h"

/* Up to here every byte is compared by default; see meari-bench(1), --verify. */
#define VERIFY_MOST_MESSAGE_BYTES (64u << 10)
#define VERIFY_MOST_BYTES_PER_S 1e9

/* As shells count it: 130 after Ctrl-C. */
#define SIGNAL_STATUS 128

#define FIND_MAX_DURATION_NS (3 * CLOCK_NS_PER_S)
#define CLOSED_DEPTH 1
#define OPEN_DEPTH 16
#define DEFAULT_MESSAGE_BYTES 64
#define DEFAULT_TRAIN 32

enum option_key {
	KEY_ARRIVALS = 256,
	KEY_SEED,
	KEY_CHURN,
	KEY_RESET,
	KEY_VERIFY,
	KEY_NO_VERIFY,
	KEY_TRAINS,
	KEY_TIMEOUT,
	KEY_SOURCE,
	KEY_SEND_PROXY,
	KEY_ENGINE,
	KEY_BUSY_POLL,
	KEY_FIND_MAX,
	KEY_ASSERT,
	KEY_JSON,
	KEY_JSON_LINES,
	KEY_HDR,
	KEY_HTML,
	KEY_PLOT,
	KEY_LABEL,
	KEY_INTERVAL,
	KEY_START_AT,
	KEY_RANK,
	KEY_TRACE,
};

static const char *arrivals_choice(size_t index)
{
	static const char *const names[] = { "constant", "poisson", NULL };

	return names[index];
}

static const struct options_row rows[] = {
	{ .help = N_("The load:") },
	{ "connections", 'c', "N", OPTIONS_NUMBER,
		N_("connections at the same time (default: 10)") },
	{ "pipeline", 'p', "N", OPTIONS_NUMBER,
		N_("messages under way on a connection, at most (default: 1, with --rate 16)") },
	{ "rate", 'r', "RATE", OPTIONS_TEXT,
		N_("open loop: messages a second by a schedule: 10k, a ramp "
		   "1k..50k@30s, steps 1k@10s,5k@10s") },
	{ "arrivals", KEY_ARRIVALS, "HOW", OPTIONS_CHOICE,
		N_("with --rate: constant or poisson (default: constant)"), arrivals_choice },
	{ "seed", KEY_SEED, "N", OPTIONS_NUMBER,
		N_("seed of random sizes and arrivals (default: 1)") },
	{ "size", 's', "SIZES", OPTIONS_TEXT,
		N_("bytes of a message: 64, or several with weights, 64:9,16K:1 (default: 64)") },
	{ "duration", 'd', "TIME", OPTIONS_TIME,
		N_("how long to measure (default: 10s, or as long as --rate says; of each run of "
		   "--find-max 3s)") },
	{ "warm-up", 'w', "TIME", OPTIONS_TIME, N_("load before that, not counted (default: 1s)") },
	{ "churn", KEY_CHURN, "N", OPTIONS_NUMBER | OPTIONS_OPTIONAL,
		N_("each connection ends after N messages (default: 1) and the next one is made") },
	{ "reset", KEY_RESET, NULL, 0,
		N_("end connections by RST, which leaves no TIME-WAIT behind") },
	{ "verify", KEY_VERIFY, NULL, 0,
		N_("compare every byte (default: for messages up to 64K and up to 1 GB a second)") },
	{ "no-verify", KEY_NO_VERIFY, NULL, 0, N_("only count the bytes") },
	{ "trains", KEY_TRAINS, "N", OPTIONS_NUMBER | OPTIONS_OPTIONAL,
		N_("udp: datagrams leave N at a time, as one for the kernel (default: half of "
		   "--pipeline)") },
	{ "timeout", KEY_TIMEOUT, "TIME", OPTIONS_TIME,
		N_("for connecting, for a datagram's echo, and for what is under way at the end "
		   "(default: 1s)") },
	{ "resume", TLS_OPTIONS_RESUME, NULL, 0,
		N_("with TLS and --churn: go on with the keys of an earlier connection") },
	{ NULL, '4', NULL, 0, N_("use IPv4 only") },
	{ NULL, '6', NULL, 0, N_("use IPv6 only") },
	{ "source", KEY_SOURCE, "ADDRESSES", OPTIONS_TEXT,
		N_("connect from these in turn: an address, a range A-B or a prefix, "
		   "each also with :PORT or :LOW-HIGH") },
	{ "send-proxy", KEY_SEND_PROXY, "SPEC", OPTIONS_TEXT | OPTIONS_OPTIONAL,
		N_("begin with a PROXY header: v1 (default) or v2; with ,from=ADDRESS another client's") },
	{ .help = N_("One of many:") },
	{ "start-at", KEY_START_AT, "WHEN", OPTIONS_TEXT,
		N_("begin the load then: 2026-01-31T12:00:00Z, 12:00:00 (here, today), @SECONDS "
		   "since 1970 or +10s") },
	{ "rank", KEY_RANK, "I/N", OPTIONS_TEXT,
		N_("this is generator I of N, from 0 (default: what mpirun, srun, parallel ... "
		   "say)") },
	{ .help = N_("How it works:") },
	{ "threads", 't', "N", OPTIONS_NUMBER, N_("threads (default: half of the processors)") },
	{ "engine", KEY_ENGINE, "NAME", OPTIONS_CHOICE, N_("auto, epoll or uring (default: auto)"),
		cli_engine_choice },
	{ "busy-poll", KEY_BUSY_POLL, "TIME", OPTIONS_TIME,
		N_("how long to poll for more before sleeping: auto, 0 (never) or a time (default: "
		   "0)") },
	{ "trace", KEY_TRACE, NULL, 0,
		N_("every socket call as it is made, with its arguments and result") },
	{ .help = N_("Verdict:") },
	{ "assert", KEY_ASSERT, "PROMISE", OPTIONS_TEXT,
		N_("status 3 unless this holds, such as p99<5ms, loss==0, errors==0 or rate>=10k; "
		   "may be repeated") },
	{ "find-max", KEY_FIND_MAX, "PROMISE", OPTIONS_TEXT,
		N_("find the highest rate that keeps this, from --rate on (default: 1k)") },
	{ .help = N_("Output:") },
	{ "json", KEY_JSON, NULL, 0,
		N_("the result as one JSON object; the text goes to standard error") },
	{ "json-lines", KEY_JSON_LINES, NULL, 0,
		N_("the same, and before it an object for each interval as it ends") },
	{ "hdr", KEY_HDR, "FILE", OPTIONS_FILE, N_("write all latencies as an HdrHistogram log") },
	{ "plot", KEY_PLOT, "HOW", OPTIONS_CHOICE | OPTIONS_OPTIONAL,
		N_("draw latency in the terminal: auto, braille or ascii (default: auto)"),
		take_plot_choice },
	{ "html", KEY_HTML, "FILE", OPTIONS_FILE, N_("write the result as a page with charts") },
	{ "label", KEY_LABEL, "TEXT", OPTIONS_TEXT, N_("a name for this run, kept in the result") },
	{ "interval", KEY_INTERVAL, "TIME", OPTIONS_TIME,
		N_("length of an interval of the figures over time (default: 1s)") },
	{ "quiet", 'q', NULL, 0, N_("print nothing while it runs") },
	TLS_OPTIONS_CLIENT_ROWS,
	{ 0 },
};

struct input {
	struct measure_options measure;
	struct source source;
	struct send_proxy proxy;
	struct tls_client_options tls;
	bool target_given, duration_given, depth_given;
	bool verify_given, no_verify_given, mixed_given;
	bool trains_given;
	uint32_t train; /* datagrams in one; 0: not said */
	struct ineffective given;
	int family; /* of -4 and -6; AF_UNSPEC where neither is given */
};

static int take_time_from(struct cli_state *state, const char *option, const char *text,
	uint64_t least_ns, uint64_t *ret_ns)
{
	uint64_t ns;

	if (duration_parse(text, &ns) < 0 || ns < least_ns)
		return cli_complain(
			state, _("%s '%s' is not a time, such as 500ms or 10s"), option, text);
	*ret_ns = ns;
	return 0;
}

static int complain_of_text(struct cli_state *state, const char *option, const char *text,
	const char *why, size_t column)
{
	return cli_complain(state, _("%s '%s': %s (column %zu)"), option, text, why, column + 1);
}

static int take_rate(struct input *input, const char *text, struct cli_state *state)
{
	size_t column;
	const char *why;

	if (profile_parse(text, &input->measure.profile, &column, &why) < 0)
		return complain_of_text(state, "--rate", text, why, column);
	input->measure.rate_text = text;
	input->measure.bench.load.open_loop = true;
	return 0;
}

static int take_sizes(struct input *input, const char *text, struct cli_state *state)
{
	size_t column;
	const char *why;

	if (mix_parse(text, &input->measure.bench.load, &column, &why) < 0)
		return complain_of_text(state, "--size", text, why, column);
	return 0;
}

static int take_source(struct input *input, const char *text, struct cli_state *state)
{
	size_t column;
	const char *why;

	if (source_parse(text, &input->source, &column, &why) < 0)
		return complain_of_text(state, "--source", text, why, column);
	input->measure.bench.source = &input->source;
	return 0;
}

static int take_promise(struct input *input, const char *text, struct cli_state *state)
{
	struct measure_options *measure = &input->measure;
	size_t column;
	const char *why;

	if (measure->promise_count == MEASURE_MOST_PROMISES)
		return cli_complain(state, _("--assert '%s' is one too many, %d are taken"), text,
			MEASURE_MOST_PROMISES);
	if (promise_parse(text, &measure->promises[measure->promise_count], &column, &why) < 0)
		return complain_of_text(state, "--assert", text, why, column);
	measure->promise_count++;
	return 0;
}

static int take_goal(struct input *input, const char *text, struct cli_state *state)
{
	size_t column;
	const char *why;

	if (promise_parse(text, &input->measure.goal, &column, &why) < 0)
		return complain_of_text(state, "--find-max", text, why, column);
	input->measure.has_goal = true;
	input->measure.bench.load.open_loop = true;
	return 0;
}

static int take_start(struct input *input, const char *text, struct cli_state *state)
{
	char clock[START_TEXT_SIZE];
	uint64_t now_ns = clock_wall_ns();
	const char *why;
	size_t column;
	int r = start_parse(text, now_ns, &input->measure.bench.start_unix_ns, &column, &why);

	if (r == -EINVAL)
		return complain_of_text(state, "--start-at", text, why, column);
	if (r < 0)
		return cli_complain(state, _("--start-at '%s' has passed: it is %s now"), text,
			start_format(now_ns, clock, sizeof(clock)));
	return 0;
}

static int take_rank(struct input *input, const char *text, struct cli_state *state)
{
	const char *why;

	if (launcher_parse(text, &input->measure.rank, &why) < 0)
		return cli_complain(state, "--rank '%s': %s", text, why);
	return 0;
}

static int take_family(struct input *input, int family, struct cli_state *state)
{
	if (input->family != AF_UNSPEC && input->family != family)
		return cli_complain(state, _("-4 and -6 exclude each other"));
	input->family = family;
	return 0;
}

/* ---- checks after all options have been read ---- */

static int check_target(struct input *input, struct cli_state *state)
{
	struct addr_spec *target = &input->measure.bench.target;
	const struct load_options *load = &input->measure.bench.load;
	bool is_network = target->family != AF_UNIX;
	bool is_datagram = addr_socket_type(target->scheme) == SOCK_DGRAM;

	if (!input->target_given)
		return cli_complain(state, _("there is no address to load"));
	if (is_network && target->port == 0)
		return cli_complain(state, _("port 0 has no listener; name the server's port"));
	if (!is_network && input->measure.bench.source != NULL)
		return cli_complain(state, _("--source is for addresses of the network"));
	if (is_datagram && mix_most_bytes(load) > LOAD_MOST_FLOW_BYTES)
		return cli_complain(state, _("a datagram has at most %u bytes, --size asks for %u"),
			LOAD_MOST_FLOW_BYTES, mix_most_bytes(load));
	if (is_datagram && (load->echoes > 0 || load->end_by_reset))
		return cli_complain(state, _("--churn and --reset are for streams, tcp and unix"));
	if (take_check_proxy(state, input->measure.bench.proxy, target) < 0)
		return -EINVAL;
	if (input->family == AF_UNSPEC)
		return 0;
	if (target->family != AF_UNSPEC && target->family != input->family)
		return cli_complain(state, _("-%c does not fit the family that the address names"),
			input->family == AF_INET ? '4' : '6');
	target->family = input->family;
	return 0;
}

static int check_goal(const struct input *input, struct cli_state *state)
{
	const struct measure_options *measure = &input->measure;
	const struct profile_stage *stage = &measure->profile.stages[0];

	if (!measure->has_goal)
		return 0;
	if (measure->rate_text != NULL &&
		(measure->profile.count > 1 || stage->from_per_s != stage->to_per_s ||
			stage->length_ns != CLOCK_NEVER))
		return cli_complain(state,
			_("with --find-max, --rate is the one rate to begin with, not '%s'"),
			measure->rate_text);
	if (measure->hdr_path != NULL)
		return cli_complain(state, _("--hdr is the log of one run, not of --find-max"));
	return 0;
}

/* Which of many generators this is, and which sources are its own. */
static int settle_rank(struct input *input, struct cli_state *state)
{
	struct launcher_rank *rank = &input->measure.rank;
	struct launcher_fault fault;

	if (!rank->known && launcher_find(rank, &fault) < 0)
		return cli_complain(state,
			_("%s '%s' in the environment: %s (--rank I/N wins over it)"),
			fault.variable, fault.value, fault.why);
	if (rank->size > 0)
		source_split(&input->source, rank->rank, rank->size);
	return 0;
}

/* How many datagrams are in a train, and under way. */
static int check_trains(struct input *input, struct cli_state *state)
{
	struct load_options *load = &input->measure.bench.load;
	uint32_t most = LOAD_MOST_FLOW_BYTES / load->sizes[0].bytes;
	uint32_t train = input->train;

	if (!input->trains_given)
		return 0;
	if (input->measure.bench.target.scheme != ADDR_UDP)
		return cli_complain(state, _("--trains is for udp"));
	if (load->open_loop)
		return cli_complain(
			state, _("--trains is for the closed loop, without --rate and --find-max"));
	if (load->size_count > 1)
		return cli_complain(state,
			_("--trains takes one --size: the datagrams of a train are "
			  "equally long"));
	if (most > LOAD_MOST_TRAIN)
		most = LOAD_MOST_TRAIN;
	if (train == 0 && !input->depth_given)
		train = DEFAULT_TRAIN;
	else if (train == 0)
		train = load->depth / 2 > 2 ? load->depth / 2 : 2;
	if (input->train == 0 && train > most)
		train = most;
	if (most < 2 || train > most)
		return cli_complain(state,
			_("--trains: of datagrams of %u bytes, a train takes %u at most"),
			load->sizes[0].bytes, most);
	if (input->depth_given && train > load->depth)
		return cli_complain(state,
			_("--trains: --pipeline %u is not enough for a train of %u datagrams"),
			load->depth, train);
	load->train = train;
	if (!input->depth_given)
		load->depth = 2 * train; /* one on its way there, one on its way back */
	input->depth_given = true;
	return 0;
}

/* Defaults that depend on other options. */
static void complete(struct input *input)
{
	struct measure_options *measure = &input->measure;
	struct load_options *load = &measure->bench.load;
	double rate = measure->rate_text != NULL ? measure->profile.stages[0].to_per_s : 0;
	uint64_t profile_ns = measure->rate_text != NULL ? profile_length_ns(&measure->profile)
							 : CLOCK_NEVER;

	if (!input->depth_given)
		load->depth = load->open_loop ? OPEN_DEPTH : CLOSED_DEPTH;
	if (!input->duration_given)
		measure->duration_ns = measure->has_goal ? FIND_MAX_DURATION_NS
			: profile_ns != CLOCK_NEVER      ? profile_ns
							 : BENCH_DEFAULT_DURATION_NS;
	else
		input->given.duration_ns = measure->duration_ns;
	if (profile_ns < measure->duration_ns)
		measure->duration_ns = profile_ns;
	load->verify = input->verify_given ||
		(!input->no_verify_given && mix_most_bytes(load) <= VERIFY_MOST_MESSAGE_BYTES &&
			rate * mix_mean_bytes(load) <= VERIFY_MOST_BYTES_PER_S);
}

static int check(struct input *input, struct cli_state *state)
{
	const struct measure_options *measure = &input->measure;
	const struct bench_options *bench = &measure->bench;
	int r = check_target(input, state);

	if (r == 0)
		r = check_goal(input, state);
	if (r != 0)
		return r;
	if (input->verify_given && input->no_verify_given)
		return cli_complain(state, _("--verify and --no-verify exclude each other"));
	if (bench->arrivals == PACE_POISSON && !bench->load.open_loop)
		return cli_complain(state, _("--arrivals is for --rate and --find-max"));
	if (measure->json && measure->json_lines)
		return cli_complain(state, _("--json and --json-lines exclude each other"));
	if (input->tls.resume && bench->load.echoes == 0)
		return cli_complain(state, _("--resume is for --churn"));
	r = settle_rank(input, state);
	if (r == 0)
		r = check_trains(input, state);
	if (r != 0)
		return r;
	complete(input);
	ineffective_say(&input->given, measure);
	return tls_options_open_client(
		&input->tls, &bench->target, state, &input->measure.bench.tls);
}

/* ---- options ---- */

static int parse_load(struct input *input, int key, const char *text, struct cli_state *state)
{
	struct bench_options *bench = &input->measure.bench;
	uint64_t number = 1;
	int r;

	switch (key) {
	case 'c':
		r = take_count(state, "--connections", text, 1, BENCH_MOST_CONNECTIONS, &number);
		bench->connections = (uint32_t)number;
		return r;
	case 'p':
		r = take_count(state, "--pipeline", text, 1, LOAD_MOST_DEPTH, &number);
		bench->load.depth = (uint32_t)number;
		input->depth_given = input->given.depth = true;
		return r;
	case KEY_SEED:
		input->given.seed = true;
		return take_count(state, "--seed", text, 0, UINT64_MAX, &bench->seed);
	case KEY_CHURN:
		r = text != NULL ? take_count(state, "--churn", text, 1, UINT32_MAX, &number) : 0;
		bench->load.echoes = (uint32_t)number;
		return r;
	case KEY_RESET: bench->load.end_by_reset = true; return 0;
	case KEY_VERIFY: input->verify_given = true; return 0;
	case KEY_NO_VERIFY: input->no_verify_given = true; return 0;
	case KEY_TRAINS:
		number = 0;
		r = text != NULL ? take_count(state, "--trains", text, 2, LOAD_MOST_TRAIN, &number)
				 : 0;
		input->trains_given = true;
		input->train = (uint32_t)number;
		return r;
	case KEY_TIMEOUT: return take_time_from(state, "--timeout", text, 1, &bench->timeout_ns);
	case KEY_SEND_PROXY: return take_send_proxy(state, text, &input->proxy, &bench->proxy);
	case KEY_START_AT: return take_start(input, text, state);
	case KEY_RANK: return take_rank(input, text, state);
	case KEY_SOURCE: return take_source(input, text, state);
	case KEY_ARRIVALS:
		input->given.arrivals = true;
		bench->arrivals = strcmp(text, "poisson") == 0 ? PACE_POISSON : PACE_CONSTANT;
		return 0;
	case 'r': return take_rate(input, text, state);
	case 's': return take_sizes(input, text, state);
	case 'd':
		input->duration_given = true;
		return take_time_from(state, "--duration", text, 1, &input->measure.duration_ns);
	case 'w': return take_time_from(state, "--warm-up", text, 0, &input->measure.warm_up_ns);
	case '4': return take_family(input, AF_INET, state);
	case '6': return take_family(input, AF_INET6, state);
	default: return tls_options_take_client(&input->tls, key, text, state);
	}
}

static int parse_output(struct input *input, int key, const char *text, struct cli_state *state)
{
	struct measure_options *measure = &input->measure;

	switch (key) {
	case KEY_JSON: measure->json = true; return 0;
	case KEY_JSON_LINES: measure->json_lines = true; return 0;
	case KEY_HDR: measure->hdr_path = text; return 0;
	case KEY_HTML: measure->html_path = text; return 0;
	case KEY_PLOT:
		measure->plots = true;
		measure->plot_style = take_plot_style(text);
		return 0;
	case KEY_LABEL: measure->label = text; return 0;
	case KEY_INTERVAL:
		input->given.interval = true;
		return take_time_from(
			state, "--interval", text, CLOCK_NS_PER_MS, &measure->bench.interval_ns);
	case 'q': measure->quiet = true; return 0;
	default: return parse_load(input, key, text, state);
	}
}

static int take(int key, const char *text, struct cli_state *state)
{
	struct input *input = state->input;
	struct bench_options *bench = &input->measure.bench;
	uint64_t number = 0;
	int r;

	switch (key) {
	case 't':
		r = take_count(state, "--threads", text, 1, BENCH_MOST_THREADS, &number);
		bench->threads = (unsigned)number;
		input->given.threads = true;
		return r;
	case KEY_ENGINE: bench->engine = text; return 0;
	case KEY_BUSY_POLL:
		if (cli_parse_busy_poll(text, &bench->busy_poll_ns) < 0)
			return cli_complain(state,
				_("--busy-poll '%s' is neither 'auto' nor a time, such as 50us"),
				text);
		return 0;
	case KEY_TRACE: call_set_hook(call_trace_to_stderr); return 0;
	case KEY_ASSERT: return take_promise(input, text, state);
	case KEY_FIND_MAX: return take_goal(input, text, state);
	case CLI_KEY_ARGUMENT:
		return cli_take_target(state, text, &input->target_given, &bench->target);
	case CLI_KEY_END: return check(input, state);
	default: return parse_output(input, key, text, state);
	}
}

const struct options_table verb_bench_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("ADDRESS"),
	.argument_kind = OPTIONS_ADDRESS,
	.about = N_("Loads an echo service and measures throughput and latency."),
};

enum cli_status verb_bench(int argc, char **argv)
{
	struct input input = {
		.measure = {
			.bench = {
				.engine = "auto",
				.connections = BENCH_DEFAULT_CONNECTIONS,
				.load = {
					.size_count = 1,
					.sizes = { { DEFAULT_MESSAGE_BYTES, 1 } },
				},
				.seed = 1,
				.timeout_ns = BENCH_DEFAULT_TIMEOUT_NS,
				.interval_ns = CLOCK_NS_PER_S,
			},
			.warm_up_ns = BENCH_DEFAULT_WARM_UP_NS,
			.argc = argc,
			.argv = argv,
		},
		.family = AF_UNSPEC,
	};

	enum measure_verdict outcome;
	enum cli_status status;
	int signal = 0;

	if (!cli_parse(&verb_bench_options, argc, argv, &input, &status))
		return status;
	outcome = measure(&input.measure, &signal);
	tls_context_free(input.measure.bench.tls);
	switch (outcome) {
	case MEASURE_KEPT: return CLI_OK;
	case MEASURE_BROKEN: return CLI_UNMET;
	case MEASURE_NOT_JUDGED: return CLI_NOT_JUDGED;
	case MEASURE_INTERRUPTED: return (enum cli_status)(SIGNAL_STATUS + signal);
	case MEASURE_FAILED: break;
	}
	return CLI_FAILED;
}
