/*
 * Translations that are inside the program, for the build that is one file (-Dstatic=true): gettext(3) reads
 * catalogues from files only. Every other build uses gettext. Only languages with one plural form may be embedded
 * (catalogue_plural); a test looks at po/.
 */
#pragma once

#include <stdbool.h>

/* Chooses by $LANGUAGE, or `locale` ("ko_KR.UTF-8"); before any thread. */
void catalogue_choose(const char *locale);

/* The translation of a text; the text itself where there is none. It lives for ever. Any thread. */
const char *catalogue_text(const char *text) __attribute__((format_arg(1)));
const char *catalogue_plural(const char *one, const char *many, unsigned long n)
	__attribute__((format_arg(1), format_arg(2)));
