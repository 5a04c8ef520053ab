/*
 * Numeric addresses, compared with the C library: where inet_pton(3) and inet_aton(3) say yes we
 * say yes with the same octets, and where they say no we say no. Not compared: zones, which
 * they do not know, and blanks, behind which inet_aton takes everything.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/literal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void compare_v4(const char *text, const struct literal *literal)
{
	struct in_addr in;
	bool aton = inet_aton(text, &in) != 0;

	if (strpbrk(text, " \t\n\v\f\r") == NULL) {
		ASSERT(aton == (literal != NULL));
		ASSERT(!aton || memcmp(&in, literal->octets, 4) == 0);
	}

	bool pton = inet_pton(AF_INET, text, &in) == 1;

	ASSERT(pton == (literal != NULL && !literal->classic));
	ASSERT(!pton || memcmp(&in, literal->octets, 4) == 0);
	/* What is an address must never be taken for a name. */
	ASSERT(literal == NULL || literal_is_meant(text));
}

static void compare_v6(const char *text, const struct literal *literal)
{
	struct in6_addr in6;
	bool pton = inet_pton(AF_INET6, text, &in6) == 1;

	ASSERT(pton == (literal != NULL));
	ASSERT(!pton || memcmp(&in6, literal->octets, 16) == 0);
}

static void check_format(const struct literal *literal)
{
	struct literal again;
	char once[LITERAL_TEXT_SIZE], twice[LITERAL_TEXT_SIZE];

	literal_format(literal, once, sizeof(once));
	ASSERT(literal_parse(once, &again, NULL) == 0);
	ASSERT(again.family == literal->family && !again.classic);
	ASSERT(memcmp(again.octets, literal->octets, sizeof(again.octets)) == 0);
	ASSERT(strcmp(again.zone, literal->zone) == 0);
	ASSERT(strcmp(once, literal_format(&again, twice, sizeof(twice))) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);
	struct literal literal;
	struct addr_fault fault = { .column = SIZE_MAX };

	memcpy(text, bytes, length);
	text[length] = '\0';

	bool taken = literal_parse(text, &literal, &fault) == 0;

	if (taken)
		check_format(&literal);
	else
		ASSERT(fault.column <= strlen(text) && fault.text[0] != '\0');
	if (strchr(text, ':') == NULL)
		compare_v4(text, taken ? &literal : NULL);
	else if (strchr(text, '%') == NULL)
		compare_v6(text, taken ? &literal : NULL);
	free(text);
	return 0;
}
