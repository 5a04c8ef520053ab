/*
 * Finding the messages. Two things can keep a user from a translation that is installed:
 *
 * - The catalogue's place. The program searches beside itself first (the build tree), then at
 *   ../share/locale (any prefix, DESTDIR too), then at the configured place.
 * - The system's locale. Minimal systems have no ko_KR.UTF-8; setlocale(3) then fails and gettext
 *   would stay in English. C.UTF-8 is always there, and with it gettext follows $LANGUAGE.
 *
 * The program that is one file has its catalogues inside (catalogue.h), and C.UTF-8 is inside libc.
 */
#include "base/i18n.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define DOMAIN "meari"

/* By i18n_choose(); NULL: the environment decides. */
static const char *chosen;

static bool terminal_is_utf8;

#if !MEARI_STATIC
/* Into `place`: the folder of catalogues seen from the folder that the program is in. */
static const char *find_catalogues(char *place, size_t size)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (length <= 0)
		return MEARI_LOCALEDIR;
	program[length] = '\0';
	*strrchr(program, '/') = '\0';

	static const char *const beside[] = { "po", "../share/locale" };

	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		char probe[PATH_MAX + 64];

		snprintf(probe, sizeof(probe), "%s/%s/ko/LC_MESSAGES/" DOMAIN ".mo", program,
			beside[i]);
		if (access(probe, R_OK) == 0) {
			snprintf(place, size, "%s/%s", program, beside[i]);
			return place;
		}
	}
	return MEARI_LOCALEDIR;
}
#endif

/* The variable that decides the language of messages, in the order of setlocale(3). */
static const char *wanted_locale(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && *value != '\0')
			return value;
	}
	return "C";
}

bool i18n_terminal_is_utf8(void)
{
	return terminal_is_utf8;
}

void i18n_init(void)
{
	if (setlocale(LC_ALL, "") == NULL && setlocale(LC_ALL, "C.UTF-8") != NULL) {
		char language[64];

		snprintf(language, sizeof(language), "%s", wanted_locale());
		language[strcspn(language, ".@")] = '\0';
		setenv("LANGUAGE", language, 0);
	}
	terminal_is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	/* All text of the program is UTF-8, in the plain C locale, too. */
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
	/* Numbers in output are for programs too: the decimal point stays a point. */
	setlocale(LC_NUMERIC, "C");
#if MEARI_STATIC
	catalogue_choose(wanted_locale());
#else
	char place[PATH_MAX + 32];

	bindtextdomain(DOMAIN, find_catalogues(place, sizeof(place)));
	bind_textdomain_codeset(DOMAIN, "UTF-8");
	textdomain(DOMAIN);
#endif
}

const char *i18n_language(size_t index)
{
	static const char *const names[] = { "ko", "en", NULL };

	return names[index];
}

static bool is_plain(const char *locale)
{
	return strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0;
}

void i18n_choose(const char *language)
{
	const char *locale = setlocale(LC_MESSAGES, NULL);

	if (chosen != NULL && strcmp(chosen, language) == 0)
		return;
	chosen = language;
	/* In the plain C locale gettext does not look at $LANGUAGE. */
	if (locale == NULL || is_plain(locale))
		setlocale(LC_MESSAGES, "C.UTF-8");
	setenv("LANGUAGE", language, 1);
#if MEARI_STATIC
	catalogue_choose("C.UTF-8");
#else
	/* gettext forgets what it has found so far, in the other language. */
	textdomain(DOMAIN);
#endif
}

bool i18n_is_korean(void)
{
	/* A message that is in every catalogue, and the only one is the Korean one. */
	static const char message[] = N_("Help:");

	return gettext(message) != message;
}
