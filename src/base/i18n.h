/*
 * Messages in the user's language, through gettext. Every text for people is written _("...");
 * a text in a table is marked N_("...") and passed through _() where it is printed. JSON keys,
 * option names and log keys are never translated.
 */
#pragma once

#include <libintl.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"

#if MEARI_STATIC
#include "base/catalogue.h"
/* Macros of libintl.h. */
#undef gettext
#undef ngettext
#define gettext(text) catalogue_text(text)
#define ngettext(one, many, n) catalogue_plural(one, many, n)
#endif

#define _(text) gettext(text)
#define N_(text) text

/*
 * Reads the language from the environment (LC_ALL, LC_MESSAGES, LANG, LANGUAGE). Call once, first
 * thing in main(), before any thread. Works from the build tree, from DESTDIR and when installed,
 * and also where the system has not generated the locale. Never fails: without a translation,
 * messages are in English.
 */
void i18n_init(void);

/* The languages that i18n_choose() takes, by index: "ko", "en"; NULL behind the last one. */
const char *i18n_language(size_t index);

/*
 * Messages are in this language from now on, whatever the environment says: one of i18n_language(). After
 * i18n_init(), before any thread; with threads, only the language that holds already may be chosen again
 * (options that are read again). `language` has to last. Never fails.
 */
void i18n_choose(const char *language);

/* Whether messages are in Korean: for texts that are in tables of their own. */
bool i18n_is_korean(void);

/* Whether the environment's locale is a UTF-8 one: for bars and lines of a terminal, which may not show others. */
bool i18n_terminal_is_utf8(void);
