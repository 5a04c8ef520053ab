/*
 * A binary heap by time; one timer in the wheel serves all answers. If the kernel does not take an
 * answer when it is due, the answer is lost, as it could be on its way: it is not postponed again.
 */
#include "engine/postponed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/core.h"
#include "engine/datagram.h"
#include "engine/datagram_event.h"
#include "net/call.h"

struct postponed_answer {
	uint64_t due_ns, order;
	int fd, family;
	unsigned tag;
	struct sockaddr_storage peer;
	socklen_t peer_length;
	struct pktinfo asked;
	uint32_t length;
	unsigned char bytes[];
};

/* ---- the heap ---- */

static bool is_before(const struct postponed_answer *one, const struct postponed_answer *other)
{
	return one->due_ns < other->due_ns ||
		(one->due_ns == other->due_ns && one->order < other->order);
}

static int reserve(struct postponed *postponed)
{
	size_t capacity = postponed->capacity > 0 ? 2 * postponed->capacity : 64;
	struct postponed_answer **longer;

	if (postponed->count < postponed->capacity)
		return 0;
	longer = reallocarray(postponed->heap, capacity, sizeof(struct postponed_answer *));
	if (longer == NULL)
		return -ENOMEM;
	postponed->heap = longer;
	postponed->capacity = capacity;
	return 0;
}

static void push(struct postponed *postponed, struct postponed_answer *answer)
{
	struct postponed_answer **heap = postponed->heap;
	size_t at = postponed->count++;

	for (; at > 0 && is_before(answer, heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = answer;
	postponed->bytes += sizeof(*answer) + answer->length;
}

/* Takes out the first; there must be one. The caller frees it. */
static struct postponed_answer *pop(struct postponed *postponed)
{
	struct postponed_answer **heap = postponed->heap, *first = heap[0];
	struct postponed_answer *last = heap[--postponed->count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < postponed->count) {
		if (child + 1 < postponed->count && is_before(heap[child + 1], heap[child]))
			child++;
		if (!is_before(heap[child], last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	postponed->bytes -= sizeof(*first) + first->length;
	return first;
}

/* ---- in and out ---- */

static struct postponed_answer *copy(const struct datagram *datagram, const struct arrival *arrival,
	const struct protocol_span *answer, uint64_t due_ns)
{
	struct postponed_answer *kept = malloc(sizeof(*kept) + answer->length);

	if (kept == NULL)
		return NULL;
	*kept = (struct postponed_answer){
		.due_ns = due_ns,
		.fd = datagram->fd,
		.family = datagram->family,
		.tag = datagram->tag,
		.peer_length = arrival->peer_length,
		.asked = *arrival->asked,
		.length = answer->length,
	};
	memcpy(&kept->peer, arrival->peer, arrival->peer_length);
	memcpy(kept->bytes, answer->bytes, answer->length);
	return kept;
}

void postponed_add(struct engine *engine, const struct datagram *datagram,
	const struct arrival *arrival, const struct protocol_span *answer, uint64_t due_ns)
{
	struct postponed *postponed = &engine->postponed;
	struct postponed_answer *kept = NULL;

	if (postponed->bytes + sizeof(*kept) + answer->length <= POSTPONED_MOST_BYTES &&
		reserve(postponed) == 0)
		kept = copy(datagram, arrival, answer, due_ns);
	if (kept == NULL) {
		datagram_event_lost(engine, datagram->tag, 1, -ENOBUFS);
		return;
	}
	kept->order = postponed->order++;
	push(postponed, kept);
	if (postponed->heap[0] == kept)
		timer_set(&engine->timers, &postponed->timer, due_ns);
}

static void send_one(struct engine *engine, struct postponed_answer *answer)
{
	union {
		struct cmsghdr header;
		char bytes[PKTINFO_GOING_BYTES];
	} control;
	struct iovec vector = { answer->bytes, answer->length };
	struct msghdr message = {
		.msg_name = &answer->peer,
		.msg_namelen = answer->peer_length,
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = pktinfo_write(&answer->asked, answer->family, &control.header),
	};
	ssize_t n = call_sendmsg(answer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		datagram_event_sent(engine, answer->tag, 1);
	else
		datagram_event_lost(engine, answer->tag, 1, (int)n);
}

void postponed_send_due(struct engine *engine)
{
	struct postponed *postponed = &engine->postponed;

	while (postponed->count > 0 && postponed->heap[0]->due_ns <= engine->now_ns) {
		struct postponed_answer *answer = pop(postponed);

		send_one(engine, answer);
		free(answer);
	}
	if (postponed->count > 0)
		timer_set(&engine->timers, &postponed->timer, postponed->heap[0]->due_ns);
}

void postponed_give_up(struct engine *engine)
{
	struct postponed *postponed = &engine->postponed;

	timer_clear(&engine->timers, &postponed->timer);
	for (size_t i = 0; i < postponed->count; i++)
		datagram_event_lost(engine, postponed->heap[i]->tag, 1, -ESHUTDOWN);
	postponed_fini(postponed);
}

void postponed_fini(struct postponed *postponed)
{
	for (size_t i = 0; i < postponed->count; i++)
		free(postponed->heap[i]);
	free(postponed->heap);
	*postponed = (struct postponed){ 0 };
}
