/*
 * One bit for each kind of trouble, so that one does not hide the other.
 */
#include "server/listener_trouble.h"

#include <stdatomic.h>

#include "server/admission/conn_log.h"

enum trouble { MADE_BLOCKING = 1, SHUT_DOWN = 2 };

static bool is_first(_Atomic unsigned *logged, unsigned tag, enum trouble trouble)
{
	return logged != NULL && (atomic_fetch_or(&logged[tag], trouble) & trouble) == 0;
}

void listener_trouble_mended(
	_Atomic unsigned *logged, unsigned tag, int fd, enum addr_scheme scheme)
{
	if (is_first(logged, tag, MADE_BLOCKING))
		conn_log_mended(fd, scheme);
}

void listener_trouble_lost(
	_Atomic unsigned *logged, unsigned tag, const struct listener_list *listeners)
{
	if (is_first(logged, tag, SHUT_DOWN))
		conn_log_lost(&listeners->listeners[tag].bound);
}
