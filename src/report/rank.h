/*
 * How far the order of a few measured values carries: the distribution of Mann and Whitney's U, and
 * from it the confidence interval of Hodges and Lehmann for the shift between two samples. Nothing
 * is assumed of the values but that the two samples differ by a shift; no normal distribution, no
 * random numbers, and for small samples the confidence is exact.
 */
#pragma once

#include <stddef.h>

/*
 * Two samples of m and n values have m * n differences. In ascending order, the interval of at least
 * this confidence goes from the one with this index (from 0) to the one with it from the end.
 * -ERANGE: so few values cannot give such confidence.
 */
int rank_interval(size_t m, size_t n, double confidence, size_t *ret_index);

/* Of values in ascending order, at least one. */
double rank_median(const double *sorted, size_t count);

/* Ascending. */
void rank_sort(double *values, size_t count);
