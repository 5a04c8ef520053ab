/*
 * What a network card can do for a thread that waits (socket.h).
 */
#include "server/tuning.h"

#include "base/clock.h"
#include "engine/engine.h"
#include "net/socket.h"

/* One poll of the network card: longer, and timers and other connections would wait for it. */
#define MOST_CARD_POLL_NS (50 * CLOCK_NS_PER_US)

void tuning_apply(int fd, enum addr_scheme scheme, int cpu, uint64_t busy_poll_ns)
{
	uint64_t poll_ns = busy_poll_ns < MOST_CARD_POLL_NS ? busy_poll_ns : MOST_CARD_POLL_NS;

	if (!addr_is_tcp(scheme) && scheme != ADDR_UDP)
		return;
	if (cpu >= 0)
		socket_set_incoming_cpu(fd, cpu);
	/* Only on request: the kernel then spins for every receive, and knows nothing of "worth it". */
	if (busy_poll_ns > 0 && busy_poll_ns != ENGINE_BUSY_POLL_AUTO)
		socket_set_busy_poll(fd, (unsigned)(poll_ns / CLOCK_NS_PER_US));
}
