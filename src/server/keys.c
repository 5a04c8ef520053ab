/*
 * A core file would hold the keys, so the process is made not dumpable (prctl(2)). RLIMIT_CORE would
 * not do: cores that go through a pipe ignore it (core(5)).
 */
#include "server/keys.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/log.h"
#include "wire/tls_rehearsal.h"

#define TIME_TEXT_SIZE 32

bool keys_are_needed(const struct server_options *options)
{
	for (size_t i = 0; i < options->spec_count; i++) {
		if (options->specs[i].scheme == ADDR_TLS)
			return true;
	}
	return false;
}

bool keys_can_change(const struct server_options *options)
{
	return keys_are_needed(options) &&
		(options->tls.pair_count > 0 || options->tls.client_ca_path != NULL);
}

int keys_open(struct keys *keys, const struct server_options *options)
{
	char why[TLS_CONTEXT_WHY_SIZE];
	int r;

	*keys = (struct keys){ .lock = PTHREAD_MUTEX_INITIALIZER };
	if (!keys_are_needed(options))
		return 0;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	r = tls_context_new_server(&options->tls, &keys->context, why, sizeof(why));
	if (r == 0)
		r = tls_rehearsal_run(keys->context, why, sizeof(why));
	if (r < 0)
		log_error(_("cannot prepare TLS: %s"), why);
	return r;
}

void keys_close(struct keys *keys)
{
	tls_context_free(keys->context);
	keys->context = NULL;
}

static const char *format_day(int64_t when_s, char buffer[TIME_TEXT_SIZE])
{
	time_t when = (time_t)when_s;
	struct tm parts;

	if (gmtime_r(&when, &parts) == NULL ||
		strftime(buffer, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		strcpy(buffer, "?");
	return buffer;
}

static void log_certificate(const struct tls_certificate *certificate, bool made_here)
{
	char day[TIME_TEXT_SIZE];
	int64_t now_s = (int64_t)time(NULL);

	if (made_here)
		LOG_EVENT(LOG_LEVEL_INFO, "certificate_made",
			json_pack("{s:s, s:s}", "sha256", certificate->fingerprint, "until",
				format_day(certificate->until_s, day)),
			_("a key and a certificate for tests were made, SHA-256 %s"),
			certificate->fingerprint);
	if (certificate->until_s < now_s)
		LOG_EVENT(LOG_LEVEL_WARNING, "certificate_expired",
			json_pack("{s:s, s:s}", "subject", certificate->subject, "until",
				format_day(certificate->until_s, day)),
			_("the certificate of '%s' has expired (%s): clients will refuse it"),
			certificate->subject, format_day(certificate->until_s, day));
	else if (certificate->from_s > now_s)
		LOG_EVENT(LOG_LEVEL_WARNING, "certificate_early",
			json_pack("{s:s, s:s}", "subject", certificate->subject, "from",
				format_day(certificate->from_s, day)),
			_("the certificate of '%s' is not valid before %s: clients will refuse it"),
			certificate->subject, format_day(certificate->from_s, day));
}

void keys_log_start(struct keys *keys, const struct server_options *options)
{
	struct tls_certificate certificate;

	if (keys->context == NULL)
		return;
	for (size_t i = 0; tls_context_certificate(keys->context, i, &certificate); i++)
		log_certificate(&certificate, i >= options->tls.pair_count);
}

static void check_file(const char *path)
{
	if (path == NULL || access(path, R_OK) == 0)
		return;
	LOG_EVENT(LOG_LEVEL_WARNING, "key_unreadable", json_pack("{s:s}", "path", path),
		_("'%s' cannot be read again from here: %s (after SIGHUP the old one will stay in "
		  "force)"),
		path, strerror(errno));
}

void keys_check_again(const struct server_options *options)
{
	if (!keys_can_change(options))
		return;
	for (size_t i = 0; i < options->tls.pair_count; i++) {
		check_file(options->tls.pairs[i].certificate_path);
		check_file(options->tls.pairs[i].key_path);
	}
	check_file(options->tls.client_ca_path);
}

int keys_reload(struct keys *keys, const struct server_options *options)
{
	struct tls_context *context, *old;
	char why[TLS_CONTEXT_WHY_SIZE];
	int r;

	if (keys->context == NULL || options->tls.pair_count == 0)
		return 0; /* one that was made here stays: its fingerprint is known by now */
	r = tls_context_new_server(&options->tls, &context, why, sizeof(why));
	if (r == 0) {
		r = tls_rehearsal_run(context, why, sizeof(why));
		if (r < 0)
			tls_context_free(context);
	}
	if (r < 0) {
		log_error("%s", why);
		LOG_EVENT(LOG_LEVEL_WARNING, "reload_failed", NULL,
			_("the keys were not read again; the old ones stay in force"));
		return r;
	}
	pthread_mutex_lock(&keys->lock);
	old = keys->context;
	keys->context = context;
	pthread_mutex_unlock(&keys->lock);
	tls_context_free(old);
	keys_log_start(keys, options);
	LOG_EVENT(LOG_LEVEL_INFO, "keys_reloaded", NULL, _("the keys have been read again"));
	return 0;
}

struct tls_context *keys_get(struct keys *keys)
{
	struct tls_context *context;

	pthread_mutex_lock(&keys->lock);
	context = tls_context_ref(keys->context);
	pthread_mutex_unlock(&keys->lock);
	return context;
}
