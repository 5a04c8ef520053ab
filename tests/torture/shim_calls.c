/*
 * Memory and system calls in front of the real ones. Each fails as the real one would: nothing has been done, errno
 * (or the result) says why. Three do their work all the same, as the kernel does: what closes, has closed.
 *
 * Calls whose failing would be a lie are let through: taking something out of epoll, asking for the flags of a
 * descriptor that is there.
 */
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <errno.h>

#include "config.h"
#include "shim.h"

/* `type __real_name(...)`, and `__wrap_name(...)` which gives `failure` where it is to fail. */
#define WRAP_WHERE(type, name, failure, parameters, arguments, where)                              \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		int error = (where) ? shim_strike(#name) : 0;                                      \
                                                                                                   \
		if (error == 0)                                                                    \
			return __real_##name arguments;                                            \
		errno = error;                                                                     \
		return failure;                                                                    \
	}
#define WRAP(type, name, failure, parameters, arguments)                                           \
	WRAP_WHERE(type, name, failure, parameters, arguments, true)
/* Those that give the error itself: pthread_create(3). */
#define WRAP_GIVING(name, parameters, arguments) WRAP(int, name, error, parameters, arguments)
/* Those that give -errno. */
#define WRAP_NEGATIVE(name, parameters, arguments) WRAP(int, name, -error, parameters, arguments)

/* ---- memory ---- */

WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, calloc, NULL, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, NULL, (void *old, size_t size), (old, size))
WRAP(void *, reallocarray, NULL, (void *old, size_t count, size_t size), (old, count, size))
WRAP_GIVING(posix_memalign, (void **ret, size_t alignment, size_t size), (ret, alignment, size))
WRAP(char *, strdup, NULL, (const char *text), (text))
WRAP(char *, strndup, NULL, (const char *text, size_t most), (text, most))
WRAP(int, vasprintf, -1, (char **ret, const char *format, va_list values), (ret, format, values))
WRAP(char *, realpath, NULL, (const char *path, char *room), (path, room))
WRAP(FILE *, open_memstream, NULL, (char **ret, size_t *ret_size), (ret, ret_size))
WRAP(int, setenv, -1, (const char *name, const char *value, int anew), (name, value, anew))
WRAP(char *, textdomain, NULL, (const char *domain), (domain))
WRAP(char *, bindtextdomain, NULL, (const char *domain, const char *folder), (domain, folder))
WRAP(char *, bind_textdomain_codeset, NULL, (const char *domain, const char *set), (domain, set))

int __wrap_asprintf(char **ret, const char *format, ...);

int __wrap_asprintf(char **ret, const char *format, ...)
{
	int error = shim_strike("asprintf");
	va_list values;
	int length = -1;

	if (error == 0) {
		va_start(values, format);
		length = __real_vasprintf(ret, format, values);
		va_end(values);
	} else {
		errno = error;
	}
	return length;
}

/* Jansson's memory is the program's as well. */
static void *json_memory(size_t size)
{
	int error = shim_strike("json_malloc");

	if (error != 0) {
		errno = error;
		return NULL;
	}
	return __real_malloc(size);
}

__attribute__((constructor)) static void begin(void)
{
	json_set_alloc_funcs(json_memory, free);
}

/* ---- files ---- */

/* As after a read that failed: stdio remembers it, though nothing was read (EIO); without memory it does not. */
static void note_error(FILE *file, int error)
{
	const int seen = 0x20; /* _IO_ERR_SEEN */

	if (error != ENOMEM)
		file->_flags |= seen;
}

WRAP(FILE *, fopen64, NULL, (const char *path, const char *mode), (path, mode))
WRAP(int, access, -1, (const char *path, int mode), (path, mode))
WRAP(ssize_t, readlink, -1, (const char *path, char *room, size_t size), (path, room, size))
WRAP(int, unlink, -1, (const char *path), (path))
WRAP(int, lstat64, -1, (const char *path, struct stat64 *ret), (path, ret))
WRAP(int, vfprintf, -1, (FILE * file, const char *format, va_list values), (file, format, values))
WRAP(ssize_t, read, -1, (int fd, void *room, size_t size), (fd, room, size))
WRAP(int, dup2, -1, (int from, int to), (from, to))

