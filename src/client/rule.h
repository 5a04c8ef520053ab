/*
 * The rules of `meari check`: each is one promise that an echo service keeps or breaks, tried from outside
 * on connections of its own. A rule never speaks; it leaves its evidence, one line in the user's language.
 *
 *   rule            the list, and what rules share
 *   rule_bytes      every byte, in order, whatever the pieces
 *   rule_ending     what becomes of bytes when one side ends
 *   rule_others     that one client's fate is not another's
 *   rule_datagram   whole messages
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/exchange.h"
#include "net/resolve.h"

#define RULE_EVIDENCE_SIZE 512

enum rule_verdict { RULE_PASS, RULE_FAIL, RULE_SKIP };

/* What a rule is given, and where it leaves its evidence. */
struct rule_trial {
	const struct resolve_list *targets; /* the first one is who is checked */
	uint64_t patience_ns; /* for anything that should come */
	uint64_t most_bytes; /* of one conversation */
	int interrupt_fd; /* readable: give up */
	char evidence[RULE_EVIDENCE_SIZE];
};

struct rule {
	const char *name; /* on the command line and in results; never translated */
	const char *promise; /* N_(): one sentence without a full stop */
	unsigned schemes; /* of whom it holds: RULE_OF(ADDR_TCP) | ... */
	enum rule_verdict (*run)(struct rule_trial *trial);
};

#define RULE_OF(scheme) (1u << (scheme))
#define RULE_STREAMS (RULE_OF(ADDR_TCP) | RULE_OF(ADDR_UNIX))
#define RULE_DATAGRAMS (RULE_OF(ADDR_UDP) | RULE_OF(ADDR_UNIXGRAM))

/* The rules in the order of trying, from 0; NULL behind the last. */
const struct rule *rule_nth(unsigned n);
/* NULL: there is none of that name. */
const struct rule *rule_find(const char *name);

/* ---- for rule_* ---- */

/* Each list ends with a name of NULL. */
extern const struct rule rule_bytes_list[], rule_ending_list[], rule_others_list[],
	rule_datagram_list[];

/* Writes the evidence and gives the verdict. */
enum rule_verdict rule_say(struct rule_trial *trial, enum rule_verdict verdict, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/* Connects to the target; on failure the evidence says why. 0 or -errno. */
int rule_connect(struct rule_trial *trial, int *ret_fd);
int rule_connect_to(struct rule_trial *trial, const struct addr *target, int *ret_fd);

/* Runs a plan on a connection of its own. False: it did not end well, and the evidence says how. */
bool rule_exchange(struct rule_trial *trial, const struct exchange_plan *plan);
/* The same on one that is open. */
bool rule_exchange_on(struct rule_trial *trial, int fd, const struct exchange_plan *plan);
