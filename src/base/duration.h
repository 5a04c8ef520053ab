/*
 * Lengths of time as people write them: "500ms", "5s", "1.5m", "2h", "100us", "20ns".
 * Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Not a length of time: the program chooses one. duration_parse() never gives it. */
#define DURATION_AUTO UINT64_MAX

/* Size of any text of duration_format. */
#define DURATION_TEXT_SIZE 32

/*
 * Reads `text`: a decimal number, with or without a fraction, followed by ns, us, ms, s, m or h. A
 * number without a unit is seconds, as in ping(8) and sleep(1).
 * -EINVAL: not of that form; -ERANGE: does not fit in 64 bits of nanoseconds.
 */
int duration_parse(const char *text, uint64_t *ret_ns);

/*
 * Writes `ns` for people, three significant digits with the unit that fits: "1.23ms". Returns
 * buffer.
 */
const char *duration_format(uint64_t ns, char *buffer, size_t size);
