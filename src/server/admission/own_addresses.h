/*
 * The addresses of this machine (of this network namespace), and the broadcast addresses of its networks,
 * as they are now: the kernel reports changes (rtnetlink(7)). Opened before the sandbox, which
 * allows no new sockets of that kind.
 *
 * A set is made once, never changed, and may be asked by any thread; the watch belongs to the main thread.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum own_addresses_kind { OWN_ADDRESSES_FOREIGN, OWN_ADDRESSES_OURS, OWN_ADDRESSES_BROADCAST };

struct own_addresses; /* a set */

/* `count` entries of addresses, IPv4 in its mapped form, and what each is. -ENOMEM. */
struct own_addresses_entry {
	struct in6_addr address;
	enum own_addresses_kind kind;
};
int own_addresses_new(
	const struct own_addresses_entry *entries, size_t count, struct own_addresses **ret_set);
/* NULL is fine. */
void own_addresses_free(struct own_addresses *set);
enum own_addresses_kind own_addresses_find(
	const struct own_addresses *set, const struct in6_addr *address);

struct own_addresses_watch;

/* Opens the watch and reads the first set, which is the caller's. -errno: the kernel does not report them. */
int own_addresses_watch_open(
	struct own_addresses_watch **ret_watch, struct own_addresses **ret_set);
/* NULL is fine. */
void own_addresses_watch_close(struct own_addresses_watch *watch);
/* Readable when something has changed; -1 without a watch. */
int own_addresses_watch_fd(const struct own_addresses_watch *watch);
/* When to check again, although nothing is readable: changes are read once a second at most. */
uint64_t own_addresses_watch_due_ns(const struct own_addresses_watch *watch);
/* True: something has changed, and `ret_set`, the caller's, is how it is now. */
bool own_addresses_watch_follow(
	struct own_addresses_watch *watch, uint64_t now_ns, struct own_addresses **ret_set);
