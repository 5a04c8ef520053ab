/*
 * What a measurement depends on besides the program: kernel, machine, processor. No host name and no
 * user's name: results are made to be shown around.
 */
#pragma once

#include "report/model/model.h"

/*
 * Fills kernel, machine, cpu and cpus of an empty `environment`; what cannot be found out stays NULL
 * or 0. -ENOMEM.
 */
int environment_read(struct model_environment *environment);
