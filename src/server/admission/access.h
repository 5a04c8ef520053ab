/*
 * Who may come: lists of blocks of addresses, from the command line and from files. A list is read as
 * a whole and never changes afterwards, so any thread may ask; a reload makes a new one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Blocks of one list, from all its files together. */
#define ACCESS_MOST_BLOCKS (1u << 20)

/* In the list of proxies: peers on unix sockets. */
#define ACCESS_UNIX "unix"

struct access;

/* What --allow or --deny were given, in their order: a block, or @FILE. */
struct access_entries {
	const char **texts;
	size_t count;
};

/*
 * Reads the lists. A file has one block a line; blank lines, and what follows '#', do not count. Speaks
 * when it fails: one line has been printed, and -errno is returned.
 */
int access_new(const struct access_entries *allow, const struct access_entries *deny,
	struct access **ret_access);
/*
 * Reads a third list, of the proxies whose word counts (--proxy-from); what is "unix" means none but peers on unix
 * sockets. Speaks as access_new() does; then the lists are to be freed.
 */
int access_read_proxies(struct access *access, const struct access_entries *proxies);
/* NULL is fine. */
void access_free(struct access *access);

/*
 * A denied address is refused; any other is admitted if no block is allowed, or if its block is. An IPv4
 * address is one also where it comes mapped. What is no IP address (unix) may.
 */
bool access_admits(const struct access *access, const struct sockaddr *source);

/*
 * Whether the word of a proxy at that address counts. On a unix socket every peer's does: who may connect is
 * decided by the file's permissions.
 */
bool access_is_proxy(const struct access *access, const struct sockaddr *peer);
