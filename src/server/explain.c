/*
 * Each answer comes from asking the kernel, as the server itself would: a version number says nothing
 * about a container. First the engines, then what the chosen one uses, then the process, then the
 * addresses, which are resolved and not opened.
 */
#include "server/explain.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/cpus.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/log.h"
#include "engine/bulk.h"
#include "engine/engine.h"
#include "net/resolve.h"
#include "server/fault/fault_text.h"
#include "server/listen/activation.h"
#include "server/listen/listener.h"
#include "server/sandbox/sandbox.h"
#include "server/upgrade/takeover.h"
#include "wire/tls_context.h"

/* Linux 4.18 and 5.0; not in all headers. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static void print(void *context, const char *name, bool yes, const char *reason)
{
	fprintf(context, "%-20s %-3s  %s\n", name, yes ? "yes" : "no", reason);
}

static void print_format(FILE *stream, const char *name, bool yes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void print_format(FILE *stream, const char *name, bool yes, const char *format, ...)
{
	char text[ADDR_TEXT_SIZE + 200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	print(stream, name, yes, text);
}

/* ---- engines ---- */

static void print_engine(FILE *stream, const struct server_options *options,
	const struct engine_ops *ops, const struct engine_ops *chosen)
{
	char name[32], why[200];
	const char *reason;
	const struct engine_ops *favourite = engine_favourite(&reason);

	snprintf(name, sizeof(name), "engine-%s", ops->name);
	if (ops == chosen && strcmp(options->engine, "auto") != 0)
		print(stream, name, true, _("chosen by --engine"));
	else if (ops == chosen && ops == favourite)
		print_format(stream, name, true, _("what 'auto' takes: %s"), reason);
	else if (ops == chosen)
		print_format(stream, name, true, _("'auto' prefers '%s'"), favourite->name);
	else if (ops->probe(why, sizeof(why)) < 0)
		print_format(stream, name, false, _("cannot work here: %s"), why);
	else
		print_format(stream, name, false, _("could work here: --engine %s"), ops->name);
}

static int print_engines(FILE *stream, const struct server_options *options)
{
	const struct engine_ops *chosen = NULL;
	char why[200];
	int r = engine_choose(options->engine, &chosen, why, sizeof(why));

	for (size_t i = 0; engine_list[i] != NULL; i++)
		print_engine(stream, options, engine_list[i], chosen);
	if (r < 0) {
		log_error(_("cannot use the engine '%s': %s"), options->engine, why);
		return r;
	}
	chosen->explain(print, stream);
	return 0;
}

/* ---- the process ---- */

/* Whether a socket takes an option with the value `value`: 0 or -errno. */
static int try_option(int type, int level, int option, int value)
{
	CLEANUP_FD int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void print_threads(FILE *stream, const struct server_options *options)
{
	unsigned cpus = cpus_available(), threads = options->threads > 0 ? options->threads : cpus;
	int r = try_option(SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT, 1);

	/* Two sentences, each with its own plural. */
	print_format(stream, "threads", threads > 1, ngettext("%u thread", "%u threads", threads),
		threads);
	print_format(stream, "processors", true,
		ngettext("%u may be used (affinity mask and control group's quota)",
			"%u may be used (affinity mask and control group's quota)", cpus),
		cpus);
	if (r < 0)
		print_format(stream, "reuseport", false, "SO_REUSEPORT: %s", strerror(-r));
	else
		print(stream, "reuseport", threads > 1,
			threads > 1 ? _("each thread has sockets of its own")
				    : _("one thread needs no more than one socket an address"));
}

static void print_open_files(FILE *stream)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	/* The server raises the one to the other. */
	print_format(stream, "open-files", true,
		ngettext("%llu at most, a connection needs one ('ulimit -Hn')",
			"%llu at most, a connection needs one ('ulimit -Hn')",
			(unsigned long)limit.rlim_max),
		(unsigned long long)limit.rlim_max);
}

