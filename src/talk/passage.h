/*
 * A way for bytes from one descriptor to another on which they never come into this process's
 * memory: pages change hands in the kernel (splice(2), sendfile(2)), or the kernel drops what would
 * be dropped anyway (MSG_TRUNC of tcp(7), to /dev/null). There is no way where one of the two is a
 * terminal or a socket that is not ours, where the output appends (O_APPEND), or where each call
 * is to be shown (--trace): the caller then reads and writes.
 *
 *	input: pipe ──splice──▶ socket          socket ──splice──▶ output: pipe
 *	input: file ─sendfile─▶ socket          socket ──splice──▶ our pipe ──splice──▶ output: file
 *	                                        socket ──MSG_TRUNC──▶ nothing (tcp to /dev/null)
 *
 * Traps. splice(2) into a socket cannot carry MSG_NOSIGNAL: SIGPIPE must be ignored by the caller.
 * -EAGAIN does not say which of the two ends is not ready. Out of a TCP socket splice(2) stops
 * before urgent data, and there looks like an empty socket, or (after FIN) like the end of the
 * stream: what is no progress must be asked of recv(2), which passes the mark. Pages of a file that
 * is written to while it is sent are sent as they are then.
 *
 * Nothing here waits, but for the disk behind a file. One thread. A passage borrows both
 * descriptors and owns its pipe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/addr.h"

/*
 * The most that one step moves; and what a pipe is enlarged to, if it is smaller and that is allowed,
 * which is also the most that our own holds.
 */
#define PASSAGE_STEP_BYTES (1u << 20)
#define PASSAGE_PIPE_BYTES (256 << 10)

enum passage_way {
	PASSAGE_NONE, /* the caller reads and writes */
	PASSAGE_SPLICE,
	PASSAGE_SENDFILE,
	PASSAGE_DROP,
	PASSAGE_RELAY, /* through our pipe */
};

struct passage {
	enum passage_way way;
	int from, to;
	int relay[2]; /* PASSAGE_RELAY: our pipe; otherwise -1 */
	size_t relayed; /* bytes in our pipe */
};

/* Finds the way from the input to the socket, and from the socket to the output. Never fails. */
void passage_init_input(struct passage *passage, int input, int socket);
void passage_init_output(struct passage *passage, int socket, enum addr_scheme scheme, int output);
void passage_fini(struct passage *passage);

/*
 * One step. More than 0: so many bytes have been taken from `from`, and are in `to`, or in our pipe
 * (`relayed`: passage_flush() before the next step). 0: the end of the input, or what looks like the
 * end of the stream. -EAGAIN: one of the two is not ready. -EOPNOTSUPP: this way does not work here,
 * nothing has been moved and `way` is PASSAGE_NONE from now on. -EPIPE out of the socket: see
 * passage_output_is_gone(). Otherwise the socket's error.
 */
ssize_t passage_step(struct passage *passage);

/*
 * Moves what is in our pipe into the output: how many bytes have left it, which are all of them
 * unless the output has an error, which the next call then meets first. -EOPNOTSUPP: this output
 * takes no pages, `way` is PASSAGE_NONE from now on, and the bytes are to be read from relay[0].
 */
ssize_t passage_flush(struct passage *passage);

/* True when a pipe that is the output has no reader any more. */
bool passage_output_is_gone(const struct passage *passage);
