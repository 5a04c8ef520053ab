/*
 * The limit on open descriptors: a connection needs one. Main thread, before there are others.
 */
#pragma once

#include <stdint.h>

/* As many as the administrator allows (the hard limit); best effort. */
void descriptors_raise_limit(void);

/* How many may be open; 0: not known. Any thread. */
uint64_t descriptors_limit(void);
