/*
 * Where the server is reached: from the addresses that were asked for to sockets, one for each
 * thread. Speaks when an address cannot be had. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/addr.h"
#include "server/listen/activation.h"
#include "server/listen/listener_list.h"

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
 * been printed and -errno is returned. Streams accept from here on (the kernel's backlog fills until an engine takes over).
 */
int listener_open_all(const struct addr_spec *specs, size_t spec_count,
	const struct listener_options *options, struct listener_list *list);

/* The same with what was handed over, which is taken out of `activation`; `web`: for web pages. */
int listener_adopt_all(
	struct activation *activation, unsigned threads, bool web, struct listener_list *list);

/* Hands out a thread's next descriptor: the caller's from now on; -1 where it has no more. */
int listener_take(struct listener *listener, unsigned thread, unsigned threads);
