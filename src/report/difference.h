/*
 * In what the circumstances of runs differ: environment, target, load. Runs that differ in them are
 * no repetitions of one another, and a comparison may see the machine instead of the program.
 */
#pragma once

#include <stdbool.h>

#include "report/model/model.h"

/* Differences beyond this are left out. */
#define DIFFERENCE_MOST 16
/* Longer values are cut. */
#define DIFFERENCE_TEXT_SIZE 80

struct difference {
	char field[48]; /* "environment.kernel" */
	char first[DIFFERENCE_TEXT_SIZE]; /* as JSON in ASCII; "": not known */
	char other[DIFFERENCE_TEXT_SIZE];
};

/*
 * Compares each run with the first one; of each field only the first difference is reported. Gives their
 * number. -ENOMEM; -EINVAL as model_write_json().
 */
int difference_find(const struct model *const *runs, size_t count,
	struct difference differences[DIFFERENCE_MOST]);

/* Whether both are one run that is there twice: all that was counted and measured is the same. */
bool difference_is_same_run(const struct model *a, const struct model *b);
