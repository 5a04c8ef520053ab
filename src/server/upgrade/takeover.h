/*
 * The new server's side of an upgrade (--upgrade): it asks the one that runs for its sockets, and when it
 * serves itself, for its place. Main thread, before and after the sandbox; waits, but never for ever. What
 * the other says is not believed further than its user reaches: it must be of this one's user, or root.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "net/addr.h"
#include "server/listen/listener.h"

struct takeover {
	int fd; /* the conversation; -1: it is over */
	pid_t pid; /* of the other, as it says itself */
	int process_fd; /* by which its end is seen (process.h); -1: it cannot be */
	uint64_t watchdog_ns; /* CLOCK_NEVER: no watchdog */
	struct listener_list inherited; /* what has not been asked for yet; see inheritance.h */
	int control_fd; /* -1: taken */
	dev_t control_device; /* its file; inode 0: none, or not the other's to remove */
	ino_t control_inode;
};

/*
 * Asks the server that answers there for its sockets. 0; -ENOENT: none answers, or the one that did has ended
 * meanwhile, and nothing has been printed; another -errno, and one line has been printed. What is in `ret_takeover` is the caller's, with takeover_fini().
 */
int takeover_begin(const struct addr *at, struct takeover *ret_takeover);

/*
 * Everything here serves: asks for the other's place. 0: this server is in charge now, and the other one
 * drains, or has died; -errno, and one line has been printed: it is not, and must end. On failure the
 * conversation is over: the other has not given up its place, and cannot do so any more.
 */
int takeover_commit(struct takeover *takeover);

/*
 * When takeover->fd is readable: whether the other uses the sockets no more, or has gone. Then the
 * conversation is over.
 */
bool takeover_is_released(struct takeover *takeover);

/* Closes what is left. Fine for one that is all zero but for its descriptors, which are -1. */
void takeover_fini(struct takeover *takeover);

/* Only asks which server answers there: 0, or -ENOENT, or another -errno; prints nothing. */
int takeover_ask(const struct addr *at, pid_t *ret_pid, unsigned *ret_sockets);
/* Says an error of these in translated words. */
const char *takeover_strerror(int error);
