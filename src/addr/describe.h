/*
 * Writes all facts of one address: as aligned text in the user's language, or as a JSON object with
 * fixed English keys. Main thread (display widths follow the locale).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "net/addr.h"
#include "net/literal.h"

/* One address and how it was written. */
struct describe_subject {
	struct addr addr;
	struct literal literal; /* the same address; not for unix addresses */
	const char *
		host; /* the text that was a literal, or NULL: then nothing is said of the functions that accept it */
	bool with_port; /* scheme or port were written; otherwise they are left out */
	uint32_t scope_id; /* the interface that the zone is; 0 if there is none (here) */
	const char *meant; /* what was probably meant instead, "[::1]:5000", or NULL */
};

/* Lines "  label   value" to standard output. */
void describe_text(const struct describe_subject *subject);

/* The caller owns the object. NULL: out of memory. */
json_t *describe_json(const struct describe_subject *subject);

/* One such line with a label of the caller's. */
void describe_row(const char *label, const char *value);

/* The same for a host name, of which only `state` is known: whether it was looked up. */
void describe_name(const struct addr_spec *spec, const char *state);
