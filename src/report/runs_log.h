/*
 * A log of HdrHistogram as one run: its histograms added, its lines as intervals.
 */
#pragma once

#include <stdio.h>

#include "report/model.h"
#include "report/model_read.h"

/* Errors, `tag` and what is left out: as runs_load(). The caller calls model_fini(). */
int runs_log_read(FILE *file, const char *tag, struct model *ret_run, struct model_fault *fault);
