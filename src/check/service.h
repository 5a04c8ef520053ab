/*
 * The service that `check --run` starts: on a port that was free, whose two bytes swapped are another free port. It
 * counts as started when it listens where it was asked to; nobody connects to find that out, so a service for
 * one client only is not used up. Main thread; blocks for SERVICE_LISTEN_NS at most.
 */
#pragma once

#include "check/cause.h"
#include "check/program.h"
#include "net/addr.h"

#define SERVICE_LISTEN_NS 5000000000ull

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
 * Starts it anew, ending one that still runs; with a fixed port, one that runs stays: its port may be held for a
 * minute. `deadline_ns`: it is ended then. 0: it listens; 1: the service is at fault, and `reterr_found` says how;
 * -EADDRINUSE: a fixed port belongs to another program, or an old connection holds it; -errno: this machine.
 */
int service_start(struct service *service, uint64_t deadline_ns, int interrupt_fd,
	struct cause_found *reterr_found);
/* Ends it, if it runs. */
void service_end(struct service *service);
