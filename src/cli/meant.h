/*
 * What was probably meant by something wrong on a command line: the nearest name, or how an address is written
 * here. Nothing is allocated or printed. Main thread.
 */
#pragma once

#include <stdbool.h>

#include "cli/options.h"
#include "net/addr.h"

/* Holds a command with an address. */
#define MEANT_SIZE (ADDR_TEXT_SIZE + 64)

/* The long option that is named nearly so, without dashes; NULL: none. */
const char *meant_name(const struct options_row *rows, const char *name);
/* The same among the choices of a row. */
const char *meant_choice(const struct options_row *row, const char *text);

/* Whether a text is a number that can be a port. */
bool meant_is_port(const char *text);
/* The host of an address of which only the port is known. */
const char *meant_default_host(const struct options_table *table);
/* "localhost" and "5000", each as typed, as one address. False: `host` has a port already, or they make none. */
bool meant_join(
	const char *scheme, const char *host, const char *port, char meant[static MEANT_SIZE]);

/*
 * For an option that there is not: another one ("--threads", "-c"), or, for one that other programs have (-p PORT),
 * the whole command with an address instead ("meari serve tcp://[::]:5000"). False: nothing is near.
 */
bool meant_option(const struct options_table *table, const struct options_row *more,
	const char *title, const struct options_scan *scan, const struct options_fault *fault,
	char meant[static MEANT_SIZE]);
