/*
 * Three walls, each for what the others do not see: no new privileges (prctl(2)), Landlock for files and
 * for TCP to anywhere, seccomp for the kernel itself. All three leave a server that serves as it did: it may read
 * its lists again, remove its socket files, say what it says in the user's language.
 */
#include "server/sandbox/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <libintl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "server/sandbox/landlock.h"
#include "server/sandbox/syscalls.h"

/* The sanitizers' own work at the end (reading /proc, tracing threads) is what a sandbox is against. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* ---- the user ---- */

/* -ENOENT: there is no such user. A number need not belong to one; its group is then the same number. */
static int find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	struct passwd *found = getpwnam(name);
	uint64_t number = 0;
	bool is_number = number_parse(name, 0, UINT32_MAX - 1, &number) == 0;

	if (found == NULL && is_number)
		found = getpwuid((uid_t)number);
	if (found == NULL && !is_number)
		return -ENOENT;
	*ret_uid = found != NULL ? found->pw_uid : (uid_t)number;
	*ret_gid = found != NULL ? found->pw_gid : (gid_t)number;
	return 0;
}

/* Groups beside that one. */
static bool has_more_groups(gid_t gid)
{
	gid_t groups[2] = { gid, gid };
	int count = getgroups(2, groups);

	return count < 0 || count > 1 || groups[0] != gid || getgid() != gid || getegid() != gid;
}

static int become(uid_t uid, gid_t gid)
{
	bool is_already = uid == getuid() && uid == geteuid();

	/* Groups first: afterwards it may not. No supplementary ones: an echo needs none. */
	if (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
		setresuid(uid, uid, uid) == 0)
		return 0;
	if (errno != EPERM || !is_already)
		return -errno;
	/* Who is that user already, and not root, can do no more than say so. */
	if (has_more_groups(gid))
		LOG_EVENT(LOG_LEVEL_WARNING, "groups_kept",
			json_pack("{s:I}", "uid", (json_int_t)uid),
			_("it keeps the groups that it was started with: only root can give them up "
			  "(--user)"));
	return 0;
}

static int drop_privileges(const char *name)
{
	uid_t uid;
	gid_t gid;
	int r = find_user(name, &uid, &gid);

	if (r < 0) {
		log_error(_("there is no user '%s' (--user)"), name);
		return r;
	}
	r = become(uid, gid);
	if (r < 0)
		log_error(_("cannot become the user '%s': %s%s"), name, strerror(-r),
			r == -EPERM ? _(" (--user needs root)") : "");
	return r;
}

/* ---- files ---- */

static int allow_folder_of(struct landlock *landlock, const char *path,
	void (*allow)(struct landlock *landlock, const char *folder))
{
	CLEANUP_FREE char *copy = strdup(path);

	if (copy == NULL)
		return -ENOMEM;
	allow(landlock, dirname(copy));
	return 0;
}

/* Its folder and not the file itself: it is often replaced by another file of that name. */
static int allow_file(struct landlock *landlock, const char *path)
{
	CLEANUP_FREE char *real = realpath(path, NULL);
	int r = real == NULL && errno == ENOMEM ? -ENOMEM : 0;

	if (r == 0)
		r = allow_folder_of(landlock, path, landlock_allow_reading);
	if (r == 0 && real != NULL)
		r = allow_folder_of(landlock, real, landlock_allow_reading);
	return r;
}

static int allow_lists(struct landlock *landlock, const struct access_entries *entries)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < entries->count; i++) {
		if (entries->texts[i][0] == '@')
			r = allow_file(landlock, entries->texts[i] + 1);
	}
	return r;
}

/* A key that is renewed is mostly another file of that name. */
static int allow_keys(struct landlock *landlock, const struct tls_server_options *tls)
{
	int r = tls->client_ca_path != NULL ? allow_file(landlock, tls->client_ca_path) : 0;

	for (size_t i = 0; r == 0 && i < tls->pair_count; i++) {
		r = allow_file(landlock, tls->pairs[i].certificate_path);
		if (r == 0 && tls->pairs[i].key_path != NULL)
			r = allow_file(landlock, tls->pairs[i].key_path);
	}
	return r;
}

static int allow_socket_files(struct landlock *landlock, const struct listener_list *listeners)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < listeners->count; i++) {
		const struct listener *listener = &listeners->listeners[i];

		if (listener->file_inode != 0)
			r = allow_folder_of(
				landlock, listener->bound.un.sun_path, landlock_allow_removing);
	}
	return r;
}