WRAP(ssize_t, __getdelim, (note_error(file, error), -1),
	(char **line, size_t *size, int end, FILE *file), (line, size, end, file))
WRAP(char *, fgets, (note_error(file, error), NULL), (char *room, int size, FILE *file),
	(room, size, file))
WRAP(size_t, fread, (note_error(file, error), 0),
	(void *room, size_t one, size_t count, FILE *file), (room, one, count, file))

/* What closes, has closed, whatever it says. */
WRAP(int, fclose, (__real_fclose(file), errno = error, EOF), (FILE * file), (file))
WRAP(int, close, (__real_close(fd), errno = error, -1), (int fd), (fd))

/* Standard error apart from the rest: who reads the log may be gone, or its disk be full. */
ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
	int error = shim_strike(fd == STDERR_FILENO ? "write_log" : "write");

	if (error == 0)
		return __real_write(fd, bytes, length);
	errno = error;
	return -1;
}

int __wrap_fprintf(FILE *file, const char *format, ...);

int __wrap_fprintf(FILE *file, const char *format, ...)
{
	int error = shim_strike("fprintf");
	va_list values;
	int length = -1;

	if (error == 0) {
		va_start(values, format);
		length = __real_vfprintf(file, format, values);
		va_end(values);
	} else {
		note_error(file, EIO);
		errno = error;
	}
	return length;
}

int __wrap___isoc99_fscanf(FILE *file, const char *format, ...);

int __wrap___isoc99_fscanf(FILE *file, const char *format, ...)
{
	int error = shim_strike("__isoc99_fscanf");
	va_list values;
	int count = EOF;

	if (error == 0) {
		va_start(values, format);
		count = vfscanf(file, format, values);
		va_end(values);
	} else {
		note_error(file, error);
		errno = error;
	}
	return count;
}

/* ---- calls with as many arguments as they please: the kernel takes them as words ---- */

#define WRAP_WORDS(type, kind, name, where)                                                        \
	type __real_##name(kind first, ...);                                                       \
	type __wrap_##name(kind first, ...);                                                       \
	type __wrap_##name(kind first, ...)                                                        \
	{                                                                                          \
		long words[5];                                                                     \
		va_list values;                                                                    \
                                                                                                   \
		va_start(values, first);                                                           \
		for (int i = 0; i < 5; i++)                                                        \
			words[i] = va_arg(values, long);                                           \
		va_end(values);                                                                    \
                                                                                                   \
		int error = (where) ? shim_strike(#name) : 0;                                      \
                                                                                                   \
		if (error == 0)                                                                    \
			return __real_##name(                                                      \
				first, words[0], words[1], words[2], words[3], words[4]);          \
		errno = error;                                                                     \
		return -1;                                                                         \
	}

WRAP_WORDS(int, int, fcntl64,
	(int)words[0] == F_DUPFD_CLOEXEC || (int)words[0] == F_GETPIPE_SZ ||
		(int)words[0] == F_SETPIPE_SZ)
WRAP_WORDS(int, int, ioctl, true)
WRAP_WORDS(int, int, prctl, true)
WRAP_WORDS(long, long, syscall, true)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

/* The program creates no files: there is no mode. */
int __wrap_open64(const char *path, int flags, ...)
{
	int error = shim_strike("open64");

	if (error == 0)
		return __real_open64(path, flags);
	errno = error;
	return -1;
}

/* ---- sockets ---- */

#define ADDRESS const struct sockaddr *address, socklen_t length
#define RET_ADDRESS struct sockaddr *address, socklen_t *length

WRAP(int, fchmod, -1, (int fd, mode_t mode), (fd, mode))
WRAP(int, flock, -1, (int fd, int how), (fd, how))
WRAP(int, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, socketpair, -1, (int domain, int type, int protocol, int *ret),
	(domain, type, protocol, ret))
