/*
 * The grammar of --rate, and the two integrals that everything else needs: how fast at a time, and how
 * many until then.
 */
#include "bench/profile.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/number.h"

/* A longer text than this is no time of a stage. */
#define TIME_TEXT_SIZE 40

struct reader {
	const char *text, *at;
	const char *why;
};

static int refuse(struct reader *reader, const char *why)
{
	reader->why = why;
	return -EINVAL;
}

static int read_rate(struct reader *reader, double *ret_per_s)
{
	size_t length;
	int r = number_scan_rate(reader->at, ret_per_s, &length);

	if (r == -ERANGE)
		return refuse(reader, _("the rate is too large"));
	if (r < 0)
		return refuse(reader,
			_("a rate is expected here, messages a second, such as 500 or 10k"));
	reader->at += length;
	return 0;
}

static int read_time(struct reader *reader, uint64_t *ret_ns)
{
	char text[TIME_TEXT_SIZE];
	size_t length = strcspn(reader->at, ",");

	if (length >= sizeof(text))
		return refuse(reader, _("this is not a time, such as 500ms or 30s"));
	memcpy(text, reader->at, length);
	text[length] = '\0';
	if (duration_parse(text, ret_ns) < 0)
		return refuse(reader, _("this is not a time, such as 500ms or 30s"));
	if (*ret_ns == 0)
		return refuse(reader, _("a stage cannot be of no length"));
	reader->at += length;
	return 0;
}

static int read_stage(struct reader *reader, struct profile_stage *stage)
{
	int r = read_rate(reader, &stage->from_per_s);

	if (r < 0)
		return r;
	stage->to_per_s = stage->from_per_s;
	stage->length_ns = CLOCK_NEVER;
	if (strncmp(reader->at, "..", 2) == 0) {
		reader->at += 2;
		r = read_rate(reader, &stage->to_per_s);
		if (r < 0)
			return r;
		if (*reader->at != '@')
			return refuse(reader, _("a ramp needs its time here, such as @30s"));
	}
	if (*reader->at == '@') {
		reader->at++;
		r = read_time(reader, &stage->length_ns);
	}
	return r;
}

static bool asks_for_something(const struct profile *profile)
{
	for (size_t i = 0; i < profile->count; i++) {
		if (profile->stages[i].from_per_s > 0 || profile->stages[i].to_per_s > 0)
			return true;
	}
	return false;
}

static int read_stages(struct reader *reader, struct profile *profile)
{
	for (;;) {
		int r = read_stage(reader, &profile->stages[profile->count]);

		if (r < 0)
			return r;
		profile->count++;
		if (*reader->at == '\0')
			break;
		if (*reader->at != ',')
			return refuse(reader,
				_("a stage is a rate, such as 10k or 1k..50k, and its time, such as @30s"));
		if (profile->stages[profile->count - 1].length_ns == CLOCK_NEVER)
			return refuse(reader,
				_("a stage that others follow needs its time, such as @30s"));
		if (profile->count == PROFILE_MOST_STAGES)
			return refuse(reader, _("there are too many stages"));
		reader->at++;
	}
	/* The sum of all must still be a time. */
	for (uint64_t i = 0, sum = 0; i < profile->count; i++) {
		if (profile->stages[i].length_ns != CLOCK_NEVER &&
			__builtin_add_overflow(sum, profile->stages[i].length_ns, &sum))
			return refuse(reader, _("the stages together are too long"));
	}
	if (!asks_for_something(profile)) {
		reader->at = reader->text;
		return refuse(reader, _("a rate of nothing measures nothing"));
	}
	return 0;
}

int profile_parse(
	const char *text, struct profile *ret_profile, size_t *ret_column, const char **ret_why)
{
	struct reader reader = { .text = text, .at = text };
	struct profile profile = { 0 };
	int r = read_stages(&reader, &profile);

	if (r < 0) {
		*ret_column = (size_t)(reader.at - text);
		*ret_why = reader.why;
		return r;
	}
	*ret_profile = profile;
	return 0;
}

void profile_init_constant(struct profile *profile, double per_s)
{
	profile->count = 1;
	profile->stages[0] = (struct profile_stage){ per_s, per_s, CLOCK_NEVER };
}

int profile_lead_in(struct profile *profile, uint64_t length_ns)
{
	double per_s = profile->stages[0].from_per_s;

	if (length_ns == 0)
		return 0;
	if (profile->count == PROFILE_MOST_STAGES)
		return -ENOSPC;
	memmove(&profile->stages[1], &profile->stages[0],
		profile->count * sizeof(profile->stages[0]));
	profile->stages[0] = (struct profile_stage){ per_s, per_s, length_ns };
	profile->count++;
	return 0;
}

static double rate_within(const struct profile_stage *stage, uint64_t at_ns)
{
	if (stage->length_ns == CLOCK_NEVER)
		return stage->from_per_s;
	return stage->from_per_s +
		(stage->to_per_s - stage->from_per_s) * ((double)at_ns / (double)stage->length_ns);
}

void profile_cut(struct profile *profile, uint64_t length_ns)
{
	uint64_t left_ns = length_ns;

	for (size_t i = 0; i < profile->count; i++) {
		struct profile_stage *stage = &profile->stages[i];

		if (stage->length_ns >= left_ns) {
			stage->to_per_s = rate_within(stage, left_ns);
			stage->length_ns = left_ns;
			profile->count = left_ns > 0 || i == 0 ? i + 1 : i;
			return;
		}
		left_ns -= stage->length_ns;
	}
}

uint64_t profile_length_ns(const struct profile *profile)
{
	uint64_t sum_ns = 0;

	for (size_t i = 0; i < profile->count; i++)
		sum_ns = clock_after_ns(sum_ns, profile->stages[i].length_ns);
	return sum_ns;
}

double profile_rate_at(const struct profile *profile, uint64_t at_ns)
{
	for (size_t i = 0; i < profile->count; i++) {
		const struct profile_stage *stage = &profile->stages[i];

		if (at_ns < stage->length_ns)
			return rate_within(stage, at_ns);
		at_ns -= stage->length_ns;
	}
	return 0;
}

double profile_count_until(const struct profile *profile, uint64_t until_ns)
{
	double count = 0;

	for (size_t i = 0; i < profile->count && until_ns > 0; i++) {
		const struct profile_stage *stage = &profile->stages[i];
		uint64_t part_ns = until_ns < stage->length_ns ? until_ns : stage->length_ns;

		count += (stage->from_per_s + rate_within(stage, part_ns)) / 2 *
			((double)part_ns / 1e9);
		until_ns -= part_ns;
	}
	return count;
}
