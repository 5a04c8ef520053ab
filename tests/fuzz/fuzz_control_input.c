/*
 * What a client of --control sends: however it is cut into pieces, the same questions come out, and nothing is read beyond
 * what is there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/control/control_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* A number for the questions and their order. */
static uint64_t read_all(const char *bytes, size_t length, size_t piece)
{
	struct control_input input = { 0 };
	enum control_request request;
	uint64_t sum = 0;

	for (size_t at = 0; at < length;) {
		size_t most = length - at < piece ? length - at : piece;
		char *copy = malloc(most); /* so that a sanitizer sees a read beyond it */
		bool complete = false;

		ASSERT(copy != NULL);
		memcpy(copy, bytes + at, most);
		size_t n = control_input_read(&input, copy, most, &complete, &request);

		free(copy);
		ASSERT(n > 0 && n <= most && (complete || n == most));
		ASSERT(input.length <= sizeof(input.line));
		if (complete) {
			ASSERT(request <= CONTROL_REQUEST_UNKNOWN);
			sum = sum * 31 + request + 1;
		}
		at += n;
	}
	return control_input_end(&input, &request) ? sum * 31 + request + 1 : sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint64_t whole = read_all((const char *)bytes, length, SIZE_MAX);

	ASSERT(read_all((const char *)bytes, length, 1) == whole);
	ASSERT(read_all((const char *)bytes, length, 7) == whole);
	return 0;
}
