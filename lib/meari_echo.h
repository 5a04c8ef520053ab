/*
 * libmeari-echo: an exact echo server inside a test, with faults on purpose. libmeari-echo(3) is its manual.
 *
 *	struct meari_echo *echo;
 *	char why[MEARI_ECHO_WHY_SIZE];
 *
 *	if (meari_echo_start("tcp://127.0.0.1:0?fault=reset,after=4", &echo, why, sizeof(why)) < 0)
 *		fail_msg("%s", why);
 *	... meari_echo_port(echo, 0) ...
 *	meari_echo_stop(echo);
 *
 * Errors are 0 or -errno. Nothing is written to any stream, no signal or its handling is touched, and the
 * library's threads have every signal blocked. Any number of servers at once; any thread may call, but none may use a
 * server that another one stops.
 *
 * After fork(2) a server belongs to the parent alone: in the child each call gives -ESTALE (or NULL, or 0).
 */
#ifndef MEARI_ECHO_H
#define MEARI_ECHO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEARI_ECHO_VERSION_MAJOR 0
#define MEARI_ECHO_VERSION_MINOR 1

/* Room for the reason of any failure; a smaller buffer is filled as far as it goes. */
#define MEARI_ECHO_WHY_SIZE 1024

/* A server; its thread, its sockets. */
struct meari_echo;

/*
 * Serves at an address as `meari serve` takes it: "tcp://127.0.0.1:0", "udp://[::1]:0", "unix:PATH", "unix:@NAME",
 * "unixgram:PATH", and behind it "?fault=SPEC&fault=SPEC". At return it accepts. -EINVAL: no such address or
 * fault; otherwise what the system says, as -EADDRINUSE. `reterr_why` then has one line for people; NULL is fine with
 * size 0. `ret_echo` is untouched on failure, and nothing is left behind.
 */
int meari_echo_start(
	const char *address, struct meari_echo **ret_echo, char *reterr_why, size_t size);

/*
 * Ends every connection, the thread, and the server, and removes its socket file. NULL is fine. -ESTALE: after fork;
 * -EBUSY: the thread does not end within 20 seconds, and the server is left to it. It cannot be used any more in any case.
 */
int meari_echo_stop(struct meari_echo *echo);

/*
 * Where it is reached, with the port that the kernel chose: "tcp://127.0.0.1:40123". A name may have several addresses;
 * NULL behind the last. The text lives as long as the server.
 */
const char *meari_echo_address(const struct meari_echo *echo, unsigned index);
/* Its port; 0: none. */
unsigned meari_echo_port(const struct meari_echo *echo, unsigned index);

/*
 * A counter by its name, as "connections_open", "bytes_received", "faults_reset": meari-serve(1), LOG. -ENOENT: there
 * is none of that name. -ETIMEDOUT: the thread does not answer within 5 seconds.
 */
int meari_echo_counter(struct meari_echo *echo, const char *name, uint64_t *ret_value);
/*
 * All of them as one JSON object, with its final NUL. Gives the length as snprintf(3) does: if it is not less than `size`, the text is
 * cut short. Errors as above, and -ENOMEM.
 */
int meari_echo_counters(struct meari_echo *echo, char *buffer, size_t size);
/* Waits until a counter is at least so much: what a peer has done takes a moment to be seen. -ETIMEDOUT, -ENOENT. */
int meari_echo_wait(struct meari_echo *echo, const char *name, uint64_t least, unsigned timeout_ms);

/* The library's version, "0.1.0". */
const char *meari_echo_version(void);

#ifdef __cplusplus
}
#endif

#endif