static void print_busy_poll(FILE *stream, const struct server_options *options)
{
	char text[DURATION_TEXT_SIZE];

	if (options->busy_poll_ns == ENGINE_BUSY_POLL_AUTO)
		print(stream, "busy-poll", true,
			_("before it sleeps, a thread polls again, where that has paid off"));
	else if (options->busy_poll_ns == 0)
		print(stream, "busy-poll", false, _("off: --busy-poll 0"));
	else
		print_format(stream, "busy-poll", true,
			_("before it sleeps, a thread goes on polling for %s"),
			duration_format(options->busy_poll_ns, text, sizeof(text)));
}

/* What the server will not do, whatever the kernel can; NULL: it will. */
static const char *no_splice_reason(const struct server_options *options)
{
	unsigned threads = options->threads > 0 ? options->threads : cpus_available();

	if (options->no_splice)
		return _("off: --no-splice");
	if (options->trace)
		return _("off: --trace shows the bytes");
	if (options->return_urgent)
		return _("off: --urgent urgent looks for the mark before each receive");
	if (options->pool_bytes / threads / 2 <
		(size_t)BULK_PIPE_LEAST_SLOTS * BULK_PIPE_SLOT_BYTES)
		return _("off: a pipe may keep 1 MiB, and --pending-total has too little for that");
	return NULL;
}

static void print_splice(FILE *stream, const struct server_options *options)
{
	const char *reason = no_splice_reason(options);
	uint32_t slots;
	int r = reason == NULL ? bulk_try(&slots) : 0;

	if (reason != NULL)
		print(stream, "splice", false, reason);
	else if (r == -ENOSPC)
		print(stream, "splice", false,
			_("this user's pipes are too small ('sysctl fs.pipe-user-pages-soft')"));
	else if (r < 0)
		print_format(stream, "splice", false, _("bulk is copied: %s"), strerror(-r));
	else
		print_format(stream, "splice", true,
			_("bulk moves through pipes of %u pages, and is not copied"),
			(unsigned)slots);
}

static void print_option(FILE *stream, const char *name, int type, int level, int option, int value,
	const char *reason)
{
	int r = try_option(type, level, option, value);

	if (r < 0)
		print(stream, name, false, strerror(-r));
	else
		print(stream, name, true, reason);
}

static void print_process(FILE *stream, const struct server_options *options)
{
	print_threads(stream, options);
	print_open_files(stream);
	print_busy_poll(stream, options);
	print(stream, "tls", tls_context_library() != NULL,
		tls_context_library() != NULL
			? tls_context_library()
			: _("this meari was built without TLS (-Dtls, libssl-dev)"));
	print_splice(stream, options);
	print_option(stream, "so-busy-poll", SOCK_STREAM, SOL_SOCKET, SO_BUSY_POLL, 50,
		_("sockets may have network cards polled, where --busy-poll has a time"));
	print_option(stream, "udp-gro", SOCK_DGRAM, IPPROTO_UDP, UDP_GRO, 1,
		_("datagrams of one peer may come in one piece"));
	print_option(stream, "udp-segment", SOCK_DGRAM, IPPROTO_UDP, UDP_SEGMENT, 1000,
		_("their answers may leave in one piece"));
}

/* ---- addresses ---- */

static int print_address(FILE *stream, const struct addr_spec *spec)
{
	struct resolve_list found;
	char text[ADDR_TEXT_SIZE], spec_text[ADDR_TEXT_SIZE];
	int r = resolve(spec, RESOLVE_LISTEN, &found);

	addr_spec_format(spec, spec_text, sizeof(spec_text));
	if (r < 0) {
		log_error(_("cannot listen on '%s': %s"), spec_text, resolve_strerror(r));
		return r;
	}
	for (size_t i = 0; i < found.count; i++) {
		addr_format(&found.addrs[i], text, sizeof(text));
		if (strcmp(text, spec_text) == 0)
			print(stream, "listen", true, text);
		else
			print_format(stream, "listen", true, _("%s (of '%s')"), text, spec_text);
	}
	return 0;
}

