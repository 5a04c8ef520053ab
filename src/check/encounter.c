/*
 * Small amounts only: what is sent fits into the buffers of the kernel.
 */
#include "check/encounter.h"

#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/call.h"

struct encounter_heard encounter_hear(
	struct diagnosis *diagnosis, int fd, char *buffer, size_t most, uint64_t ns)
{
	struct encounter_heard heard = { 0 };
	struct patience patience;

	patience_begin(&patience, diagnosis->trial->source, ns);

	while (heard.length < most) {
		struct pollfd pollfds[] = {
			{ .fd = fd, .events = POLLIN },
			{ .fd = diagnosis->trial->interrupt_fd, .events = POLLIN },
		};
		int ready = poll(pollfds, 2, clock_poll_ms(clock_now_ns(), patience.until_ns));
		ssize_t n;

		if (ready == 0 && !patience_is_over(&patience))
			continue;
		if (ready == 0 || (ready > 0 && pollfds[1].revents != 0))
			return heard;
		n = call_recv(fd, buffer + heard.length, most - heard.length, MSG_DONTWAIT);
		if (n > 0) {
			heard.length += (size_t)n;
		} else if (n != -EAGAIN && n != -EINTR) {
			heard.ended = true;
			heard.error = (int)n;
			return heard;
		}
	}
	return heard;
}

void encounter_say(int fd, const char *bytes, size_t length)
{
	call_send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int encounter_join(struct diagnosis *diagnosis)
{
	int fd = -1;

	rule_connect_to(diagnosis->trial, &diagnosis->service->addr, &fd);
	return fd;
}

/* Whether a line comes back in time. */
bool encounter_echoes(struct diagnosis *diagnosis, int fd, const char *line)
{
	char buffer[64];
	size_t length = strlen(line);

	if (fd < 0)
		return false;
	encounter_say(fd, line, length);
	return encounter_hear(diagnosis, fd, buffer, length, diagnosis->trial->patience_ns)
			.length == length &&
		memcmp(buffer, line, length) == 0;
}

/* A client that comes, is served and leaves. */
bool encounter_visits(struct diagnosis *diagnosis)
{
	CLEANUP_FD int fd = encounter_join(diagnosis);

	return encounter_echoes(diagnosis, fd, "visit\n");
}
