/*
 * What two readers of one request could understand differently is refused, for that is what request smuggling lives on:
 * a carriage return within a line, a continued line, a blank before a colon, a second Host, any body.
 */
#include "web/http_request.h"

#include <string.h>
#include <strings.h>

#define REFUSE(code, text) ((struct http_refusal){ code, text "\n" })

static const struct http_refusal malformed = { 400, "This is not an HTTP request.\n" };

/* RFC 9110, section 5.6.2. */
static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct http_text text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (!is_token_char(text.at[i]))
			return false;
	}
	return text.length > 0;
}

/* Visible characters of ASCII; in fields also blanks, and bytes of other alphabets. */
static bool is_clean(struct http_text text, bool is_field)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c == 0x7f || (c <= ' ' && !(is_field && (c == ' ' || c == '\t'))) ||
			(c > 0x7f && !is_field))
			return false;
	}
	return true;
}

bool http_request_is_text(struct http_text text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

static struct http_text trim(struct http_text text)
{
	while (text.length > 0 && (*text.at == ' ' || *text.at == '\t')) {
		text.at++;
		text.length--;
	}
	while (text.length > 0 &&
		(text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
		text.length--;
	return text;
}

/* Takes what is before `mark` off the text, and the mark. False: there is none. */
static bool cut_at(struct http_text *text, char mark, struct http_text *ret_before)
{
	const char *found = memchr(text->at, mark, text->length);

	if (found == NULL)
		return false;
	*ret_before = (struct http_text){ text->at, (size_t)(found - text->at) };
	text->length -= ret_before->length + 1;
	text->at = found + 1;
	return true;
}

/* ---- the first line ---- */

/* A client that takes us for a proxy sends all of the address (RFC 9112, 3.2.2). */
static bool split_target(struct http_text target, struct http_request *ret_request)
{
	static const char scheme[] = "http://";
	struct http_text path = target, host, query;

	if (target.length > strlen(scheme) && strncasecmp(target.at, scheme, strlen(scheme)) == 0) {
		path.at += strlen(scheme);
		path.length -= strlen(scheme);
		host = path;
		while (path.length > 0 && *path.at != '/') {
			path.at++;
			path.length--;
		}
		host.length -= path.length;
		ret_request->host = host;
		if (path.length == 0)
			path = (struct http_text){ "/", 1 };
	}
	if (path.length == 0 || *path.at != '/')
		return false;
	ret_request->path = path;
	if (cut_at(&path, '?', &query))
		ret_request->path = query;
	return true;
}

static bool is_method(struct http_text method, const char *name)
{
	return method.length == strlen(name) && memcmp(method.at, name, method.length) == 0;
}

static bool read_first_line(struct http_text line, struct http_request *ret_request,
	struct http_refusal *reterr_refusal)
{
	struct http_text method, target, version = line;

	if (!cut_at(&version, ' ', &method) || !is_token(method) ||
		!cut_at(&version, ' ', &target) || !is_clean(target, false) ||
		version.length != strlen("HTTP/1.1") || memcmp(version.at, "HTTP/", 5) != 0) {
		*reterr_refusal = malformed;
		return false;
	}
	if (memcmp(version.at, "HTTP/1.1", 8) != 0 && memcmp(version.at, "HTTP/1.0", 8) != 0) {
		*reterr_refusal = REFUSE(400, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
		return false;
	}
	if (!is_method(method, "GET") && !is_method(method, "HEAD")) {
		*reterr_refusal = REFUSE(
			405, "Nothing can be changed here: only GET and HEAD are answered.");
		return false;
	}
	ret_request->is_head = is_method(method, "HEAD");
	ret_request->is_old = version.at[7] == '0';
	ret_request->keeps_alive = !ret_request->is_old;
	if (split_target(target, ret_request))
		return true;
	*reterr_refusal = REFUSE(400, "The path of a request begins with a slash.");
	return false;
}

/* ---- fields ---- */

static void read_connection(struct http_text value, struct http_request *request)
{
	bool more = true;

	while (more) {
		struct http_text word = value;

		more = cut_at(&value, ',', &word);
		word = trim(word);
		if (http_request_is_text(word, "close"))
			request->keeps_alive = false;
		else if (http_request_is_text(word, "keep-alive") && request->is_old)
			request->keeps_alive = true;
	}
}

static bool is_nothing(struct http_text number)
{
	for (size_t i = 0; i < number.length; i++) {
		if (number.at[i] != '0')
			return false;
	}
	return number.length > 0;
}

static bool read_field(struct http_text line, bool *has_host, struct http_request *request,
	struct http_refusal *reterr_refusal)
{
	struct http_text name, value = line;

	*reterr_refusal = malformed;
	if (!cut_at(&value, ':', &name) || !is_token(name) || !is_clean(value, true))
		return false;
	value = trim(value);
	if (http_request_is_text(name, "host")) {
		if (*has_host || !is_clean(value, false))
			return false;
		*has_host = true;
		if (request->host.at == NULL)
			request->host = value;
	} else if (http_request_is_text(name, "connection")) {
		read_connection(value, request);
	} else if (http_request_is_text(name, "transfer-encoding") ||
		(http_request_is_text(name, "content-length") && !is_nothing(value))) {
		*reterr_refusal = REFUSE(400, "A request has no body here.");
		return false;
	}
	return true;
}

/* ---- all of it ---- */

/* The next line, without its end. False: it has none yet. */
static bool next_line(struct http_text *rest, struct http_text *ret_line)
{
	if (!cut_at(rest, '\n', ret_line))
		return false;
	if (ret_line->length > 0 && ret_line->at[ret_line->length - 1] == '\r')
		ret_line->length--;
	return true;
}

/* Without an end so far. */
static enum http_request_verdict judge_partial(
	size_t length, bool has_first_line, struct http_refusal *reterr_refusal)
{
	if (length < HTTP_REQUEST_MOST_BYTES)
		return HTTP_REQUEST_PARTIAL;
	*reterr_refusal = has_first_line
		? REFUSE(431, "The fields of a request have 8 KiB at most.")
		: REFUSE(414, "A request has 8 KiB at most, its address included.");
	return HTTP_REQUEST_REFUSED;
}

static enum http_request_verdict judge_complete(
	const struct http_request *request, bool has_host, struct http_refusal *reterr_refusal)
{
	if (has_host || request->is_old)
		return HTTP_REQUEST_COMPLETE;
	*reterr_refusal = REFUSE(400, "A request of HTTP/1.1 names its Host.");
	return HTTP_REQUEST_REFUSED;
}

enum http_request_verdict http_request_read(const char *bytes, size_t length,
	struct http_request *ret_request, size_t *ret_length, struct http_refusal *reterr_refusal)
{
	struct http_text rest = { bytes, length }, line;
	bool has_first_line = false, has_host = false;
	unsigned fields = 0;

	*ret_request = (struct http_request){ 0 };
	if (length > HTTP_REQUEST_MOST_BYTES)
		rest.length = length = HTTP_REQUEST_MOST_BYTES;
	/* Of what begins otherwise, no line is waited for: TLS, for one. */
	if (length > 0 && !is_token_char(*bytes) && *bytes != '\r' && *bytes != '\n') {
		*reterr_refusal = malformed;
		return HTTP_REQUEST_REFUSED;
	}
	while (next_line(&rest, &line)) {
		bool good = true;

		if (line.length == 0 && !has_first_line)
			continue; /* blank lines before it do not count (RFC 9112, 2.2) */
		if (line.length == 0) {
			*ret_length = length - rest.length;
			return judge_complete(ret_request, has_host, reterr_refusal);
		}
		if (!has_first_line) {
			good = read_first_line(line, ret_request, reterr_refusal);
		} else if (++fields > HTTP_REQUEST_MOST_FIELDS) {
			*reterr_refusal = REFUSE(431, "A request has 100 fields at most.");
			good = false;
		} else {
			good = read_field(line, &has_host, ret_request, reterr_refusal);
		}
		if (!good)
			return HTTP_REQUEST_REFUSED;
		has_first_line = true;
	}
	return judge_partial(length, has_first_line, reterr_refusal);
}
