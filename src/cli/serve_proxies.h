/*
 * Whether the options of `meari serve` about proxies go together: a header counts only where it is said whose. Main
 * thread.
 */
#pragma once

#include "cli/cli.h"
#include "server/server.h"

/* Once all has been read. 0, or -EINVAL after a complaint. */
int serve_proxies_check(const struct server_options *server, struct cli_state *state);
