/*
 * The glue between what the kernel reports and what the workers go by. A set that a worker may still use, because it
 * has not answered in time, is left to it.
 */
#include "server/peer_watch.h"

#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"

void peer_watch_begin(struct peer_watch *watch, uint32_t per_s)
{
	int r;

	watch->rule.per_s = per_s;
	peer_rule_take_ports(&watch->rule);
	r = own_addresses_watch_open(&watch->watch, &watch->own);
	if (r < 0)
		LOG_EVENT(LOG_LEVEL_DEBUG, "addresses_unknown",
			json_pack("{s:s}", "reason", strerror(-r)),
			_("the kernel does not report the addresses of this machine: %s"),
			strerror(-r));
}

void peer_watch_fini(struct peer_watch *watch)
{
	own_addresses_watch_close(watch->watch);
	own_addresses_free(watch->own);
	*watch = (struct peer_watch){ 0 };
}

void peer_watch_follow(struct peer_watch *watch, const struct crew *crew)
{
	struct own_addresses *own;

	if (!own_addresses_watch_follow(watch->watch, clock_now_ns(), &own))
		return;
	if (crew_set_own_addresses(crew, own))
		own_addresses_free(watch->own);
	watch->own = own;
}
