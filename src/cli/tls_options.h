/*
 * The options of TLS: those of `serve`, and those that all clients share. A verb puts the rows into
 * its table, gives its unknown keys to `take`, and calls `check` when everything has been read.
 * Errors are complained of as by cli_complain(). Main thread. Ownership: texts point into argv.
 */
#pragma once

#include <stdint.h>

#include "cli/cli.h"
#include "net/addr.h"
#include "wire/tls_context.h"

/* Beyond those of any verb. */
enum tls_options_key {
	TLS_OPTIONS_CERT = 0x1000,
	TLS_OPTIONS_KEY,
	TLS_OPTIONS_CLIENT_CA,
	TLS_OPTIONS_MIN,
	TLS_OPTIONS_SELF_SIGNED,
	TLS_OPTIONS_TICKETS,
	TLS_OPTIONS_ALPN,
	TLS_OPTIONS_HANDSHAKE_TIMEOUT,
	TLS_OPTIONS_CA,
	TLS_OPTIONS_SNI,
	TLS_OPTIONS_INSECURE,
	TLS_OPTIONS_RESUME, /* has no row of its own: only bench connects often enough */
};

/* What --tls-min may be. */
const char *tls_options_version(size_t index);

#define TLS_OPTIONS_SERVER_ROWS                                                                     \
	{ .help = N_("TLS, for addresses of tls://HOST:PORT:") },                                   \
		{ "tls-cert", TLS_OPTIONS_CERT, "FILE", OPTIONS_FILE,                               \
			N_("certificate and those that vouch for it (PEM); given again, SNI "       \
			   "chooses") },                                                            \
		{ "tls-key", TLS_OPTIONS_KEY, "FILE", OPTIONS_FILE,                                 \
			N_("key of the --tls-cert before it (PEM; default: in the same file)") },   \
		{ "tls-self-signed", TLS_OPTIONS_SELF_SIGNED, NULL, 0,                              \
			N_("make a key and a certificate for tests, and log its fingerprint") },    \
		{ "tls-client-ca", TLS_OPTIONS_CLIENT_CA, "FILE", OPTIONS_FILE,                     \
			N_("only clients with a certificate of these authorities (PEM)") },         \
		{ "tls-min", TLS_OPTIONS_MIN, "VERSION", OPTIONS_CHOICE,                            \
			N_("oldest version that clients may speak: 1.2 or 1.3 (default: 1.2)"),     \
			tls_options_version },                                                      \
		{ "alpn", TLS_OPTIONS_ALPN, "NAMES", OPTIONS_TEXT,                                  \
			N_("protocols to agree on, best first, such as echo,h2 (default: none)") }, \
		{ "tls-tickets", TLS_OPTIONS_TICKETS, NULL, 0,                                      \
			N_("let clients resume: a full handshake then costs 500 bytes more") },     \
	{                                                                                           \
		"handshake-timeout", TLS_OPTIONS_HANDSHAKE_TIMEOUT, "TIME", OPTIONS_TIME,           \
			N_("time for a handshake (default: 10s)")                                   \
	}

#define TLS_OPTIONS_CLIENT_ROWS                                                                    \
	{ .help = N_("TLS, to an address of tls://HOST:PORT:") },                                  \
		{ "ca", TLS_OPTIONS_CA, "FILE", OPTIONS_FILE,                                      \
			N_("trust these authorities (PEM; default: those of the system)") },       \
		{ "insecure", TLS_OPTIONS_INSECURE, NULL, 0,                                       \
			N_("do not verify the certificate; says so each time") },                  \
		{ "sni", TLS_OPTIONS_SNI, "NAME", OPTIONS_TEXT,                                    \
			N_("ask for this name and expect it, instead of the host's") },            \
		{ "alpn", TLS_OPTIONS_ALPN, "NAMES", OPTIONS_TEXT,                                 \
			N_("offer these protocols, such as echo,h2 (default: none)") },            \
		{ "cert", TLS_OPTIONS_CERT, "FILE", OPTIONS_FILE,                                  \
			N_("our own certificate, where the server asks for one (PEM)") },          \
	{                                                                                          \
		"key", TLS_OPTIONS_KEY, "FILE", OPTIONS_FILE,                                      \
			N_("its key (PEM; default: in the same file)")                             \
	}

struct tls_options_server {
	struct tls_server_options tls; /* `pairs` is not set: it is the next */
	struct tls_pair pairs[TLS_CONTEXT_MOST_PAIRS];
	uint64_t handshake_ns;
};

int tls_options_take_server(
	struct tls_options_server *server, int key, const char *text, struct cli_state *state);
int tls_options_check_server(const struct tls_options_server *server, const struct addr_spec *specs,
	size_t count, struct cli_state *state);

int tls_options_take_client(
	struct tls_client_options *client, int key, const char *text, struct cli_state *state);

/*
 * Whether what was given fits the address, and each other; then makes the context. NULL in
 * `ret_context` where the address is not of tls://. Says where nothing is verified.
 */
int tls_options_open_client(const struct tls_client_options *client, const struct addr_spec *target,
	struct cli_state *state, struct tls_context **ret_context);
