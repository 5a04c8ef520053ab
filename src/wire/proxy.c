/*
 * Version 1 is one line: "PROXY TCP4 192.0.2.1 192.0.2.2 4711 7\r\n". It is read strictly, by what it must be
 * and not by what could be meant: two readers that understand one line in two ways are how clients forge
 * addresses. What cannot become a line is refused at the first byte that shows it, and not when the line ends.
 */
#include "wire/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/i18n.h"

/* With the line's end. */
#define LINE_MOST 107
#define LINE_BEGIN "PROXY "
#define LINE_BEGIN_BYTES (sizeof(LINE_BEGIN) - 1)

struct reader {
	const char *at, *end;
};

static enum proxy_verdict refuse(enum proxy_fault fault, enum proxy_fault *reterr_fault)
{
	*reterr_fault = fault;
	return PROXY_WRONG;
}

/* The next word of a line, as a string; a blank ends it, and exactly one. */
static bool take_word(struct reader *reader, char *word, size_t size)
{
	const char *blank = memchr(reader->at, ' ', (size_t)(reader->end - reader->at));
	const char *end = blank != NULL ? blank : reader->end;
	size_t length = (size_t)(end - reader->at);

	if (length == 0 || length >= size || memchr(reader->at, '\0', length) != NULL)
		return false;
	memcpy(word, reader->at, length);
	word[length] = '\0';
	reader->at = blank != NULL ? blank + 1 : end;
	return true;
}

