/*
 * What comes before the first probe and after the last. That the service is not there is no error
 * here: it is what ping is asked about. That the address cannot be, is.
 */
#include "ping/ping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "client/dial.h"
#include "net/call.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "ping/ping_json.h"
#include "ping/ping_text.h"

/* The finest that a picture can show; it grows with the run. */
#define PLOT_STEP_NS (10 * CLOCK_NS_PER_MS)

/* What is found before the run. The end is ends_fini, on every way out. */
struct ends {
	struct resolve_list targets, sources;
	struct addr target, source;
	bool source_given;
	int fd; /* ours; connected while choosing among several addresses, or -1 */
	uint64_t connect_ns;
};

static int find(const struct addr_spec *spec, struct resolve_list *ret_list)
{
	char text[ADDR_TEXT_SIZE];
	int r = resolve(spec, RESOLVE_CONNECT, ret_list);

	if (r < 0)
		log_error(_("cannot find '%s': %s"), addr_spec_format(spec, text, sizeof(text)),
			resolve_strerror(r));
	return r;
}

/* Among several addresses of a service, the one that answers first is asked. */
static void choose_target(const struct ping_options *options, struct ends *ends)
{
	struct dial_options dial_options = {
		.timeout_ns = options->timeout_ns,
		.sources = options->source_given ? &ends->sources : NULL,
		.device = options->device,
		.proxy = options->proxy,
	};
	struct dial_report report;
	uint64_t start_ns = clock_now_ns();

	ends->target = ends->targets.addrs[0];
	if (ends->targets.count == 1)
		return;
	/* None answers: then the first is probed until it does. */
	if (dial(&ends->targets, &dial_options, &report, &ends->fd, &ends->target) < 0)
		return;
	ends->connect_ns = clock_now_ns() - start_ns;
	/* Where each probe, or each port, has a connection of its own, only the choice counts. */
	if (options->connect || options->ports > 0 ||
		addr_socket_type(ends->target.scheme) == SOCK_DGRAM) {
		call_close(ends->fd);
		ends->fd = -1;
	}
}

static int choose_source(const struct ping_options *options, struct ends *ends)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < ends->sources.count; i++) {
		if (ends->sources.addrs[i].generic.sa_family == ends->target.generic.sa_family) {
			ends->source = ends->sources.addrs[i];
			ends->source_given = true;
			return 0;
		}
	}
	log_error(_("cannot ping from '%s': it is not of the family of the service's address"),
		addr_spec_format(&options->source, text, sizeof(text)));
	return -EADDRNOTAVAIL;
}

/* A source that this machine does not have would fail with every probe: reported once, before. */
static int try_source(const struct ping_options *options, const struct ends *ends)
{
	char text[ADDR_TEXT_SIZE];
	int fd;
	int r = socket_open_client(&ends->target, &ends->source, &fd, NULL);

	if (r == 0) {
		call_close(fd);
		socket_remove_stale(&ends->source);
		return 0;
	}
	log_error(_("cannot ping from '%s': %s%s"),
		addr_spec_format(&options->source, text, sizeof(text)), strerror(-r),
		r == -EADDRNOTAVAIL ? _(" (it must be an address of this machine)") : "");
	return r;
}

static int try_device(const struct ping_options *options, const struct ends *ends)
{
	int fd;
	int r = socket_open_client(&ends->target, NULL, &fd, NULL);

	if (r == 0) {
		r = call_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->device,
			(socklen_t)strlen(options->device));
		call_close(fd);
	}
	if (r < 0)
		log_error(_("cannot ping through '%s': %s"), options->device, strerror(-r));
	return r;
}

/* Any address of this machine, for ports that are bound before they connect. */
static struct addr any_source(const struct addr *target)
{
	struct addr any = { .scheme = target->scheme, .length = target->length };

	any.generic.sa_family = target->generic.sa_family;
	return any;
}

static int find_ends(const struct ping_options *options, struct ends *ends)
{
	int r = find(&options->target, &ends->targets);

	if (r == 0 && options->source_given)
		r = find(&options->source, &ends->sources);
	for (size_t i = 0; r == 0 && i < ends->sources.count; i++) {
		if (!options->source.port_given)
			addr_set_port(&ends->sources.addrs[i], 0);
	}
	if (r < 0)
		return r;
	choose_target(options, ends);
	if (options->source_given) {
		r = choose_source(options, ends);
		if (r == 0 && ends->fd < 0)
			r = try_source(options, ends);
	}
	if (!options->source_given && options->ports > 0) {
		ends->source = any_source(&ends->target);
		ends->source_given = true;
	}
	if (r == 0 && options->device != NULL)
		r = try_device(options, ends);
	return r;
}

