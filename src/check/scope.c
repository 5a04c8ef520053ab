/*
 * A rule for any service is for one that check starts, too.
 */
#include "check/scope.h"

#include "base/i18n.h"

bool scope_fits(const struct scope *scope, const struct rule *rule)
{
	if (rule->profile > scope->profile || !(rule->schemes & RULE_OF(scope->scheme)))
		return false;
	if (scope->profile == RULE_PATH && (rule->of_service || rule->subject != RULE_OF_ANY))
		return false;
	if (rule->subject == RULE_OF_PROXIED)
		return scope->proxied;
	return rule->subject == scope->subject ||
		(rule->subject == RULE_OF_ANY && scope->subject == RULE_OF_PROGRAM);
}

const char *scope_why_not(const struct scope *scope, const struct rule *rule)
{
	bool of_service = rule->of_service || (rule->subject == RULE_OF_PROXIED && scope->proxied);

	if (rule->profile > scope->profile || (scope->profile == RULE_PATH && of_service))
		return _("this rule does not belong to this profile");
	if (rule->subject == RULE_OF_CLIENT && scope->subject != RULE_OF_CLIENT)
		return _("this rule is for a client that --client starts");
	if (rule->subject != RULE_OF_CLIENT && scope->subject == RULE_OF_CLIENT)
		return _("this rule is for a service");
	if (rule->subject == RULE_OF_PROXIED && !scope->proxied)
		return _("this rule is for a service that expects a PROXY header (--send-proxy)");
	if (rule->subject == RULE_OF_PROGRAM && scope->subject == RULE_OF_ANY)
		return _("this rule is for a service that --run starts");
	return _("this rule is not for this kind of address");
}
