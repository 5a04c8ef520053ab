/*
 * A fleet's files from anywhere: each result and each broken piece has its place, and the whole can be written as JSON.
 */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "report/fleet/fleet_files.h"
#include "report/fleet/fleet_json.h"
#include "report/fleet/fleet_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define EXPECTED 4

static void check_places(const struct fleet *fleet)
{
	size_t missing = 0;

	ASSERT(fleet->member_count + fleet->broken_count > 0);
	for (size_t i = 0; i < fleet->member_count; i++)
		ASSERT((fleet->members[i].place == FLEET_COUNTED) == (i < fleet->counted));
	for (uint32_t rank = fleet_next_missing(fleet, 0); rank != FLEET_MOST_RANKS;
		rank = fleet_next_missing(fleet, rank + 1))
		missing++;
	ASSERT(fleet->counted + missing == EXPECTED);
	ASSERT(!fleet_is_complete(fleet) || missing == 0);
	ASSERT((fleet_merged(fleet) != NULL) == (fleet->counted > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	FILE *nowhere = fopen("/dev/null", "we");
	struct fleet fleet;
	json_t *object;
	int r;

	fleet_init(&fleet, EXPECTED);
	r = fleet_files_parse(&fleet, "file", (const char *)bytes, length);
	ASSERT(r == 0 || r == -EOVERFLOW);
	if (r == 0) {
		ASSERT(fleet_settle(&fleet) == 0);
		check_places(&fleet);
		/* -EINVAL: sums that JSON has no numbers for. */
		r = fleet_json(&fleet, NULL, 0, true, &object);
		ASSERT(r == 0 || r == -EINVAL);
		if (r == 0)
			json_decref(object);
		ASSERT(nowhere == NULL || fleet_text_ranks(&fleet, 80, nowhere) == 0);
		if (nowhere != NULL)
			fleet_text_notes(&fleet, nowhere);
	}
	fleet_fini(&fleet);
	if (nowhere != NULL)
		fclose(nowhere);
	return 0;
}
