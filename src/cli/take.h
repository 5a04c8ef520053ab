/*
 * Values of options, each read and complained of in the same words (cli_complain): `option` is as it is written,
 * "--threads". 0, or what an argp parser returns. Main thread.
 */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

error_t take_count(struct argp_state *state, const char *option, const char *text, uint64_t least,
	uint64_t most, uint64_t *ret_number);
error_t take_size(struct argp_state *state, const char *option, const char *text, uint64_t least,
	uint64_t most, uint64_t *ret_bytes);
/* From 1 to a milliard. */
error_t take_u32(
	struct argp_state *state, const char *option, const char *text, uint32_t *ret_number);
/* Longer than nothing. */
error_t take_time(struct argp_state *state, const char *option, const char *text, uint64_t *ret_ns);
/* One of two words: `ret_second` tells which. */
error_t take_word(struct argp_state *state, const char *option, const char *text, const char *first,
	const char *second, bool *ret_second);
