/*
 * The service that `check --run` starts: on a port that was free, whose two bytes swapped are another free port. It
 * counts as started when it listens where it was asked to; no connection is made to find that out, so a service for
 * one client only is not used up. Main thread; blocks for SERVICE_LISTEN_NS and SERVICE_STARVED_NS at most.
 */
#pragma once

#include "check/program/cause.h"
#include "check/program/program.h"
#include "net/addr.h"

#define SERVICE_LISTEN_NS 5000000000ull
/* By so much longer, at most, on a machine that gives it no processor. */
#define SERVICE_STARVED_NS 15000000000ull

struct service_options {
	const char *command; /* NULL: none is started */
	uint16_t fixed_port; /* for a command without {port} */
	struct program_limits limits;
};

struct service {
	const struct service_options *options;
	struct program program;
	uint16_t port;
	struct addr addr; /* to connect to, once it listens */
};

/*
 * Starts it. Where it runs already: `anew` ends it before; otherwise it stays as it is, and so does one with a
 * fixed port, because that may be held for a minute. It is ended `life_ns` after it listens, up to `spare_ns` later on a busy machine. 0: it listens; 1: the
 * service is at fault, and `reterr_found` says how; -EADDRINUSE: a fixed port belongs to another program, or an old
 * connection holds it; -EINTR: `interrupt_fd` is readable; -errno: this machine.
 */
int service_start(struct service *service, bool anew, uint64_t life_ns, uint64_t spare_ns,
	int interrupt_fd, struct cause_found *reterr_found);
/* For a wait (check/traffic/patience.h): a struct service. True: a thread of it is ready to run. */
bool service_look(const void *subject, uint64_t *ret_processor_ns);
/*
 * A port of this machine that is free, as is the one with its two bytes swapped; both are above 1023. 0: none was
 * found.
 */
uint16_t service_choose_port(void);
/* A port with its two bytes swapped. */
uint16_t service_swap_port(uint16_t port);

/* Ends it, if it runs. */
void service_end(struct service *service);
