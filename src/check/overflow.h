/*
 * Two experiments of an examination with more bytes than the buffers on the way hold: whether bytes are lost when
 * they are full, and when the client has finished meanwhile. Each adds the mistake to the diagnosis. Main thread;
 * blocks.
 */
#pragma once

#include "check/diagnosis.h"

/* short-send */
void overflow_try_full(struct diagnosis *diagnosis);
/* drops-on-half-close */
void overflow_try_half_close(struct diagnosis *diagnosis);
