/*
 * The message names the bounds.
 */
#include "cli/take.h"

#include <string.h>
#include <sys/socket.h>

#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"

int take_count(struct cli_state *state, const char *option, const char *text, uint64_t least,
	uint64_t most, uint64_t *ret_number)
{
	if (number_parse(text, least, most, ret_number) < 0)
		return cli_complain(state, _("%s '%s' is not a number from %llu to %llu"), option,
			text, (unsigned long long)least, (unsigned long long)most);
	return 0;
}

int take_size(struct cli_state *state, const char *option, const char *text, uint64_t least,
	uint64_t most, uint64_t *ret_bytes)
{
	char least_text[NUMBER_TEXT_SIZE], most_text[NUMBER_TEXT_SIZE];

	if (number_parse_size(text, least, most, ret_bytes) < 0)
		return cli_complain(state,
			_("%s '%s' is not a size from %s to %s (K, M and G are units)"), option,
			text, number_format_size(least, least_text, sizeof(least_text)),
			number_format_size(most, most_text, sizeof(most_text)));
	return 0;
}

int take_u32(struct cli_state *state, const char *option, const char *text, uint32_t *ret_number)
{
	uint64_t number;
	int r = take_count(state, option, text, 1, 1000 * 1000 * 1000, &number);

	if (r == 0)
		*ret_number = (uint32_t)number;
	return r;
}

int take_time(struct cli_state *state, const char *option, const char *text, uint64_t *ret_ns)
{
	uint64_t ns;

	if (duration_parse(text, &ns) < 0 || ns == 0)
		return cli_complain(
			state, _("%s '%s' is not a time, such as 500ms or 5s"), option, text);
	*ret_ns = ns;
	return 0;
}

const char *take_plot_choice(size_t index)
{
	static const char *const names[] = { "auto", "braille", "ascii", NULL };

	return names[index];
}

enum plot_style take_plot_style(const char *text)
{
	if (text != NULL && strcmp(text, "braille") == 0)
		return PLOT_BRAILLE;
	if (text != NULL && strcmp(text, "ascii") == 0)
		return PLOT_ASCII;
	return plot_style_of_terminal();
}

int take_send_proxy(struct cli_state *state, const char *text, struct send_proxy *storage,
	const struct send_proxy **ret_proxy)
{
	size_t column;
	const char *why;

	if (send_proxy_parse(text, storage, &column, &why) < 0)
		return cli_complain(
			state, _("--send-proxy '%s': %s (column %zu)"), text, why, column + 1);
	*ret_proxy = storage;
	return 0;
}

int take_check_proxy(
	struct cli_state *state, const struct send_proxy *proxy, const struct addr_spec *target)
{
	if (proxy != NULL && addr_socket_type(target->scheme) == SOCK_DGRAM)
		return cli_complain(state,
			_("--send-proxy is for streams, tcp and unix: a datagram has no header in front"));
	return 0;
}
