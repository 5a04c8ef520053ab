/*
 * What a measurement depends on: kernel, machine, processor, the version of this program. No host name and no
 * user's name, since results are made to be shown around; a host that is one of a fleet's is asked for by itself.
 */
#pragma once

#include "report/model/model.h"

/*
 * Fills kernel, version, machine, cpu and cpus of an empty `environment`; what cannot be found out stays NULL
 * or 0. -ENOMEM.
 */
int environment_read(struct model_environment *environment);

/* Sets *text (owned by a model) to this host's name. -ENOMEM. */
int environment_read_host(char **text);
