/*
 * Heads of requests: what is complete ends with an empty line, is complete whatever follows it, and every shorter
 * beginning of it is not; what is refused has a status of 4xx and a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web/http_host.h"
#include "web/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const char *const names[] = { "echo.example" };
	const char *text = (const char *)bytes;
	struct http_request request, again;
	struct http_refusal refusal;
	size_t used = 0, other;

	switch (http_request_read(text, length, &request, &used, &refusal)) {
	case HTTP_REQUEST_PARTIAL: ASSERT(length < HTTP_REQUEST_MOST_BYTES); return 0;
	case HTTP_REQUEST_REFUSED:
		ASSERT(refusal.status >= 400 && refusal.status < 500);
		ASSERT(strlen(refusal.why) > 1);
		return 0;
	case HTTP_REQUEST_COMPLETE: break;
	}
	ASSERT(used >= 2 && used <= length && used <= HTTP_REQUEST_MOST_BYTES);
	ASSERT(text[used - 1] == '\n');
	ASSERT(request.path.length > 0 && *request.path.at == '/');
	http_host_is_ours(request.host, names, 1);
	ASSERT(http_request_read(text, used, &again, &other, &refusal) == HTTP_REQUEST_COMPLETE);
	ASSERT(other == used);
	ASSERT(http_request_read(text, used - 1, &again, &other, &refusal) == HTTP_REQUEST_PARTIAL);
	return 0;
}
