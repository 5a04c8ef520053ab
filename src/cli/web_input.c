/*
 * Pages are for this machine unless more is asked for: so a port alone means localhost, and a host without a port means
 * nothing.
 */
#include "cli/web_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/i18n.h"

int web_input_append(const char *text, const char ***texts, size_t *count)
{
	const char **longer = reallocarray(*texts, *count + 1, sizeof(const char *));

	if (longer == NULL)
		return -ENOMEM;
	longer[(*count)++] = text;
	*texts = longer;
	return 0;
}

static int add_address(struct web_input *input, const char *text, struct cli_state *state)
{
	struct addr_spec *longer = reallocarray(
		input->specs, input->spec_count + 1, sizeof(*longer));
	struct addr_spec *spec;
	int r;

	if (longer == NULL)
		return -ENOMEM;
	input->specs = longer;
	spec = &longer[input->spec_count];
	r = cli_take_address(state, text, spec);
	if (r < 0)
		return r;
	if (addr_socket_type(spec->scheme) != SOCK_STREAM)
		return cli_complain(
			state, _("--web '%s' is for datagrams; pages need tcp or unix"), text);
	if (spec->scheme == ADDR_TCP && !spec->port_given)
		return cli_complain(
			state, _("--web '%s' has no port, such as localhost:9090"), text);
	input->spec_count++;
	return 0;
}

int web_input_add(struct web_input *input, const char *text, struct cli_state *state)
{
	static const char fd[] = "fd:";
	char local[64];

	if (strncmp(text, fd, strlen(fd)) == 0 && text[strlen(fd)] != '\0')
		return web_input_append(
			text + strlen(fd), &input->activated, &input->activated_count);
	if (strncmp(text, fd, strlen(fd)) == 0)
		return cli_complain(state, _("--web 'fd:' names no socket"));
	if (*text != '\0' && strspn(text, "0123456789") == strlen(text)) {
		snprintf(local, sizeof(local), "localhost:%s", text);
		return cli_complain_meant(
			state, local, _("--web '%s' is a port without a host"), text);
	}
	return add_address(input, text, state);
}

int web_input_add_name(struct web_input *input, const char *name, struct cli_state *state)
{
	if (*name == '\0' || name[strcspn(name, "/: \t[]")] != '\0')
		return cli_complain(state, _("--web-name '%s' is not the name of a host"), name);
	return web_input_append(name, &input->names, &input->name_count);
}

void web_input_fini(struct web_input *input)
{
	free(input->specs);
	free(input->activated);
	free(input->names);
	*input = (struct web_input){ 0 };
}
