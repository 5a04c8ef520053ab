/*
 * The addresses of `meari serve`: each with its faults, and with a proxy in front or not. Main thread.
 */
#pragma once

#include "cli/cli.h"
#include "server/server.h"

/*
 * Reads one more, or complains. `specs` is the caller's own name of server->specs, which grows; it, spec_faults (each
 * of them, too) and spec_proxies are to be freed. 0, -EINVAL after a complaint, -ENOMEM.
 */
int serve_address_add(struct server_options *server, struct addr_spec **specs, const char *text,
	struct cli_state *state);

/* Once all has been read: whether proxies go together with --proxy-from. 0, or -EINVAL after a complaint. */
int serve_address_check(const struct server_options *server, struct cli_state *state);
