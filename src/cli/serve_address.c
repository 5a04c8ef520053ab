/*
 * An address of `meari serve`, with what stands behind its question mark.
 */
#include "cli/serve_address.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "server/fault/fault_address.h"

/* For one more; its faults are NULL then. */
static bool make_room(struct server_options *server, struct addr_spec **specs_of)
{
	size_t count = server->spec_count + 1;
	struct addr_spec *specs = reallocarray(*specs_of, count, sizeof(*specs));

	if (specs != NULL)
		server->specs = *specs_of = specs;

	struct fault_plan **faults = reallocarray(server->spec_faults, count, sizeof(*faults));

	if (faults != NULL) {
		server->spec_faults = faults;
		faults[server->spec_count] = NULL;
	}

	enum listener_proxy *proxies = reallocarray(server->spec_proxies, count, sizeof(*proxies));

	if (proxies != NULL) {
		server->spec_proxies = proxies;
		proxies[server->spec_count] = LISTENER_NO_PROXY;
	}
	return specs != NULL && faults != NULL && proxies != NULL;
}

int serve_address_add(struct server_options *server, struct addr_spec **specs, const char *text,
	struct cli_state *state)
{
	size_t length = fault_address_length(text);
	struct fault_address_flaw flaw;
	struct fault_address parts;

	if (!make_room(server, specs))
		return -ENOMEM;

	struct addr_spec *spec = &(*specs)[server->spec_count];

	int r = cli_take_address_part(state, text, length, spec);

	if (r < 0)
		return r;
	if (fault_address_parse(
		    text, length, addr_socket_type(spec->scheme) == SOCK_DGRAM, &parts, &flaw) < 0)
		return cli_complain(state,
			flaw.in_proxy
				? _("'%s' does not say how it stands behind a proxy: %s (column %zu)")
				: _("'%s' has a fault that is none: %s (column %zu)"),
			text, flaw.why, flaw.column + 1);
	server->spec_proxies[server->spec_count] = parts.proxy;
	if (parts.plan.count > 0) {
		struct fault_plan *own = malloc(sizeof(*own));

		if (own == NULL)
			return -ENOMEM;
		*own = parts.plan;
		server->spec_faults[server->spec_count] = own;
	}
	server->spec_count++;
	return 0;
}

/* Both mistakes would be silent ones: a header that any client could forge, and a list that is never asked. */
int serve_address_check(const struct server_options *server, struct cli_state *state)
{
	char text[ADDR_TEXT_SIZE];
	size_t i = 0;

	while (i < server->spec_count && server->spec_proxies[i] == LISTENER_NO_PROXY)
		i++;
	if (i < server->spec_count && server->proxies.count == 0)
		return cli_complain(state,
			_("'%s?proxy=' needs --proxy-from: the block of the proxies whose word counts"),
			addr_spec_format(&server->specs[i], text, sizeof(text)));
	if (i == server->spec_count && server->proxies.count > 0)
		return cli_complain(state,
			_("--proxy-from needs an address with '?proxy=require' or '?proxy=accept'"));
	return 0;
}
