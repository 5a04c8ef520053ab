/*
 * What a server knows for its rule about UDP peers (peer_rule.h): the ephemeral ports, and the addresses of this
 * machine, which it follows. Main thread.
 */
#pragma once

#include "server/admission/own_addresses.h"
#include "server/admission/peer_rule.h"
#include "server/crew.h"

/* All zero: nothing is watched, and there are no rules. */
struct peer_watch {
	struct peer_rule_options rule;
	struct own_addresses_watch *watch; /* NULL: the kernel does not report them */
	struct own_addresses *own; /* NULL: not known */
};

/*
 * Before the sandbox. `per_s` as in peer_rule_options. Best effort: without the kernel's word our own addresses are
 * those that peers write to.
 */
void peer_watch_begin(struct peer_watch *watch, uint32_t per_s);
void peer_watch_fini(struct peer_watch *watch);

/* Tells the workers when the addresses have changed, which the descriptor and the time announce. */
void peer_watch_follow(struct peer_watch *watch, const struct crew *crew);
