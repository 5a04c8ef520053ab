/*
 * What only a program shows that `check` starts itself. These rules are not run one by one: the examination and the
 * rehearsal of a client (examination.h, rehearsal.h) find out about all of them.
 */
#include "base/i18n.h"
#include "check/rule.h"

const struct rule rule_program_list[] = {
	{ "starts", N_("it listens on the port that it was given, within 5 seconds"),
		RULE_OF(ADDR_TCP), NULL, RULE_CHAPTER, RULE_OF_PROGRAM },
	{ "next-client", N_("when a client has left, the next one is served"), RULE_OF(ADDR_TCP),
		NULL, RULE_CHAPTER, RULE_OF_PROGRAM },
	{ "two-clients", N_("two clients are served at the same time"), RULE_OF(ADDR_TCP), NULL,
		RULE_CLASS, RULE_OF_PROGRAM },
	{ "line-at-once", N_("a line comes back in one piece, without a pause"), RULE_OF(ADDR_TCP),
		NULL, RULE_CHAPTER, RULE_OF_PROGRAM },
	{ "descriptors", N_("clients that have left leave no descriptor behind"), RULE_OF(ADDR_TCP),
		NULL, RULE_CHAPTER, RULE_OF_PROGRAM },
	{ "backlog", N_("clients that come at the same moment find a place in the queue"),
		RULE_OF(ADDR_TCP), NULL, RULE_CLASS, RULE_OF_PROGRAM },
	{ "client-connects", N_("the client connects to the address that it was given"),
		RULE_OF(ADDR_TCP), NULL, RULE_CHAPTER, RULE_OF_CLIENT },
	{ "client-line", N_("it sends a line that was typed, and shows what comes back"),
		RULE_OF(ADDR_TCP), NULL, RULE_CHAPTER, RULE_OF_CLIENT },
	{ "client-letter", N_("a letter that comes back in two parts is shown whole"),
		RULE_OF(ADDR_TCP), NULL, RULE_CHAPTER, RULE_OF_CLIENT },
	{ "client-end", N_("at the end of its input (Ctrl-D) it closes its connection and ends"),
		RULE_OF(ADDR_TCP), NULL, RULE_CHAPTER, RULE_OF_CLIENT },
	{ "client-server-gone", N_("when the server ends the connection, it ends, too"),
		RULE_OF(ADDR_TCP), NULL, RULE_CHAPTER, RULE_OF_CLIENT },
	{ 0 },
};
