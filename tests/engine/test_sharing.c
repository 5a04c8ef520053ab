/*
 * Sockets that live on in another process when an engine stops (an upgrade): nothing of the engine may look
 * at them any more, though their descriptions are still there, and new connections are the other's.
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/socket.h"
#include "protocol/echo.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct counters counters;
static struct echo echo;

static void start(struct harness *harness, void **state)
{
	counters = (struct counters){ 0 };
	echo_init(&echo, &counters, ECHO_DEFAULT_CAP_BYTES, false);
	harness_start(harness, *state, &echo.protocol, NULL);
}

static void drain(struct engine *engine, void *data)
{
	engine_drain(engine);
}

static void look_again(struct engine *engine, void *data)
{
	engine_recheck(engine);
}

struct serving {
	int fd;
	enum addr_scheme scheme;
};

static void serve(struct engine *engine, void *data)
{
	struct serving *serving = data;

	assert_int_equal(engine_listen(engine, serving->fd, serving->scheme, 0), 0);
}

/* Opens a socket, gives the engine one descriptor of it, and returns another. */
static int share(struct harness *harness, enum addr_scheme scheme, struct addr *ret_bound)
{
	struct addr addr = {
		.scheme = scheme,
		.length = sizeof(addr.in),
		.in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } },
	};
	struct socket_listen_options options = { .backlog = 100 };
	struct serving serving = { .scheme = scheme };
	int ours;

	if (scheme == ADDR_UNIX || scheme == ADDR_UNIXGRAM) {
		addr.un = (struct sockaddr_un){ .sun_family = AF_UNIX };
		addr.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			(size_t)snprintf(addr.un.sun_path + 1, 60, "meari-sharing-%d-%d",
				(int)getpid(), (int)scheme));
	}
	assert_int_equal(socket_open_server(&addr, &options, &serving.fd, ret_bound, NULL), 0);
	ours = fcntl(serving.fd, F_DUPFD_CLOEXEC, 0);
	assert_true(ours >= 0);
	harness_do(harness, serve, &serving);
	return ours;
}

static int dial(const struct addr *addr)
{
	int fd = socket(addr->generic.sa_family,
		(addr->scheme == ADDR_UNIX || addr->scheme == ADDR_TCP ? SOCK_STREAM : SOCK_DGRAM) |
			SOCK_CLOEXEC,
		0);
	struct timeval limit = { .tv_sec = 20 };
	struct sockaddr_un unnamed = { .sun_family = AF_UNIX };

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (addr->scheme == ADDR_UNIXGRAM)
		assert_int_equal(bind(fd, (struct sockaddr *)&unnamed, sizeof(sa_family_t)), 0);
	assert_int_equal(connect(fd, &addr->generic, addr->length), 0);
	return fd;
}

static void expect_echo(int fd)
{
	char text[6];

	harness_send(fd, "hello", 6);
	harness_receive(fd, text, 6);
	assert_string_equal(text, "hello");
}

/* In how many epoll instances of this process a socket is: proc(5), /proc/pid/fdinfo. */
static unsigned count_watches(int socket_fd)
{
	struct stat status;
	char path[300], line[300], ino[40];
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fdinfo");

	assert_non_null(folder);
	assert_int_equal(fstat(socket_fd, &status), 0);
	snprintf(ino, sizeof(ino), " ino:%lx ", (unsigned long)status.st_ino);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		FILE *file = fopen(path, "re");

		while (file != NULL && fgets(line, sizeof(line), file) != NULL)
			count += strncmp(line, "tfd:", 4) == 0 && strstr(line, ino) != NULL;
		if (file != NULL)
			fclose(file);
	}
	closedir(folder);
	return count;
}

static void check_sharing(void **state, enum addr_scheme scheme)
{
	struct harness harness;
	struct addr bound;
	char text[6];
	int ours, stays, peer;

	start(&harness, state);
	ours = share(&harness, scheme, &bound);
	peer = dial(&bound);
	expect_echo(peer);
	assert_int_equal(count_watches(ours), 1);
	/* A connection that stays keeps the engine running. */
	stays = harness_connect(&harness, ADDR_UNIX);
	expect_echo(stays);

	harness_do(&harness, drain, NULL);
	assert_int_equal(count_watches(ours), 0);
	close(peer);
	peer = dial(&bound);
	if (addr_socket_type(scheme) == SOCK_DGRAM)
		harness_send(peer, "ours!", 6);
	expect_echo(stays);
	if (addr_socket_type(scheme) == SOCK_DGRAM) {
		assert_int_equal(recv(ours, text, 6, MSG_DONTWAIT), 6);
		assert_string_equal(text, "ours!");
	} else {
		int accepted = accept4(ours, NULL, NULL, SOCK_CLOEXEC);

		assert_true(accepted >= 0);
		close(accepted);
	}
	close(peer);
	close(ours);
	close(stays);
	harness_wait(&harness);
}

static void a_tcp_listener_is_let_go_of(void **state)
{
	check_sharing(state, ADDR_TCP);
}

static void a_unix_listener_is_let_go_of(void **state)
{
	check_sharing(state, ADDR_UNIX);
}

static void a_udp_socket_is_let_go_of(void **state)
{
	check_sharing(state, ADDR_UDP);
}

