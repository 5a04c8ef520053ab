/*
 * addr_parse(): text to struct addr_spec. The rest of addr.h is in addr.c.
 *
 * A fault names the first wrong byte. Nothing here asks the network: a host is a literal
 * (literal.c) or has the form of a name (RFC 1123 2.1, RFC 1035 2.3.4; underscores are tolerated as
 * everywhere, bytes above 127 are left to IDN); only resolve.c knows whether it exists.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/number.h"
#include "base/quote.h"
#include "base/text.h"
#include "net/cidr.h"
#include "net/literal.h"

#define LABEL_MOST 63 /* RFC 1035 2.3.4 */
#define NAME_MOST 253 /* 255 octets on the wire: less the root's label and the first length */
#define SERVICE_MOST 64

static const struct {
	const char *prefix;
	enum addr_scheme scheme;
	int family;
} schemes[] = {
	{ "tcp", ADDR_TCP, AF_UNSPEC },
	{ "tcp4", ADDR_TCP, AF_INET },
	{ "tcp6", ADDR_TCP, AF_INET6 },
	{ "udp", ADDR_UDP, AF_UNSPEC },
	{ "udp4", ADDR_UDP, AF_INET },
	{ "udp6", ADDR_UDP, AF_INET6 },
	{ "tls", ADDR_TLS, AF_UNSPEC },
	{ "tls4", ADDR_TLS, AF_INET },
	{ "tls6", ADDR_TLS, AF_INET6 },
	{ "unix", ADDR_UNIX, AF_UNIX },
	{ "unixgram", ADDR_UNIXGRAM, AF_UNIX },
};

#define SCHEME_COUNT (sizeof(schemes) / sizeof(schemes[0]))

/* A text being taken apart; columns count from `text`. */
struct parse {
	const char *text;
	struct addr_spec spec;
	struct addr_fault *fault;
};

static size_t column_of(const struct parse *parse, const char *at)
{
	return (size_t)(at - parse->text);
}

/* Index of the scheme that `name` is (letters of either case, RFC 3986 3.1), or -1. */
static int find_scheme(const char *name, size_t length)
{
	for (size_t i = 0; i < SCHEME_COUNT; i++) {
		if (strlen(schemes[i].prefix) == length &&
			strncasecmp(schemes[i].prefix, name, length) == 0)
			return (int)i;
	}
	return -1;
}

/* Takes the scheme off the front; `ret_rest` is what follows, and says whether there was one. */
static int parse_scheme(struct parse *parse, const char **ret_rest, bool *ret_given)
{
	size_t length = strcspn(parse->text, ":/");
	const char *colon = parse->text + length;
	int found = *colon == ':' ? find_scheme(parse->text, length) : -1;
	bool slashes = strncmp(colon, "://", 3) == 0;
	char piece[QUOTE_PIECE_SIZE];

	if (found < 0 && slashes)
		return literal_fail(parse->fault, 0, _("unknown scheme '%s' (known: %s)"),
			quote_piece(parse->text, length, piece),
			"tcp tcp4 tcp6 udp udp4 udp6 tls tls4 tls6 unix unixgram");
	if (found >= 0 && !slashes && schemes[found].family != AF_UNIX)
		return literal_fail(parse->fault, column_of(parse, colon + 1),
			_("'//' is missing after '%s:'"), schemes[found].prefix);
	*ret_given = found >= 0;
	if (!*ret_given) {
		*ret_rest = parse->text;
		return 0;
	}
	parse->spec.scheme = schemes[found].scheme;
	parse->spec.family = schemes[found].family;
	*ret_rest = colon + (parse->spec.family == AF_UNIX ? 1 : 3);
	return 0;
}

static int hex_value(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = digit != '\0' ? strchr(digits, digit | 0x20) : NULL;

	/* The | 0x20 turns control characters into digits too. */
	return found != NULL && digit >= '0' ? (int)(found - digits) : -1;
}

/*
 * One byte of a path, or four that spell one as addr_format does: \xNN. Gives how many were read.
 */
static size_t read_path_byte(const char *at, char *ret_byte)
{
	if (at[0] == '\\' && at[1] == 'x') {
		int high = hex_value(at[2]);
		int low = high >= 0 ? hex_value(at[3]) : -1;

		if (low >= 0) {
			*ret_byte = (char)(high << 4 | low);
			return 4;
		}
	}
	*ret_byte = *at;
	return 1;
}

