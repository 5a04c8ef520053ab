/*
 * The protocol is three variables of the environment: LISTEN_PID says for which process, LISTEN_FDS how many
 * descriptors from 3 on, LISTEN_FDNAMES their names with colons between them. Newer managers add LISTEN_PIDFDID, which
 * guards against a process id that was used again; LISTEN_PID is enough here. What kind of sockets they are is
 * asked of the kernel (socket_adopt_server).
 *
 * A variable that is malformed ends the start: a server that ignored it would listen elsewhere than
 * it was configured to.
 */
#include "server/listen/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/number.h"
#include "base/quote.h"

/* As systemd limits the name of a descriptor. */
#define MOST_NAME_BYTES 255

static const char *const variables[] = { "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS",
	"LISTEN_FDNAMES" };

static struct activation_environment read_environment(void)
{
	return (struct activation_environment){
		.pid = getenv("LISTEN_PID"),
		.count = getenv("LISTEN_FDS"),
		.names = getenv("LISTEN_FDNAMES"),
	};
}

/* 0, and `ret_count` is 0 where nothing is meant for this process. */
static int read_count(const struct activation_environment *environment, pid_t self,
	size_t *ret_count, const char **reterr_variable)
{
	uint64_t pid, count;
	int r;

	*ret_count = 0;
	if (environment->pid == NULL || environment->count == NULL)
		return 0;
	*reterr_variable = "LISTEN_PID";
	r = number_parse(environment->pid, 1, INT_MAX, &pid);
	if (r < 0 || pid != (uint64_t)self)
		return r;
	*reterr_variable = "LISTEN_FDS";
	r = number_parse(environment->count, 0, INT_MAX - ACTIVATION_FIRST_FD, &count);
	if (r == 0)
		*ret_count = (size_t)count;
	return r;
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; names != NULL && i < count; i++)
		free(names[i]);
	free(names);
}

/* The names are shown to people and compared with options: plain text only. */
static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return length <= MOST_NAME_BYTES;
}

