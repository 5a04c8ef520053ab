/*
 * proc(5): /proc/PID/stat for the group and the time, the same and schedstat of each thread for its state,
 * /proc/PID/fd for descriptors, /proc/net/tcp and tcp6 for sockets, which are known by the number of their inode.
 */
#include "check/program/observation.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum state { STATE_TIME_WAIT = 0x06, STATE_LISTEN = 0x0a };

/* One line of /proc/net/tcp. */
struct line {
	struct addr local;
	unsigned state;
	unsigned long inode;
};

/* The kernel prints addresses as numbers of 32 bits, in its own byte order. */
static bool parse_line(const char *text, struct line *ret_line)
{
	char address[33];
	unsigned port, state;
	unsigned long inode;
	struct addr addr = { .scheme = ADDR_TCP };

	if (sscanf(text, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", address,
		    &port, &state, &inode) != 4)
		return false;
	if (strlen(address) == 8) {
		addr.length = sizeof(addr.in);
		addr.in = (struct sockaddr_in){ .sin_family = AF_INET };
		addr.in.sin_addr.s_addr = (in_addr_t)strtoul(address, NULL, 16);
	} else {
		addr.length = sizeof(addr.in6);
		addr.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
		for (int i = 3; i >= 0; i--) {
			uint32_t word = (uint32_t)strtoul(address + 8 * (size_t)i, NULL, 16);

			memcpy(addr.in6.sin6_addr.s6_addr + 4 * i, &word, sizeof(word));
			address[8 * i] = '\0';
		}
	}
	addr_set_port(&addr, (uint16_t)port);
	*ret_line = (struct line){ addr, state, inode };
	return true;
}

typedef bool wanted_fn(const struct line *line, const void *argument);

static bool find_line(wanted_fn *wanted, const void *argument, struct addr *ret_addr)
{
	static const char *const paths[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6" };
	bool found = false;

	for (size_t i = 0; !found && i < sizeof(paths) / sizeof(paths[0]); i++) {
		char text[512];
		struct line line;
		FILE *file = fopen(paths[i], "re");

		while (!found && file != NULL && fgets(text, sizeof(text), file) != NULL)
			found = parse_line(text, &line) && wanted(&line, argument);
		if (found && ret_addr != NULL)
			*ret_addr = line.local;
		if (file != NULL)
			fclose(file);
	}
	return found;
}

static bool listens_on(const struct line *line, const void *port)
{
	return line->state == STATE_LISTEN && addr_port(&line->local) == *(const uint16_t *)port;
}

static bool holds(const struct line *line, const void *port)
{
	return line->state == STATE_TIME_WAIT && addr_port(&line->local) == *(const uint16_t *)port;
}

bool observation_find_listener(uint16_t port, struct addr *ret_addr)
{
	return find_line(listens_on, &port, ret_addr);
}

bool observation_is_held(uint16_t port)
{
	return find_line(holds, &port, NULL);
}

/* ---- processes ---- */

/* The fields behind the name, which may hold anything. */
static bool read_stat(const char *pid, pid_t group, uint64_t *ret_processor_ns, bool *ret_ended)
{
	char path[300], text[1024], state;
	const char *at;
	int its_group;
	unsigned long user, system;
	long per_s = sysconf(_SC_CLK_TCK);
	FILE *file;
	bool fine;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	fine = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	at = fine ? strrchr(text, ')') : NULL;
	if (at == NULL ||
		sscanf(at + 1, " %c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state,
			&its_group, &user, &system) != 4)
		return false;
	*ret_processor_ns = (user + system) *
		(CLOCK_NS_PER_S / (uint64_t)(per_s > 0 ? per_s : 100));
	*ret_ended = state == 'Z' || state == 'X';
	return its_group == group;
}

typedef bool descriptor_fn(const char *link, void *argument); /* true: enough */

static bool each_descriptor(const char *pid, descriptor_fn *see, void *argument)
{
	char path[300];
	struct dirent *entry;
	DIR *folder;
	bool enough = false;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	while (!enough && folder != NULL && (entry = readdir(folder)) != NULL) {
		char link[600], target[128];
		ssize_t n;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		enough = see(target, argument);
	}
	if (folder != NULL)
		closedir(folder);
	return enough;
}

typedef bool process_fn(const char *pid, uint64_t processor_ns, void *argument);

static bool each_process(pid_t group, process_fn *see, void *argument)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	bool enough = false;

	while (!enough && folder != NULL && (entry = readdir(folder)) != NULL) {
		uint64_t processor_ns;
		bool ended;

		if (isdigit((unsigned char)entry->d_name[0]) &&
			read_stat(entry->d_name, group, &processor_ns, &ended) && !ended)
			enough = see(entry->d_name, processor_ns, argument);
	}
	if (folder != NULL)
		closedir(folder);
	return enough;
}

static bool count_one(const char *link, void *argument)
{
	(void)link;
	++*(unsigned *)argument;
	return false;
}

/* One line of a file of a thread's; false: it has ended. */
static bool read_of_thread(
	const char *pid, const char *thread, const char *name, char *text, int size)
{
	char path[600];
	FILE *file;
	bool fine;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/%s", pid, thread, name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	fine = fgets(text, size, file) != NULL;
	fclose(file);
	return fine;
}

static void add_thread(const char *pid, const char *thread, struct observation *sum)
{
	char text[1024];
	const char *at;
	unsigned long long delay_ns;

	if (read_of_thread(pid, thread, "stat", text, sizeof(text)) &&
		(at = strrchr(text, ')')) != NULL && at[1] == ' ') {
		sum->stopped = sum->stopped && strchr("TtZX", at[2]) != NULL;
		sum->ready = sum->ready || at[2] == 'R' || at[2] == 'D';
	}
	if (read_of_thread(pid, thread, "schedstat", text, sizeof(text)) &&
		sscanf(text, "%*u %llu", &delay_ns) == 1)
		sum->delay_ns += delay_ns;
}

static bool add_process(const char *pid, uint64_t processor_ns, void *argument)
{
	struct observation *sum = argument;
	char path[300];
	struct dirent *entry;
	DIR *folder;

	sum->processes++;
	sum->processor_ns += processor_ns;
	each_descriptor(pid, count_one, &sum->descriptors);
	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	folder = opendir(path);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0]))
			add_thread(pid, entry->d_name, sum);
	}
	if (folder != NULL)
		closedir(folder);
	return false;
}

struct observation observation_of(pid_t group)
{
	struct observation sum = { .stopped = true };

	each_process(group, add_process, &sum);
	return sum;
}

static bool listens_with_inode(const struct line *line, const void *inode)
{
	return line->state == STATE_LISTEN && line->inode == *(const unsigned long *)inode;
}

static bool is_listener(const char *link, void *argument)
{
	unsigned long inode;

	return sscanf(link, "socket:[%lu]", &inode) == 1 &&
		find_line(listens_with_inode, &inode, argument);
}

static bool has_listener(const char *pid, uint64_t processor_ns, void *argument)
{
	(void)processor_ns;
	return each_descriptor(pid, is_listener, argument);
}

bool observation_find_listener_of(pid_t group, struct addr *ret_addr)
{
	return each_process(group, has_listener, ret_addr);
}
