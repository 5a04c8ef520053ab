/*
 * One conversation by plan: so many bytes of the pattern are sent in pieces of certain sizes, and what comes
 * back is compared byte by byte, now or after a pause. What a rule of `check` is made of. Says nothing by
 * itself; blocks, but never longer than its patience. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/traffic/deviation.h"
#include "check/traffic/patience.h"
#include "client/ending.h"

#define EXCHANGE_NOWHERE UINT64_MAX
/* Size for any sentence of exchange_format. */
#define EXCHANGE_TEXT_SIZE ENDING_TEXT_SIZE

struct exchange_plan {
	uint64_t bytes; /* to be sent */
	uint64_t sent_before; /* so many of them have been sent already (exchange_stuff) */
	uint64_t stream; /* number of the pattern's stream */
	size_t piece_most; /* sent in pieces of 1 to so many bytes, by chance; 0: as much as is taken */
	size_t receive_most; /* asked for at a time; 0: as much as there is */
	bool in_turn; /* a piece is sent when the one before has come back */
	uint64_t enough_ns; /* in turn: after so long, what has come back is enough; 0: all must */
	bool finish; /* half-close behind the last byte, and expect the end */
	uint64_t
		pause_ns; /* nothing is received before sending has been stuck, or done, for so long */
	uint64_t urgent_at; /* the byte at this offset is sent as urgent; EXCHANGE_NOWHERE: none */
	uint64_t patience_ns; /* without any progress */
	struct patience_source source; /* of that patience; zeroed: none */
	int interrupt_fd; /* gives up when readable: ENDING_SIGNAL; -1: none */
};

/* What came of it. `ending` says how it ended; the rest says more of it. */
struct exchange_result {
	struct ending ending;
	struct deviation deviation; /* ENDING_DIFFERENT */
	bool finished; /* the half-close has been made */
	bool was_stuck; /* a pause ended with bytes that were not taken: all buffers were full */
};

/* A plan that sends `bytes` as they are taken and waits for all of them. */
struct exchange_plan exchange_plan_of(uint64_t bytes, uint64_t patience_ns, int interrupt_fd);

/* On a connected, non-blocking stream, which stays the caller's and open. */
void exchange_run(int fd, const struct exchange_plan *plan, struct exchange_result *ret_result);

/* One sentence without a full stop, translated; "" where all went well. Returns `buffer`. */
const char *exchange_format(const struct exchange_result *result, char *buffer, size_t size);

/*
 * Sends the pattern's stream 0 and never receives, until nothing has been taken for `stuck_ns` or `most_bytes` have been.
 * Returns the bytes taken.
 */
uint64_t exchange_stuff(int fd, uint64_t most_bytes, uint64_t stuck_ns, int interrupt_fd);