static bool is_own_machine(const struct addr *addr)
{
	switch (addr->generic.sa_family) {
	case AF_UNIX: return true;
	case AF_INET: return ntohl(addr->in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
	default: return false;
	}
}

static int check_interval(uint64_t interval_ns, const struct addr *target)
{
	if (interval_ns >= PING_INTERVAL_LEAST_NS || geteuid() == 0 || is_own_machine(target))
		return 0;
	log_error(_("cannot flood '%s': an interval below 2ms, or -f without -i, is for the "
		    "super-user"),
		addr_scheme_name(target->scheme));
	return -EPERM;
}

/* The names that unix clients gave themselves are files, which would outlive us. */
static void ends_fini(struct ends *ends)
{
	if (ends->fd >= 0)
		call_close(ends->fd);
	if (ends->source_given)
		socket_remove_stale(&ends->source);
}

static enum ping_verdict judge(
	const struct ping_options *options, const struct ping_run_outcome *outcome)
{
	if (outcome->damaged > 0) {
		log_error(_("not an exact echo: %llu replies differ from what was sent"),
			(unsigned long long)outcome->damaged);
		return PING_DAMAGED;
	}
	/* One that died half-way is not a service that answers. */
	if (outcome->received == 0 || outcome->away)
		return PING_UNANSWERED;
	/* As ping(8): a count and a deadline together are a demand. */
	if (options->count != 0 && options->deadline_ns != 0 && outcome->received < options->count)
		return PING_UNANSWERED;
	return PING_ANSWERED;
}

/* A socket that took the number of a closed standard output would be sent our lines. */
static int check_output(void)
{
	if (fcntl(STDOUT_FILENO, F_GETFD) >= 0)
		return 0;
	log_error(_("cannot write the output: %s"), strerror(EBADF));
	return -EBADF;
}

static int run(const struct ping_options *options, uint64_t interval_ns, struct ends *ends,
	struct ping_run_outcome *ret_outcome)
{
	struct plot_course plot;
	struct ping_run_options run = {
		.manner = {
			.peer = ends->target,
			.size_bytes = options->size_bytes,
			.connect = options->connect,
			.by_port = options->ports > 0,
			.quiet = options->quiet,
			.flood = options->flood,
			.wall_times = options->wall_times,
			.timeout_ns = options->timeout_ns,
			.plot = options->plots ? &plot : NULL,
			.plot_style = options->plot_style,
			.begun_ns = clock_now_ns(),
		},
		.printer = options->json ? &ping_json_printer : &ping_text_printer,
		.tls = { .context = options->tls, .host = options->target.host },
		.source = ends->source_given ? &ends->source : NULL,
		.device = options->device,
		.proxy = options->proxy,
		.ports = options->ports > 0 ? options->ports : 1,
		.count = options->count,
		.interval_ns = interval_ns,
		.deadline_ns = options->deadline_ns,
		.busy_ns = options->busy_ns,
		.show_waiting = options->show_waiting,
		.kernel = options->kernel,
		.connected_fd = ends->fd,
		.connected_ns = ends->connect_ns,
	};
	int r;

	plot_course_init(&plot, PLOT_STEP_NS);
	r = ping_run(&run, ret_outcome);

	if (r == 0)
		ends->fd = -1; /* the run has closed it */
	else
		log_error(_("cannot begin: %s"), strerror(-r));
	return r;
}

int ping(const struct ping_options *options, enum ping_verdict *ret_verdict)
{
	struct ends ends = { .fd = -1 };
	struct ping_run_outcome outcome;
	uint64_t interval_ns = options->flood && !options->interval_given ? 0
									  : options->interval_ns;
	int r = check_output();

	if (r < 0)
		return r;
	r = find_ends(options, &ends);
	if (r == 0)
		r = check_interval(interval_ns, &ends.target);
	if (r == 0)
		r = run(options, interval_ns, &ends, &outcome);
	ends_fini(&ends);
	if (r < 0)
		return r;
	*ret_verdict = judge(options, &outcome);
	return 0;
}
