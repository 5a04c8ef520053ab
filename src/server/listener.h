/*
 * Where the server is reached: from the addresses that were asked for to sockets, one for each
 * thread. Speaks when an address cannot be had. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/addr.h"
#include "server/activation.h"

/* One address. Each thread has its own socket on it, or -1 where the thread takes no part. */
struct listener {
	const struct addr_spec
		*spec; /* the one of the options that it is opened for; NULL: of none */
	struct addr bound; /* as the kernel gave it, with the port that it chose */
	int *fds;
	unsigned fd_count;
	dev_t file_device; /* of the unix socket file that is ours to remove; else 0 */
	ino_t file_inode;
};

struct listener_list {
	struct listener *listeners;
	size_t count;
};

/*
 * Opens all that `specs` ask for and adds it to the list, or nothing: then the list is empty, one line has
 * been printed and -errno is returned. Streams accept from here on (the kernel's backlog fills until an engine takes over).
 */
int listener_open_all(const struct addr_spec *specs, size_t spec_count, unsigned threads,
	int backlog, struct listener_list *list);

/* The same with what was handed over, which is taken out of `activation`. */
int listener_adopt_all(struct activation *activation, unsigned threads, struct listener_list *list);

/* Hands out a thread's descriptor: the caller's from now on; -1 where it has none. */
int listener_take(struct listener *listener, unsigned thread);

/*
 * Removes the socket files that are still ours. When listening ends, not later: the next server may
 * take the path at once, and file systems give the number of a removed file to the next one.
 */
void listener_remove_files(struct listener_list *list);

/* Closes what was not taken, removes the socket files that are still ours. */
void listener_close_all(struct listener_list *list);
