/*
 * The server is compiled without a word about warnings: the five mistakes are those that a compiler does not
 * see. Each rule talks to it as a client with a time limit, and ends it afterwards.
 */
#include "tour/tour_exercise.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tour/tour_log.h"

#define STARTS_MS 3000
#define ANSWERS_MS 1000
#define SILENT_MS 100
#define FULL_MS 100 /* buffers that have been full for so long are full */

extern char **environ;

const char tour_exercise_text[] =
	"/*\n"
	" * 에코 서버입니다. (1)부터 (5)까지 다섯 곳을 고치십시오. 고친 뒤: meari tour 9\n"
	" * An echo server. Mend the five places (1) to (5), and then: meari tour 9\n"
	" */\n"
	"#include <arpa/inet.h>\n"
	"#include <signal.h>\n"
	"#include <stdio.h>\n"
	"#include <stdlib.h>\n"
	"#include <sys/socket.h>\n"
	"#include <unistd.h>\n"
	"\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"\tunsigned short port = argc > 1 ? (unsigned short)atoi(argv[1]) : 5000;\n"
	"\tstruct sockaddr_in address = { .sin_family = AF_INET };\n"
	"\tint listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;\n"
	"\tchar buffer[256];\n"
	"\n"
	"\taddress.sin_addr.s_addr = htonl(INADDR_ANY);\n"
	"\t/* (1) 네트워크 바이트 순서 / network byte order */\n"
	"\taddress.sin_port = port;\n"
	"\tsetsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));\n"
	"\tif (bind(listener, (struct sockaddr *)&address, sizeof(address)) == -1 ||\n"
	"\t\tlisten(listener, 5) == -1) {\n"
	"\t\tperror(\"server\");\n"
	"\t\treturn 1;\n"
	"\t}\n"
	"\t/* (2) 첫 클라이언트 다음에도 수락합니다 / accepts after the first client, too */\n"
	"\tfor (int clients = 0; clients < 1; clients++) {\n"
	"\t\tint conn = accept(listener, NULL, NULL);\n"
	"\n"
	"\t\tfor (;;) {\n"
	"\t\t\tssize_t got = recv(conn, buffer, sizeof(buffer), 0);\n"
	"\n"
	"\t\t\t/* (3) 0은 연결 종료(FIN)입니다 / 0 is the end of the stream */\n"
	"\t\t\tif (got < 0)\n"
	"\t\t\t\tbreak;\n"
	"\t\t\t/* (4) 받은 만큼만 돌려보냅니다 / sends back what came, not more */\n"
	"\t\t\t/* (5) 상대가 죽어도 SIGPIPE로 죽지 않습니다 / survives SIGPIPE */\n"
	"\t\t\tsend(conn, buffer, sizeof(buffer), 0);\n"
	"\t\t}\n"
	"\t\tclose(conn);\n"
	"\t}\n"
	"\treturn 0;\n"
	"}\n";

/* Made when first needed; empty: not yet. */
static char folder[256];

static int make_folder(void)
{
	const char *parent = getenv("TMPDIR");

	if (folder[0] != '\0')
		return 0;
	snprintf(folder, sizeof(folder), "%s/meari-tour-XXXXXX",
		parent != NULL && *parent != '\0' ? parent : P_tmpdir);
	if (mkdtemp(folder) != NULL)
		return 0;
	folder[0] = '\0';
	return -errno;
}

static const char *in_folder(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", folder, name);
	return path;
}

static const char *source_path(bool acts, char *path, size_t size)
{
	return acts ? "server.c" : in_folder("server.c", path, size);
}

void tour_exercise_forget(void)
{
	char path[320];

	if (folder[0] == '\0')
		return;
	unlink(in_folder("server.c", path, sizeof(path)));
	unlink(in_folder("server", path, sizeof(path)));
	rmdir(folder);
	folder[0] = '\0';
}

int64_t tour_exercise_write(bool acts)
{
	char path[320];
	int r = make_folder();

	if (r < 0)
		return r;

	CLEANUP_FD int fd = open(source_path(acts, path, sizeof(path)),
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 && errno == EEXIST) {
		tour_log_say("server.c = 1");
		return 1;
	}
	if (fd < 0)
		return -errno;
	/* A file that is new and local: either all of it is written, or the disk is full. */
	if (write(fd, tour_exercise_text, strlen(tour_exercise_text)) < 0)
		return -errno;
	tour_log_say("server.c = 0");
	return 0;
}

static int64_t wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* With nothing on its input and output, and signals as a program finds them. */
static int start(const char *program, char **arguments, pid_t *ret_child)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	for (int fd = 0; fd <= 2; fd++)
		posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	r = posix_spawnp(ret_child, program, &files, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

int64_t tour_exercise_build(bool acts)
{
	char source[320], program[320], text[64];
	char *arguments[] = { (char[]){ "cc" }, (char[]){ "-std=gnu17" }, (char[]){ "-o" }, program,
		source, NULL };
	pid_t child;
	int64_t r = make_folder();

	if (r < 0)
		return r;
	in_folder("server", program, sizeof(program));
	unlink(program);
	snprintf(source, sizeof(source), "%s", acts ? "server.c" : "");
	if (!acts)
		in_folder("server.c", source, sizeof(source));
	r = start("cc", arguments, &child);
	r = r == -ENOENT ? 127 : r < 0 ? r : wait_for(child);
	snprintf(text, sizeof(text), "cc server.c = %lld", (long long)r);
	tour_log_say(text);
	return r;
}

/* ---- rules ---- */

struct trial {
	const struct tour_world *world;
	pid_t server;
	uint16_t port; /* where it listens */
};

static int dial(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The bytes that come within the time; -1: an error, 0: the end of the stream, -2: nothing came. */
static ssize_t hear(int fd, char *bytes, size_t size, int ms)
{
	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, ms) <= 0)
		return -2;
	return recv(fd, bytes, size, 0);
}

