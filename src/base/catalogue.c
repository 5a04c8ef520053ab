/*
 * The catalogues are in the form of GNU gettext's .mo files: a header of seven numbers, then two tables of (length,
 * offset), of the messages in the order of strcmp(3) and of their translations. A message with a plural has both its
 * forms, and as many translations as the language has, each behind a 0 byte. The header is the translation of "".
 */
#include "base/catalogue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/catalogue_bytes.h"

#define CATALOGUES (sizeof(catalogues) / sizeof(catalogues[0]))

static const unsigned char *chosen;

static uint32_t number_at(size_t offset)
{
	uint32_t number;

	memcpy(&number, chosen + offset, sizeof(number));
	return number;
}

/* "ko_KR.UTF-8" is of the language "ko". */
static bool is_of(const char *locale, size_t length, const char *language)
{
	size_t wanted = strlen(language);

	return length >= wanted && strncmp(locale, language, wanted) == 0 &&
		(length == wanted || strchr("_.@", locale[wanted]) != NULL);
}

/* $LANGUAGE is a list: the first that there is. English is always there, and has no catalogue. */
void catalogue_choose(const char *locale)
{
	const char *languages = getenv("LANGUAGE");

	chosen = NULL;
	/* As gettext(3): in the plain C locale nothing is translated. */
	if (strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0)
		return;
	if (languages == NULL || *languages == '\0')
		languages = locale;
	while (*languages != '\0' && chosen == NULL) {
		size_t length = strcspn(languages, ":");

		if (is_of(languages, length, "en"))
			return;
		for (size_t i = 0; i < CATALOGUES; i++) {
			if (is_of(languages, length, catalogues[i].language))
				chosen = catalogues[i].bytes;
		}
		languages += length + (languages[length] == ':');
	}
}

/* The translation, or NULL. */
static const char *find(const char *text)
{
	size_t low = 0, high;
	size_t originals, translations;

	if (chosen == NULL || *text == '\0')
		return NULL;
	high = number_at(8);
	originals = number_at(12);
	translations = number_at(16);
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(
			text, (const char *)chosen + number_at(originals + 8 * middle + 4));

		if (order == 0)
			return (const char *)chosen + number_at(translations + 8 * middle + 4);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *catalogue_text(const char *text)
{
	const char *found = find(text);

	return found != NULL ? found : text;
}

const char *catalogue_plural(const char *one, const char *many, unsigned long n)
{
	const char *found = find(one);

	/* Korean has one form for all numbers, which comes first. */
	if (found != NULL)
		return found;
	return n == 1 ? one : many;
}
