/*
 * OpenSSL reads and writes through a BIO of our own, straight from what was fed and into the sink:
 * nothing is copied that OpenSSL does not copy itself. Measured, bytes in memory are faster than
 * SSL on the descriptor at small messages, and both engines stay as they are.
 *
 * The first byte of the wire is looked at here, because OpenSSL has no words for it: a record of a
 * handshake begins with 22 (RFC 8446 5.1), and what does not is no TLS. The answer to that is an
 * alert, written by hand, so that a client that does speak TLS, but an old one, is told.
 *
 * The error queue of OpenSSL belongs to the thread. It is empty between two calls: where
 * an error is met it is cleared, so that success pays nothing.
 */
#include "wire/tls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wire/tls_certificate.h"
#include "wire/tls_openssl.h"

#if MEARI_HAVE_TLS

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22
#define HANDSHAKE_CLIENT_HELLO 1
#define RECORD_HEADER 5

struct tls {
	struct stage stage; /* first: a stage is its TLS */
	SSL *ssl;
	struct tls_context *context;
	const unsigned char *window; /* what was fed, and not read */
	size_t window_length;
	unsigned char *held; /* what was kept, and not read: before the window */
	size_t held_start, held_end, held_capacity;
	unsigned char first[RECORD_HEADER + 1]; /* of the wire, while it opens */
	unsigned first_length;
	bool server, spoken, ended, sink_failed;
};

static struct tls *tls_of(const struct stage *stage)
{
	return (struct tls *)(uintptr_t)stage;
}

/* ---- the BIO ---- */

static size_t take(struct tls *tls, unsigned char *bytes, size_t size)
{
	size_t held = tls->held_end - tls->held_start, length;

	if (held > 0) {
		length = size < held ? size : held;
		memcpy(bytes, tls->held + tls->held_start, length);
		tls->held_start += length;
		return length;
	}
	length = size < tls->window_length ? size : tls->window_length;
	if (length == 0)
		return 0; /* there may be no window */
	memcpy(bytes, tls->window, length);
	tls->window += length;
	tls->window_length -= length;
	return length;
}

static int bio_read(BIO *bio, char *bytes, int size)
{
	size_t length = take(BIO_get_data(bio), (unsigned char *)bytes, (size_t)size);

	BIO_clear_retry_flags(bio);
	if (length > 0)
		return (int)length;
	BIO_set_retry_read(bio);
	return -1;
}

static int bio_write(BIO *bio, const char *bytes, int length)
{
	struct tls *tls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (tls->sink_failed ||
		tls->stage.sink.take(tls->stage.sink.context, (const unsigned char *)bytes,
			(size_t)length) < 0) {
		tls->sink_failed = true;
		return -1;
	}
	return length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH; /* nothing waits in between */
}

static BIO_METHOD *method;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "meari");
	if (method != NULL &&
		!(BIO_meth_set_read(method, bio_read) && BIO_meth_set_write(method, bio_write) &&
			BIO_meth_set_ctrl(method, bio_control))) {
		BIO_meth_free(method);
		method = NULL;
	}
}

static BIO *new_bio(struct tls *tls)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	pthread_once(&once, make_method);
	bio = method != NULL ? BIO_new(method) : NULL;
	if (bio != NULL) {
		BIO_set_data(bio, tls);
		BIO_set_init(bio, 1);
	}
	return bio;
}

/* ---- what went wrong ---- */

static int fail(struct tls *tls, enum stage_failure failure, const char *why)
{
	tls->stage.failure = failure;
	tls->stage.open = false;
	snprintf(tls->stage.why, sizeof(tls->stage.why), "%s", why);
	ERR_clear_error();
	return failure == STAGE_FINE ? -ENOMEM : -EPROTO;
}

static bool is_memory_short(const struct tls *tls)
{
	return tls->sink_failed || ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ||
		ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

/* An error of OpenSSL's, which is final. */
static int fail_by_library(struct tls *tls)
{
	long verified = SSL_get_verify_result(tls->ssl);
	unsigned long error = ERR_peek_last_error();
	char why[STAGE_WHY_SIZE];

	if (is_memory_short(tls))
		return fail(tls, STAGE_FINE, strerror(ENOMEM));
	if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
		ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return fail(tls, STAGE_UNTRUSTED, X509_verify_cert_error_string(verified));
	/* Reasons above this number are the peer's alerts (RFC 8446 6.2). */
	if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET)
		return fail(tls, STAGE_REFUSED,
			SSL_alert_desc_string_long(ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET));
	return fail(tls, STAGE_BROKEN, tls_context_why(why, sizeof(why)));
}

/* RFC 8446 6.2: protocol_version, fatal; in a record of the version that each client reads. */
static void send_alert_by_hand(struct tls *tls)
{
	static const unsigned char alert[] = { RECORD_ALERT, 3, 1, 0, 2, 2, 70 };

	tls->stage.sink.take(tls->stage.sink.context, alert, sizeof(alert));
}

