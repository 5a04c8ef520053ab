/*
 * A program that `check` runs: a service or a client under test. It is a process group of its own, with ordinary
 * signals, no core file and 1,024 descriptors; all of the group is ended with it, and so are processes that have
 * left the group. What it writes is read and forgotten but for the end.
 *
 * Limits: a command of PROGRAM_MOST_WORDS words, the last PROGRAM_TAIL_SIZE - 1 bytes of output. Main thread;
 * it starts one thread of its own, which reads the output, and ends the program at its deadline. The caller has
 * no other children.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROGRAM_MOST_WORDS 64
#define PROGRAM_TAIL_SIZE 1024
#define PROGRAM_PAUSE_NS 2000000000ull

/* 0: no limit. */
struct program_limits {
	uint64_t time_ns; /* of the processor, rounded up to seconds */
	uint64_t memory_bytes; /* of its address space */
};

/* Zeroed is ready. */
struct program {
	pid_t pid; /* its process group, too; 0: none is running */
	bool ended; /* `status` is that of waitpid(2) */
	int status;
	char tail[PROGRAM_TAIL_SIZE]; /* of its output; complete when it has been ended */
	/* Of the thread: */
	pthread_t thread;
	int output_fd, wake_fds[2];
	_Atomic uint64_t deadline_ns, spare_ns; /* by so much the deadline may still be moved */
	_Atomic uint64_t delay_ns; /* observation.h, when the deadline was set or moved */
	atomic_bool overdue; /* it was ended at its deadline */
	atomic_bool
		starved; /* ... which was moved as far as it may be: it had too little of the processors */
};

/* Where the values of {host} and {port} come from; host NULL: there is no {host}. */
struct program_place {
	const char *host;
	uint16_t port;
};

/* Whether a command has a word with {port}. */
bool program_has_port(const char *command);

/*
 * Starts `command`, split at blanks. `terminal_fd`: its input and output, and the thread reads nothing; -1: /dev/null
 * and the thread. 0; -E2BIG: too many words; -errno of execve(2) or fork(2).
 */
int program_start(struct program *program, const char *command, const struct program_place *place,
	const struct program_limits *limits, uint64_t deadline_ns, int terminal_fd);

/*
 * Another deadline, in `ns`; what was ended already stays so. It is moved, by `spare_ns` at most, for as long as the
 * program was ready to run and had no processor.
 */
void program_set_deadline(struct program *program, uint64_t ns, uint64_t spare_ns);

/* Whether the process that was started has ended; then `status` is set. */
bool program_has_ended(struct program *program);
/* The same, within a time. */
bool program_ends_within(struct program *program, uint64_t ns);

/*
 * SIGSTOP and SIGCONT for all of the group. Stopping returns once no thread of it runs any more: one that was about to
 * return from recv(2) would otherwise still use what a client does after that. It waits for PROGRAM_PAUSE_NS at most.
 */
void program_pause(const struct program *program);
void program_resume(const struct program *program);

/* Ends all of it (SIGKILL) and waits for that. Does nothing where nothing runs. */
void program_end(struct program *program);

/* How it ended, as a translated part of a sentence: "exited with status 1", "was ended by signal 13 (SIGPIPE)". */
const char *program_format_end(const struct program *program, char *buffer, size_t size);
/* The last line of its output that is not empty, without what must not be printed raw; "" for none. */
const char *program_last_line(const struct program *program, char *buffer, size_t size);
