/*
 * `meari check`: holds an echo service to the rules (check/rule.h), one after the other, and says what it
 * found. Main thread only (it takes over signals).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/findings.h"
#include "check/program/service.h"
#include "check/rule.h"
#include "check/scope.h"
#include "client/send_proxy.h"
#include "net/addr.h"

#define CHECK_MOST_RULES 64
#define CHECK_DEFAULT_PATIENCE_NS 5000000000ull
/* Of a program on this machine. */
#define CHECK_PROGRAM_PATIENCE_NS 1000000000ull
#define CHECK_DEFAULT_MOST_BYTES (64ull << 20)

struct check_options {
	struct tls_context *tls; /* where the target is of tls://; the caller's */
	struct addr_spec target; /* tcp where a program is run */
	struct service_options service; /* its command; NULL: the target is checked */
	const char
		*client; /* the command of a client to be checked, instead of a service; or NULL */
	bool isolate; /* run it in a network of its own */
	struct scope
		scope; /* whether `target`, `service` or `client` is tried, and by which rules */
	const struct grade *grade; /* NULL: none */
	enum findings_hint hint;
	bool wanted[CHECK_MOST_RULES]; /* by rules_nth's number */
	bool asked; /* rules were named: those that are not for this kind of address are shown as skipped */
	const char *
		through; /* the way to the target, which is judged instead of it; NULL: the target is */
	const struct send_proxy
		*proxy; /* --send-proxy: the service expects such headers; NULL: none */
	uint64_t patience_ns;
	uint64_t most_bytes;
	bool json; /* instead of lines */
	const char *junit_path; /* NULL: none; "-": standard output, instead of lines */
	uint64_t idle_ns; /* find out how long silence is borne, up to that; 0: no */
};

/* What was found, where it could be tried. */
enum check_outcome { CHECK_KEPT, CHECK_BROKEN };

/*
 * 0 and the outcome: at least one rule was judged; a positive number: the signal that ended it (SIGPIPE: the output
 * has no reader); -errno: it could not be tried, or the results could not be written. A line has
 * been printed for the latter. JSON and JUnit XML are written in every case in which they can be.
 */
int check(const struct check_options *options, enum check_outcome *ret_outcome);
