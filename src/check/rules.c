/*
 * The lists of rules one behind the other: what can be seen at the start comes first.
 */
#include "check/rules.h"

#include <string.h>

static const struct rule *const lists[] = {
	rule_program_list,
	rule_bytes_list,
	rule_ending_list,
	rule_others_list,
	rule_proxy_list,
	rule_datagram_list,
};

const struct rule *rules_find(const char *name)
{
	for (unsigned i = 0;; i++) {
		const struct rule *rule = rules_nth(i);

		if (rule == NULL || strcmp(rule->name, name) == 0)
			return rule;
	}
}

const struct rule *rules_nth(unsigned n)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct rule *rule = lists[i]; rule->name != NULL; rule++) {
			if (n-- == 0)
				return rule;
		}
	}
	return NULL;
}