static int parse_path(struct parse *parse, const char *rest)
{
	struct addr_spec *spec = &parse->spec;

	/* unix:///run/x, as URIs are written; what follows "//" can then only be a root path. */
	if (strncmp(rest, "//", 2) == 0) {
		if (rest[2] != '/')
			return literal_fail(parse->fault, column_of(parse, rest + 2),
				_("a third '/' is missing (unix:///PATH or unix:PATH)"));
		rest += 2;
	}
	spec->abstract = *rest == '@';
	if (spec->abstract)
		rest++;
	if (*rest == '\0')
		return literal_fail(parse->fault, column_of(parse, rest),
			spec->abstract ? _("no name after '@'") : _("no path"));
	while (*rest != '\0') {
		char byte;
		size_t taken = read_path_byte(rest, &byte);

		/* One of the 108 is the 0 at the end of a path, or at the start of a name. */
		if (spec->path_length == ADDR_PATH_SIZE - 1)
			return literal_fail(parse->fault, column_of(parse, rest),
				spec->abstract ? _("the name is too long (at most %zu bytes)")
					       : _("the path is too long (at most %zu bytes)"),
				ADDR_PATH_SIZE - 1);
		if (byte == '\0' && !spec->abstract)
			return literal_fail(parse->fault, column_of(parse, rest),
				_("a path cannot hold a zero byte"));
		spec->path[spec->path_length++] = byte;
		rest += taken;
	}
	return 0;
}

/* The name of a port. "echo" needs no /etc/services, which small systems do not have. */
static int find_service(const struct parse *parse, const char *name, uint16_t *ret_port)
{
	struct servent entry, *found = NULL;
	char buffer[2048];

	if (strcasecmp(name, "echo") == 0) {
		*ret_port = ADDR_ECHO_PORT;
		return 0;
	}
	if (getservbyname_r(name, addr_is_tcp(parse->spec.scheme) ? "tcp" : "udp", &entry, buffer,
		    sizeof(buffer), &found) != 0 ||
		found == NULL)
		return -ENOENT;
	*ret_port = ntohs((uint16_t)found->s_port);
	return 0;
}

static int parse_port(struct parse *parse, const char *port)
{
	char piece[QUOTE_PIECE_SIZE];
	size_t column = column_of(parse, port);
	uint64_t number;

	if (*port == '\0')
		return literal_fail(parse->fault, column, _("no port after ':'"));

	int r = number_parse(port, 0, UINT16_MAX, &number);

	if (r == -ERANGE)
		return literal_fail(parse->fault, column, _("port %s is above 65535"),
			quote_piece(port, strlen(port), piece));
	if (r < 0) {
		uint16_t found;

		if (strlen(port) > SERVICE_MOST || find_service(parse, port, &found) < 0)
			return literal_fail(parse->fault, column,
				_("port '%s' is neither a number nor a known service"),
				quote_piece(port, strlen(port), piece));
		number = found;
	}
	parse->spec.port = (uint16_t)number;
	parse->spec.port_given = true;
	return 0;
}

static bool is_name_byte(unsigned char byte)
{
	return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
		byte == '-' || byte == '_' || byte >= 0x80;
}

/* One label of a name, from `label` up to `end`. */
static int check_label(const struct parse *parse, const char *label, const char *end)
{
	bool ascii = true;

	if (label == end)
		return literal_fail(
			parse->fault, column_of(parse, label), _("empty label in the host name"));
	for (const char *at = label; at < end; at++) {
		uint32_t code;
		int decoded = text_decode(at, (size_t)(end - at), &code);
		size_t wide = decoded > 0 ? (size_t)decoded : 1;
		char piece[QUOTE_PIECE_SIZE];

		quote_piece(at, wide, piece);
		/* What must be spelled out to be shown (see quote.h) is in no name either. */
		if (!is_name_byte((unsigned char)*at) || strlen(piece) != wide)
			return literal_fail(parse->fault, column_of(parse, at),
				_("'%s' cannot be in a host name"), piece);
		ascii = ascii && wide == 1;
		at += wide - 1;
	}
	if (*label == '-' || end[-1] == '-')
		return literal_fail(parse->fault, column_of(parse, *label == '-' ? label : end - 1),
			_("a label of a host name cannot start or end with '-'"));
	/* The limit counts the encoded form, which for other letters only IDN knows. */
	if (ascii && end - label > LABEL_MOST)
		return literal_fail(parse->fault, column_of(parse, label + LABEL_MOST),
			_("a label of the host name has %zu bytes (at most %d)"),
			(size_t)(end - label), LABEL_MOST);
	return 0;
}