static bool is_spoken(const struct tls *tls)
{
	return tls->first[0] == RECORD_HANDSHAKE || (!tls->server && tls->first[0] == RECORD_ALERT);
}

/* Looks at the beginning of the wire before OpenSSL does. 0, -EAGAIN or -EPROTO. */
static int look_at_first(struct tls *tls)
{
	size_t held = tls->held_end - tls->held_start;

	for (size_t at = 0; tls->first_length < sizeof(tls->first); at++) {
		if (at < held)
			tls->first[at] = tls->held[tls->held_start + at];
		else if (at - held < tls->window_length)
			tls->first[at] = tls->window[at - held];
		else
			break;
		tls->first_length = (unsigned)at + 1;
	}
	if (tls->first_length == 0)
		return -EAGAIN;
	if (!is_spoken(tls)) {
		if (tls->server)
			send_alert_by_hand(tls);
		return fail(tls, STAGE_NOT_SPOKEN,
			tls->server ? _("the client does not speak TLS")
				    : _("the service does not speak TLS"));
	}
	if (tls->first_length < sizeof(tls->first))
		return -EAGAIN;
	tls->spoken = true;
	if (!tls->server && tls->first[0] == RECORD_HANDSHAKE &&
		tls->first[RECORD_HEADER] == HANDSHAKE_CLIENT_HELLO)
		return fail(tls, STAGE_MIRRORED,
			_("the service sends back our own greeting: it is an echo without TLS"));
	return 0;
}

/* ---- the stage ---- */

static void tls_free(struct stage *stage)
{
	struct tls *tls = tls_of(stage);

	SSL_free(tls->ssl);
	ERR_clear_error();
	tls_context_free(tls->context);
	free(tls->held);
	free(tls);
}

static void tls_feed(struct stage *stage, const unsigned char *bytes, size_t length)
{
	struct tls *tls = tls_of(stage);

	assert(tls->window_length == 0);
	tls->window = bytes;
	tls->window_length = length;
}

static int tls_keep(struct stage *stage)
{
	struct tls *tls = tls_of(stage);
	size_t held = tls->held_end - tls->held_start, needed = held + tls->window_length;

	if (needed == 0) {
		free(tls->held);
		tls->held = NULL;
		tls->held_start = tls->held_end = tls->held_capacity = 0;
		return 0;
	}
	if (tls->window_length == 0)
		return 0;
	if (held > 0)
		memmove(tls->held, tls->held + tls->held_start, held);
	tls->held_start = 0;
	tls->held_end = held;
	if (needed > tls->held_capacity) {
		unsigned char *larger = realloc(tls->held, needed);

		if (larger == NULL)
			return -ENOMEM;
		tls->held = larger;
		tls->held_capacity = needed;
	}
	memcpy(tls->held + held, tls->window, tls->window_length);
	tls->held_end = needed;
	tls->window_length = 0;
	return 0;
}

static bool tls_has_more(const struct stage *stage)
{
	const struct tls *tls = tls_of(stage);

	return !tls->ended &&
		(tls->window_length > 0 || tls->held_end > tls->held_start ||
			SSL_pending(tls->ssl) > 0);
}

/* What a call that has not succeeded means. */
static int judge(struct tls *tls, int result)
{
	if (is_memory_short(tls))
		return fail_by_library(tls);
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: tls->ended = true; return 0;
	default: return fail_by_library(tls);
	}
}

/* 0: it is open. */
static int open_up(struct tls *tls)
{
	int result;

	/* A client speaks first; what comes back is looked at only then. */
	if (!tls->spoken && (tls->server || SSL_get_state(tls->ssl) != TLS_ST_BEFORE)) {
		int r = look_at_first(tls);

		if (r < 0)
			return r;
	}
	result = SSL_do_handshake(tls->ssl);
	if (result != 1) {
		int r = judge(tls, result);

		/* A close_notify instead of a handshake is a refusal without a reason. */
		return r == 0 ? fail(tls, STAGE_REFUSED, _("it ended during the handshake")) : r;
	}
	tls->stage.open = true;
	return 0;
}

static ssize_t tls_read(struct stage *stage, void *bytes, size_t size)
{
	struct tls *tls = tls_of(stage);
	size_t length = 0;
	int result;

	if (stage->failure != STAGE_FINE || tls->sink_failed)
		return tls->sink_failed ? -ENOMEM : -EPROTO;
	if (tls->ended)
		return 0;
	if (!stage->open) {
		result = open_up(tls);
		if (result < 0)
			return result;
	}
	if (size == 0)
		return -EAGAIN;
	result = SSL_read_ex(tls->ssl, bytes, size, &length);
	return result == 1 ? (ssize_t)length : judge(tls, result);
}

