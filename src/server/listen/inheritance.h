/*
 * The sockets of another server, which this one takes over: sorted by address, and given to the listener
 * that asks for that address. Main thread. Closing them here takes nothing from the other, which has its own
 * descriptors for them.
 */
#pragma once

#include <stdbool.h>

#include "net/addr.h"
#include "server/listen/listener_list.h"

/*
 * Adds a socket to the others of its address, or a new address to the list. `origin`: who opened it, and if that was a
 * service manager, what for; device and inode: of its socket file, inode 0 without one. Takes over `fd`, also on
 * failure: -ENOMEM, or an error of socket_adopt_server().
 */
enum inheritance_origin { INHERITANCE_OPENED, INHERITANCE_ACTIVATED, INHERITANCE_ACTIVATED_WEB };
int inheritance_add(struct listener_list *inherited, int fd, enum inheritance_origin origin,
	dev_t device, ino_t inode);

/*
 * Marks what is asked for by its very address, so that no request for any port is given it. A name that
 * cannot be resolved is passed over here.
 */
void inheritance_reserve(
	struct listener_list *inherited, const struct addr_spec *specs, size_t spec_count);

/*
 * Takes the listener of this address out of the list; for port 0, the first one of that host that is not
 * reserved. None of its sockets is left out, since the kernel spreads connections over all of them: with
 * fewer threads, each has several.
 *
 * With more threads, streams are shared by duplicates: another socket would take along the connections that wait in it,
 * should this server fail before it has taken over. UDP, whose datagrams must keep their order, gets sockets
 * of its own where it can (SO_REUSEPORT); else the rest of the threads takes no part.
 */
bool inheritance_claim(struct listener_list *inherited, const struct addr *addr, unsigned threads,
	struct listener *ret_listener);

/*
 * The same with what came from a service manager, for web pages or not; they are not asked for by address. False: there
 * is none.
 */
bool inheritance_claim_activated(
	struct listener_list *inherited, unsigned threads, bool web, struct listener *ret_listener);

/*
 * Closes the sockets that were not asked for. The list stays, without them, for its socket files: they
 * become ours when the other server hands over.
 */
void inheritance_close_rest(struct listener_list *inherited);
