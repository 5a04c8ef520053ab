/*
 * Both mistakes are silent ones otherwise: a header that any client could forge, and a list that is never asked.
 */
#include "cli/serve_proxies.h"

#include "base/i18n.h"

/* A header from anyone is worth nothing: each peer could be any client. */
int serve_proxies_check(const struct server_options *server, struct cli_state *state)
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