static int confine_files(const struct sandbox_options *options)
{
	/* Translations, and what libc reads for them. */
	static const char *const folders[] = { "/usr/share", "/usr/lib", "/usr/lib64", "/lib",
		"/lib64" };
	struct landlock *landlock;
	const char *catalogues = bindtextdomain(textdomain(NULL), NULL);
	int r = landlock_new(&landlock);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		landlock_allow_reading(landlock, folders[i]);
	if (catalogues != NULL)
		landlock_allow_reading(landlock, catalogues);
	r = allow_lists(landlock, options->allow);
	if (r == 0)
		r = allow_lists(landlock, options->deny);
	if (r == 0)
		r = allow_lists(landlock, options->proxies);
	if (r == 0 && options->config_path != NULL)
		r = allow_file(landlock, options->config_path);
	if (r == 0 && options->tls != NULL)
		r = allow_keys(landlock, options->tls);
	if (r == 0)
		r = allow_socket_files(landlock, options->listeners);
	if (r == 0 && options->leaving != NULL)
		r = allow_socket_files(landlock, options->leaving);
	if (r == 0 && options->answering != NULL)
		r = allow_socket_files(landlock, options->answering);
	if (r == 0 && options->control_path != NULL)
		r = allow_folder_of(landlock, options->control_path, landlock_allow_removing);
	if (r == 0)
		r = landlock_enforce(landlock);
	landlock_free(landlock);
	return r;
}

/* ---- all of it ---- */

/* Not that the kernel has no such wall, but that this one could not be built just now. */
static bool is_shortage(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -ENOBUFS;
}

int sandbox_enter(const struct sandbox_options *options)
{
	int r = options->user != NULL ? drop_privileges(options->user) : 0;

	if (r < 0 || options->open || IS_SANITIZED)
		return r;
	/* Old kernels and some containers lack one or the other; what there is is used. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 0;
	r = confine_files(options);
	if (!is_shortage(r))
		r = syscalls_confine(strcmp(options->engine->name, "uring") == 0);
	if (!is_shortage(r))
		return 0;
	/* A user who relies on the sandbox must not lose it by a shortage of memory. */
	log_error(_("cannot enter the sandbox: %s"), strerror(-r));
	return r;
}

int sandbox_seal(const struct sandbox_options *options)
{
	int r = options->open || IS_SANITIZED ? 0 : syscalls_seal();

	if (!is_shortage(r))
		return 0;
	log_error(_("cannot enter the sandbox: %s"), strerror(-r));
	return r;
}

static void explain_user(const char *user, sandbox_explain_fn *explain, void *context)
{
	char text[200];
	uid_t uid;
	gid_t gid;

	if (user == NULL) {
		snprintf(text, sizeof(text), _("no --user; it stays the user %u"), getuid());
		explain(context, "user", false, text);
	} else if (find_user(user, &uid, &gid) < 0) {
		snprintf(text, sizeof(text), _("there is no user '%s' (--user)"), user);
		explain(context, "user", false, text);
	} else {
		snprintf(text, sizeof(text),
			_("it becomes the user %u and the group %u once all is open"), uid, gid);
		explain(context, "user", true, text);
	}
}

static void explain_landlock(sandbox_explain_fn *explain, void *context)
{
	int version = landlock_version();
	char text[200];

	if (version < 0) {
		explain(context, "landlock", false, strerror(-version));
		return;
	}
	snprintf(text, sizeof(text),
		version >= 4
			? _("version %d: all but a few files, and new TCP connections, are blocked")
			: _("version %d: all but a few files are blocked"),
		version);
	explain(context, "landlock", true, text);
}

void sandbox_explain(
	const struct sandbox_options *options, sandbox_explain_fn *explain, void *context)
{
	static const char *const walls[] = { "no-new-privileges", "landlock", "seccomp" };

	explain_user(options->user, explain, context);
	for (size_t i = 0; (options->open || IS_SANITIZED) && i < 3; i++)
		explain(context, walls[i], false,
			options->open ? _("off: --no-sandbox")
				      : _("not in a build with sanitizers"));
	if (options->open || IS_SANITIZED)
		return;
	/* In earnest: this process has nothing else to do. The filter must come last. */
	bool fixed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;

	explain(context, walls[0], fixed,
		fixed ? _("no program that it starts gains privileges") : strerror(errno));
	explain_landlock(explain, context);
	int r = fixed ? syscalls_confine(false) : -EPERM;

	explain(context, walls[2], r == 0,
		r == 0 ? _("most system calls are blocked") : strerror(-r));
}
