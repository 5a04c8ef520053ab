/*
 * A server has one SSL_CTX for each certificate; the one of the name that a client asks for (SNI,
 * RFC 6066 3) is put in while the ClientHello is read. Files are read once, here: later nothing of
 * OpenSSL opens any, so a sandbox may close the door.
 *
 * A key with a password is refused: there is no terminal to ask at.
 */
#include "wire/tls_context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wire/tls_certificate.h"
#include "wire/tls_openssl.h"

int tls_context_check_alpn(const char *text)
{
	for (;;) {
		size_t length = strcspn(text, ",");

		if (length == 0 || length > 255)
			return -EINVAL;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

#if MEARI_HAVE_TLS

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static const unsigned char session_id_context[] = "meari";

const char *tls_context_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

const char *tls_context_why(char *buffer, size_t size)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = NULL;

	if (ERR_SYSTEM_ERROR(error))
		reason = strerror((int)ERR_GET_REASON(error));
	else if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE)
		reason = _("no such block of PEM in it");
	else
		reason = ERR_reason_error_string(error);
	snprintf(buffer, size, "%s", reason != NULL ? reason : _("unknown error"));
	ERR_clear_error();
	return buffer;
}

/* ---- reading ---- */

/* Instead of asking at the terminal, as OpenSSL would. */
static int refuse_password(char *buffer, int size, int for_writing, void *context)
{
	bool *asked = context;

	if (asked != NULL)
		*asked = true;
	return -1;
}

/* Fills in the sentence: what, the file, OpenSSL's reason. Gives -ENOMEM or -EBADMSG. */
static int fail(const char *format, const char *path, char *reterr_why, size_t size)
{
	bool no_memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
	char why[TLS_CONTEXT_WHY_SIZE / 2];

	tls_context_why(why, sizeof(why));
	if (no_memory) {
		snprintf(reterr_why, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(reterr_why, size, format, path, why);
#pragma GCC diagnostic pop
	return -EBADMSG;
}

static int load_pair(SSL_CTX *ctx, const char *certificate_path, const char *key_path,
	char *reterr_why, size_t size)
{
	bool password_asked = false;

	if (key_path == NULL)
		key_path = certificate_path;
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate_path) != 1)
		return fail(_("cannot read the certificate '%s': %s"), certificate_path, reterr_why,
			size);
	SSL_CTX_set_default_passwd_cb(ctx, refuse_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &password_asked);

	int taken = SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM);

	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (taken != 1 && password_asked) {
		ERR_clear_error();
		snprintf(reterr_why, size,
			_("the key '%s' has a password, which cannot be asked for here"), key_path);
		return -EBADMSG;
	}
	if (taken != 1 && ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509) {
		ERR_clear_error();
		snprintf(reterr_why, size,
			_("the key '%s' does not belong to the certificate '%s'"), key_path,
			certificate_path);
		return -EBADMSG;
	}
	if (taken != 1)
		return fail(_("cannot read the key '%s': %s"), key_path, reterr_why, size);
	return 0;
}

static int load_trust(SSL_CTX *ctx, const char *path, char *reterr_why, size_t size)
{
	ERR_clear_error();
	if (SSL_CTX_load_verify_file(ctx, path) != 1)
		return fail(_("cannot read the authorities in '%s': %s"), path, reterr_why, size);
	return 0;
}

/* The names on the wire: each behind its length. The text has been checked. */
static int compose_alpn(struct tls_context *context, const char *text)
{
	size_t length = strlen(text) + 1;

	context->alpn = malloc(length);
	if (context->alpn == NULL)
		return -ENOMEM;
	context->alpn_length = (unsigned)length;
	for (size_t at = 0; at < length;) {
		size_t one = strcspn(text, ",");

		context->alpn[at] = (unsigned char)one;
		memcpy(context->alpn + at + 1, text, one);
		at += one + 1;
		text += text[one] == ',' ? one + 1 : one;
	}
	return 0;
}

/* ---- what both ends share ---- */

