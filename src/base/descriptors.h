/*
 * The limit on open descriptors: a connection needs one. Main thread, before there are others.
 */
#pragma once

/* As many as the administrator allows (the hard limit); best effort. */
void descriptors_raise_limit(void);