WRAP(int, pipe2, -1, (int *ret, int flags), (ret, flags))
WRAP(int, bind, -1, (int fd, ADDRESS), (fd, address, length))
WRAP(int, connect, -1, (int fd, ADDRESS), (fd, address, length))
WRAP(int, listen, -1, (int fd, int backlog), (fd, backlog))
WRAP(int, accept4, -1, (int fd, RET_ADDRESS, int flags), (fd, address, length, flags))
WRAP(int, shutdown, -1, (int fd, int how), (fd, how))
WRAP(int, getsockname, -1, (int fd, RET_ADDRESS), (fd, address, length))
WRAP(int, getpeername, -1, (int fd, RET_ADDRESS), (fd, address, length))
WRAP(int, setsockopt, -1, (int fd, int level, int option, const void *value, socklen_t length),
	(fd, level, option, value, length))
WRAP(int, getsockopt, -1, (int fd, int level, int option, void *value, socklen_t *length),
	(fd, level, option, value, length))
WRAP(ssize_t, recv, -1, (int fd, void *room, size_t size, int flags), (fd, room, size, flags))
WRAP(ssize_t, recvmsg, -1, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(int, recvmmsg, -1,
	(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *limit),
	(fd, messages, count, flags, limit))
WRAP(int, sendmmsg, -1, (int fd, struct mmsghdr *messages, unsigned count, int flags),
	(fd, messages, count, flags))

ssize_t __real_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags);

ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags)
{
	int error = shim_strike("send");

	if (error == 0)
		return __real_send(fd, bytes, length, flags);
	/* One byte and not the last, which is the urgent one where there is one. */
	if (error == SHIM_SHORT)
		return __real_send(fd, bytes, 1, length > 1 ? flags & ~MSG_OOB : flags);
	errno = error;
	return -1;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	int error = shim_strike("sendmsg");

	if (error == 0)
		return __real_sendmsg(fd, message, flags);
	if (error == SHIM_SHORT)
		return __real_send(fd, message->msg_iov->iov_base, 1,
			message->msg_iov->iov_len > 1 ? flags & ~MSG_OOB : flags);
	errno = error;
	return -1;
}

ssize_t __real_splice(
	int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags);
ssize_t __wrap_splice(
	int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags);

ssize_t __wrap_splice(
	int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags)
{
	int error = shim_strike("splice");

	if (error == 0)
		return __real_splice(from, from_at, to, to_at, length, flags);
	if (error == SHIM_SHORT)
		return __real_splice(from, from_at, to, to_at, 1, flags);
	errno = error;
	return -1;
}

/* ---- waiting, threads, the system ---- */

WRAP(int, poll, -1, (struct pollfd * polled, nfds_t count, int limit_ms), (polled, count, limit_ms))
WRAP(int, epoll_create1, -1, (int flags), (flags))
WRAP_WHERE(int, epoll_ctl, -1, (int epoll, int operation, int fd, struct epoll_event *event),
	(epoll, operation, fd, event), operation != EPOLL_CTL_DEL)
WRAP(int, epoll_wait, -1, (int epoll, struct epoll_event *events, int most, int limit_ms),
	(epoll, events, most, limit_ms))
WRAP(int, epoll_pwait2, -1,
	(int epoll, struct epoll_event *events, int most, const struct timespec *limit,
		const sigset_t *set),
	(epoll, events, most, limit, set))