static void a_unix_datagram_socket_is_let_go_of(void **state)
{
	check_sharing(state, ADDR_UNIXGRAM);
}

static void a_recheck_changes_nothing_for_open_connections(void **state)
{
	struct harness harness;
	struct addr bound;
	int ours, peers[20];

	start(&harness, state);
	ours = share(&harness, ADDR_TCP, &bound);
	for (size_t i = 0; i < COUNT(peers); i++) {
		peers[i] = dial(&bound);
		harness_do(&harness, look_again, NULL);
		expect_echo(peers[i]);
	}
	assert_int_equal(count_watches(ours), 1);
	for (size_t i = 0; i < COUNT(peers); i++)
		close(peers[i]);
	harness_do(&harness, drain, NULL);
	assert_int_equal(count_watches(ours), 0);
	harness_wait(&harness);
	close(ours);
}

static void two_engines_on_one_listener(void **state)
{
	static struct counters other_counters;
	static struct echo other_echo;
	struct harness one, other;
	struct addr bound;
	struct serving serving = { .scheme = ADDR_TCP };
	int ours;

	start(&one, state);
	echo_init(&other_echo, &other_counters, ECHO_DEFAULT_CAP_BYTES, false);
	harness_start(&other, *state, &other_echo.protocol, NULL);
	ours = share(&one, ADDR_TCP, &bound);
	serving.fd = fcntl(ours, F_DUPFD_CLOEXEC, 0);
	harness_do(&other, serve, &serving);
	for (int i = 0; i < 20; i++) {
		int peer = dial(&bound);

		expect_echo(peer);
		close(peer);
	}
	harness_do(&one, drain, NULL);
	harness_do(&other, look_again, NULL);
	for (int i = 0; i < 20; i++) {
		int peer = dial(&bound);

		expect_echo(peer);
		close(peer);
	}
	harness_wait(&one);
	harness_stop(&other);
	close(ours);
}

/* In the place of another process: it sleeps in an epoll of its own, and is woken first. */
struct sleeper {
	int epoll_fd;
	_Atomic pid_t tid;
	int reported;
};

static void *sleep_there(void *data)
{
	struct sleeper *sleeper = data;
	struct epoll_event event;

	sleeper->tid = (pid_t)syscall(SYS_gettid);
	sleeper->reported = epoll_wait(sleeper->epoll_fd, &event, 1, 20000);
	return NULL;
}

static bool is_asleep(pid_t tid)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	file = fopen(path, "re");
	if (file != NULL) {
		if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = '?';
		fclose(file);
	}
	return state == 'S';
}

/* The listener stays the caller's. */
static void begin_to_sleep(struct sleeper *sleeper, pthread_t *thread, int listener_fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	sleeper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(sleeper->epoll_fd, EPOLL_CTL_ADD, listener_fd, &event), 0);
	assert_int_equal(pthread_create(thread, NULL, sleep_there, sleeper), 0);
	while (sleeper->tid == 0 || !is_asleep(sleeper->tid))
		sched_yield();
}

struct arrival {
	const struct addr *bound;
	pthread_t sleeper;
	int peer;
};

/* On the engine's thread, which accepts nothing meanwhile: the sleeper is woken for the connection. */
static void connect_once(struct engine *engine, void *data)
{
	struct arrival *arrival = data;

	arrival->peer = dial(arrival->bound);
	pthread_join(arrival->sleeper, NULL);
}

static void a_connection_that_woke_another_process_is_found(void **state)
{
	struct harness harness;
	struct sleeper sleeper = { 0 };
	struct arrival arriving;
	struct serving serving = { .scheme = ADDR_TCP };
	struct socket_listen_options options = { .backlog = 100 };
	struct addr bound = {
		.scheme = ADDR_TCP,
		.length = sizeof(bound.in),
		.in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } },
	};
	int ours;

	start(&harness, state);
	assert_int_equal(socket_open_server(&bound, &options, &ours, &bound, NULL), 0);
	arriving.bound = &bound;
	begin_to_sleep(&sleeper, &arriving.sleeper, ours);
	serving.fd = fcntl(ours, F_DUPFD_CLOEXEC, 0);
	harness_do(&harness, serve, &serving);
	harness_do(&harness, connect_once, &arriving);
	assert_int_equal(sleeper.reported, 1);
	close(sleeper.epoll_fd); /* it dies without having accepted */
	harness_do(&harness, look_again, NULL);
	expect_echo(arriving.peer);
	close(arriving.peer);
	close(ours);
	harness_do(&harness, drain, NULL);
	harness_wait(&harness);
}

int main(void)
{
	static const struct harness_test tests[] = {
		HARNESS_TEST(a_tcp_listener_is_let_go_of),
		HARNESS_TEST(a_unix_listener_is_let_go_of),
		HARNESS_TEST(a_udp_socket_is_let_go_of),
		HARNESS_TEST(a_unix_datagram_socket_is_let_go_of),
		HARNESS_TEST(a_recheck_changes_nothing_for_open_connections),
		HARNESS_TEST(two_engines_on_one_listener),
		HARNESS_TEST(a_connection_that_woke_another_process_is_found),
	};

	return harness_main(tests, COUNT(tests));
}
