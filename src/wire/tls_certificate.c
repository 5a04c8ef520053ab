/*
 * A certificate of one's own vouches for nothing but itself: who wants to trust it compares the
 * fingerprint, or copies it. It is no authority (CA:FALSE), so that it is not trusted as
 * one.
 */
#include "wire/tls_certificate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if MEARI_HAVE_TLS

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define DAY_S 86400
#define HOUR_S 3600

static int add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	int added;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (extension == NULL)
		return 0;
	added = X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return added;
}

/* What may stand in the list of names: a host name's letters (RFC 1123 2.1). */
static bool is_plain_name(const char *name)
{
	return name[0] != '\0' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
		strlen(name);
}

static int fill_in(X509 *certificate, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(certificate);
	unsigned char serial[16];
	char host[65] = "", names[160];

	if (gethostname(host, sizeof(host) - 1) < 0 || !is_plain_name(host))
		snprintf(host, sizeof(host), "localhost");
	snprintf(names, sizeof(names), "DNS:localhost,DNS:%s,IP:127.0.0.1,IP:::1", host);
	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return 0;
	/* RFC 5280 4.1.2.2: positive; and DER allows no zero in front (X.690 8.3.2), which others refuse. */
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
	return X509_set_version(certificate, X509_VERSION_3) &&
		ASN1_STRING_set(X509_get_serialNumber(certificate), serial, sizeof(serial)) &&
		X509_gmtime_adj(X509_getm_notBefore(certificate), -HOUR_S) != NULL &&
		X509_gmtime_adj(X509_getm_notAfter(certificate),
			(long)TLS_CERTIFICATE_OWN_DAYS * DAY_S) != NULL &&
		X509_set_pubkey(certificate, key) &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			(const unsigned char *)"meari, signed by itself", -1, -1, 0) &&
		X509_set_issuer_name(certificate, name) &&
		add_extension(certificate, NID_subject_alt_name, names) &&
		add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
		add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
		X509_sign(certificate, key, EVP_sha256()) > 0;
}

int tls_certificate_sign_own(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	bool done = key != NULL && certificate != NULL && fill_in(certificate, key) &&
		SSL_CTX_use_certificate(ctx, certificate) == 1 &&
		SSL_CTX_use_PrivateKey(ctx, key) == 1;

	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return done ? 0 : -ENOMEM;
}

static int64_t seconds_of(const ASN1_TIME *when)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, when) != 1)
		days = seconds = 0;
	ASN1_TIME_free(epoch);
	return (int64_t)days * DAY_S + seconds;
}

static void print_name(const X509_NAME *name, char *buffer, size_t size)
{
	BIO *text = BIO_new(BIO_s_mem());
	int length = 0;

	if (text != NULL &&
		X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		length = BIO_read(text, buffer, (int)size - 1);
	buffer[length > 0 ? length : 0] = '\0';
	BIO_free(text);
}

static void print_fingerprint(const X509 *certificate, char buffer[TLS_CONTEXT_FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	buffer[0] = '\0';
	if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1 || length != 32)
		return;
	for (unsigned i = 0; i < length; i++)
		snprintf(buffer + 3 * i, 4, "%02X%s", digest[i], i + 1 < length ? ":" : "");
}

void tls_certificate_describe(const X509 *certificate, struct tls_certificate *ret_certificate)
{
	*ret_certificate = (struct tls_certificate){ 0 };
	if (certificate == NULL)
		return;
	print_name(X509_get_subject_name(certificate), ret_certificate->subject,
		sizeof(ret_certificate->subject));
	print_name(X509_get_issuer_name(certificate), ret_certificate->issuer,
		sizeof(ret_certificate->issuer));
	print_fingerprint(certificate, ret_certificate->fingerprint);
	ret_certificate->from_s = seconds_of(X509_get0_notBefore(certificate));
	ret_certificate->until_s = seconds_of(X509_get0_notAfter(certificate));
	ERR_clear_error();
}

#endif