WRAP(int, eventfd, -1, (unsigned count, int flags), (count, flags))
WRAP(int, signalfd, -1, (int fd, const sigset_t *set, int flags), (fd, set, flags))
WRAP_GIVING(pthread_create,
	(pthread_t * ret, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
	(ret, attributes, run, context))
WRAP_GIVING(pthread_attr_init, (pthread_attr_t * attributes), (attributes))
WRAP_GIVING(pthread_attr_setaffinity_np,
	(pthread_attr_t * attributes, size_t size, const cpu_set_t *set), (attributes, size, set))
WRAP_GIVING(pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
	(mutex, attributes))
WRAP_GIVING(pthread_cond_init, (pthread_cond_t * cond, const pthread_condattr_t *attributes),
	(cond, attributes))
WRAP_GIVING(pthread_sigmask, (int how, const sigset_t *set, sigset_t *ret), (how, set, ret))
WRAP(int, sched_getaffinity, -1, (pid_t pid, size_t size, cpu_set_t *ret), (pid, size, ret))
WRAP(int, getrlimit64, -1, (__rlimit_resource_t which, struct rlimit64 *ret), (which, ret))
WRAP(int, setrlimit64, -1, (__rlimit_resource_t which, const struct rlimit64 *limit),
	(which, limit))
WRAP(int, getrusage, -1, (__rusage_who_t who, struct rusage *ret), (who, ret))
WRAP(ssize_t, getrandom, -1, (void *room, size_t size, unsigned flags), (room, size, flags))
WRAP(int, setgroups, -1, (size_t count, const gid_t *groups), (count, groups))
WRAP(int, setresgid, -1, (gid_t real, gid_t effective, gid_t saved), (real, effective, saved))
WRAP(int, setresuid, -1, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved))
WRAP(struct passwd *, getpwnam, NULL, (const char *name), (name))
WRAP(struct passwd *, getpwuid, NULL, (uid_t uid), (uid))

/* ---- names: their errors are numbers of their own, EAI_MEMORY ---- */

WRAP_GIVING(getaddrinfo,
	(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret),
	(host, service, hints, ret))
WRAP(int, getservbyname_r, (*ret = NULL, error),
	(const char *name, const char *protocol, struct servent *room, char *text, size_t size,
		struct servent **ret),
	(name, protocol, room, text, size, ret))
WRAP(unsigned, if_nametoindex, 0, (const char *name), (name))
WRAP(char *, if_indextoname, NULL, (unsigned index, char *room), (index, room))

/* ---- the filter of system calls ---- */

#if MEARI_HAVE_SECCOMP
#include <seccomp.h>

#include "config.h"
#if MEARI_HAVE_TLS
#include <openssl/crypto.h>
#endif

WRAP(scmp_filter_ctx, seccomp_init, NULL, (uint32_t action), (action))
WRAP_NEGATIVE(seccomp_load, (scmp_filter_ctx filter), (filter))
WRAP_NEGATIVE(seccomp_attr_set,
	(scmp_filter_ctx filter, enum scmp_filter_attr which, uint32_t value),
	(filter, which, value))

int __wrap_seccomp_rule_add(
	scmp_filter_ctx filter, uint32_t action, int number, unsigned count, ...);

int __wrap_seccomp_rule_add(
	scmp_filter_ctx filter, uint32_t action, int number, unsigned count, ...)
{
	struct scmp_arg_cmp conditions[6];
	int error = shim_strike("seccomp_rule_add");
	va_list values;

	if (error != 0)
		return -error;
	va_start(values, count);
	for (unsigned i = 0; i < count && i < 6; i++)
		conditions[i] = va_arg(values, struct scmp_arg_cmp);
	va_end(values);
	return seccomp_rule_add_array(filter, action, number, count, conditions);
}
#endif

#if MEARI_HAVE_TLS
/* ---- OpenSSL's memory ---- */

static void *openssl_malloc(size_t size, const char *file, int line)
{
	return shim_strike("openssl_malloc") != 0 ? NULL : __real_malloc(size);
}

static void *openssl_realloc(void *old, size_t size, const char *file, int line)
{
	return shim_strike("openssl_malloc") != 0 ? NULL : __real_realloc(old, size);
}

static void openssl_free(void *old, const char *file, int line)
{
	free(old);
}

/* OpenSSL takes it only before it has allocated anything. */
__attribute__((constructor)) static void take_openssl(void)
{
	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
		abort();
}
#endif
