/*
 * Results as one page for a browser: charts, tables, English and Korean, nothing from the network.
 * The charts are drawn by Chart.js, which is built in where it was there at build time.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "report/compare.h"
#include "report/difference.h"
#include "report/model/model.h"

struct html_page {
	const struct model *merged;
	const struct model *runs;
	size_t run_count;
	const struct difference *differences;
	int difference_count;
	/* Both, or none. */
	const struct model *baseline; /* merged */
	const struct compare *compare;
	json_t *fleet; /* of fleet_json(), without its result; the caller's; NULL: none */
};

/* Whether this program has the charts' library in it. */
bool html_available(void);

/* -ENOTSUP: not available; -EINVAL as model_write_json(); -EIO; -ENOMEM. */
int html_write(const struct html_page *page, FILE *out);

/* The page of a single run. */
int html_write_run(const struct model *run, FILE *out);
