/*
 * The source is asked only when the time is over. A program that waits for something else sleeps then, and the wait is
 * over. One that is ready has another slice; one that has used most of a slice for itself had a processor, and is not
 * waited for any longer.
 */
#include "check/traffic/patience.h"

#include <stddef.h>

#include "base/clock.h"

#define SLICES_A_TIME 4u /* in `ns` */
#define SLICES_MOST ((PATIENCE_MOST - 1) * SLICES_A_TIME)

void patience_begin(struct patience *patience, struct patience_source source, uint64_t ns)
{
	*patience = (struct patience){ .source = source, .ns = ns };
	patience_renew(patience);
}

void patience_renew(struct patience *patience)
{
	patience->until_ns = clock_after_ns(clock_now_ns(), patience->ns);
	patience->slices = 0;
}

bool patience_is_over(struct patience *patience)
{
	uint64_t slice_ns = patience->ns / SLICES_A_TIME, processor_ns, now_ns = clock_now_ns();

	if (now_ns < patience->until_ns)
		return false;
	if (patience->source.look == NULL || patience->slices == SLICES_MOST ||
		!patience->source.look(patience->source.subject, &processor_ns))
		return true;
	if (patience->slices > 0 && processor_ns > patience->processor_ns &&
		processor_ns - patience->processor_ns > slice_ns / 2)
		return true;
	patience->processor_ns = processor_ns;
	patience->slices++;
	patience->until_ns = clock_after_ns(now_ns, slice_ns);
	return false;
}
