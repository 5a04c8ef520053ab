/*
 * Whom a request was meant for. A page of the wide web may have its own name lead to our address, and then read our
 * answers as its own (DNS rebinding): so only names that cannot be another's are answered. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "web/http_request.h"

/*
 * Whether it is an IP address, localhost, a name below .localhost, or one of `names`, each with a port or without. An
 * old client that names none (NULL) is no browser.
 */
bool http_host_is_ours(struct http_text host, const char *const *names, size_t name_count);
