/*
 * Addresses of NOTIFY_SOCKET: what is taken lies whole within the address and is what was written; all else is
 * refused with one of three errors.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = calloc(1, length + 1);
	struct sockaddr_un address;
	socklen_t size;
	int r;

	memcpy(text, bytes, length);
	r = notify_parse_address(text, &address, &size);
	if (r == 0) {
		size_t written = strlen(text);

		ASSERT(address.sun_family == AF_UNIX && size <= sizeof(address));
		ASSERT(memcmp(address.sun_path + 1, text + 1, written - 1) == 0);
		ASSERT(address.sun_path[0] == (text[0] == '@' ? '\0' : '/'));
		ASSERT(size - offsetof(struct sockaddr_un, sun_path) == written + (text[0] == '/'));
	} else {
		ASSERT(r == -EINVAL || r == -ENAMETOOLONG || r == -EAFNOSUPPORT);
	}
	free(text);
	return 0;
}