static void set_up(SSL_CTX *ctx, enum tls_version least)
{
	SSL_CTX_set_min_proto_version(
		ctx, least == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	/* Buffers only while a record is in them: an idle connection has none. */
	SSL_CTX_set_mode(ctx,
		SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static int new_context(size_t count, struct tls_context **ret_context)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	int r;

	if (context == NULL)
		return -ENOMEM;
	r = -pthread_mutex_init(&context->lock, NULL);
	if (r < 0) {
		free(context);
		return r;
	}
	context->references = 1;
	context->ctxs = calloc(count, sizeof(*context->ctxs));
	context->count = context->ctxs != NULL ? count : 0;
	*ret_context = context;
	return context->ctxs != NULL ? 0 : -ENOMEM;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL ||
		atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) > 1)
		return;
	SSL_SESSION_free(context->session);
	for (size_t i = 0; i < context->count; i++)
		SSL_CTX_free(context->ctxs[i]);
	free(context->ctxs);
	free(context->alpn);
	free(context->sni);
	pthread_mutex_destroy(&context->lock);
	free(context);
}

/* ---- a server's ---- */

/* The certificate of the name that is asked for; without one, the first (RFC 6066 3 lets us). */
static int choose_certificate(SSL *ssl, int *alert, void *argument)
{
	struct tls_context *context = argument;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	for (size_t i = 0; name != NULL && i < context->count; i++) {
		X509 *certificate = SSL_CTX_get0_certificate(context->ctxs[i]);

		if (certificate != NULL &&
			X509_check_host(certificate, name, strlen(name), 0, NULL) == 1) {
			if (SSL_get_SSL_CTX(ssl) != context->ctxs[i])
				SSL_set_SSL_CTX(ssl, context->ctxs[i]);
			break;
		}
	}
	ERR_clear_error();
	return SSL_TLSEXT_ERR_OK;
}

static int choose_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
	const unsigned char *theirs, unsigned theirs_length, void *argument)
{
	struct tls_context *context = argument;
	unsigned char *name;

	if (SSL_select_next_proto(&name, ret_length, context->alpn, context->alpn_length, theirs,
		    theirs_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2: no_application_protocol */
	*ret_name = name;
	return SSL_TLSEXT_ERR_OK;
}

static int trust_clients(SSL_CTX *ctx, const char *path, char *reterr_why, size_t size)
{
	STACK_OF(X509_NAME) * names;
	int r = load_trust(ctx, path, reterr_why, size);

	if (r < 0)
		return r;
	names = SSL_load_client_CA_file(path);
	if (names == NULL)
		return fail(_("cannot read the authorities in '%s': %s"), path, reterr_why, size);
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static int set_up_server(struct tls_context *context, size_t index,
	const struct tls_server_options *options, char *reterr_why, size_t size)
{
	SSL_CTX *ctx = context->ctxs[index] = SSL_CTX_new(TLS_server_method());
	bool self_signed = index >= options->pair_count;
	int r;

	if (ctx == NULL)
		return -ENOMEM;
	set_up(ctx, options->least);
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Tickets are bytes that no client has asked for, and a key that lives as long as the server. */
	if (!options->tickets) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ctx, 0);
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx, session_id_context, sizeof(session_id_context) - 1);
	SSL_CTX_set_tlsext_servername_callback(ctx, choose_certificate);
	SSL_CTX_set_tlsext_servername_arg(ctx, context);
	if (context->alpn != NULL)
		SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, context);
	r = self_signed ? tls_certificate_sign_own(ctx)
			: load_pair(ctx, options->pairs[index].certificate_path,
				  options->pairs[index].key_path, reterr_why, size);
	if (r == 0 && options->client_ca_path != NULL)
		r = trust_clients(ctx, options->client_ca_path, reterr_why, size);
	return r;
}

int tls_context_new_server(const struct tls_server_options *options,
	struct tls_context **ret_context, char *reterr_why, size_t size)
{
	struct tls_context *context = NULL;
	size_t count = options->pair_count + (options->self_signed ? 1 : 0);
	int r = new_context(count, &context);

