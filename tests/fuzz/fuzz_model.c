/*
 * Results from anywhere: what is taken is written, read and written again the same; what is refused
 * says why in plain words, and leaves the model alone.
 */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/model_read.h"
#include "report/model/model_write.h"
#include "report/model/reason.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static char *written(const struct model *model)
{
	json_t *object;

	ASSERT(model_write_json(model, &object) == 0);

	char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12));

	json_decref(object);
	return text;
}

/* Whatever they hold, there is a sentence for each. */
static void word_reasons(const struct model *model)
{
	const struct model_reason *reasons = model->trust.reasons.items;

	for (size_t i = 0; i < model->trust.reasons.count; i++) {
		char text[REASON_TEXT_SIZE];

		ASSERT(*reason_format(&reasons[i], false, text, sizeof(text)) != '\0' ||
			reasons[i].text != NULL || reasons[i].code != NULL);
		ASSERT(!reason_is_graver(&reasons[i], &reasons[i]));
		ASSERT(reason_is_same(&reasons[i], &reasons[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct model model, again;
	struct model_fault fault;
	size_t used;
	int r = model_read((const char *)bytes, length, &model, &used, &fault);

	if (r == -ENOMSG) {
		ASSERT(used > 0 && used <= length);
		return 0;
	}
	if (r < 0) {
		ASSERT(r == -EBADMSG && fault.reason[0] != '\0');
		for (const char *at = fault.place; *at != '\0'; at++)
			ASSERT((unsigned char)*at >= ' ' && (unsigned char)*at < 0x7f);
		return 0;
	}
	ASSERT(used > 0 && used <= length);
	word_reasons(&model);

	char *once = written(&model);

	ASSERT(model_read(once, strlen(once), &again, &used, &fault) == 0);

	char *twice = written(&again);

	ASSERT(strcmp(once, twice) == 0);
	free(once);
	free(twice);
	model_fini(&model);
	model_fini(&again);
	return 0;
}
