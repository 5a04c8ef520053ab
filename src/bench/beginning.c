/*
 * The sums, each guarded against a time that has passed.
 */
#include "bench/beginning.h"

#include "base/clock.h"

#define CONNECT_LEAD_NS (5 * CLOCK_NS_PER_S)
#define CONNECT_EACH_NS (500 * CLOCK_NS_PER_US)

bool beginning_is_asked(const struct beginning *beginning)
{
	return beginning->unix_ns > 0 && !beginning->over;
}

static uint64_t before(const struct beginning *beginning, uint64_t lead_ns)
{
	return beginning_is_asked(beginning) && beginning->unix_ns > lead_ns
		? beginning->unix_ns - lead_ns
		: 0;
}

uint64_t beginning_connect_unix_ns(const struct beginning *beginning, uint32_t connections)
{
	return before(beginning, CONNECT_LEAD_NS + connections * CONNECT_EACH_NS);
}

uint64_t beginning_order_unix_ns(const struct beginning *beginning)
{
	return before(beginning, BEGINNING_LEAD_NS);
}

uint64_t beginning_start_ns(
	const struct beginning *beginning, uint64_t now_ns, uint64_t unix_ns, uint64_t lead_ns)
{
	if (beginning_is_asked(beginning) && beginning->unix_ns > unix_ns + lead_ns)
		lead_ns = beginning->unix_ns - unix_ns;
	return now_ns + lead_ns;
}

void beginning_note(
	struct beginning *beginning, uint64_t start_ns, uint64_t start_unix_ns, uint64_t began_ns)
{
	if (!beginning_is_asked(beginning))
		return;
	beginning->over = true;
	beginning->began = began_ns >= start_ns;
	if (!beginning->began)
		return;
	start_unix_ns += began_ns - start_ns;
	if (start_unix_ns > beginning->unix_ns)
		beginning->late_ns = start_unix_ns - beginning->unix_ns;
}