	snprintf(reterr_why, size, "%s", strerror(ENOMEM));
	if (r == 0)
		context->server = true;
	if (r == 0 && options->alpn != NULL)
		r = compose_alpn(context, options->alpn);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = set_up_server(context, i, options, reterr_why, size);
	ERR_clear_error();
	if (r < 0) {
		tls_context_free(context);
		return r;
	}
	*ret_context = context;
	return 0;
}

bool tls_context_certificate(
	const struct tls_context *context, size_t index, struct tls_certificate *ret_certificate)
{
	if (index >= context->count)
		return false;
	tls_certificate_describe(SSL_CTX_get0_certificate(context->ctxs[index]), ret_certificate);
	return true;
}

bool tls_context_wants_certificates(const struct tls_context *context)
{
	return SSL_CTX_get_verify_mode(context->ctxs[0]) != SSL_VERIFY_NONE;
}

/* ---- a client's ---- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	SSL_SESSION *old;

	pthread_mutex_lock(&context->lock);
	old = context->session;
	context->session = session;
	pthread_mutex_unlock(&context->lock);
	SSL_SESSION_free(old);
	return 1; /* the reference is ours now */
}

static int set_up_client(struct tls_context *context, const struct tls_client_options *options,
	char *reterr_why, size_t size)
{
	SSL_CTX *ctx = context->ctxs[0] = SSL_CTX_new(TLS_client_method());
	int r = 0;

	if (ctx == NULL)
		return -ENOMEM;
	set_up(ctx, options->least);
	context->insecure = options->insecure;
	context->resume = options->resume;
	if (!options->insecure)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (options->ca_path != NULL)
		r = load_trust(ctx, options->ca_path, reterr_why, size);
	else if (!options->insecure && SSL_CTX_set_default_verify_paths(ctx) != 1)
		r = -ENOMEM;
	if (r == 0 && options->certificate_path != NULL)
		r = load_pair(ctx, options->certificate_path, options->key_path, reterr_why, size);
	if (r == 0 && context->alpn != NULL &&
		SSL_CTX_set_alpn_protos(ctx, context->alpn, context->alpn_length) != 0)
		r = -ENOMEM;
	if (r == 0 && options->sni != NULL) {
		context->sni = strdup(options->sni);
		r = context->sni != NULL ? 0 : -ENOMEM;
	}
	if (options->resume) {
		SSL_CTX_set_app_data(ctx, context);
		SSL_CTX_set_session_cache_mode(
			ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, keep_session);
	}
	return r;
}

int tls_context_new_client(const struct tls_client_options *options,
	struct tls_context **ret_context, char *reterr_why, size_t size)
{
	struct tls_context *context = NULL;
	int r = new_context(1, &context);

	snprintf(reterr_why, size, "%s", strerror(ENOMEM));
	if (r == 0 && options->alpn != NULL)
		r = compose_alpn(context, options->alpn);
	if (r == 0)
		r = set_up_client(context, options, reterr_why, size);
	ERR_clear_error();
	if (r < 0) {
		tls_context_free(context);
		return r;
	}
	*ret_context = context;
	return 0;
}

#else

static int say_absent(char *reterr_why, size_t size)
{
	snprintf(reterr_why, size, _("this meari was built without TLS (-Dtls, libssl-dev)"));
	return -EOPNOTSUPP;
}

int tls_context_new_server(const struct tls_server_options *options,
	struct tls_context **ret_context, char *reterr_why, size_t size)
{
	return say_absent(reterr_why, size);
}

int tls_context_new_client(const struct tls_client_options *options,
	struct tls_context **ret_context, char *reterr_why, size_t size)
{
	return say_absent(reterr_why, size);
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	return context;
}

void tls_context_free(struct tls_context *context)
{
}

bool tls_context_certificate(
	const struct tls_context *context, size_t index, struct tls_certificate *ret_certificate)
{
	return false;
}

bool tls_context_wants_certificates(const struct tls_context *context)
{
	return false;
}

const char *tls_context_library(void)
{
	return NULL;
}

#endif
