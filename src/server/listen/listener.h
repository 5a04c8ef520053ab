/*
 * Where the server is reached: from the addresses that were asked for to sockets, one for each
 * thread. Prints nothing: what failed is handed back in words. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "server/listen/activation.h"
#include "server/listen/listener_list.h"

/* Room for any message. */
#define LISTENER_WHY_SIZE (2 * ADDR_TEXT_SIZE + 400)

struct listener_options {
	unsigned threads;
	int backlog;
	bool web; /* for web pages */
	bool share_port; /* others may have to join it later, also where one thread needs no more than one */
	/* What was taken over from another server (inheritance.h): what is asked for is taken out. NULL: nothing. */
	struct listener_list *inherited;
};

/*
 * Opens all that `specs` ask for and adds it to the list, or nothing: then the list is empty, one line has
 * been written to `reterr_why`, in the user's language, and -errno is returned. Streams accept from here on (the kernel's backlog fills until an engine takes over).
 */
int listener_open_all(const struct addr_spec *specs, size_t spec_count,
	const struct listener_options *options, struct listener_list *list, char *reterr_why,
	size_t size);

/* The same with what was handed over, which is taken out of `activation`; `web`: for web pages. */
int listener_adopt_all(struct activation *activation, unsigned threads, bool web,
	struct listener_list *list, char *reterr_why, size_t size);

/* Hands out a thread's next descriptor: the caller's from now on; -1 where it has no more. */
int listener_take(struct listener *listener, unsigned thread, unsigned threads);
