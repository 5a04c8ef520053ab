/*
 * The port must be free, and so must the one with its bytes swapped: without htons() the server is there.
 */
#include "tour/tour_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/call.h"

#define CHAPTER_PORT 5000
#define PORTS_TRIED 200

static atomic_long sigpipes;

static void count_sigpipe(int number)
{
	(void)number;
	atomic_fetch_add(&sigpipes, 1);
}

void tour_world_catch_sigpipe(void)
{
	struct sigaction action = { .sa_handler = count_sigpipe, .sa_flags = SA_RESTART };

	sigaction(SIGPIPE, &action, NULL);
}

long tour_world_sigpipes(void)
{
	return atomic_load(&sigpipes);
}

void tour_world_forget_sigpipes(void)
{
	atomic_store(&sigpipes, 0);
}

uint16_t tour_world_swap(uint16_t port)
{
	return (uint16_t)(port << 8 | port >> 8);
}

uint16_t tour_world_port(const struct tour_world *world, long number)
{
	switch (number) {
	case TOUR_PORT_SERVER: return world->port;
	/* What a big-endian reader makes of a port that was stored as this machine stores numbers. */
	case TOUR_PORT_RAW: return ntohs(world->port);
	case TOUR_PORT_SWAPPED: return tour_world_swap(world->port);
	case TOUR_PORT_RAW_1004: return ntohs(1004);
	default: return (uint16_t)number;
	}
}

static bool is_free(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = call_socket(AF_INET, SOCK_STREAM, 0), on = 1, r;

	if (fd < 0)
		return false;
	call_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	r = call_bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (r == 0)
		r = call_listen(fd, 1);
	call_close(fd);
	return r == 0;
}

static int choose_port(uint16_t *ret_port)
{
	for (int i = 0; i < PORTS_TRIED; i++) {
		uint16_t port = (uint16_t)(CHAPTER_PORT + i * 7 % 1000);

		/* By the process's number, so that two tours do not try the same ones. */
		if (i > 0)
			port = (uint16_t)(port + getpid() % 20000);
		if (tour_world_swap(port) > 1023 && is_free(port) &&
			is_free(tour_world_swap(port))) {
			*ret_port = port;
			return 0;
		}
	}
	return -EADDRINUSE;
}

int tour_world_move_up(int fd)
{
	int high;

	if (fd < 0)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, TOUR_WORLD_HIGH_FD);
	if (high < 0)
		high = -errno;
	close(fd);
	return high;
}

int tour_world_init(struct tour_world *world, bool isolated, int packets)
{
	memset(world, 0, sizeof(*world));
	for (size_t i = 0; i < TOUR_SLOTS; i++)
		world->fds[i] = -1;
	world->isolated = isolated;
	world->packets = packets;
	world->tcp_table = open("/proc/net/tcp", O_RDONLY | O_CLOEXEC);
	if (world->tcp_table >= 0)
		world->tcp_table = tour_world_move_up(world->tcp_table);
	return choose_port(&world->port);
}

static void end_child(struct tour_world *world)
{
	if (world->child <= 0)
		return;
	kill(world->child, SIGKILL);
	while (waitpid(world->child, NULL, 0) < 0 && errno == EINTR)
		continue;
	world->child = 0;
}

void tour_world_clear(struct tour_world *world)
{
	end_child(world);
	if (world->saved_limit != 0) {
		struct rlimit limit;

		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = (rlim_t)world->saved_limit;
		setrlimit(RLIMIT_NOFILE, &limit);
		world->saved_limit = 0;
	}
	for (size_t i = 0; i < TOUR_SLOTS; i++) {
		/* With RST, so that nothing of this run stays in the kernel for the next. */
		struct linger none = { .l_onoff = 1, .l_linger = 0 };

		if (world->fds[i] >= 0) {
			call_setsockopt(world->fds[i], SOL_SOCKET, SO_LINGER, &none, sizeof(none));
			call_close(world->fds[i]);
		}
		world->fds[i] = -1;
		world->client_ports[i] = 0;
	}
	world->backlog = 0;
	atomic_store(&world->drain_ends, false);
	tour_world_forget_sigpipes();
}

void tour_world_fini(struct tour_world *world)
{
	tour_world_clear(world);
	if (world->tcp_table >= 0)
		close(world->tcp_table);
	if (world->packets >= 0)
		close(world->packets);
}

bool tour_world_is_server_port(const struct tour_world *world, uint16_t port)
{
	return port == world->port || port == tour_world_swap(world->port) || port == 1004 ||
		port == tour_world_swap(1004);
}
