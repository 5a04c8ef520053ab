/*
 * What the server gives up once everything is open: privileges (--user), and then whatever it will not
 * need: new privileges, files but a few, new sockets to anywhere, and most system calls. Main
 * thread, before any other is started; threads inherit it. Speaks when it fails.
 */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"
#include "server/admission/access.h"
#include "server/listen/listener.h"
#include "wire/tls_context.h"

struct sandbox_options {
	const char *user; /* a name or a number; NULL: the user stays */
	const struct engine_ops *engine;
	bool open; /* no sandbox (--no-sandbox) */
	const struct access_entries *allow, *deny, *proxies; /* their files can still be read */
	const struct listener_list *listeners; /* their socket files can still be removed, */
	const struct listener_list *leaving; /* and those of these; NULL: none */
	const struct listener_list *answering; /* and of these; NULL: none */
	const char *control_path; /* and this one; NULL: none */
	const char *config_path; /* a file that can still be read; NULL: none */
	const struct tls_server_options *tls; /* whose files can; NULL: none */
};

/*
 * What this kernel lacks is left out; --explain shows it. -errno, and one line has been printed, for what was
 * asked for (the user), and for a wall that could be built but for want of memory or descriptors.
 */
int sandbox_enter(const struct sandbox_options *options);

/* Once all threads run: takes away what was needed to start them. Errors as above. */
int sandbox_seal(const struct sandbox_options *options);

/* Told of each part: its name (a key), whether it will be in force here, and why or why not. */
typedef void sandbox_explain_fn(void *context, const char *name, bool used, const char *reason);
void sandbox_explain(
	const struct sandbox_options *options, sandbox_explain_fn *explain, void *context);
