/*
 * What a client of an examination does: it connects to the service under test, sends, receives, and compares.
 * Nothing is said. Blocks, but no longer than the given time, or than the trial's patience. One thread.
 */
#pragma once

#include "check/diagnosis.h"

struct encounter_heard {
	size_t length;
	bool ended; /* the service has ended the connection: `error` is 0 (FIN) or -errno */
	int error;
};

/* Up to `most` bytes of what comes within a time. */
struct encounter_heard encounter_hear(
	struct diagnosis *diagnosis, int fd, char *buffer, size_t most, uint64_t ns);
/* Sends as much as the kernel takes at once. */
void encounter_say(int fd, const char *bytes, size_t length);
/* A connection to the service, the caller's to close; -1: it cannot be reached. */
int encounter_join(struct diagnosis *diagnosis);
/* Whether a line of less than 64 bytes comes back. `fd` may be -1. */
bool encounter_echoes(struct diagnosis *diagnosis, int fd, const char *line);
/* Whether a client that comes is served; then it leaves. */
bool encounter_visits(struct diagnosis *diagnosis);
