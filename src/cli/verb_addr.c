/*
 * `meari addr TEXT...`: what an address really is. A bare literal is shown as it is, without a port;
 * whatever else has meaning for the other verbs is read as they read it. Nothing is looked up unless
 * --resolve says so.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr/describe.h"
#include "addr/describe_block.h"
#include "addr/facts.h"
#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/number.h"
#include "base/outfile.h"
#include "base/quote.h"
#include "cli/cli.h"
#include "net/resolve.h"

struct options {
	bool resolve;
	bool json;
	const char **texts;
	size_t count;
	bool told; /* something stands on the screen already: a blank line comes first */
};

/* One text on its way: what is told of it goes to the screen at once, or into `object`. */
struct telling {
	struct options *options;
	const char *text;
	json_t *object; /* NULL unless --json */
};

enum key { KEY_JSON = 0x100 };

static const struct options_row rows[] = {
	{ .help = N_("What is shown:") },
	{ "resolve", 'r', NULL, 0, N_("look names up, and show every address that they have") },
	{ "json", KEY_JSON, NULL, 0, N_("one JSON object a text, one a line") },
	{ 0 },
};

static int take(int key, const char *text, struct cli_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'r': options->resolve = true; return 0;
	case KEY_JSON: options->json = true; return 0;
	case CLI_KEY_ARGUMENT: options->texts[options->count++] = text; return 0;
	case CLI_KEY_END:
		return options->count > 0 ? 0 : cli_complain(state, _("no address is given"));
	default: return CLI_UNKNOWN_KEY;
	}
}

const struct options_table verb_addr_options = {
	.rows = rows,
	.take = take,
	.arguments = N_("TEXT..."),
	.argument_kind = OPTIONS_TEXT,
	.about = N_(
		"Shows what an address really is, in every form.\n"
		"TEXT is an IPv4 address in any form (127.0.0.1, 127.1, 0x7f000001, 2130706433), an "
		"IPv6 address, a block of addresses (10.0.0.0/8), a host name, each address also with a "
		"port, or an address as the other verbs take it (tcp://HOST:PORT, udp://HOST:PORT, unix:PATH, unix:@NAME, unixgram:PATH)."),
};

/* The text without what a terminal would obey; long ones are cut. */
static const char *shown_text(const struct telling *telling, char *buffer, size_t size)
{
	return quote_bytes(telling->text, strlen(telling->text), buffer, size);
}

static void tell_error(const struct telling *telling, const char *error)
{
	if (telling->object != NULL)
		json_object_set_new(telling->object, "error", json_string(error));
}

static enum cli_status tell_fault(const struct telling *telling, const struct addr_fault *fault)
{
	char shown[ADDR_TEXT_SIZE];

	tell_error(telling, fault->text);
	if (telling->object != NULL)
		json_object_set_new(
			telling->object, "column", json_integer((json_int_t)fault->column + 1));
	else
		log_error(_("'%s' is not an address: %s (column %zu)"),
			shown_text(telling, shown, sizeof(shown)), fault->text, fault->column + 1);
	return CLI_FAILED;
}

static void tell_text_line(const struct telling *telling)
{
	char shown[ADDR_TEXT_SIZE];

	if (telling->object != NULL)
		return;
	printf("%s%s\n", telling->options->told ? "\n" : "",
		shown_text(telling, shown, sizeof(shown)));
	telling->options->told = true;
}

/* The only address that a text is: its facts are the object's own. */
static enum cli_status tell_one(
	const struct telling *telling, const struct describe_subject *subject)
{
	tell_text_line(telling);
	if (telling->object == NULL) {
		describe_text(subject);
		return CLI_OK;
	}

	json_t *facts = describe_json(subject);

	json_object_update(telling->object, facts);
	json_decref(facts);
	return CLI_OK;
}

/* A literal, alone or with scheme and port. */
static enum cli_status tell_literal(const struct telling *telling, const struct literal *literal,
	const char *host, const struct addr_spec *spec)
{
	struct describe_subject subject = {
		.literal = *literal,
		.host = host,
		.with_port = spec != NULL,
	};
	char meant[LITERAL_MEANT_SIZE];

	if (spec == NULL && literal_port_meant(host, meant))
		subject.meant = meant;
	subject.addr = facts_sockaddr(
		literal, spec != NULL ? spec->scheme : ADDR_TCP, spec != NULL ? spec->port : 0);
	if (literal->zone[0] != '\0') {
		uint64_t number;

		subject.scope_id = if_nametoindex(literal->zone);
		if (subject.scope_id == 0 &&
			number_parse(literal->zone, 1, UINT32_MAX, &number) == 0)
			subject.scope_id = (uint32_t)number;
		subject.addr.in6.sin6_scope_id = subject.scope_id;
	}
	return tell_one(telling, &subject);
}

