/*
 * The old server's side of an upgrade (--upgrade): a socket to which a new server connects, is given the
 * listeners' sockets, and says when it serves. Until then this one goes on as if nothing were. Main
 * thread, which polls it beside its signals; no peer can make it wait.
 *
 * A peer must belong to the same user, or to root; even then nothing that it sends is trusted.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/clock.h"
#include "net/addr.h"
#include "server/listen/listener.h"

/* Peers at a time; one more takes the place of the one that has said nothing for longest. */
#define HANDOVER_MOST_PEERS 8
#define HANDOVER_MOST_POLLED (HANDOVER_MOST_PEERS + 1)
/* How long a peer may say nothing, and a new server take to be ready. */
#define HANDOVER_GREETING_NS (5 * CLOCK_NS_PER_S)
#define HANDOVER_READY_NS (60 * CLOCK_NS_PER_S)

struct handover;

struct handover_options {
	const struct addr *at; /* copied */
	/* A control socket that was taken over, and its file, which is not ours yet; -1: open one. Taken over. */
	int inherited_fd;
	dev_t file_device;
	ino_t file_inode;
	const struct listener_list
		*listeners; /* the caller's; with the duplicates that listener_list_keep() made */
	const struct listener_list *given_too; /* the same, behind those; NULL: nothing */
	uint64_t watchdog_ns; /* what the next server is to know; CLOCK_NEVER: no watchdog */
};

/* -errno, and one line has been printed. */
int handover_new(const struct handover_options *options, struct handover **ret_handover);
/* Closes it, and removes the socket file where it is ours. NULL is fine. */
void handover_free(struct handover *handover);

/* The file of an inherited control socket has become ours. */
void handover_claim(struct handover *handover);

/* What to poll, HANDOVER_MOST_POLLED at most; and until when. */
unsigned handover_prepare(const struct handover *handover, struct pollfd *ret_polled);
uint64_t handover_due_ns(const struct handover *handover);
/*
 * Goes on with the peers that have something to say, or have said nothing for too long. True: a new server is in
 * charge, and knows it; this one is to drain, and the socket files are not its own any more.
 * `ret_peer_gone` is set when one that had the sockets has gone without that.
 */
bool handover_work(struct handover *handover, bool *ret_peer_gone);

/* The process that is in charge now. */
pid_t handover_successor(const struct handover *handover);
/* Notifies it that nothing here uses the sockets any more, not at the one for upgrades either. */
void handover_release(struct handover *handover);
