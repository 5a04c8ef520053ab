/*
 * Sockets that a service manager has opened and hands over (sd_listen_fds(3)): nobody is refused while
 * the server starts or starts again, and it need not be allowed to open them. Main thread, before any
 * other is started. Speaks when what was handed over cannot be taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct activation {
	int *fds; /* -1: taken by its new owner */
	char **names; /* as the manager calls them (FileDescriptorName=) */
	size_t count;
};

/* Whether something was handed over to this very process, and has not been taken yet. */
bool activation_is_offered(void);

/*
 * Takes what was handed over, which may be nothing; with names in `wanted`, only what is called so (-ENOENT
 * where nothing is), and closes the rest. 0, or -errno and one line has been printed.
 */
int activation_take(
	const char *const *wanted, size_t wanted_count, struct activation *ret_activation);

/* Closes what was not taken. */
void activation_fini(struct activation *activation);
