/*
 * Asks uname(2), sched_getaffinity(2) and /proc/cpuinfo, which calls a processor's name "model name"
 * on x86, "Model" or nothing on others.
 */
#include "report/environment.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "config.h"

/* Beyond this no line of interest comes. */
#define MOST_LINES 64

static void close_file(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
}

/* The value of a line "key : value" without the newline; NULL: another line. */
static char *value_of(char *line, const char *key)
{
	size_t length = strlen(key);
	char *colon = strchr(line, ':');

	if (strncmp(line, key, length) != 0 || colon == NULL ||
		strspn(line + length, " \t") != (size_t)(colon - line) - length)
		return NULL;
	colon += 1 + strspn(colon + 1, " \t");
	colon[strcspn(colon, "\n")] = '\0';
	return *colon != '\0' ? colon : NULL;
}

static int read_cpu(char **ret_cpu)
{
	__attribute__((cleanup(close_file))) FILE *file = fopen("/proc/cpuinfo", "re");
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;

	for (int i = 0; file != NULL && i < MOST_LINES && getline(&line, &size, file) > 0; i++) {
		char *name = value_of(line, "model name");

		if (name == NULL)
			name = value_of(line, "Model");
		if (name != NULL)
			return model_set_text(ret_cpu, name);
	}
	return 0;
}

static int read_kernel(struct model_environment *environment)
{
	struct utsname names;
	char text[sizeof(names.sysname) + sizeof(names.release) + 1];

	if (uname(&names) < 0)
		return 0;
	snprintf(text, sizeof(text), "%s %s", names.sysname, names.release);

	int r = model_set_text(&environment->kernel, text);

	return r < 0 ? r : model_set_text(&environment->machine, names.machine);
}

int environment_read(struct model_environment *environment)
{
	cpu_set_t cpus;
	int r = read_kernel(environment);

	if (r == 0)
		r = model_set_text(&environment->version, MEARI_VERSION);

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		environment->cpus = (uint64_t)CPU_COUNT(&cpus);
	return r < 0 ? r : read_cpu(&environment->cpu);
}

int environment_read_host(char **text)
{
	struct utsname names;

	return uname(&names) < 0 ? 0 : model_set_text(text, names.nodename);
}
