/*
 * A fleet for people at a terminal, in their language: ranks side by side, and whatever is not as expected, by rank or
 * by file. What comes from files is made plain first. Long lists are cut, and say so.
 */
#pragma once

#include <stdio.h>

#include "report/fleet/fleet.h"

/* Rows of the table of ranks; of more, those with the highest p99. */
#define FLEET_TEXT_MOST_ROWS 40u
/* Lines of one kind of notes. */
#define FLEET_TEXT_MOST_LINES 20u

/* The fleet's own lines and the table of its ranks. `width`: the terminal's; 0: any. -ENOMEM. */
int fleet_text_ranks(const struct fleet *fleet, unsigned width, FILE *out);

/* What is missing, left out or to be doubted; nothing where all is well. */
void fleet_text_notes(const struct fleet *fleet, FILE *out);
