/*
 * What a server answers at --control (control.h): one object a line, which always has "control", the version of
 * what is documented in meari-serve(1), and "answer", the word that was asked. Main thread.
 */
#pragma once

#include "server/control/control_input.h"
#include "server/crew.h"
#include "server/fault/fault_map.h"
#include "server/listen/listener_list.h"

/* Another one when a field is renamed, goes, or changes its meaning; more fields may come at any time. */
#define CONTROL_ANSWER_VERSION 1

/* What there is to tell of. The caller's, which may change it between two questions. */
struct control_answer {
	const struct crew *crew;
	const struct listener_list *listeners;
	const struct fault_map *faults; /* NULL: none */
	const char *engine;
	uint64_t started_ns;
};

/* A control_answer_fn, whose context is a struct control_answer. */
char *control_answer_write(void *context, enum control_request request);
