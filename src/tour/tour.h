/*
 * meari tour: nine stops at which a server and a client in this process make real socket calls, one for each
 * press of Enter. At a terminal it is a screen; otherwise, or when asked, lines. Main thread, before there
 * are others: the tour takes a network of its own where it can, and keeps it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct tour_options {
	size_t first, last; /* stops, from 0; the screen begins at `first` and goes on to the end */
	bool plain;
};

/* One line for each stop. */
void tour_list(FILE *out);

/*
 * 0; a positive number: the signal that ended it; -errno, a message has been printed; -EPROTO: with `plain`,
 * this kernel does not say everything that the tour says.
 */
int tour(const struct tour_options *options);
