/*
 * The order is what makes it safe: the new server opens everything and starts before it says that it is
 * ready; the old one gives up its place by saying so, and only then its files; and only when the new one
 * has heard that are they the new one's.
 */
#include "server/upgrade/upgrade.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/listen/inheritance.h"
#include "server/upgrade/handover_message.h"

void upgrade_init(struct upgrade *upgrade, const struct addr *at)
{
	*upgrade = (struct upgrade){
		.at = at,
		.stage = UPGRADE_ALONE,
		.takeover = {
			.fd = -1,
			.process_fd = -1,
			.control_fd = -1,
			.watchdog_ns = CLOCK_NEVER,
		},
	};
}

void upgrade_fini(struct upgrade *upgrade)
{
	handover_free(upgrade->handover);
	takeover_fini(&upgrade->takeover);
}

bool upgrade_is_in_charge(const struct upgrade *upgrade)
{
	return upgrade->stage == UPGRADE_ALONE || upgrade->stage == UPGRADE_TAKEN;
}

/* ---- the new one ---- */

int upgrade_begin(struct upgrade *upgrade)
{
	int r = upgrade->at != NULL ? takeover_begin(upgrade->at, &upgrade->takeover) : -ENOENT;

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		upgrade->stage = UPGRADE_TAKING;
	upgrade->taken_count = (unsigned)upgrade->takeover.inherited.count;
	return r;
}

struct listener_list *upgrade_inherited(struct upgrade *upgrade)
{
	return upgrade->stage == UPGRADE_TAKING ? &upgrade->takeover.inherited : NULL;
}

int upgrade_add_activated(
	struct upgrade *upgrade, unsigned threads, bool web, struct listener_list *listeners)
{
	while (upgrade->stage == UPGRADE_TAKING) {
		struct listener *next = listener_list_append(listeners);

		if (next == NULL) {
			log_error(_("cannot prepare the server: %s"), strerror(ENOMEM));
			return -ENOMEM;
		}
		if (!inheritance_claim_activated(&upgrade->takeover.inherited, threads, web, next))
			break;
		listeners->count++;
	}
	return 0;
}

void upgrade_give_too(struct upgrade *upgrade, struct listener_list *list)
{
	upgrade->given_too = list;
}

static size_t count_given_too(const struct upgrade *upgrade)
{
	return upgrade->given_too != NULL ? upgrade->given_too->count : 0;
}

/* How many of what was taken over is served on: one of them may be where the server answers. */
static unsigned count_taken(const struct upgrade *upgrade)
{
	size_t count = upgrade->taken_count - upgrade->takeover.inherited.count;

	if (count_given_too(upgrade) > 0 && upgrade->given_too->listeners[0].file_theirs)
		count--;
	return (unsigned)count;
}

int upgrade_prepare(struct upgrade *upgrade, struct listener_list *listeners, uint64_t watchdog_ns)
{
	struct handover_options options = {
		.at = upgrade->at,
		.inherited_fd = upgrade->takeover.control_fd,
		.file_device = upgrade->takeover.control_device,
		.file_inode = upgrade->takeover.control_inode,
		.listeners = listeners,
		.given_too = upgrade->given_too,
		.watchdog_ns = watchdog_ns,
	};
	int r;

	if (upgrade->at == NULL)
		return 0;
	upgrade->taken_count = count_taken(upgrade);
	inheritance_close_rest(&upgrade->takeover.inherited);
	if (listener_list_count_sockets(listeners) + count_given_too(upgrade) >=
		HANDOVER_MESSAGE_MOST_TOTAL) {
		log_error(
			_("--upgrade: more than %d sockets cannot be handed over; take fewer threads"),
			HANDOVER_MESSAGE_MOST_TOTAL - 1);
		return -E2BIG;
	}
	r = listener_list_keep(listeners);
	if (r == 0 && upgrade->given_too != NULL)
		r = listener_list_keep(upgrade->given_too);
	if (r < 0) {
		log_error(_("cannot prepare the server: %s (raise the limit, 'ulimit -n')"),
			strerror(-r));
		return r;
	}
	upgrade->takeover.control_fd = -1;
	return handover_new(&options, &upgrade->handover);
}

int upgrade_commit(struct upgrade *upgrade, struct listener_list *listeners)
{
	struct listener_list *left = &upgrade->takeover.inherited;
	int pid = (int)upgrade->takeover.pid;
	int r;

	if (upgrade->stage != UPGRADE_TAKING)
		return 0;
	r = takeover_commit(&upgrade->takeover);
	if (r < 0)
		return r;
	upgrade->stage = UPGRADE_TAKEN;
	listener_list_claim_files(listeners);
	if (upgrade->given_too != NULL)
		listener_list_claim_files(upgrade->given_too);
	handover_claim(upgrade->handover);
	/* Sockets that were not asked for end with the other; their files do not. */
	listener_list_claim_files(left);
	listener_list_remove_files(left);
	LOG_EVENT(LOG_LEVEL_INFO, "taken_over",
		json_pack("{s:i, s:i}", "pid", pid, "listeners", (int)upgrade->taken_count),
		ngettext("took over %u listener from process %d",
			"took over %u listeners from process %d", upgrade->taken_count),
		upgrade->taken_count, pid);
	return 0;
}

/* ---- in charge, and then the old one ---- */

unsigned upgrade_poll(const struct upgrade *upgrade, struct pollfd *ret_polled)
{
	unsigned count = 0;

	if (upgrade->handover != NULL && upgrade->stage != UPGRADE_HANDED_OVER)
		count = handover_prepare(upgrade->handover, ret_polled);
	if (upgrade->takeover.fd >= 0)
		ret_polled[count++] = (struct pollfd){ .fd = upgrade->takeover.fd,
			.events = POLLIN };
	return count;
}

uint64_t upgrade_due_ns(const struct upgrade *upgrade)
{
	return upgrade->handover != NULL && upgrade->stage != UPGRADE_HANDED_OVER
		? handover_due_ns(upgrade->handover)
		: CLOCK_NEVER;
}

static void log_handed_over(const struct upgrade *upgrade, const struct listener_list *listeners)
{
	int pid = (int)handover_successor(upgrade->handover);

	LOG_EVENT(LOG_LEVEL_INFO, "handed_over",
		json_pack("{s:i, s:i}", "pid", pid, "listeners", (int)listeners->count),
		_("handed over to process %d"), pid);
}

enum upgrade_news upgrade_work(struct upgrade *upgrade, struct listener_list *listeners)
{
	bool peer_gone = false;

	if (upgrade->handover != NULL && upgrade->stage != UPGRADE_HANDED_OVER &&
		handover_work(upgrade->handover, &peer_gone)) {
		upgrade->stage = UPGRADE_HANDED_OVER;
		listener_list_disown_files(listeners);
		if (upgrade->given_too != NULL)
			listener_list_disown_files(upgrade->given_too);
		log_handed_over(upgrade, listeners);
		return UPGRADE_GONE;
	}
	if (upgrade->takeover.fd >= 0 && takeover_is_released(&upgrade->takeover))
		peer_gone = true;
	return peer_gone ? UPGRADE_PEER_GONE : UPGRADE_NOTHING;
}

void upgrade_end(struct upgrade *upgrade, struct listener_list *listeners)
{
	listener_list_close_kept(listeners);
	if (upgrade->stage == UPGRADE_HANDED_OVER)
		return;
	handover_free(upgrade->handover);
	upgrade->handover = NULL;
}

void upgrade_release(struct upgrade *upgrade)
{
	if (upgrade->stage == UPGRADE_HANDED_OVER)
		handover_release(upgrade->handover);
}
