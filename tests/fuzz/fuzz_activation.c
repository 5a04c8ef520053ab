/*
 * What a service manager says of the sockets that it hands over, a variable a line: what is taken has one name
 * for each socket, plain text, and put together again the names are what was read; what is refused
 * names its variable.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/listen/activation.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define SELF 42

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_and_free(char **names, size_t count, const char *given)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(names[i]);

		ASSERT(strchr(names[i], ':') == NULL);
		ASSERT(memcmp(given, names[i], length) == 0);
		ASSERT(given[length] == (i + 1 < count ? ':' : '\0'));
		given += length + 1;
		free(names[i]);
	}
	ASSERT((names == NULL) == (count == 0));
	free(names);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = calloc(1, length + 1), *rest = text, **names = NULL;
	const char *variable = NULL;
	struct activation_environment environment;
	size_t count = 0;
	int r;

	memcpy(text, bytes, length);
	environment.pid = strsep(&rest, "\n");
	environment.count = strsep(&rest, "\n");
	environment.names = rest != NULL ? rest : ""; /* without them each socket takes memory */
	r = activation_read(&environment, SELF, &names, &count, &variable);
	if (r == 0)
		check_and_free(names, count, environment.names);
	else
		ASSERT((r == -EINVAL || r == -ERANGE) && strncmp(variable, "LISTEN_", 7) == 0);
	free(text);
	return 0;
}
