/*
 * Where the server is reached: from the addresses that were asked for to sockets, one for each
 * thread. Speaks when an address cannot be had. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/addr.h"
#include "server/listen/activation.h"

/*
 * One address. Each thread has its own socket on it, or a duplicate, or -1 where it takes no part; with
 * more sockets than threads, which another server's threads had, thread i has i, i + threads and so on.
 */
struct listener {
	const struct addr_spec
		*spec; /* the one of the options that it is opened for; NULL: of none */
	struct addr bound; /* as the kernel gave it, with the port that it chose */
	int *fds;
	unsigned fd_count;
	unsigned socket_count; /* so many of them, the first, are sockets of their own */
	int *kept_fds; /* a duplicate of each such socket, to be handed over; NULL: none */
	bool activated; /* a service manager's */
	dev_t file_device; /* of the unix socket file that is ours to remove; else 0 */
	ino_t file_inode;
	bool file_theirs; /* the file is still the other server's, from which this was taken over */
	bool reserved; /* inheritance.c: asked for by this very address */
};

struct listener_list {
	struct listener *listeners;
	size_t count;
};

struct listener_options {
	unsigned threads;
	int backlog;
	bool share_port; /* others may have to join it later, also where one thread needs no more than one */
	/* What was taken over from another server (inheritance.h): what is asked for is taken out. NULL: nothing. */
	struct listener_list *inherited;
};

/*
 * Opens all that `specs` ask for and adds it to the list, or nothing: then the list is empty, one line has
 * been printed and -errno is returned. Streams accept from here on (the kernel's backlog fills until an engine takes over).
 */
int listener_open_all(const struct addr_spec *specs, size_t spec_count,
	const struct listener_options *options, struct listener_list *list);

/* The same with what was handed over, which is taken out of `activation`. */
int listener_adopt_all(struct activation *activation, unsigned threads, struct listener_list *list);

/* Hands out a thread's next descriptor: the caller's from now on; -1 where it has no more. */
int listener_take(struct listener *listener, unsigned thread, unsigned threads);

/*
 * Keeps a duplicate of each socket, to be handed over. They keep the sockets alive: before listening
 * ends, they must be closed. -errno of fcntl(2), or -ENOMEM.
 */
int listener_keep(struct listener_list *list);
void listener_close_kept(struct listener_list *list);
/* How many sockets of their own there are. */
size_t listener_count_sockets(const struct listener_list *list);

/* The socket files have become ours, or somebody else's. */
void listener_claim_files(struct listener_list *list);
void listener_disown_files(struct listener_list *list);

/*
 * Removes the socket files that are still ours. When listening ends, not later: the next server may
 * take the path at once, and file systems give the number of a removed file to the next one.
 */
void listener_remove_files(struct listener_list *list);

/* Closes what was not taken, removes the socket files that are still ours. */
void listener_close_all(struct listener_list *list);

/* Whether there is a listener of that scheme. */
bool listener_serve(const struct listener_list *list, enum addr_scheme scheme);

/* Makes room for one more at the end of the list, zeroed and not counted yet; NULL: no memory. */
struct listener *listener_append(struct listener_list *list);