static int print_activated(FILE *stream, const struct server_options *options)
{
	struct activation activation;
	struct listener_list list = { 0 };
	char text[ADDR_TEXT_SIZE], why[LISTENER_WHY_SIZE];
	int r = activation_take(options->activated, options->activated_count, &activation);

	if (r < 0)
		return r;
	r = listener_adopt_all(&activation, 1, false, &list, why, sizeof(why));
	if (r < 0)
		log_error("%s", why);
	for (size_t i = 0; i < list.count; i++)
		print_format(stream, "listen", true, _("%s (handed over by the service manager)"),
			addr_format(&list.listeners[i].bound, text, sizeof(text)));
	listener_list_close_all(&list);
	activation_fini(&activation);
	return r;
}

static void print_upgrade(FILE *stream, const struct addr *at)
{
	char text[ADDR_TEXT_SIZE];
	unsigned sockets;
	pid_t pid;
	int r = takeover_ask(at, &pid, &sockets);

	addr_format(at, text, sizeof(text));
	if (r == 0)
		print_format(stream, "upgrade", true,
			ngettext("process %d answers at '%s': it would hand over %u socket",
				"process %d answers at '%s': it would hand over %u sockets",
				sockets),
			(int)pid, text, sockets);
	else
		print_format(stream, "upgrade", false, "'%s': %s", text,
			r == -ENOENT ? _("no server answers there; this one would start normally")
				     : takeover_strerror(r));
}

static bool write_faults(const struct fault_plan *plan, bool datagrams, bool first, FILE *ret_text)
{
	char text[FAULT_TEXT_SIZE];

	for (unsigned i = 0; i < plan->count; i++) {
		const struct fault_plan_rule *rule = &plan->rules[i];

		if (datagrams ? !fault_plan_is_of_datagrams(rule->kind)
			      : !fault_plan_is_of_streams(rule->kind))
			continue;
		fprintf(ret_text, "%s%s", first ? "" : "; ", fault_text_write(rule, text));
		first = false;
	}
	return first;
}

/* The words are those of the start (fault_map.c). */
static void log_faults(FILE *stream, const struct server_options *options)
{
	for (size_t i = 0; i < options->spec_count; i++) {
		const struct fault_plan *own = options->spec_faults != NULL
			? options->spec_faults[i]
			: NULL;
		bool datagrams = addr_socket_type(options->specs[i].scheme) == SOCK_DGRAM;
		char address[ADDR_TEXT_SIZE];
		CLEANUP_FREE char *text = NULL;
		size_t size;
		FILE *faults = open_memstream(&text, &size);
		bool none;

		if (faults == NULL)
			return;
		none = write_faults(&options->faults, datagrams, true, faults);
		if (own != NULL)
			none = write_faults(own, datagrams, none, faults);
		fclose(faults);
		if (!none)
			print_format(stream, "faults", true, _("injecting faults: %s on '%s'"),
				text,
				addr_spec_format(&options->specs[i], address, sizeof(address)));
	}
}

static void print_proxies(FILE *stream, const struct server_options *options)
{
	for (size_t i = 0; i < options->spec_count; i++) {
		char address[ADDR_TEXT_SIZE];

		if (options->spec_proxies[i] == LISTENER_NO_PROXY)
			continue;
		print_format(stream, "proxy", true,
			options->spec_proxies[i] == LISTENER_PROXY_REQUIRED
				? _("'%s' takes connections from --proxy-from only, each with a header of the "
				    "PROXY protocol")
				: _("'%s' reads a header of the PROXY protocol where --proxy-from sends one"),
			addr_spec_format(&options->specs[i], address, sizeof(address)));
	}
}

int explain_print(const struct server_options *options, FILE *stream)
{
	int result = print_engines(stream, options);

	print_process(stream, options);
	if (activation_is_offered() || options->activated_count > 0) {
		int r = print_activated(stream, options);

		if (result == 0)
			result = r;
	}
	for (size_t i = 0; i < options->spec_count; i++) {
		int r = print_address(stream, &options->specs[i]);

		if (result == 0)
			result = r;
	}
	if (options->upgrade_at != NULL)
		print_upgrade(stream, options->upgrade_at);
	log_faults(stream, options);
	print_proxies(stream, options);
	sandbox_explain(
		&(struct sandbox_options){ .user = options->user, .open = options->no_sandbox },
		print, stream);
	return result;
}
