/*
 * Whether there is a service at all: found before the first rule of a check, and looked for again when a rule has
 * failed, because of a service that is gone every further rule would say the same. Main thread; blocks;
 * says nothing by itself.
 */
#pragma once

#include "check/rule.h"

/*
 * Puts an address that answers first in `list`. The connection that found it stays open and is the first that a
 * rule gets; with one address, nobody is asked for datagrams. 0, or -errno with the reason in
 * trial->evidence.
 */
int presence_find(struct rule_trial *trial, struct resolve_list *list);

/*
 * Looks whether somebody still answers: 0; or -errno: nobody, with the reason in trial->evidence, which is
 * otherwise as before. What a service has never answered is not asked.
 */
int presence_look(struct rule_trial *trial);

/* What a person can do about it, translated, in brackets and after a blank; or "". */
const char *presence_advice(int error);
