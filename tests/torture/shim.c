/*
 * Ways are found by backtrace(3), whose first call loads a library and so is made before main(). A table of fixed
 * size, no memory of its own: the shim must not fail with what it makes fail.
 */
#include "shim.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_WAYS 4096
#define MOST_FRAMES 24

extern const char __executable_start, etext;

/* The real ones: what is called from here must not be struck. */
ssize_t __real_write(int fd, const void *bytes, size_t length);

struct way {
	const char *name;
	uint64_t hash;
	unsigned long count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct way ways[MOST_WAYS];
static unsigned way_count;
static int report_fd = -1;
static int depth = MOST_FRAMES;

static struct {
	char name[64];
	uint64_t hash;
	unsigned long nth, every; /* one of them is 0 */
	int error;
	unsigned long seen;
} victim;

static void report(const char *verb, const char *name, uint64_t hash, long number)
{
	char line[160];
	int length = snprintf(line, sizeof(line), "%s %s %016llx %ld\n", verb, name,
		(unsigned long long)hash, number);

	if (report_fd >= 0 && __real_write(report_fd, line, (size_t)length) < 0)
		abort();
}

/* NAME@WAY:NTH:ERROR or NAME/EVERY:ERROR. */
static void read_order(const char *text)
{
	unsigned long long hash = 0;

	if (sscanf(text, "%63[^@/]@%llx:%lu:%d", victim.name, &hash, &victim.nth, &victim.error) ==
			4 &&
		victim.nth > 0) {
		victim.hash = hash;
		return;
	}
	victim.nth = 0;
	if (sscanf(text, "%63[^@/]/%lu:%d", victim.name, &victim.every, &victim.error) == 3 &&
		victim.every > 0)
		return;
	fprintf(stderr, "MEARI_TORTURE '%s' is neither NAME@WAY:NTH:ERROR nor NAME/EVERY:ERROR\n",
		text);
	_Exit(99);
}

__attribute__((constructor)) static void begin(void)
{
	const char *order = getenv("MEARI_TORTURE"), *fd = getenv("MEARI_TORTURE_REPORT");
	void *frames[MOST_FRAMES];

	backtrace(frames, MOST_FRAMES);
	if (fd != NULL)
		report_fd = atoi(fd);
	if (getenv("MEARI_TORTURE_DEPTH") != NULL)
		depth = atoi(getenv("MEARI_TORTURE_DEPTH"));
	if (order != NULL)
		read_order(order);
}

__attribute__((destructor)) static void end(void)
{
	for (unsigned i = 0; i < way_count; i++)
		report("call", ways[i].name, ways[i].hash, (long)ways[i].count);
}

/* FNV-1a over the places within the program; what lies in libraries is laid out anew in each run. */
static uint64_t hash_of_way(void)
{
	void *frames[MOST_FRAMES];
	int count = backtrace(frames, MOST_FRAMES);
	uint64_t hash = 0xcbf29ce484222325;

	for (int i = 0, seen = 0; i < count && seen < depth; i++) {
		const char *place = frames[i];

		if (place < &__executable_start || place >= &etext)
			continue;
		seen++;
		hash ^= (uint64_t)(place - &__executable_start);
		hash *= 0x100000001b3;
	}
	return hash;
}

static struct way *find(const char *name, uint64_t hash)
{
	for (unsigned i = 0; i < way_count; i++) {
		if (ways[i].hash == hash && strcmp(ways[i].name, name) == 0)
			return &ways[i];
	}
	if (way_count == MOST_WAYS)
		abort();
	ways[way_count] = (struct way){ .name = name, .hash = hash };
	return &ways[way_count++];
}

static int strike(const char *name, uint64_t hash)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	struct way *way = find(name, hash);

	way->count++;
	if (strcmp(victim.name, name) == 0) {
		victim.seen++;
		if (victim.every > 0 ? victim.seen % victim.every == 0
				     : victim.hash == hash && victim.nth == way->count)
			error = victim.error;
	}
	if (error != 0)
		report("hit", name, hash, error);
	pthread_mutex_unlock(&lock);
	return error;
}

__attribute__((noinline)) int shim_strike(const char *name)
{
	return strike(name, hash_of_way());
}

int shim_strike_order(const char *name)
{
	return strike(name, 0);
}
