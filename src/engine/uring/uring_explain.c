/*
 * A ring is opened as the engine opens it, and each feature is requested of it. A thread of its own
 * does so, because a ring that closes interrupts the system calls of the thread that opened it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/i18n.h"
#include "engine/uring/uring_abi.h"
#include "engine/uring/uring_explain.h"
#include "engine/uring/uring_probe.h"
#include "engine/uring/uring_ring.h"

#define REQUESTS 8
#define BUFFERS 8
#define GROUP 1

/* Requested here and not in uring_probe.c, since the engine does without. */
struct extras {
	bool ring_registered, incremental, bundles, min_wait;
};

static bool can_register_incremental(struct io_uring *ring)
{
	struct io_uring_buf_reg registration = { .ring_entries = BUFFERS, .bgid = GROUP };
	void *buffers;
	bool can = false;

	if (posix_memalign(&buffers, (size_t)sysconf(_SC_PAGESIZE),
		    BUFFERS * sizeof(struct io_uring_buf)) != 0)
		return false;
	registration.ring_addr = (uintptr_t)buffers;
	uring_abi_set_buffer_flags(&registration, URING_ABI_BUFFERS_INCREMENTAL);
	can = io_uring_register_buf_ring(ring, &registration, 0) == 0;
	if (can)
		io_uring_unregister_buf_ring(ring, GROUP);
	free(buffers);
	return can;
}

static void *ask(void *data)
{
	struct extras *extras = data;
	struct io_uring ring;
	bool deferred;

	if (uring_ring_open(REQUESTS, &ring, &deferred) < 0)
		return NULL;
	extras->ring_registered = io_uring_register_ring_fd(&ring) == 1;
	extras->incremental = can_register_incremental(&ring);
	extras->bundles = (ring.features & URING_ABI_FEATURE_BUNDLES) != 0;
	extras->min_wait = (ring.features & URING_ABI_FEATURE_MIN_WAIT) != 0;
	uring_ring_close(&ring);
	return NULL;
}

static const char *multishot_reason(const struct uring_probe *probe)
{
	if (probe->receive_multishot)
		return _("one request receives many times, and never more than its credit");
	if (probe->receive_bounded)
		return _("this kernel's loses the end of a stream that comes with the last bytes");
	return _("this kernel's cannot be bounded (Linux 6.17 can)");
}

static void report_used(engine_feature_fn *report, void *context, const struct uring_probe *probe,
	bool ring_registered)
{
	report(context, "buffer-rings", true, _("the kernel picks a buffer when bytes have come"));
	report(context, "deferred-work", probe->task_work_deferred,
		probe->task_work_deferred
			? _("completions are handled when the engine waits, all at once")
			: _("this kernel interrupts for completions (Linux 6.1 can wait)"));
	report(context, "multishot-receive", probe->receive_multishot, multishot_reason(probe));
	report(context, "quiet-sends", probe->send_quiet,
		probe->send_quiet
			? _("a send that leaves whole has no completion, where none is needed")
			: _("this kernel's may stay silent where they fail"));
	report(context, "registered-ring", ring_registered,
		ring_registered ? _("a call need not look the ring up")
				: _("this kernel cannot register a ring (Linux 5.18 can)"));
}

static void report_unused(engine_feature_fn *report, void *context, const struct extras *extras)
{
	report(context, "multishot-accept", false,
		_("a requested accept goes by an older limit of open files"));
	report(context, "min-wait", false,
		extras->min_wait
			? _("the kernel has it; while a server waits for more, its peers stand still")
			: _("this kernel cannot wait for several (Linux 6.12 can)"));
	report(context, "registered-files", false,
		_("a socket in the ring's own table outlives its close, and costs two more requests"));
	report(context, "bundles", false,
		extras->bundles ? _("the kernel has them; a receive here is one piece already")
				: _("this kernel has none (Linux 6.10 has)"));
	report(context, "incremental-buffers", false,
		extras->incremental ? _("the kernel has them; a buffer here goes out as it came in")
				    : _("this kernel has none (Linux 6.12 has)"));
}

void uring_explain(engine_feature_fn *report, void *context)
{
	struct uring_probe probe = { 0 };
	struct extras extras = { 0 };
	pthread_t thread;
	char ignored[1];

	if (uring_probe_all(&probe, ignored, sizeof(ignored)) < 0 ||
		pthread_create(&thread, NULL, ask, &extras) != 0)
		return;
	pthread_join(thread, NULL);
	report_used(report, context, &probe, extras.ring_registered);
	report_unused(report, context, &extras);
}