/* Exactly `count` names; `text` is NULL where the manager has given none. */
static int split_names(const char *text, size_t count, char **names)
{
	for (size_t i = 0; i < count; i++) {
		size_t length;

		if (text == NULL) {
			names[i] = strdup("unknown");
		} else {
			length = strcspn(text, ":");
			if (!is_name(text, length) || (text[length] == ':') != (i + 1 < count))
				return -EINVAL;
			names[i] = strndup(text, length);
			text += length + 1;
		}
		if (names[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

/* Fewer names than sockets are noticed before anything is allocated for each of a huge number of sockets. */
static bool has_names_for(const char *names, size_t count)
{
	size_t colons = 0;

	for (const char *at = names; at != NULL && *at != '\0'; at++)
		colons += *at == ':';
	return names == NULL || colons + 1 == count;
}

int activation_read(const struct activation_environment *environment, pid_t self, char ***ret_names,
	size_t *ret_count, const char **reterr_variable)
{
	char **names = NULL;
	size_t count;
	int r = read_count(environment, self, &count, reterr_variable);

	if (r < 0)
		return r;
	if (count > 0) {
		*reterr_variable = "LISTEN_FDNAMES";
		if (!has_names_for(environment->names, count))
			return -EINVAL;
		names = calloc(count, sizeof(char *));
		r = names != NULL ? split_names(environment->names, count, names) : -ENOMEM;
		if (r < 0) {
			free_names(names, count);
			return r;
		}
	}
	*ret_names = names;
	*ret_count = count;
	return 0;
}

bool activation_is_offered(void)
{
	const struct activation_environment environment = read_environment();
	const char *variable;
	size_t count;

	return read_count(&environment, getpid(), &count, &variable) < 0 || count > 0;
}

static bool has(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Each name that is wanted must be there, or a misspelt one would go unnoticed. */
static int check_names(const char *const *wanted, size_t count, const struct activation *given)
{
	for (size_t i = 0; i < count; i++) {
		if (!has((const char *const *)given->names, given->count, wanted[i])) {
			log_error(_("no socket named '%s' was handed over (FileDescriptorName= in "
				    "the .socket unit names them)"),
				wanted[i]);
			return -ENOENT;
		}
	}
	return 0;
}

static int complain(const char *variable, int error)
{
	const char *text = getenv(variable);
	char piece[QUOTE_PIECE_SIZE];

	if (text != NULL && (error == -EINVAL || error == -ERANGE))
		log_error(_("cannot take the sockets that were handed over: %s is malformed: '%s' "
			    "(sd_listen_fds(3) describes it)"),
			variable, quote_piece(text, strlen(text), piece));
	else
		log_error(_("cannot take the sockets that were handed over (LISTEN_FDS): %s"),
			strerror(-error));
	return error;
}

/* How many of the descriptors are open, from the first one on. */
static size_t count_open(size_t count)
{
	size_t open = 0;

	while (open < count && fcntl(ACTIVATION_FIRST_FD + (int)open, F_GETFD) >= 0)
		open++;
	return open;
}

int activation_check(void)
{
	const struct activation_environment environment = read_environment();
	const char *variable;
	size_t count, open;

	if (read_count(&environment, getpid(), &count, &variable) < 0 || count == 0)
		return 0; /* activation_read() says what is wrong */
	open = count_open(count);
	if (open == count)
		return 0;
	log_error(
		_("cannot take the sockets that were handed over: LISTEN_FDS is %zu, but descriptor "
		  "%d is not open"),
		count, ACTIVATION_FIRST_FD + (int)open);
	return -EBADF;
}

static int read_offer(struct activation *ret_given)
{
	const struct activation_environment environment = read_environment();
	struct activation given = { 0 };
	const char *variable = NULL;
	int r = activation_check(); /* a huge LISTEN_FDS ends here, before anything is allocated */

	if (r < 0)
		return r;
	r = activation_read(&environment, getpid(), &given.names, &given.count, &variable);
	if (r < 0)
		return complain(variable, r);
	if (given.count > 0) {
		given.fds = calloc(given.count, sizeof(int));
		if (given.fds == NULL) {
			free_names(given.names, given.count);
			return complain("LISTEN_FDS", -ENOMEM);
		}
	}
	for (size_t i = 0; i < given.count; i++) {
		given.fds[i] = ACTIVATION_FIRST_FD + (int)i;
		/* It cannot fail: the descriptor is open. */
		fcntl(given.fds[i], F_SETFD, FD_CLOEXEC);
	}
	*ret_given = given;
	return 0;
}

int activation_take(
	const char *const *wanted, size_t wanted_count, struct activation *ret_activation)
{
	struct activation given;
	int r = read_offer(&given);

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	if (r < 0)
		return r;
	r = check_names(wanted, wanted_count, &given);
	if (r < 0) {
		activation_fini(&given);
		return r;
	}
	for (size_t i = 0; wanted_count > 0 && i < given.count; i++) {
		if (!has(wanted, wanted_count, given.names[i]))
			close(TAKE_FD(given.fds[i]));
	}
	*ret_activation = given;
	return 0;
}

int activation_split(struct activation *activation, const char *const *names, size_t name_count,
	struct activation *ret_split)
{
	struct activation split = { 0 };
	int r = check_names(names, name_count, activation);

	if (r < 0)
		return r;
	split.fds = calloc(activation->count + 1, sizeof(int));
	split.names = calloc(activation->count + 1, sizeof(char *));
	if (split.fds == NULL || split.names == NULL) {
		activation_fini(&split);
		return complain("LISTEN_FDS", -ENOMEM);
	}
	for (size_t i = 0; i < activation->count; i++) {
		if (activation->fds[i] < 0 || !has(names, name_count, activation->names[i]))
			continue;
		split.fds[split.count] = TAKE_FD(activation->fds[i]);
		split.names[split.count++] = activation->names[i];
		activation->names[i] = NULL;
	}
	*ret_split = split;
	return 0;
}

void activation_fini(struct activation *activation)
{
	for (size_t i = 0; i < activation->count; i++) {
		if (activation->fds[i] >= 0)
			close(activation->fds[i]);
	}
	free(activation->fds);
	free_names(activation->names, activation->count);
	*activation = (struct activation){ 0 };
}
