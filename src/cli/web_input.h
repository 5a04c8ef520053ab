/*
 * What --web and the options beside it take, for each verb that has them. Main thread. 0, -ENOMEM, or what
 * cli_complain() gives.
 */
#pragma once

#include <stddef.h>

#include "cli/cli.h"
#include "net/addr.h"

struct web_input {
	struct addr_spec *specs;
	size_t spec_count;
	const char **activated; /* of fd:NAME, the names */
	size_t activated_count;
	const char **names;
	size_t name_count;
};

/* An address of streams with its port, or fd:NAME, a socket of the service manager. */
int web_input_add(struct web_input *input, const char *text, struct cli_state *state);
/* The name of a host. */
int web_input_add_name(struct web_input *input, const char *name, struct cli_state *state);
/* Zeroed is fine. */
void web_input_fini(struct web_input *input);

/* Grows a list of texts by one, which stays the caller's. -ENOMEM. */
int web_input_append(const char *text, const char ***texts, size_t *count);
