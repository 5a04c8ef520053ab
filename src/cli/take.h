/*
 * Values of options, each read and complained of in the same words (cli_complain): `option` is as it is written,
 * "--threads". 0, or -EINVAL after a complaint. Main thread.
 */
#pragma once

#include <stdint.h>

#include "cli/cli.h"
#include "client/send_proxy.h"
#include "net/addr.h"
#include "stats/plot.h"

int take_count(struct cli_state *state, const char *option, const char *text, uint64_t least,
	uint64_t most, uint64_t *ret_number);
int take_size(struct cli_state *state, const char *option, const char *text, uint64_t least,
	uint64_t most, uint64_t *ret_bytes);
/* From 1 to a milliard. */
int take_u32(struct cli_state *state, const char *option, const char *text, uint32_t *ret_number);
/* What --plot takes; NULL: as the terminal is. */
const char *take_plot_choice(size_t index);
enum plot_style take_plot_style(const char *text);

/* Longer than nothing. */
int take_time(struct cli_state *state, const char *option, const char *text, uint64_t *ret_ns);

/* Of --send-proxy: `text` NULL where it has no value; `storage` is what `ret_proxy` points to. */
int take_send_proxy(struct cli_state *state, const char *text, struct send_proxy *storage,
	const struct send_proxy **ret_proxy);
/* Whether a header can be sent to that address at all, once both are known. */
int take_check_proxy(
	struct cli_state *state, const struct send_proxy *proxy, const struct addr_spec *target);
