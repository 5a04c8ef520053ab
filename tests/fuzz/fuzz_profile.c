/*
 * Profiles from anywhere: what is refused says where, inside the text, and why; what is taken gives a
 * schedule that never goes back.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/pace.h"
#include "bench/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_schedule(const struct profile *profile, enum pace_arrivals arrivals)
{
	struct pace pace;
	uint64_t before_ns = 0;

	pace_init(&pace, profile, arrivals, 1, 1, 3);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t ns = pace_next_ns(&pace);

		ASSERT(ns >= before_ns);
		if (ns == CLOCK_NEVER)
			break;
		ASSERT(ns <= profile_length_ns(profile));
		before_ns = ns;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct profile profile;
	const char *why = NULL;
	size_t column = SIZE_MAX;

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (profile_parse(text, &profile, &column, &why) < 0) {
		ASSERT(column <= strlen(text) && why != NULL);
	} else {
		ASSERT(profile.count >= 1 && profile.count <= PROFILE_MOST_STAGES);
		ASSERT(profile_count_until(&profile, 1000) >= 0);
		check_schedule(&profile, PACE_CONSTANT);
		check_schedule(&profile, PACE_POISSON);
		profile_cut(&profile, 12345678);
		ASSERT(profile_length_ns(&profile) <= 12345678);
		check_schedule(&profile, PACE_POISSON);
	}
	free(text);
	return 0;
}
