/*
 * A block of addresses ("10.0.0.0/8") as aligned text in the user's language, or as a JSON object
 * with fixed English keys. Main thread (display widths follow the locale).
 */
#pragma once

#include <jansson.h>

#include "net/cidr.h"
#include "net/literal.h"

/* A block, and the address that was written in front of the slash. */
struct describe_block {
	struct cidr cidr;
	struct literal literal;
};

/* Lines "  label   value" to standard output. */
void describe_block_text(const struct describe_block *block);

/* The caller owns the object. NULL: out of memory. */
json_t *describe_block_json(const struct describe_block *block);
