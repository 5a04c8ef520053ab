/*
 * What `check` has found as JUnit XML, for a CI system. One thread.
 */
#pragma once

#include <stdio.h>

#include "check/findings.h"

/* `target` is what was checked as it was given. 0 or -errno; -ENOMEM: nothing was written. */
int junit_write(const struct findings *findings, const char *target, FILE *file);
