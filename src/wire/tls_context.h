/*
 * What many TLS connections share: keys, certificates, whom to trust, which versions and names.
 * Made once, from files that are read here and never again; then it does not change, so a server
 * that reads its files again makes a new one and lets the old one go with its last connection.
 *
 * Failing: -EOPNOTSUPP: built without OpenSSL; -ENOMEM; otherwise -errno or -EBADMSG, and one
 * sentence in `reterr_why`, translated, without a full stop. No text holds anything of a key.
 * Thread: any; references are counted. Ownership: each reference is given back by
 * tls_context_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_context;

/* Size of any `reterr_why`. */
#define TLS_CONTEXT_WHY_SIZE 400
/* Certificates of a server, at most. */
#define TLS_CONTEXT_MOST_PAIRS 64
/* SHA-256 in hexadecimal, "AB:CD:..." */
#define TLS_CONTEXT_FINGERPRINT_SIZE (32 * 3)

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* A certificate in words; "" where there is none. */
struct tls_certificate {
	char subject[256], issuer[256]; /* RFC 2253 */
	char fingerprint[TLS_CONTEXT_FINGERPRINT_SIZE];
	int64_t from_s, until_s; /* seconds since 1970 */
};

struct tls_pair {
	const char *certificate_path; /* PEM: the certificate, then those that vouch for it */
	const char *key_path; /* PEM; NULL: it is in the same file */
};

struct tls_server_options {
	const struct tls_pair *pairs; /* the first is for names that none of them has */
	size_t pair_count;
	bool self_signed; /* a key and a certificate in memory, for localhost and this host */
	const char *client_ca_path; /* PEM: of which clients; NULL: of all */
	enum tls_version least;
	const char *
		alpn; /* "a,b": what the server speaks, best first; NULL: whatever is asked is left alone */
	bool tickets; /* clients may resume */
};

struct tls_client_options {
	bool insecure; /* no certificate is verified */
	const char *ca_path; /* PEM file; NULL: the system's store */
	const char *certificate_path, *key_path; /* our own, where asked for; NULL: none */
	const char *sni; /* the name to ask for and to verify instead of the host's; NULL: that */
	const char *alpn; /* "a,b"; NULL: none */
	enum tls_version least;
	bool resume; /* a new connection goes on with the keys of the one before, if the server lets it */
};

int tls_context_new_server(const struct tls_server_options *options,
	struct tls_context **ret_context, char *reterr_why, size_t size);
int tls_context_new_client(const struct tls_client_options *options,
	struct tls_context **ret_context, char *reterr_why, size_t size);

struct tls_context *tls_context_ref(struct tls_context *context);
/* NULL is fine. */
void tls_context_free(struct tls_context *context);

/* The server's certificates, in the order given; false: there are not so many. */
bool tls_context_certificate(
	const struct tls_context *context, size_t index, struct tls_certificate *ret_certificate);

/* A server's that lets no client in without one. */
bool tls_context_wants_certificates(const struct tls_context *context);

/* "a,b" as a list of names of 1 to 255 bytes: 0 or -EINVAL. */
int tls_context_check_alpn(const char *text);

/* What TLS comes from: "OpenSSL 3.0.19 ..."; NULL: this program was built without it. */
const char *tls_context_library(void);
