/*
 * All or nothing: one that is missing would be taken for something else than what it is, a lack of memory.
 */
#include "server/counters_json.h"

#include <stdbool.h>
#include <stddef.h>

json_t *counters_json(const struct counters *counters)
{
	json_t *object = json_object();
	bool complete = json_object_set_new(object, "connections_open",
				json_integer((json_int_t)counters_open(counters))) == 0;

#define TELL(name)                                                                                 \
	complete = complete &&                                                                     \
		json_object_set_new(object, #name, json_integer((json_int_t)counters->name)) == 0;
	COUNTERS_EACH(TELL)
#undef TELL
	if (complete)
		return object;
	json_decref(object);
	return NULL;
}
