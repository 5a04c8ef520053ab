/*
 * strerrorname_np(3) is glibc's, since 2.32.
 */
#include "base/errno_name.h"

#include <string.h>

const char *errno_name(int error)
{
#ifdef __GLIBC__
	return strerrorname_np(error);
#else
	(void)error;
	return NULL;
#endif
}
