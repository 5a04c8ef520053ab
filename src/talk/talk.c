/*
 * The steps of a client in their order, and all the messages that may come of them.
 */
#include "talk/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "client/channel.h"
#include "client/dial.h"
#include "client/ending.h"
#include "net/call.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "talk/lockstep.h"
#include "talk/pipe.h"
#include "talk/prompt.h"
#include "wire/tls.h"

bool talk_is_by_hand(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int find(const struct addr_spec *spec, struct resolve_list *ret_list)
{
	char text[ADDR_TEXT_SIZE];
	int r = resolve(spec, RESOLVE_CONNECT, ret_list);

	if (r < 0)
		log_error(_("cannot find '%s': %s"), addr_spec_format(spec, text, sizeof(text)),
			resolve_strerror(r));
	return r;
}

/* An address of this machine to speak from: its port is the kernel's choice unless it was given. */
static int find_source(const struct addr_spec *spec, struct resolve_list *ret_list)
{
	int r = find(spec, ret_list);

	for (size_t i = 0; r == 0 && i < ret_list->count; i++) {
		if (!spec->port_given)
			addr_set_port(&ret_list->addrs[i], 0);
	}
	return r;
}

/* What the person may do about `error`, in brackets, or nothing. */
static const char *advice(const struct dial_attempt *attempt, bool source_given)
{
	if (source_given && attempt->error == -EADDRNOTAVAIL)
		return _(" (--source must be an address of this machine, of the server's family)");
	if (source_given && attempt->call != NULL && strcmp(attempt->call, "bind") == 0)
		return _(" (the address of --source is not available; choose another)");
	if (attempt->error == -EINVAL && addr_lacks_zone(&attempt->addr))
		return _(" (a link-local address needs a zone, such as %eth0)");
	switch (-attempt->error) {
	case ECONNREFUSED:
	case ENOENT: return _(" (is a server running there? 'meari serve' starts one)");
	case ETIMEDOUT: return _(" (--timeout waits longer)");
	case ENETUNREACH: return _(" (this machine has no route to it; -4 or -6 choose a family)");
	default: return "";
	}
}

static void log_not_connected(
	const struct talk_options *options, const struct dial_report *report, int error)
{
	struct dial_attempt none = { .error = error };
	const struct dial_attempt *last = report->count > 0 ? &report->attempts[report->count - 1]
							    : &none;
	char target[ADDR_TEXT_SIZE], each[2048];
	size_t used = 0;

	addr_spec_format(&options->target, target, sizeof(target));
	if (report->count <= 1) {
		log_error(_("cannot connect to '%s': %s%s"), target, strerror(-last->error),
			advice(last, options->source_given));
		return;
	}
	for (size_t i = 0; i < report->count && used < sizeof(each); i++) {
		char text[ADDR_TEXT_SIZE];
		const struct dial_attempt *attempt = &report->attempts[i];

		used += (size_t)snprintf(each + used, sizeof(each) - used, "%s%s %s",
			i > 0 ? ", " : "", addr_format(&attempt->addr, text, sizeof(text)),
			strerror(-attempt->error));
	}
	log_error(_("cannot connect to '%s': %s%s"), target, each,
		advice(last, options->source_given));
}

static void log_connected(
	const struct dial_report *report, const struct addr *addr, int fd, uint64_t took_ns)
{
	struct addr own;
	char target[ADDR_TEXT_SIZE], source[ADDR_TEXT_SIZE] = "?", time[DURATION_TEXT_SIZE];

	for (size_t i = 0; i < report->count; i++) {
		const struct dial_attempt *attempt = &report->attempts[i];

		if (attempt->error < 0)
			LOG_EVENT(LOG_LEVEL_INFO, "tried", NULL, _("tried %s: %s"),
				addr_format(&attempt->addr, target, sizeof(target)),
				strerror(-attempt->error));
	}
	addr_format(addr, target, sizeof(target));
	duration_format(took_ns, time, sizeof(time));
	/* A unix client mostly has no name of its own. */
	if (socket_name(fd, addr->scheme, &own) < 0 || own.length <= sizeof(sa_family_t)) {
		LOG_EVENT(LOG_LEVEL_INFO, "connected", NULL, _("connected to %s in %s"), target,
			time);
		return;
	}
	LOG_EVENT(LOG_LEVEL_INFO, "connected", NULL, _("connected to %s from %s in %s"), target,
		addr_format(&own, source, sizeof(source)), time);
}

static void log_secured(int fd, uint64_t took_ns)
{
	struct tls_facts facts;
	char time[DURATION_TEXT_SIZE];

	tls_facts(channel_stage(fd), &facts);
	LOG_EVENT(LOG_LEVEL_INFO, "secured", NULL, _("TLS in %s: %s, %s%s%s"),
		duration_format(took_ns, time, sizeof(time)), facts.version, facts.cipher,
		facts.alpn[0] != '\0' ? ", ALPN " : "", facts.alpn);
	LOG_EVENT(LOG_LEVEL_INFO, "certificate", NULL,
		_("certificate of '%s', signed by '%s', SHA-256 %s"), facts.peer.subject,
		facts.peer.issuer, facts.peer.fingerprint);
}

/* Closes the socket where there will be no TLS. */
static int secure(const struct talk_options *options, int fd, uint64_t timeout_ns)
{
	const struct channel_tls tls = { .context = options->tls, .host = options->target.host };
	char why[CHANNEL_WHY_SIZE], target[ADDR_TEXT_SIZE];
	uint64_t start_ns = clock_now_ns();
	int r = channel_secure(
		fd, &tls, clock_after_ns(start_ns, timeout_ns), -1, why, sizeof(why));

	if (r == 0) {
		if (options->verbose)
			log_secured(fd, clock_now_ns() - start_ns);
		return 0;
	}
	log_error(_("no TLS with '%s': %s"),
		addr_spec_format(&options->target, target, sizeof(target)), why);
	channel_close(fd);
	return r;
}

static int connect_to_target(const struct talk_options *options, int *ret_fd, struct addr *ret_addr)
{
	struct resolve_list targets, sources;
	struct dial_report report;
	struct dial_options dial_options = {
		.timeout_ns = options->timeout_ns != 0 ? options->timeout_ns : TALK_TIMEOUT_NS,
		.sources = options->source_given ? &sources : NULL,
		.proxy = options->proxy,
	};
	uint64_t start_ns = clock_now_ns();
	int r = find(&options->target, &targets);

	if (r == 0 && options->source_given)
		r = find_source(&options->source, &sources);
	if (r < 0)
		return r;
	r = dial(&targets, &dial_options, &report, ret_fd, ret_addr);
	if (r < 0)
		log_not_connected(options, &report, r);
	else if (options->verbose)
		log_connected(&report, ret_addr, *ret_fd, clock_now_ns() - start_ns);
	return r == 0 && options->tls != NULL ? secure(options, *ret_fd, dial_options.timeout_ns)
					      : r;
}

static int converse(const struct talk_options *options, int fd, enum addr_scheme scheme,
	struct ending *ret_ending)
{
	bool stream = addr_socket_type(scheme) == SOCK_STREAM;
	uint64_t timeout_ns = options->timeout_ns;

	if (timeout_ns == 0)
		timeout_ns = stream ? TALK_TIMEOUT_NS : LOCKSTEP_TIMEOUT_NS;
	if (talk_is_by_hand()) {
		struct prompt_options prompt = {
			.socket = fd,
			.scheme = scheme,
			.verbose = options->verbose,
			.timeout_ns = timeout_ns,
		};

		return prompt_run(&prompt, ret_ending);
	}
	if (stream) {
		struct pipe_options pipe = {
			.socket = fd,
			.scheme = scheme,
			.input = STDIN_FILENO,
			.output = STDOUT_FILENO,
			.verify = options->verify,
			.timeout_ns = timeout_ns,
		};

		return pipe_run(&pipe, ret_ending);
	}

	struct lockstep_options lockstep = {
		.socket = fd,
		.input = STDIN_FILENO,
		.output = STDOUT_FILENO,
		.size_bytes = options->size_bytes != 0 ? options->size_bytes
						       : LOCKSTEP_SIZE_DEFAULT,
		.timeout_ns = timeout_ns,
	};

	return lockstep_run(&lockstep, ret_ending);
}

static void log_figures(const struct ending *ending, uint64_t took_ns)
{
	char sent[NUMBER_TEXT_SIZE], speed[NUMBER_TEXT_SIZE], time[DURATION_TEXT_SIZE];
	double seconds = (double)took_ns / (double)CLOCK_NS_PER_S;
	uint64_t bytes = ending->received_bytes;

	LOG_EVENT(LOG_LEVEL_INFO, "carried", NULL,
		_("%llu bytes (%s) came back in %s: %s a second"), (unsigned long long)bytes,
		number_format_size(bytes, sent, sizeof(sent)),
		duration_format(took_ns, time, sizeof(time)),
		number_format_size(
			number_from_double((double)bytes / seconds), speed, sizeof(speed)));
}

/* A socket that took the number of a closed standard stream would talk to itself. */
static int check_streams(void)
{
	bool no_input = fcntl(STDIN_FILENO, F_GETFD) < 0;

	if (!no_input && fcntl(STDOUT_FILENO, F_GETFD) >= 0)
		return 0;
	log_error(no_input ? _("cannot read the input: %s") : _("cannot write the copy: %s"),
		strerror(EBADF));
	return -EBADF;
}

/* The name that a unix client gave itself is a file, which would outlive it. */
static void remove_source_file(const struct talk_options *options)
{
	struct resolve_list sources;

	if (!options->source_given || find_source(&options->source, &sources) < 0)
		return;
	for (size_t i = 0; i < sources.count; i++)
		socket_remove_stale(&sources.addrs[i]);
}

/* After /linger closing may take a while: then the time is shown. */
static void close_by_hand(int fd)
{
	struct linger linger = { 0 };
	socklen_t length = sizeof(linger);
	char time[DURATION_TEXT_SIZE];
	bool waits = call_getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) == 0 &&
		linger.l_onoff && linger.l_linger > 0;
	uint64_t start_ns = clock_now_ns();

	channel_close(fd);
	if (waits)
		LOG_EVENT(LOG_LEVEL_INFO, "closed", NULL, _("closing took %s"),
			duration_format(clock_now_ns() - start_ns, time, sizeof(time)));
}

