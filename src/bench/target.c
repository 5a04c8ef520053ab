/*
 * One address, and not all of them: what a load says of two servers at once is said of neither.
 */
#include "bench/target.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "client/channel.h"
#include "client/dial.h"
#include "net/resolve.h"

static int find(const struct addr_spec *spec, struct resolve_list *ret_list)
{
	char text[ADDR_TEXT_SIZE];
	int r = resolve(spec, RESOLVE_CONNECT, ret_list);

	if (r < 0)
		log_error(_("cannot find '%s': %s"), addr_spec_format(spec, text, sizeof(text)),
			resolve_strerror(r));
	return r;
}

const char *target_advice(int error, bool source_given)
{
	if (source_given && error == -EADDRNOTAVAIL)
		return _(" (--source must name addresses of this machine, of the server's family, "
			 "with ports that are free)");
	switch (-error) {
	case EADDRNOTAVAIL:
		return _(" (no port is free: those of connections that have ended rest for a "
			 "minute; --source takes more addresses)");
	case ECONNREFUSED:
	case ENOENT: return _(" (is a server running there? 'meari serve' starts one)");
	case ETIMEDOUT: return _(" (--timeout waits longer)");
	case EMFILE: return _(" (raise the limit of open files, 'ulimit -n')");
	default: return "";
	}
}

void target_report_unreachable(const struct addr_spec *spec, const struct source *source, int error)
{
	char text[ADDR_TEXT_SIZE];

	log_error(_("cannot connect to '%s': %s%s"), addr_spec_format(spec, text, sizeof(text)),
		strerror(-error), target_advice(error, source != NULL));
}

/* One for each family; the port may be wanted by the first connection of the load. */
static void fill_sources(
	const struct source *source, enum addr_scheme scheme, struct resolve_list *list)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < 2; i++) {
		struct addr *addr = &list->addrs[list->count];

		if (!source_at(source, 0, scheme, families[i], addr))
			continue;
		addr_set_port(addr, 0);
		list->count++;
	}
}

static int try_tls(
	const struct addr_spec *spec, struct tls_context *context, int fd, uint64_t timeout_ns)
{
	const struct channel_tls tls = { .context = context, .host = spec->host };
	char why[CHANNEL_WHY_SIZE], text[ADDR_TEXT_SIZE];
	int r = channel_secure(
		fd, &tls, clock_after_ns(clock_now_ns(), timeout_ns), -1, why, sizeof(why));

	if (r < 0)
		log_error(
			_("no TLS with '%s': %s"), addr_spec_format(spec, text, sizeof(text)), why);
	return r;
}

int target_choose(const struct addr_spec *spec, const struct source *source,
	struct tls_context *tls, const struct send_proxy *proxy, uint64_t timeout_ns,
	struct addr *ret_addr)
{
	struct resolve_list targets, sources = { 0 };
	struct dial_options options = { .timeout_ns = timeout_ns, .proxy = proxy };
	struct dial_report report;
	int fd, r = find(spec, &targets);

	if (r < 0)
		return r;
	if (source != NULL) {
		fill_sources(source, spec->scheme, &sources);
		options.sources = &sources;
	}
	r = dial(&targets, &options, &report, &fd, ret_addr);
	if (r < 0) {
		target_report_unreachable(spec, source, r);
		return r;
	}
	if (tls != NULL)
		r = try_tls(spec, tls, fd, timeout_ns);
	channel_close(fd);
	return r;
}