static int check_name(const struct parse *parse, const char *name, size_t length)
{
	const char *end = name + length;

	if (length > 1 && end[-1] == '.')
		end--; /* the root, written out */
	if (end - name > NAME_MOST)
		return literal_fail(parse->fault, column_of(parse, name + NAME_MOST),
			_("the host name has %zu bytes (at most %d)"), (size_t)(end - name),
			NAME_MOST);
	for (const char *label = name;;) {
		const char *dot = memchr(label, '.', (size_t)(end - label));
		int r = check_label(parse, label, dot != NULL ? dot : end);

		if (r < 0 || dot == NULL)
			return r;
		label = dot + 1;
	}
}

/* A literal must be of the family that the scheme forces, and from then on is the family. */
static int take_family(struct parse *parse, const char *host, const struct literal *literal)
{
	/* A mapped address is the IPv4 address that it holds. */
	int family = literal_is_mapped(literal) ? AF_INET : literal->family;
	char piece[QUOTE_PIECE_SIZE];

	if (parse->spec.family != AF_UNSPEC && parse->spec.family != family)
		return literal_fail(parse->fault, column_of(parse, host),
			family == AF_INET ? _("'%s' is an IPv4 address, '%.*s' wants IPv6")
					  : _("'%s' is an IPv6 address, '%.*s' wants IPv4"),
			quote_piece(parse->spec.host, strlen(parse->spec.host), piece), 4,
			parse->text);
	parse->spec.family = family;
	return 0;
}

/* Copies the host; a longer one is no name and no literal, whatever is in it. */
static int take_host(struct parse *parse, const char *host, size_t length)
{
	if (length >= ADDR_HOST_SIZE)
		return literal_fail(parse->fault, column_of(parse, host + NAME_MOST),
			_("the host name has %zu bytes (at most %d)"), length, NAME_MOST);
	memcpy(parse->spec.host, host, length);
	parse->spec.host[length] = '\0';
	return 0;
}

/* Reads spec.host, which was at `host`, as a numeric address. */
static int parse_literal(struct parse *parse, const char *host)
{
	struct literal literal;
	int r = literal_parse(parse->spec.host, &literal, parse->fault);

	if (r < 0) {
		parse->fault->column += column_of(parse, host);
		return r;
	}
	return take_family(parse, host, &literal);
}

static int parse_host(struct parse *parse, const char *host, size_t length)
{
	if (length == 0 || (length == 1 && *host == '*')) {
		parse->spec.any = true;
		return 0;
	}

	int r = take_host(parse, host, length);

	if (r < 0)
		return r;
	if (literal_is_meant(parse->spec.host))
		return parse_literal(parse, host);
	return check_name(parse, host, length);
}

/* "[...]" and what follows it. */
static int parse_bracketed(struct parse *parse, const char *rest)
{
	const char *close = strchr(rest, ']');
	char piece[QUOTE_PIECE_SIZE];

	if (close == NULL)
		return literal_fail(parse->fault, column_of(parse, rest), _("'[' without its ']'"));
	if (close[1] != '\0' && close[1] != ':')
		return literal_fail(parse->fault, column_of(parse, close + 1),
			_("after ']' comes ':' and the port, not '%s'"),
			quote_piece(close + 1, strlen(close + 1), piece));

	int r = take_host(parse, rest + 1, (size_t)(close - rest - 1));

	if (r < 0)
		return r;
	if (strchr(parse->spec.host, ':') == NULL)
		return literal_fail(parse->fault, column_of(parse, rest + 1),
			_("only an IPv6 address stands in brackets"));
	r = parse_literal(parse, rest + 1);
	if (r < 0 || close[1] == '\0')
		return r;
	return parse_port(parse, close + 2);
}

/* Of ::/96, which is no longer in use (RFC 4291 2.5.5.1), and neither :: nor ::1. */
static bool is_compatible(const struct literal *literal)
{
	static const uint8_t prefix[12];

	return literal->family == AF_INET6 && memcmp(literal->octets, prefix, sizeof(prefix)) == 0;
}

