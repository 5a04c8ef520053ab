/*
 * What other processes do to a listener that they share with this server. Every thread may notice it; the first one
 * logs it. Any thread.
 */
#pragma once

#include "server/listen/listener_list.h"

/*
 * `logged`: for each listener, the caller's and of all threads, zero at first; NULL: nothing is logged. `tag` is the
 * listener's place there.
 */
void listener_trouble_mended(
	_Atomic unsigned *logged, unsigned tag, int fd, enum addr_scheme scheme);
void listener_trouble_lost(
	_Atomic unsigned *logged, unsigned tag, const struct listener_list *listeners);
