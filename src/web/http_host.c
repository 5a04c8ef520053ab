/*
 * An address cannot be rebound, and localhost never leaves the machine (RFC 6761, section 6.3).
 */
#include "web/http_host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* A textual address of IPv6 with a zone has about so many characters. */
#define MOST_LITERAL 80

static bool is_port(struct http_text text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	}
	return text.length <= 5;
}

static bool is_address(int family, struct http_text text)
{
	char literal[MOST_LITERAL], binary[16];

	if (text.length >= sizeof(literal))
		return false;
	memcpy(literal, text.at, text.length);
	literal[text.length] = '\0';
	if (family == AF_INET6)
		literal[strcspn(literal, "%")] = '\0';
	return inet_pton(family, literal, binary) == 1;
}

static bool ends_with(struct http_text text, const char *end)
{
	size_t length = strlen(end);

	return text.length > length &&
		strncasecmp(text.at + text.length - length, end, length) == 0;
}

bool http_host_is_ours(struct http_text host, const char *const *names, size_t name_count)
{
	struct http_text name = host;
	const char *mark;

	if (host.at == NULL)
		return true;
	if (host.length > 0 && *host.at == '[') {
		mark = memchr(host.at, ']', host.length);
		if (mark == NULL)
			return false;
		name = (struct http_text){ host.at + 1, (size_t)(mark - host.at) - 1 };
		host = (struct http_text){ mark + 1, host.length - name.length - 2 };
		if (host.length > 0 &&
			(*host.at != ':' ||
				!is_port((struct http_text){ host.at + 1, host.length - 1 })))
			return false;
		return is_address(AF_INET6, name);
	}
	mark = memchr(host.at, ':', host.length);
	if (mark != NULL) {
		name.length = (size_t)(mark - host.at);
		if (!is_port((struct http_text){ mark + 1, host.length - name.length - 1 }))
			return false;
	}
	if (name.length > 1 && name.at[name.length - 1] == '.')
		name.length--;
	if (http_request_is_text(name, "localhost") || ends_with(name, ".localhost") ||
		is_address(AF_INET, name))
		return true;
	for (size_t i = 0; i < name_count; i++) {
		if (http_request_is_text(name, names[i]))
			return true;
	}
	return false;
}
