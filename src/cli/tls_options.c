/*
 * Files are read when everything else is known to be right: a verb that ends with status 2 has
 * opened none.
 */
#include "cli/tls_options.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "base/log.h"
#include "cli/take.h"

const char *tls_options_version(size_t index)
{
	static const char *const names[] = { "1.2", "1.3", NULL };

	return names[index];
}

static int take_alpn(const char *text, struct cli_state *state, const char **ret_alpn)
{
	if (tls_context_check_alpn(text) < 0)
		return cli_complain(state,
			_("--alpn '%s' is not a list of names of 1 to 255 bytes, such as echo,h2"),
			text);
	*ret_alpn = text;
	return 0;
}

/* ---- the server's ---- */

static int add_certificate(
	struct tls_options_server *server, const char *text, struct cli_state *state)
{
	if (server->tls.pair_count == TLS_CONTEXT_MOST_PAIRS)
		return cli_complain(
			state, _("--tls-cert: more than %d certificates"), TLS_CONTEXT_MOST_PAIRS);
	server->pairs[server->tls.pair_count++] = (struct tls_pair){ .certificate_path = text };
	return 0;
}

static int add_key(struct tls_options_server *server, const char *text, struct cli_state *state)
{
	struct tls_pair *pair = server->tls.pair_count > 0
		? &server->pairs[server->tls.pair_count - 1]
		: NULL;

	if (pair == NULL || pair->key_path != NULL)
		return cli_complain(
			state, _("--tls-key '%s' belongs behind a --tls-cert of its own"), text);
	pair->key_path = text;
	return 0;
}

int tls_options_take_server(
	struct tls_options_server *server, int key, const char *text, struct cli_state *state)
{
	struct tls_server_options *tls = &server->tls;

	switch (key) {
	case TLS_OPTIONS_CERT: return add_certificate(server, text, state);
	case TLS_OPTIONS_KEY: return add_key(server, text, state);
	case TLS_OPTIONS_CLIENT_CA: tls->client_ca_path = text; return 0;
	case TLS_OPTIONS_SELF_SIGNED: tls->self_signed = true; return 0;
	case TLS_OPTIONS_TICKETS: tls->tickets = true; return 0;
	case TLS_OPTIONS_MIN:
		tls->least = strcmp(text, "1.3") == 0 ? TLS_VERSION_1_3 : TLS_VERSION_1_2;
		return 0;
	case TLS_OPTIONS_ALPN: return take_alpn(text, state, &tls->alpn);
	case TLS_OPTIONS_HANDSHAKE_TIMEOUT:
		return take_time(state, "--handshake-timeout", text, &server->handshake_ns);
	default: return CLI_UNKNOWN_KEY;
	}
}

int tls_options_check_server(const struct tls_options_server *server, const struct addr_spec *specs,
	size_t count, struct cli_state *state)
{
	const struct tls_server_options *tls = &server->tls;
	const struct addr_spec *spec = NULL;
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; spec == NULL && i < count; i++) {
		if (specs[i].scheme == ADDR_TLS)
			spec = &specs[i];
	}
	if (spec == NULL && (tls->pair_count > 0 || tls->self_signed))
		return cli_complain(state,
			_("%s is for addresses of tls://HOST:PORT, and there is none"),
			tls->pair_count > 0 ? "--tls-cert" : "--tls-self-signed");
	if (spec == NULL)
		return 0;
	addr_spec_format(spec, text, sizeof(text));
	if (tls_context_library() == NULL)
		return cli_complain(
			state, _("'%s' cannot be served: this meari was built without TLS"), text);
	if (tls->pair_count == 0 && !tls->self_signed)
		return cli_complain(state,
			_("'%s' needs a certificate: --tls-cert FILE, or --tls-self-signed for "
			  "tests"),
			text);
	if (tls->pair_count > 0 && tls->self_signed)
		return cli_complain(
			state, _("--tls-cert and --tls-self-signed exclude each other"));
	return 0;
}

/* ---- a client's ---- */

int tls_options_take_client(
	struct tls_client_options *client, int key, const char *text, struct cli_state *state)
{
	switch (key) {
	case TLS_OPTIONS_CA: client->ca_path = text; return 0;
	case TLS_OPTIONS_CERT: client->certificate_path = text; return 0;
	case TLS_OPTIONS_KEY: client->key_path = text; return 0;
	case TLS_OPTIONS_INSECURE: client->insecure = true; return 0;
	case TLS_OPTIONS_RESUME: client->resume = true; return 0;
	case TLS_OPTIONS_SNI:
		if (text[0] == '\0' || strlen(text) > 253)
			return cli_complain(state,
				_("--sni '%s' is not the name of a host: 1 to 253 bytes"), text);
		client->sni = text;
		return 0;
	case TLS_OPTIONS_ALPN: return take_alpn(text, state, &client->alpn);
	default: return CLI_UNKNOWN_KEY;
	}
}

static const char *first_given(const struct tls_client_options *client)
{
	if (client->ca_path != NULL)
		return "--ca";
	if (client->insecure)
		return "--insecure";
	if (client->sni != NULL)
		return "--sni";
	if (client->alpn != NULL)
		return "--alpn";
	if (client->certificate_path != NULL)
		return "--cert";
	if (client->resume)
		return "--resume";
	return client->key_path != NULL ? "--key" : NULL;
}

int tls_options_open_client(const struct tls_client_options *client, const struct addr_spec *target,
	struct cli_state *state, struct tls_context **ret_context)
{
	const char *given = first_given(client);
	char why[TLS_CONTEXT_WHY_SIZE], text[ADDR_TEXT_SIZE];

	*ret_context = NULL;
	addr_spec_format(target, text, sizeof(text));
	if (target->scheme != ADDR_TLS)
		return given == NULL ? 0
				     : cli_complain(state,
					       _("%s is for addresses of tls://HOST:PORT, and '%s' "
						 "is none"),
					       given, text);
	if (client->key_path != NULL && client->certificate_path == NULL)
		return cli_complain(state, _("--key is of no use without --cert"));
	if (client->insecure && client->ca_path != NULL)
		return cli_complain(state, _("--insecure and --ca exclude each other"));
	if (tls_context_new_client(client, ret_context, why, sizeof(why)) < 0)
		return cli_complain(state, "%s", why);
	if (client->insecure)
		LOG_EVENT(LOG_LEVEL_WARNING, "insecure", NULL,
			_("--insecure: the certificate of '%s' is not verified"), text);
	return 0;
}
