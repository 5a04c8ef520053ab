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
	bool printed; /* there is output already: a blank line comes first */
};

/* The output for one text: it is printed at once, or goes into `object`. */
struct output {
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
static const char *shown_text(const struct output *output, char *buffer, size_t size)
{
	return quote_bytes(output->text, strlen(output->text), buffer, size);
}

static void print_error(const struct output *output, const char *error)
{
	if (output->object != NULL)
		json_object_set_new(output->object, "error", json_string(error));
}

static enum cli_status print_fault(const struct output *output, const struct addr_fault *fault)
{
	char shown[ADDR_TEXT_SIZE];

	print_error(output, fault->text);
	if (output->object != NULL)
		json_object_set_new(
			output->object, "column", json_integer((json_int_t)fault->column + 1));
	else
		log_error(_("'%s' is not an address: %s (column %zu)"),
			shown_text(output, shown, sizeof(shown)), fault->text, fault->column + 1);
	return CLI_FAILED;
}

static void print_text_line(const struct output *output)
{
	char shown[ADDR_TEXT_SIZE];

	if (output->object != NULL)
		return;
	printf("%s%s\n", output->options->printed ? "\n" : "",
		shown_text(output, shown, sizeof(shown)));
	output->options->printed = true;
}

/* The only address that a text is: its facts are the object's own. */
static enum cli_status print_one(
	const struct output *output, const struct describe_subject *subject)
{
	print_text_line(output);
	if (output->object == NULL) {
		describe_text(subject);
		return CLI_OK;
	}

	json_t *facts = describe_json(subject);

	json_object_update(output->object, facts);
	json_decref(facts);
	return CLI_OK;
}

/* A literal, alone or with scheme and port. */
static enum cli_status print_literal(const struct output *output, const struct literal *literal,
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
	return print_one(output, &subject);
}

static enum cli_status print_block(const struct output *output, const struct describe_block *block)
{
	print_text_line(output);
	if (output->object == NULL) {
		describe_block_text(block);
		return CLI_OK;
	}

	json_t *facts = describe_block_json(block);

	json_object_update(output->object, facts);
	json_decref(facts);
	return CLI_OK;
}

/* What a name, or "*", stands for: one address after the other. */
static void print_list(const struct output *output, const struct resolve_list *list)
{
	json_t *array = output->object != NULL ? json_array() : NULL;

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
		json_object_set_new(output->object, "addresses", array);
}

static enum cli_status print_lookup(const struct output *output, const struct addr_spec *spec)
{
	static struct resolve_list list; /* some kilobytes, and there is one text at a time */
	int r = resolve(spec, RESOLVE_LISTEN, &list);

	if (r < 0) {
		print_error(output, resolve_strerror(r));
		if (output->object == NULL)
			log_error(_("cannot look up '%s': %s"), spec->host, resolve_strerror(r));
		return CLI_FAILED;
	}
	print_text_line(output);
	if (output->object == NULL && !spec->any)
		describe_name(spec, _("looked up"));
	print_list(output, &list);
	return CLI_OK;
}

static enum cli_status print_name(const struct output *output, const struct addr_spec *spec)
{
	char text[ADDR_TEXT_SIZE];

	if (output->object != NULL) {
		json_object_set_new(output->object, "name", json_string(spec->host));
		json_object_set_new(output->object, "address",
			json_string(addr_spec_format(spec, text, sizeof(text))));
	}
	if (output->options->resolve)
		return print_lookup(output, spec);
	print_text_line(output);
	if (output->object == NULL)
		describe_name(spec, _("not an address itself; --resolve looks it up"));
	return CLI_OK;
}

static enum cli_status print_text(const struct output *output)
{
	static struct resolve_list list;
	struct addr_spec spec;
	struct addr_fault fault;
	struct literal literal;
	struct describe_block block;

	if (cidr_is_meant(output->text))
		return cidr_parse_loosely(output->text, &block.cidr, &block.literal, &fault) == 0
			? print_block(output, &block)
			: print_fault(output, &fault);
	if (literal_parse(output->text, &literal, NULL) == 0)
		return print_literal(output, &literal, output->text, NULL);
	if (addr_parse(output->text, &spec, &fault) < 0)
		return print_fault(output, &fault);
	if (spec.any)
		return print_lookup(output, &spec);
	if (spec.family == AF_UNIX && resolve(&spec, RESOLVE_LISTEN, &list) == 0) {
		struct describe_subject subject = { .addr = list.addrs[0], .with_port = true };

		return print_one(output, &subject);
	}
	if (literal_parse(spec.host, &literal, NULL) == 0)
		return print_literal(output, &literal, spec.host, &spec);
	return print_name(output, &spec);
}

static enum cli_status print_as_json(struct output *output)
{
	char shown[ADDR_TEXT_SIZE];

	output->object = json_object();
	/* Bytes that are no UTF-8 cannot be in JSON: then they are spelled out. */
	if (json_object_set_new(output->object, "text", json_string(output->text)) < 0)
		json_object_set_new(output->object, "text",
			json_string(shown_text(output, shown, sizeof(shown))));

	enum cli_status status = print_text(output);

	json_text_write(output->object, JSON_COMPACT, stdout);
	putchar('\n');
	json_decref(output->object);
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
		struct output output = { .options = &options, .text = options.texts[i] };

		outfile_flush_stdout(); /* a fault's line stands between the texts that it stands between */

		enum cli_status one = options.json ? print_as_json(&output) : print_text(&output);

		if (one != CLI_OK)
			status = one;
	}
	return status;
}
