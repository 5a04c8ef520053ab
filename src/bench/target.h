/*
 * Which of a name's addresses a load goes to: the first that answers, found by one connection that carries
 * nothing. Main thread; may block on DNS; reports failures through the log.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/source.h"
#include "client/send_proxy.h"
#include "net/addr.h"
#include "wire/tls_context.h"

/*
 * `source` (may be NULL) is where to connect from, `proxy` (may be NULL) what to begin with; with `tls` (may be
 * NULL) a handshake is made, too. -errno: one line has been printed.
 */
int target_choose(const struct addr_spec *spec, const struct source *source,
	struct tls_context *tls, const struct send_proxy *proxy, uint64_t timeout_ns,
	struct addr *ret_addr);

/* Prints that it could not be reached, and why. */
void target_report_unreachable(
	const struct addr_spec *spec, const struct source *source, int error);

/* What the person may do about `error`, translated, in brackets and after a blank; or "". */
const char *target_advice(int error, bool source_given);
