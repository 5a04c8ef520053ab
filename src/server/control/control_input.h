/*
 * What a client of --control asks: lines of one word. Pure; any thread.
 *
 * Limits: CONTROL_INPUT_MOST_BYTES of a line; the rest of a longer one is dropped, and the line is no request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_INPUT_MOST_BYTES 64

/* request, its word */
#define CONTROL_INPUT_EACH(X)                                                                      \
	X(ABOUT, "about")                                                                          \
	X(COUNTERS, "counters")                                                                    \
	X(FAULTS, "faults")                                                                        \
	X(CONNECTIONS, "connections")

enum control_request {
#define CONTROL_INPUT_REQUEST(request, word) CONTROL_REQUEST_##request,
	CONTROL_INPUT_EACH(CONTROL_INPUT_REQUEST)
#undef CONTROL_INPUT_REQUEST
		CONTROL_REQUEST_UNKNOWN,
};

/* All zero: nothing has come. */
struct control_input {
	char line[CONTROL_INPUT_MOST_BYTES];
	size_t length;
	bool too_long; /* more has come than there is room for */
};

/*
 * Takes bytes up to the end of a line and returns how many. True in `ret_complete`: a line is complete, and
 * `ret_request` is what it asks for; the rest of the bytes belongs to the next one. An empty line asks for nothing
 * and is passed over. Blanks and CR at the end of a line do not count.
 */
size_t control_input_read(struct control_input *input, const char *bytes, size_t length,
	bool *ret_complete, enum control_request *ret_request);

/* At the end of the stream: true if there is a last line, without its newline. */
bool control_input_end(struct control_input *input, enum control_request *ret_request);

/* The word of a request; NULL: unknown. Lives for ever. */
const char *control_input_word(enum control_request request);