static int hold_conversation(const struct talk_options *options)
{
	struct ending ending;
	struct addr addr;
	char text[ENDING_TEXT_SIZE];
	int fd;
	int r = connect_to_target(options, &fd, &addr);

	if (r < 0)
		return r;

	uint64_t start_ns = clock_now_ns();

	r = converse(options, fd, addr.scheme, &ending);
	if (talk_is_by_hand())
		close_by_hand(fd);
	else
		channel_close(fd);
	if (r < 0) {
		log_error(_("cannot begin: %s"), strerror(-r));
		return r;
	}
	if (options->verbose && !talk_is_by_hand())
		log_figures(&ending, clock_now_ns() - start_ns);
	if (ending.kind == ENDING_FINE)
		return 0;
	/* A reader that has read enough (`| head`) is nothing to report: it ends as by SIGPIPE. */
	if (ending.kind == ENDING_OUTPUT && ending.error == -EPIPE)
		return SIGPIPE;
	log_error("%s", ending_format(&ending, text, sizeof(text)));
	if (ending.kind == ENDING_SIGNAL)
		return ending.error;
	return ending.error < 0 ? ending.error : -EPROTO;
}

int talk(const struct talk_options *options)
{
	int r = check_streams();

	if (r < 0)
		return r;
	r = hold_conversation(options);
	remove_source_file(options);
	return r;
}