/* `exactly`: and nothing behind it. */
static bool echoes(int fd, bool exactly)
{
	char bytes[512];
	ssize_t got;

	if (fd < 0 || send(fd, "hello\n", 6, MSG_NOSIGNAL) != 6)
		return false;
	got = hear(fd, bytes, sizeof(bytes), ANSWERS_MS);
	if (got < 6 || memcmp(bytes, "hello\n", 6) != 0)
		return false;
	return !exactly || (got == 6 && hear(fd, bytes, sizeof(bytes), SILENT_MS) == -2);
}

static void reset(int fd)
{
	struct linger none = { .l_onoff = 1 };

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

static bool listens_on_its_port(const struct trial *trial)
{
	return trial->port == trial->world->port;
}

static bool serves_the_next(const struct trial *trial)
{
	int first = dial(trial->port), second;
	bool fine = echoes(first, false);

	reset(first);
	second = dial(trial->port);
	fine = fine && echoes(second, false);
	reset(second);
	return fine;
}

static bool sees_the_end(const struct trial *trial)
{
	char bytes[512];
	int fd = dial(trial->port);
	ssize_t got = -1;

	if (fd >= 0 && shutdown(fd, SHUT_WR) == 0)
		got = hear(fd, bytes, sizeof(bytes), ANSWERS_MS);
	reset(fd);
	return got == 0;
}

static bool sends_what_came(const struct trial *trial)
{
	int fd = dial(trial->port);
	bool fine = echoes(fd, true);

	reset(fd);
	return fine;
}

/* Sends, and does not read what comes back, until the server can neither send nor receive any more. */
static void flood(int fd)
{
	static const char bytes[4096];
	struct pollfd polled = { .fd = fd, .events = POLLOUT };

	while (poll(&polled, 1, FULL_MS) > 0 &&
		send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		continue;
}

/* It may end by itself (it has not the second rule yet), but not of SIGPIPE. */
static bool survives(const struct trial *trial)
{
	int fd = dial(trial->port), status = 0;

	if (fd < 0)
		return false;
	flood(fd);
	reset(fd);
	for (int waited_ms = 0; waited_ms < ANSWERS_MS / 2; waited_ms += 20) {
		siginfo_t info = { 0 };

		if (waitid(P_PID, (id_t)trial->server, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			info.si_pid != 0) {
			status = info.si_code == CLD_KILLED ? info.si_status : 0;
			return status != SIGPIPE;
		}
		poll(NULL, 0, 20);
	}
	return true;
}

static const struct rule {
	const char *name;
	bool (*holds)(const struct trial *trial);
} rules[TOUR_EXERCISE_RULES] = {
	{ "(1) htons()", listens_on_its_port },
	{ "(2) accept()", serves_the_next },
	{ "(3) recv() = 0", sees_the_end },
	{ "(4) send()", sends_what_came },
	{ "(5) SIGPIPE", survives },
};

/* Waits until it listens, on its port or on the one with swapped bytes. Does not connect: that is seen. */
static bool find_port(struct trial *trial)
{
	uint16_t ports[] = { trial->world->port, tour_world_swap(trial->world->port) };

	for (int waited_ms = 0; waited_ms < STARTS_MS; waited_ms += 10) {
		char line[256];
		FILE *table = fopen("/proc/net/tcp", "re");

		while (table != NULL && trial->port == 0 &&
			fgets(line, sizeof(line), table) != NULL) {
			unsigned slot, address, port, other, remote, state;

			if (sscanf(line, " %u: %8x:%4x %8x:%4x %2x", &slot, &address, &port, &other,
				    &remote, &state) != 6 ||
				state != 10)
				continue;
			for (size_t i = 0; i < 2; i++)
				trial->port = port == ports[i] ? ports[i] : trial->port;
		}
		if (table != NULL)
			fclose(table);
		if (trial->port != 0)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static bool hold(const struct tour_world *world, const struct rule *rule)
{
	struct trial trial = { .world = world };
	char program[320], port[16];
	char *arguments[] = { program, port, NULL };
	bool fine;

	in_folder("server", program, sizeof(program));
	snprintf(port, sizeof(port), "%u", world->port);
	if (start(program, arguments, &trial.server) < 0)
		return false;
	fine = find_port(&trial) && rule->holds(&trial);
	kill(-trial.server, SIGKILL);
	wait_for(trial.server);
	return fine;
}

int64_t tour_exercise_grade(struct tour_world *world)
{
	char program[320], text[64];
	int64_t count = 0;

	if (folder[0] == '\0' || access(in_folder("server", program, sizeof(program)), X_OK) < 0)
		return -ENOENT;
	for (size_t i = 0; i < TOUR_EXERCISE_RULES; i++) {
		bool fine = hold(world, &rules[i]);

		count += fine;
		snprintf(text, sizeof(text), "[%c] %s", fine ? 'x' : ' ', rules[i].name);
		tour_log_start_clock();
		tour_log_say(text);
	}
	return count;
}
