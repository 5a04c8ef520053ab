/*
 * `--control PATH`: a unix stream socket at which a server tells what it counts, does and serves, a line of JSON for
 * each line that is asked (control_input.h; meari-serve(1), CONTROL). Nothing can be changed there. Main thread, which
 * polls it beside its signals; no client can make it wait.
 *
 * Limits: CONTROL_MOST_CLIENTS; one more takes the place of the one that has been silent for longest. One answer of
 * each is under way, and until the client has read it, nothing more is read from it. Whatever clients do, a tenth of the
 * main thread's time is theirs at most (CONTROL_REST). A client must belong to the same user, or to root.
 *
 * At an upgrade the socket and its file go to the successor as those of a listener do (upgrade.h).
 */
#pragma once

#include <poll.h>
#include <stdint.h>

#include "net/addr.h"
#include "server/control/control_input.h"
#include "server/listen/listener_list.h"

#define CONTROL_MOST_CLIENTS 16
#define CONTROL_MOST_POLLED (CONTROL_MOST_CLIENTS + 1)
/* For each moment of work the clients wait for so many. */
#define CONTROL_REST 9

struct control;

/*
 * Writes the answer, a line with its newline, which the caller frees. NULL: no memory; then the client is
 * dropped.
 */
typedef char *control_answer_fn(void *context, enum control_request request);

struct control_options {
	const struct addr *at; /* a unix stream's address; copied */
	/* What was taken over from another server: the socket at this address is taken out. NULL: nothing was. */
	struct listener_list *inherited;
	control_answer_fn *answer;
	void *context; /* of `answer` */
};

/* -errno, and one line has been printed. */
int control_new(const struct control_options *options, struct control **ret_control);
/* Closes everything, and removes the socket file where it is ours. NULL is fine, here and below. */
void control_free(struct control *control);

/* The socket as a listener, in a list of its own: for what is done with files and descriptors. NULL: no control. */
struct listener_list *control_listeners(struct control *control);

/* Accepts no more clients, and removes the file where it is ours; those that are connected are answered still. */
void control_stop_listening(struct control *control);

/* What to poll, CONTROL_MOST_POLLED at most; and when to work although nothing is ready. */
unsigned control_poll(const struct control *control, struct pollfd *ret_polled);
uint64_t control_due_ns(const struct control *control);
/* Accepts clients, and answers one question at most. */
void control_work(struct control *control);
