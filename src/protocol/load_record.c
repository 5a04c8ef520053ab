/*
 * Beginning, end and sum of a record.
 */
#include "protocol/load_record.h"

#include <errno.h>
#include <stdlib.h>

static int new_histogram(struct histogram **ret_histogram)
{
	return histogram_new(
		HISTOGRAM_LOWEST_NS, HISTOGRAM_HIGHEST_NS, HISTOGRAM_DIGITS, ret_histogram);
}

int load_record_new(struct load_record **ret_record)
{
	struct load_record *record = calloc(1, sizeof(*record));
	int r;

	if (record == NULL)
		return -ENOMEM;
	r = new_histogram(&record->intended);
	if (r == 0)
		r = new_histogram(&record->sent);
	if (r == 0)
		r = new_histogram(&record->unsent);
	if (r == 0)
		r = new_histogram(&record->connect);
	if (r < 0) {
		load_record_free(record);
		return r;
	}
	*ret_record = record;
	return 0;
}

void load_record_free(struct load_record *record)
{
	if (record == NULL)
		return;
	histogram_free(record->intended);
	histogram_free(record->sent);
	histogram_free(record->unsent);
	histogram_free(record->connect);
	free(record);
}

void load_record_reset(struct load_record *record)
{
	record->counts = (struct load_record_counts){ 0 };
	record->lag_sum_ns = record->lag_most_ns = 0;
	record->damage = (struct load_record_damage){ 0 };
	histogram_reset(record->intended);
	histogram_reset(record->sent);
	histogram_reset(record->unsent);
	histogram_reset(record->connect);
}

void load_record_merge(struct load_record *into, const struct load_record *from)
{
#define LOAD_RECORD_ADD(name) into->counts.name += from->counts.name;
	LOAD_RECORD_EACH(LOAD_RECORD_ADD)
#undef LOAD_RECORD_ADD
	into->lag_sum_ns += from->lag_sum_ns;
	if (from->lag_most_ns > into->lag_most_ns)
		into->lag_most_ns = from->lag_most_ns;
	if (from->damage.found &&
		(!into->damage.found || from->damage.when_ns < into->damage.when_ns))
		into->damage = from->damage;
	/* Same shape, and there are fewer than 2^63 samples: these cannot fail. */
	histogram_merge(into->intended, from->intended);
	histogram_merge(into->sent, from->sent);
	histogram_merge(into->unsent, from->unsent);
	histogram_merge(into->connect, from->connect);
}
