/*
 * The rules of `meari check`: each is one promise that an echo service keeps or breaks, tried from outside
 * on connections of its own. A rule prints nothing; it leaves its evidence, one line in the user's language.
 *
 *   rules           the list of all rules
 *   rule            what rules share
 *   rule_bytes      every byte, in order, whatever the pieces
 *   rule_ending     what becomes of bytes when one side ends
 *   rule_others     that one client's fate is not another's
 *   rule_datagram   whole messages
 *   rule_proxy      a PROXY header in front of the stream
 *   rule_program    what is seen only of a program that check starts
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/traffic/exchange.h"
#include "check/traffic/volley.h"
#include "client/channel.h"
#include "client/send_proxy.h"
#include "net/resolve.h"

#define RULE_EVIDENCE_SIZE 512

/* A rule itself says one of the first three; the check says the others in its place. */
enum rule_verdict {
	RULE_PASS,
	RULE_FAIL,
	RULE_SKIP, /* it cannot be judged here */
	RULE_NOT_JUDGED, /* a mistake that was found elsewhere would make it fail; or there was no time */
	RULE_ERROR, /* it was under way, and nothing answered, or a signal ended the check */
	RULE_NOT_RUN, /* the check ended before it */
	RULE_VERDICTS
};

/* What a rule is given, and where it leaves its evidence. */
struct rule_trial {
	const struct resolve_list *targets; /* the first one is checked */
	struct channel_tls tls; /* where they are of tls:// */
	uint64_t patience_ns; /* for anything that should come */
	struct patience_source
		source; /* of that patience: the program that is tried; zeroed: not known */
	uint64_t most_bytes; /* of one conversation */
	const struct send_proxy *proxy; /* what each connection begins with; NULL: nothing */
	/* The way to the target, which is judged instead of it; NULL: the target is. */
	const char *through;
	int interrupt_fd; /* readable: give up */
	uint64_t until_ns; /* CLOCK_NEVER, or a rule must have ended by then */
	int first_fd; /* connected to the first target, for the first that asks for one; -1: none */
	struct volley volley; /* the sockets of all datagrams; for datagram schemes */
	/* What has been seen of the service until now: */
	uint64_t answered_bytes; /* the smallest exchange that came back in full; 0: none yet */
	/* Of the rule under way; cleared before each: */
	uint64_t waited_ns; /* in which the rule itself wanted silence */
	bool local_trouble; /* this machine has no port, descriptor or memory left */
	char evidence[RULE_EVIDENCE_SIZE];
};

/* The smallest set of rules that a rule belongs to; each holds the ones before. */
enum rule_profile {
	RULE_CHAPTER, /* one client at a time */
	RULE_CLASS, /* several clients, half-close, reset */
	RULE_FULL,
	RULE_PATH, /* of what stands before a service (check/traffic/path.h); a set beside the others */
};

/* What is tried: a service at an address, one that check starts, or a client that it starts. */
enum rule_subject {
	RULE_OF_ANY,
	RULE_OF_PROGRAM,
	RULE_OF_CLIENT,
	RULE_OF_PROXIED, /* a service at an address that expects a PROXY header (--send-proxy) */
};

struct rule {
	const char *name; /* on the command line and in results; never translated */
	const char *promise; /* N_(): one sentence without a full stop */
	unsigned schemes; /* of whom it holds: RULE_OF(ADDR_TCP) | ... */
	enum rule_verdict (*run)(struct rule_trial *trial); /* NULL: found by the diagnosis */
	enum rule_profile profile;
	enum rule_subject subject;
	bool of_service; /* no way to a service is asked for it: not in RULE_PATH */
};

#define RULE_OF(scheme) (1u << (scheme))
#define RULE_STREAMS (RULE_OF(ADDR_TCP) | RULE_OF(ADDR_TLS) | RULE_OF(ADDR_UNIX))
#define RULE_DATAGRAMS (RULE_OF(ADDR_UDP) | RULE_OF(ADDR_UNIXGRAM))

/* ---- for rule_* ---- */

/* Each list ends with a name of NULL. */
extern const struct rule rule_bytes_list[], rule_ending_list[], rule_others_list[],
	rule_datagram_list[], rule_program_list[], rule_proxy_list[];

/* Writes the evidence and gives the verdict. */
enum rule_verdict rule_say(struct rule_trial *trial, enum rule_verdict verdict, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/*
 * Connects to the target; on failure the evidence says why. 0 or -errno. The first call gives the connection
 * that found the service: a service that has only one is not asked for two.
 */
int rule_connect(struct rule_trial *trial, int *ret_fd);
int rule_connect_to(struct rule_trial *trial, const struct addr *target, int *ret_fd);
/* A connection to the target on which nothing has been sent, not even the header of trial->proxy. */
int rule_connect_bare(struct rule_trial *trial, int *ret_fd);

/* Runs a plan on a connection of its own. False: it did not end well, and the evidence says how. */
bool rule_exchange(struct rule_trial *trial, const struct exchange_plan *plan);
/* The same on one that is open. */
bool rule_exchange_on(struct rule_trial *trial, int fd, const struct exchange_plan *plan);

/* exchange_run() with the patience of the trial. */
void rule_run_plan(const struct rule_trial *trial, int fd, const struct exchange_plan *plan,
	struct exchange_result *ret_result);

/* How the last word on an exchange is found. False: it did not end well, and the evidence says how. */
bool rule_judge(struct rule_trial *trial, const struct exchange_plan *plan,
	const struct exchange_result *result);

/* True where --size allows so many bytes; otherwise the evidence says that it is too small. */
bool rule_allows_size(struct rule_trial *trial, uint64_t least_bytes);

/* The end of a time that begins now, or of the time for the rule. */
uint64_t rule_deadline(const struct rule_trial *trial, uint64_t ns);

/* Keeps silent for a time, as a part of a rule. False: interrupted. */
bool rule_wait(struct rule_trial *trial, uint64_t ns);

/*
 * The most that the buffers of this kernel may hold between a client that writes and does not read and an
 * echo service: what fits into them says nothing of the service.
 */
uint64_t rule_buffers_bytes(enum addr_scheme scheme);

/*
 * What a client can receive while it reads nothing: little, so that the rest stays where it is; and much, before
 * it reads at last. Best effort.
 */
void rule_hold_little(int fd);
void rule_hold_much(int fd);
