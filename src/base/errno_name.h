/*
 * The name of an error: "ECONNRESET".
 */
#pragma once

/* Of a positive errno(3). NULL: the C library has no name for it; another one than glibc has none at all. Any thread. */
const char *errno_name(int error);
