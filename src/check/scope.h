/*
 * Which rules are for what is tried. Pure; any thread.
 */
#pragma once

#include "check/rule.h"

struct scope {
	enum rule_subject subject;
	enum rule_profile profile;
	enum addr_scheme scheme;
	bool proxied; /* --send-proxy */
};

bool scope_fits(const struct scope *scope, const struct rule *rule);

/* Why a rule does not fit, translated. */
const char *scope_why_not(const struct scope *scope, const struct rule *rule);
