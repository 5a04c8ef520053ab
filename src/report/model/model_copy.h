/*
 * A result once more, by the table of fields.
 */
#pragma once

#include "report/model/model.h"

/* All of it. The caller calls model_fini(). -ENOMEM. */
int model_copy(const struct model *model, struct model *ret_copy);
