/*
 * `--upgrade`: one and the same command line starts a server, or takes over from the one that runs. In its
 * life a server is first the new one (takeover.h), and later perhaps the old one (handover.h):
 *
 *   begin ──▶ prepare ──▶ commit ──▶ work ... work ──▶ end [──▶ release]
 *
 * Main thread. Without --upgrade each of these does nothing. Speaks when something fails, and of what
 * has come to pass.
 */
#pragma once

#include <stdbool.h>

#include "server/upgrade/handover.h"
#include "server/upgrade/takeover.h"

#define UPGRADE_MOST_POLLED (HANDOVER_MOST_POLLED + 1)

/*
 *   ALONE ───────────────────────┐
 *                                ├── another server takes over ──▶ HANDED_OVER
 *   TAKING ── it serves ──▶ TAKEN┘
 *      └── anything fails: stays so until the end, which is soon
 *
 * A server that is ALONE or has TAKEN is in charge: the files are its own, and a service manager hears of it.
 */
enum upgrade_stage {
	UPGRADE_ALONE, /* started as ever; without --upgrade for ever */
	UPGRADE_TAKING, /* has another server's sockets, and that one is in charge */
	UPGRADE_TAKEN, /* has its place, too */
	UPGRADE_HANDED_OVER, /* another server is in charge now */
};

struct upgrade {
	const struct addr *at; /* NULL: not wanted */
	enum upgrade_stage stage;
	struct takeover takeover;
	struct handover *handover;
	unsigned taken_count; /* listeners that are served on from there */
	struct listener_list
		*given_too; /* beside the listeners: where the server answers; NULL: nothing */
};

void upgrade_init(struct upgrade *upgrade, const struct addr *at);
void upgrade_fini(struct upgrade *upgrade);

/* Whether this server answers for itself: not one that is still taking over, or has been taken over from. */
bool upgrade_is_in_charge(const struct upgrade *upgrade);

/* Asks the server that answers for its sockets. 0 also where none does. */
int upgrade_begin(struct upgrade *upgrade);
/* What was taken, for listener_options; NULL: nothing. */
struct listener_list *upgrade_inherited(struct upgrade *upgrade);
/* Adds those of a service manager's to the list, for web pages or for the echo. -ENOMEM, logged. */
int upgrade_add_activated(
	struct upgrade *upgrade, unsigned threads, bool web, struct listener_list *listeners);

/*
 * Another list, of one listener that is not served on (--control): from now on it goes the way of the others, its
 * socket and its file. The caller's; it may become empty when listening ends. Before upgrade_prepare().
 */
void upgrade_give_too(struct upgrade *upgrade, struct listener_list *list);

/* Everything is open, and nothing given away yet: makes ready to be taken over in turn. */
int upgrade_prepare(struct upgrade *upgrade, struct listener_list *listeners, uint64_t watchdog_ns);
/* The engines run. On failure another server goes on, and this one must end. */
int upgrade_commit(struct upgrade *upgrade, struct listener_list *listeners);

enum upgrade_news {
	UPGRADE_NOTHING,
	UPGRADE_PEER_GONE, /* the other server, old or new, uses the sockets no more: check them again */
	UPGRADE_GONE, /* drain; files and place are another's */
};

/* What to poll, and until when; then what has come of it. */
unsigned upgrade_poll(const struct upgrade *upgrade, struct pollfd *ret_polled);
uint64_t upgrade_due_ns(const struct upgrade *upgrade);
enum upgrade_news upgrade_work(struct upgrade *upgrade, struct listener_list *listeners);

/* Listening ends: nothing is handed over any more, and the duplicates for it go. */
void upgrade_end(struct upgrade *upgrade, struct listener_list *listeners);
/* Where it was handed over: the workers have let go of the sockets. */
void upgrade_release(struct upgrade *upgrade);
