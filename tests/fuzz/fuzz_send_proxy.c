/*
 * What --send-proxy is given, from anywhere: refused with a place inside the text and a reason, or a header that can
 * be written, whatever the socket is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/send_proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_written(const struct send_proxy *options)
{
	unsigned char buffer[PROXY_WRITE_SIZE];
	struct proxy_header header;
	enum proxy_fault fault;
	size_t length = send_proxy_write(options, -1, ADDR_TCP, buffer);

	ASSERT(length <= PROXY_WRITE_SIZE);
	ASSERT(proxy_read(buffer, length, &header, &fault) == PROXY_WHOLE);
	ASSERT(header.length == length && header.version == options->version);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct send_proxy options;
	size_t column = SIZE_MAX;
	const char *why = NULL;

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (send_proxy_parse(text, &options, &column, &why) < 0)
		ASSERT(column <= strlen(text) && why != NULL && why[0] != '\0');
	else
		check_written(&options);
	free(text);
	return 0;
}
