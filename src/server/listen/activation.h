/*
 * Sockets that a service manager has opened and hands over (sd_listen_fds(3)): no connection is refused while
 * the server starts or starts again, and it need not be allowed to open them.
 *
 * Limits: as many sockets as are open; a variable that is malformed fails, nothing is guessed.
 * Thread: the main thread, before any other is started. Logs one line when it fails.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The first descriptor that is handed over; the others follow it. */
#define ACTIVATION_FIRST_FD 3

struct activation {
	int *fds; /* -1: taken by its new owner */
	char **names; /* as the manager calls them (FileDescriptorName=); "unknown" without LISTEN_FDNAMES */
	size_t count;
};

/* The variables of the environment; NULL where one is not set. */
struct activation_environment {
	const char *pid; /* LISTEN_PID */
	const char *count; /* LISTEN_FDS */
	const char *names; /* LISTEN_FDNAMES */
};

/* Whether sockets were handed over to this very process (well or badly), and have not been taken yet. */
bool activation_is_offered(void);

/*
 * Checks that the descriptors which were handed over are open. Call it before anything else is opened: that
 * would get the number of one that is not. 0, or -EBADF and one line has been logged.
 */
int activation_check(void);

/*
 * Reads the variables for the process `self`; 0 sockets if they are meant for another process. The names are
 * allocated, one for each socket; the caller frees them. -EINVAL, -ERANGE: `reterr_variable` is malformed (a static
 * text: "LISTEN_FDS"); -ENOMEM. Any thread.
 */
int activation_read(const struct activation_environment *environment, pid_t self, char ***ret_names,
	size_t *ret_count, const char **reterr_variable);

/*
 * Takes what was handed over, which may be nothing; with names in `wanted`, only the sockets of these names
 * (-ENOENT if one is missing), and closes the others. The descriptors are closed by exec from then on. The variables
 * are removed from the environment. 0, or -errno and one line has been logged.
 */
int activation_take(
	const char *const *wanted, size_t wanted_count, struct activation *ret_activation);

/*
 * Moves the sockets of these names into an activation of their own. -ENOENT: there is none of one name, and one line
 * has been logged; -ENOMEM. Then nothing has moved.
 */
int activation_split(struct activation *activation, const char *const *names, size_t name_count,
	struct activation *ret_split);

/* Closes what was not taken. */
void activation_fini(struct activation *activation);