static int tls_write(struct stage *stage, const void *bytes, size_t length)
{
	struct tls *tls = tls_of(stage);
	const unsigned char *at = bytes;

	assert(stage->open && !stage->finished);
	while (length > 0) {
		size_t written = 0;
		int result = SSL_write_ex(tls->ssl, at, length, &written);

		if (result != 1) {
			int r = judge(tls, result);

			/* The sink takes everything: there is nothing to wait for. */
			return r >= 0 || r == -EAGAIN ? fail_by_library(tls) : r;
		}
		at += written;
		length -= written;
	}
	return 0;
}

static int tls_finish(struct stage *stage)
{
	struct tls *tls = tls_of(stage);

	if (stage->finished || !stage->open)
		return 0;
	stage->finished = true;
	if (SSL_shutdown(tls->ssl) < 0)
		return fail_by_library(tls);
	return 0;
}

static const struct stage_ops tls_ops = {
	.name = "tls",
	.free = tls_free,
	.feed = tls_feed,
	.keep = tls_keep,
	.read = tls_read,
	.write = tls_write,
	.finish = tls_finish,
	.has_more = tls_has_more,
};

/* ---- making one ---- */

static bool is_literal(const char *host)
{
	unsigned char octets[16];

	return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

/* Which name to ask for, and to verify (RFC 6066 3: a literal address is never sent). */
static bool set_name(struct tls *tls, const char *host)
{
	X509_VERIFY_PARAM *verify = SSL_get0_param(tls->ssl);
	const char *name = tls->context->sni != NULL ? tls->context->sni : host;

	if (name == NULL || name[0] == '\0')
		return true;
	if (is_literal(name))
		return tls->context->insecure || X509_VERIFY_PARAM_set1_ip_asc(verify, name) == 1;
	return SSL_set_tlsext_host_name(tls->ssl, name) == 1 &&
		(tls->context->insecure ||
			X509_VERIFY_PARAM_set1_host(verify, name, strlen(name)) == 1);
}

static bool set_up_client(struct tls *tls, const char *host)
{
	struct tls_context *context = tls->context;
	bool done = set_name(tls, host);

	SSL_set_connect_state(tls->ssl);
	if (context->resume) {
		pthread_mutex_lock(&context->lock);
		if (context->session != NULL)
			done = SSL_set_session(tls->ssl, context->session) == 1 && done;
		pthread_mutex_unlock(&context->lock);
	}
	return done;
}

struct stage *tls_new(struct tls_context *context, const char *host)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	BIO *bio;

	if (tls == NULL)
		return NULL;
	tls->stage.ops = &tls_ops;
	tls->context = tls_context_ref(context);
	tls->server = context->server;
	tls->ssl = SSL_new(context->ctxs[0]);
	bio = tls->ssl != NULL ? new_bio(tls) : NULL;
	if (bio == NULL)
		goto fail;
	SSL_set_bio(tls->ssl, bio, bio);
	if (tls->server)
		SSL_set_accept_state(tls->ssl);
	else if (!set_up_client(tls, host))
		goto fail;
	return &tls->stage;

fail:
	tls_free(&tls->stage);
	return NULL;
}

/* ---- facts ---- */

bool tls_is_resumed(const struct stage *stage)
{
	return SSL_session_reused(tls_of(stage)->ssl) == 1;
}

void tls_facts(const struct stage *stage, struct tls_facts *ret_facts)
{
	const struct tls *tls = tls_of(stage);
	const unsigned char *alpn;
	unsigned alpn_length;
	const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);

	*ret_facts = (struct tls_facts){
		.version = SSL_get_version(tls->ssl),
		.cipher = SSL_get_cipher_name(tls->ssl),
		.resumed = tls_is_resumed(stage),
	};
	SSL_get0_alpn_selected(tls->ssl, &alpn, &alpn_length);
	if (alpn_length > 0)
		snprintf(ret_facts->alpn, sizeof(ret_facts->alpn), "%.*s", (int)alpn_length,
			(const char *)alpn);
	if (name != NULL)
		snprintf(ret_facts->sni, sizeof(ret_facts->sni), "%s", name);
	tls_certificate_describe(SSL_get0_peer_certificate(tls->ssl), &ret_facts->peer);
}

void tls_end_thread(void)
{
	OPENSSL_thread_stop();
}

#else

/* Without a context, which cannot be made then, this is not called. */
struct stage *tls_new(struct tls_context *context, const char *host)
{
	return NULL;
}

void tls_facts(const struct stage *stage, struct tls_facts *ret_facts)
{
	*ret_facts = (struct tls_facts){ .version = "", .cipher = "" };
}

bool tls_is_resumed(const struct stage *stage)
{
	return false;
}

void tls_end_thread(void)
{
}

#endif