/* "10.0.0.0/8" is no address; said before the '/' is blamed as a wrong digit. */
static int refuse_block(struct parse *parse, const char *rest)
{
	struct literal literal;
	struct cidr cidr;
	int r;

	if (!cidr_is_meant(rest))
		return 0;
	r = cidr_parse_loosely(rest, &cidr, &literal, parse->fault);
	if (r == 0)
		return literal_fail(parse->fault, column_of(parse, strchr(rest, '/')),
			_("a block of addresses is not one address ('meari addr' shows blocks)"));
	parse->fault->column += column_of(parse, rest);
	return r;
}

/* Several colons and no brackets: a bare IPv6 address, if all of it is one. */
static int parse_colons(struct parse *parse, const char *rest)
{
	const char *first = strchr(rest, ':');
	const char *last = strrchr(rest, ':');
	struct addr_fault fault;
	struct literal literal;
	char meant[LITERAL_MEANT_SIZE];
	int r = take_host(parse, rest, strlen(rest));

	if (r < 0)
		return r;
	r = literal_parse(parse->spec.host, &literal, &fault);
	if (r == 0 && is_compatible(&literal) && literal_port_meant(parse->spec.host, meant))
		return literal_fail(parse->fault, column_of(parse, last),
			_("a port needs brackets: '%s'"), meant);
	if (r == 0)
		return take_family(parse, rest, &literal);
	parse->spec.host[last - rest] = '\0';
	if (strchr(parse->spec.host, ':') != NULL &&
		literal_parse(parse->spec.host, &literal, NULL) == 0 &&
		parse_port(parse, last + 1) == 0)
		return literal_fail(parse->fault, column_of(parse, last),
			_("an IPv6 address with a port is written in brackets, [%.*s]%.*s"),
			INET6_ADDRSTRLEN, parse->spec.host, SERVICE_MOST, last);
	/* Only where it starts as IPv6 does, its fault as IPv6 is of use. */
	if (strspn(rest, "0123456789abcdefABCDEF") == (size_t)(first - rest)) {
		fault.column += column_of(parse, rest);
		*parse->fault = fault;
		return r;
	}
	return literal_fail(parse->fault, column_of(parse, strchr(first + 1, ':')),
		_("a second ':' (IPv6 addresses are written in brackets, [::1]:5000)"));
}

/* A lone small number is a port far more often than an address in 0.0.0.0/16. */
static bool is_lone_port(const char *text)
{
	uint64_t number;

	return *text != '0' && number_parse(text, 1, UINT16_MAX, &number) == 0;
}

static int parse_host_port(struct parse *parse, const char *rest, bool scheme_given)
{
	const char *colon = strchr(rest, ':');

	int r = refuse_block(parse, rest);

	if (r < 0)
		return r;
	if (*rest == '[')
		return parse_bracketed(parse, rest);
	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return parse_colons(parse, rest);
	if (colon == NULL && is_lone_port(rest))
		return literal_fail(parse->fault, column_of(parse, rest),
			_("a port without a host is written '%s:%s'"), scheme_given ? "*" : "",
			rest);

	r = parse_host(parse, rest, colon != NULL ? (size_t)(colon - rest) : strlen(rest));

	if (r < 0 || colon == NULL)
		return r;
	return parse_port(parse, colon + 1);
}

int addr_parse(const char *text, struct addr_spec *ret_spec, struct addr_fault *reterr_fault)
{
	struct addr_fault unwanted;
	struct parse parse = {
		.text = text,
		.spec = { .scheme = ADDR_TCP, .family = AF_UNSPEC },
		.fault = reterr_fault != NULL ? reterr_fault : &unwanted,
	};
	const char *rest = text;
	bool scheme_given = false;

	if (*text == '\0')
		return literal_fail(parse.fault, 0, _("nothing is written"));

	int r = parse_scheme(&parse, &rest, &scheme_given);

	if (r < 0)
		return r;
	if (parse.spec.family == AF_UNIX) {
		r = parse_path(&parse, rest);
	} else {
		parse.spec.port = ADDR_DEFAULT_PORT;
		r = parse_host_port(&parse, rest, scheme_given);
	}
	if (r < 0)
		return r;
	*ret_spec = parse.spec;
	return 0;
}
