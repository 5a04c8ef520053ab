/*
 * The second number of /proc/self/task/TID/schedstat is the time spent waiting, in nanoseconds.
 */
#include "bench/schedstat.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

int schedstat_open(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/schedstat", syscall(SYS_gettid));
	return open(path, O_RDONLY | O_CLOEXEC);
}

uint64_t schedstat_ran_ns(void)
{
	struct timespec ran;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
	return (uint64_t)ran.tv_sec * CLOCK_NS_PER_S + (uint64_t)ran.tv_nsec;
}

uint64_t schedstat_waited_ns(int fd)
{
	char text[100];
	unsigned long long ran, waited;
	ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}
