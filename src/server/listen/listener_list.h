/*
 * The addresses that the server is reached at, and the sockets of each. How they are opened is listener.h's; those of
 * another server come from inheritance.h. Main thread; the list owns its sockets until they are taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/addr.h"

/* What stands in front of the streams of an address ("?proxy="). */
enum listener_proxy {
	LISTENER_NO_PROXY,
	LISTENER_PROXY_ACCEPTED, /* a proxy may send a header of the PROXY protocol */
	LISTENER_PROXY_REQUIRED, /* every peer is a proxy, and must */
};

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
	bool web; /* for web pages (--web), and never for the echo: all of these come last in a list */
	dev_t file_device; /* of the unix socket file that is ours to remove; else 0 */
	ino_t file_inode;
	bool file_theirs; /* the file is still the other server's, from which this was taken over */
	bool reserved; /* inheritance.c: asked for by this very address */
};

struct listener_list {
	struct listener *listeners;
	size_t count;
};

/*
 * Keeps a duplicate of each socket, to be handed over. They keep the sockets alive: before listening
 * ends, they must be closed. -errno of fcntl(2), or -ENOMEM.
 */
int listener_list_keep(struct listener_list *list);
void listener_list_close_kept(struct listener_list *list);
/* How many sockets of their own there are. */
size_t listener_list_count_sockets(const struct listener_list *list);

/* The socket files have become ours, or another server's. */
void listener_list_claim_files(struct listener_list *list);
void listener_list_disown_files(struct listener_list *list);

/*
 * Removes the socket files that are still ours. When listening ends, not later: the next server may
 * take the path at once, and file systems give the number of a removed file to the next one.
 */
void listener_list_remove_files(struct listener_list *list);

/* Closes what was not taken, removes the socket files that are still ours. */
void listener_list_close_all(struct listener_list *list);

/* The listeners for the echo alone: a view of the list, good as long as it does not grow. */
struct listener_list listener_list_echoes(const struct listener_list *list);

/* Whether there is a listener of that scheme. */
bool listener_list_serve(const struct listener_list *list, enum addr_scheme scheme);

/* Grows the list by one, which is zeroed and not counted yet; NULL: no memory. */
struct listener *listener_list_append(struct listener_list *list);

/* Closes the sockets of one that is in no list, and removes its socket file where that is ours. */
void listener_list_close_one(struct listener *listener);
