/*
 * Messages of an upgrade: whatever is taken is inside its bounds, and is written again to the same bytes:
 * there is one text for each message.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/upgrade/handover_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static char text[HANDOVER_MESSAGE_MOST_BYTES];
	struct handover_message message;
	int r = handover_message_read((const char *)bytes, length, &message);

	if (r < 0) {
		ASSERT(r == -EPROTO || r == -EPROTONOSUPPORT);
		return 0;
	}
	ASSERT(message.socket_count <= HANDOVER_MESSAGE_MOST_SOCKETS);
	ASSERT(message.total <= HANDOVER_MESSAGE_MOST_TOTAL);
	ASSERT(message.socket_count <= message.total);
	ASSERT(handover_message_write(&message, text) == length);
	ASSERT(memcmp(text, bytes, length) == 0);
	return 0;
}
