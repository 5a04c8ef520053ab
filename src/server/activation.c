/*
 * The protocol is three variables of the environment: LISTEN_PID says to whom, LISTEN_FDS how many
 * descriptors from 3 on, LISTEN_FDNAMES their names. They are removed once they have been read. What
 * kind of sockets they are is asked of the kernel (socket_adopt_server).
 */
#include "server/activation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/log.h"
#include "config.h"

#if MEARI_HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

bool activation_is_offered(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	return pid != NULL && count != NULL && strtol(pid, NULL, 10) == (long)getpid() &&
		strtol(count, NULL, 10) > 0;
}

#if MEARI_HAVE_SYSTEMD

static void free_names(char **names)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		free(names[i]);
	free(names);
}

static bool has(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Each name that is wanted must be there, or a misspelt one would serve nobody in silence. */
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

int activation_take(
	const char *const *wanted, size_t wanted_count, struct activation *ret_activation)
{
	struct activation given = { 0 };
	int r, count = sd_listen_fds_with_names(1, &given.names);

	if (count > 0)
		given.fds = calloc((size_t)count, sizeof(int));
	if (count > 0 && given.fds == NULL)
		count = -ENOMEM;
	if (count < 0) {
		free_names(given.names);
		log_error(_("cannot take the sockets that were handed over (LISTEN_FDS): %s"),
			strerror(-count));
		return count;
	}
	given.count = (size_t)count;
	for (int i = 0; i < count; i++)
		given.fds[i] = SD_LISTEN_FDS_START + i;
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

void activation_fini(struct activation *activation)
{
	for (size_t i = 0; i < activation->count; i++) {
		if (activation->fds[i] >= 0)
			close(activation->fds[i]);
	}
	free(activation->fds);
	free_names(activation->names);
	*activation = (struct activation){ 0 };
}

#else

int activation_take(
	const char *const *wanted, size_t wanted_count, struct activation *ret_activation)
{
	if (activation_is_offered() || wanted_count > 0) {
		log_error(_("cannot take the sockets that were handed over (LISTEN_FDS): this "
			    "meari was built without libsystemd"));
		return -EOPNOTSUPP;
	}
	*ret_activation = (struct activation){ 0 };
	return 0;
}

void activation_fini(struct activation *activation)
{
}

#endif
