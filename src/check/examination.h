/*
 * Finds the mistakes of a service that `check --run` starts, before any rule is tried: each by a small experiment
 * on a service started anew where that may matter, so that one mistake is seen once and by its name. Takes 2 s
 * where all is well. Says nothing by itself. Main thread; blocks.
 */
#pragma once

#include "check/diagnosis.h"

/*
 * 0: `found` and the notes are complete; -errno: the service could not be started because of this machine
 * (-EADDRINUSE: see service_start()).
 */
int examination_run(struct diagnosis *diagnosis);
