/*
 * Whether there is a service at all: found before the first rule of a check, and checked again when a rule has
 * failed: every further rule would fail because a service is gone. Main thread; blocks;
 * says nothing by itself.
 */
#pragma once

#include "check/rule.h"

/*
 * Puts an address that answers first in `list`. The connection that found it stays open and is the first that a
 * rule gets; for datagrams with one address, nothing is sent. 0, or -errno with the reason in
 * trial->evidence.
 */
int presence_find(struct rule_trial *trial, struct resolve_list *list);

/*
 * Checks whether the service still answers: 0; -errno: it does not, with the reason in trial->evidence, which is
 * otherwise as before. What a service has never answered is not asked.
 */
int presence_check_again(struct rule_trial *trial);

/* What a person can do about it, translated, in brackets and after a blank; or "". */
const char *presence_advice(int error);
