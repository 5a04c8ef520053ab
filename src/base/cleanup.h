/*
 * Scope cleanup: what a variable holds is released when the variable goes out of scope, whichever
 * way the function is left.
 *
 *	CLEANUP_FD int fd = socket(...);
 *	CLEANUP_FREE char *text = strdup(...);
 *
 * To keep it instead, use TAKE_FD(fd) or TAKE_POINTER(text): they give the value and leave the
 * variable empty. Meant for functions without branches to clean up; a constructor with several
 * steps uses a ladder of labels. errno is kept.
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

/* Unused: clang does not see that a variable is used by its end alone. */
#define CLEANUP_FD __attribute__((unused, cleanup(cleanup_fd)))
#define CLEANUP_FREE __attribute__((unused, cleanup(cleanup_free)))

#define TAKE_FD(fd)                                                                                \
	__extension__({                                                                            \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})
#define TAKE_POINTER(pointer)                                                                      \
	__extension__({                                                                            \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})