static bool take_port(struct reader *reader, uint16_t *ret_port)
{
	char word[6];
	unsigned port = 0;

	if (!take_word(reader, word, sizeof(word)) || (word[0] == '0' && word[1] != '\0'))
		return false;
	for (const char *digit = word; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9')
			return false;
		port = port * 10 + (unsigned)(*digit - '0');
	}
	if (port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool take_host(struct reader *reader, int family, struct addr *ret_addr)
{
	char word[INET6_ADDRSTRLEN];
	struct addr addr = { .scheme = ADDR_TCP };

	if (!take_word(reader, word, sizeof(word)))
		return false;
	addr.generic.sa_family = (sa_family_t)family;
	addr.length = family == AF_INET ? sizeof(addr.in) : sizeof(addr.in6);
	if (inet_pton(family, word,
		    family == AF_INET ? (void *)&addr.in.sin_addr : (void *)&addr.in6.sin6_addr) !=
		1)
		return false;
	*ret_addr = addr;
	return true;
}

/* What stands between "PROXY TCP4 " and the line's end. */
static bool take_ends(struct reader *reader, int family, struct proxy_header *header)
{
	uint16_t source_port, destination_port;
	bool ok = take_host(reader, family, &header->source) &&
		take_host(reader, family, &header->destination) &&
		take_port(reader, &source_port) && take_port(reader, &destination_port) &&
		reader->at == reader->end && reader->end[-1] != ' ';

	if (!ok)
		return false;
	addr_set_port(&header->source, source_port);
	addr_set_port(&header->destination, destination_port);
	return true;
}

static const char *const families[] = { "TCP4 ", "TCP6 ", "UNKNOWN" };

/* Whether a line that begins like this can still become one; `ret_which` of the families, where that is known. */
static bool find_family(const char *text, size_t length, size_t *ret_which)
{
	bool possible = false;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		size_t whole = strlen(families[i]);
		size_t common = length < whole ? length : whole;

		if (memcmp(text, families[i], common) != 0)
			continue;
		possible = true;
		if (common == whole)
			*ret_which = i;
	}
	return possible;
}

/* A line's end, a blank, or what can be seen: nothing else has a place in it. */
static bool is_in_place(const char *text, size_t length, size_t i)
{
	unsigned char byte = (unsigned char)text[i];

	if (byte == '\r')
		return i + 1 >= length || text[i + 1] == '\n';
	return byte >= ' ' && byte < 0x7f;
}

static enum proxy_verdict read_line(const char *text, size_t length,
	struct proxy_header *ret_header, enum proxy_fault *reterr_fault)
{
	struct proxy_header header = { .version = PROXY_V1 };
	size_t which = SIZE_MAX, most = length < LINE_MOST ? length : LINE_MOST, end;

	for (end = LINE_BEGIN_BYTES; end < most && text[end] != '\r'; end++) {
		if (!is_in_place(text, most, end))
			return refuse(PROXY_BAD_LINE, reterr_fault);
	}
	if (!find_family(text + LINE_BEGIN_BYTES, end - LINE_BEGIN_BYTES, &which))
		return refuse(PROXY_BAD_LINE, reterr_fault);
	/* One byte more is to come, at least. */
	if (end + 1 >= most) {
		if (length >= LINE_MOST)
			return refuse(PROXY_TOO_LONG, reterr_fault);
		return end < most && which == SIZE_MAX ? refuse(PROXY_BAD_LINE, reterr_fault)
						       : PROXY_MORE;
	}
	if (which == SIZE_MAX || text[end + 1] != '\n')
		return refuse(PROXY_BAD_LINE, reterr_fault);
	header.length = end + 2;

	struct reader reader = { .at = text + LINE_BEGIN_BYTES + strlen(families[which]),
		.end = text + end };

	/* Behind UNKNOWN anything may stand, and says nothing. */
	if (families[which][0] == 'U') {
		header.kind = PROXY_UNKNOWN;
		if (reader.at < reader.end && *reader.at != ' ')
			return refuse(PROXY_BAD_LINE, reterr_fault);
	} else if (!take_ends(&reader, which == 0 ? AF_INET : AF_INET6, &header)) {
		return refuse(PROXY_BAD_LINE, reterr_fault);
	}
	*ret_header = header;
	return PROXY_WHOLE;
}

/* 1: it begins so; 0: it may, once more has come; -1: it does not. */
static int compare_begin(const void *bytes, size_t length, const void *begin, size_t begin_length)
{
	size_t common = length < begin_length ? length : begin_length;

	if (memcmp(bytes, begin, common) != 0)
		return -1;
	return common == begin_length;
}

bool proxy_has_begun(const void *bytes, size_t length)
{
	return compare_begin(bytes, length, LINE_BEGIN, LINE_BEGIN_BYTES) > 0 ||
		compare_begin(bytes, length, PROXY_SIGNATURE, PROXY_SIGNATURE_BYTES) > 0;
}

enum proxy_verdict proxy_read(const void *bytes, size_t length, struct proxy_header *ret_header,
	enum proxy_fault *reterr_fault)
{
	int line = compare_begin(bytes, length, LINE_BEGIN, LINE_BEGIN_BYTES);
	int binary = compare_begin(bytes, length, PROXY_SIGNATURE, PROXY_SIGNATURE_BYTES);

	if (line > 0)
		return read_line(bytes, length, ret_header, reterr_fault);
	if (binary > 0)
		return proxy_binary_take(bytes, length, ret_header, reterr_fault);
	return line == 0 || binary == 0 ? PROXY_MORE : PROXY_NONE;
}

const char *proxy_fault_text(enum proxy_fault fault)
{
	switch (fault) {
	case PROXY_BAD_LINE: return _("its line is not one of version 1");
	case PROXY_BAD_VERSION: return _("its version or command is not known");
	case PROXY_BAD_FAMILY: return _("its family of addresses is not known");
	case PROXY_BAD_LENGTH: return _("it is too short for its addresses");
	case PROXY_BAD_TLV: return _("a field behind its addresses is not well formed");
	case PROXY_BAD_CHECKSUM: return _("its checksum is wrong");
	case PROXY_TOO_LONG: return _("it is too long");
	case PROXY_NO_FAULT: break;
	}
	return "";
}

const char *proxy_fault_key(enum proxy_fault fault)
{
	static const char *const keys[] = {
		[PROXY_NO_FAULT] = "",
		[PROXY_BAD_LINE] = "line",
		[PROXY_BAD_VERSION] = "version",
		[PROXY_BAD_FAMILY] = "family",
		[PROXY_BAD_LENGTH] = "length",
		[PROXY_BAD_TLV] = "field",
		[PROXY_BAD_CHECKSUM] = "checksum",
		[PROXY_TOO_LONG] = "too-long",
	};

	return keys[fault];
}
