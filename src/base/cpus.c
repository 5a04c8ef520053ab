/*
 * A container with half a processor on a machine of 64 should not get 64 threads. The affinity mask
 * holds the processors that may be used (sched_setaffinity(2), cpusets), cgroup v2 the share of
 * them (cpu.max).
 */
#include "base/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* The quota of one cgroup in processors, rounded up; 0 where there is none. */
static unsigned quota_of(const char *cgroup)
{
	char path[4200];
	unsigned long long quota = 0, period = 0;

	snprintf(path, sizeof(path), CGROUP_ROOT "%s/cpu.max", cgroup);

	FILE *file = fopen(path, "re");

	if (file == NULL)
		return 0;
	/* "max 100000" where there is no quota: then the first conversion fails. */
	if (fscanf(file, "%llu %llu", &quota, &period) != 2 || period == 0)
		quota = 0;
	fclose(file);
	return quota == 0 ? 0 : (unsigned)((quota - 1) / period + 1);
}

/* The least quota on the way from our cgroup up to the root. */
static unsigned quota(void)
{
	char cgroup[4096] = "";
	unsigned least = 0;
	FILE *file = fopen("/proc/self/cgroup", "re");

	if (file == NULL)
		return 0;
	/* Version 2 is the line "0::/path"; see cgroups(7). */
	while (fgets(cgroup, sizeof(cgroup), file) != NULL && strncmp(cgroup, "0::", 3) != 0)
		cgroup[0] = '\0';
	fclose(file);
	cgroup[strcspn(cgroup, "\n")] = '\0';
	if (cgroup[0] == '\0')
		return 0;

	char *path = cgroup + 3;

	for (;;) {
		unsigned here = quota_of(path);

		if (here > 0 && (least == 0 || here < least))
			least = here;

		char *slash = strrchr(path, '/');

		if (slash == NULL || path[0] == '\0')
			return least;
		*slash = '\0';
	}
}

unsigned cpus_available(void)
{
	cpu_set_t set;
	unsigned limit = quota();
	/* More than 1,024 processors do not fit in the plain set: then all of them. */
	unsigned count = sched_getaffinity(0, sizeof(set), &set) == 0
		? (unsigned)CPU_COUNT(&set)
		: (unsigned)sysconf(_SC_NPROCESSORS_ONLN);

	if (limit > 0 && limit < count)
		count = limit;
	return count > 0 ? count : 1;
}

int cpus_nth(unsigned n)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) == 0)
		return -1;
	n %= (unsigned)CPU_COUNT(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set) && n-- == 0)
			return cpu;
	}
	return -1;
}

int cpus_keep_to(int cpu, pthread_attr_t *attributes)
{
#ifdef __GLIBC__
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return -pthread_attr_setaffinity_np(attributes, sizeof(set), &set);
#else
	return -ENOSYS; /* musl 1.2 has no such attribute */
#endif
}