static enum cli_status tell_block(const struct telling *telling, const struct describe_block *block)
{
	tell_text_line(telling);
	if (telling->object == NULL) {
		describe_block_text(block);
		return CLI_OK;
	}

	json_t *facts = describe_block_json(block);

	json_object_update(telling->object, facts);
	json_decref(facts);
	return CLI_OK;
}

/* What a name, or "*", stands for: one address after the other. */
static void tell_list(const struct telling *telling, const struct resolve_list *list)
{
	json_t *array = telling->object != NULL ? json_array() : NULL;

	for (size_t i = 0; i < list->count; i++) {
		struct describe_subject subject = { .addr = list->addrs[i], .with_port = true };

		subject.literal = facts_literal(&subject.addr);
		if (array != NULL) {
			json_array_append_new(array, describe_json(&subject));
			continue;
		}
		if (i > 0)
			putchar('\n');
		describe_text(&subject);
	}
	if (array != NULL)
		json_object_set_new(telling->object, "addresses", array);
}

static enum cli_status tell_lookup(const struct telling *telling, const struct addr_spec *spec)
{
	static struct resolve_list list; /* some kilobytes, and there is one text at a time */
	int r = resolve(spec, RESOLVE_LISTEN, &list);

	if (r < 0) {
		tell_error(telling, resolve_strerror(r));
		if (telling->object == NULL)
			log_error(_("cannot look up '%s': %s"), spec->host, resolve_strerror(r));
		return CLI_FAILED;
	}
	tell_text_line(telling);
	if (telling->object == NULL && !spec->any)
		describe_name(spec, _("looked up"));
	tell_list(telling, &list);
	return CLI_OK;
}

static enum cli_status tell_name(const struct telling *telling, const struct addr_spec *spec)
{
	char text[ADDR_TEXT_SIZE];

	if (telling->object != NULL) {
		json_object_set_new(telling->object, "name", json_string(spec->host));
		json_object_set_new(telling->object, "address",
			json_string(addr_spec_format(spec, text, sizeof(text))));
	}
	if (telling->options->resolve)
		return tell_lookup(telling, spec);
	tell_text_line(telling);
	if (telling->object == NULL)
		describe_name(spec, _("not an address itself; --resolve looks it up"));
	return CLI_OK;
}

static enum cli_status tell(const struct telling *telling)
{
	static struct resolve_list list;
	struct addr_spec spec;
	struct addr_fault fault;
	struct literal literal;
	struct describe_block block;

	if (cidr_is_meant(telling->text))
		return cidr_parse_loosely(telling->text, &block.cidr, &block.literal, &fault) == 0
			? tell_block(telling, &block)
			: tell_fault(telling, &fault);
	if (literal_parse(telling->text, &literal, NULL) == 0)
		return tell_literal(telling, &literal, telling->text, NULL);
	if (addr_parse(telling->text, &spec, &fault) < 0)
		return tell_fault(telling, &fault);
	if (spec.any)
		return tell_lookup(telling, &spec);
	if (spec.family == AF_UNIX && resolve(&spec, RESOLVE_LISTEN, &list) == 0) {
		struct describe_subject subject = { .addr = list.addrs[0], .with_port = true };

		return tell_one(telling, &subject);
	}
	if (literal_parse(spec.host, &literal, NULL) == 0)
		return tell_literal(telling, &literal, spec.host, &spec);
	return tell_name(telling, &spec);
}

static enum cli_status tell_as_json(struct telling *telling)
{
	char shown[ADDR_TEXT_SIZE];

	telling->object = json_object();
	/* Bytes that are no UTF-8 cannot be in JSON: then they are spelled out. */
	if (json_object_set_new(telling->object, "text", json_string(telling->text)) < 0)
		json_object_set_new(telling->object, "text",
			json_string(shown_text(telling, shown, sizeof(shown))));

	enum cli_status status = tell(telling);

	json_text_write(telling->object, JSON_COMPACT, stdout);
	putchar('\n');
	json_decref(telling->object);
	return status;
}

enum cli_status verb_addr(int argc, char **argv)
{
	CLEANUP_FREE const char **texts = calloc((size_t)argc, sizeof(*texts));
	struct options options = { .texts = texts };
	enum cli_status status = CLI_OK;

	if (texts == NULL) {
		log_error(_("cannot read the options: %s"), strerror(ENOMEM));
		return CLI_FAILED;
	}
	if (!cli_parse(&verb_addr_options, argc, argv, &options, &status))
		return status;
	for (size_t i = 0; i < options.count; i++) {
		struct telling telling = { .options = &options, .text = options.texts[i] };

		outfile_flush_stdout(); /* a fault's line stands between the texts that it stands between */

		enum cli_status told = options.json ? tell_as_json(&telling) : tell(&telling);

		if (told != CLI_OK)
			status = told;
	}
	return status;
}
