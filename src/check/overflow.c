/*
 * Noise is sent, and compared byte by byte (exchange.h): a service that misreads noise has been found before.
 */
#include "check/overflow.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "check/encounter.h"
#include "net/call.h"

#define HALF_BYTES 50000
#define FULL_BYTES (24u << 20)
#define IN_TURN_BYTES (1u << 20)
#define PAUSE_NS (300 * CLOCK_NS_PER_MS)

/* Noise would be misread by a service with these mistakes; they have been found already. */
static bool is_muddled(const struct diagnosis *diagnosis)
{
	return diagnosis_has(diagnosis, CAUSE_WAITS_FOR_NEWLINE) ||
		diagnosis_has(diagnosis, CAUSE_SENDS_WHOLE_BUFFER) ||
		diagnosis_has(diagnosis, CAUSE_STOPS_AT_NUL) ||
		diagnosis_has(diagnosis, CAUSE_ONE_BYTE_SENDS);
}

/* Does it echo the same bytes where no buffer is ever full? */
static bool echoes_in_turn(struct diagnosis *diagnosis)
{
	struct exchange_plan plan = exchange_plan_of(
		IN_TURN_BYTES, diagnosis->trial->patience_ns, diagnosis->trial->interrupt_fd);
	struct exchange_result result;
	CLEANUP_FD int fd = encounter_join(diagnosis);

	if (fd < 0)
		return false;
	plan.in_turn = true;
	plan.piece_most = 16u << 10;
	rule_run_plan(diagnosis->trial, fd, &plan, &result);
	return result.ending.kind == ENDING_FINE;
}

void overflow_try_full(struct diagnosis *diagnosis)
{
	struct exchange_plan plan = exchange_plan_of(
		FULL_BYTES, diagnosis->trial->patience_ns, diagnosis->trial->interrupt_fd);
	struct exchange_result result;
	char text[EXCHANGE_TEXT_SIZE];
	CLEANUP_FD int fd = -1;
	bool lost;

	if (is_muddled(diagnosis))
		return;
	fd = encounter_join(diagnosis);
	if (fd < 0)
		return;
	plan.pause_ns = PAUSE_NS;
	rule_run_plan(diagnosis->trial, fd, &plan, &result);
	call_close(TAKE_FD(fd));
	lost = result.ending.kind == ENDING_DIFFERENT || result.ending.kind == ENDING_SERVER ||
		(result.ending.kind == ENDING_SILENT && result.ending.received_bytes > 0);
	if (!lost || program_has_ended(&diagnosis->service->program))
		return;
	if (!diagnosis_has(diagnosis, CAUSE_EXITS_AFTER_ONE) && !echoes_in_turn(diagnosis))
		return;

	struct cause_found *found = diagnosis_add_cause(diagnosis);

	cause_note(found, CAUSE_SHORT_SEND,
		_("the client read nothing until all buffers were full, and then bytes were lost: %s"),
		exchange_format(&result, text, sizeof(text)));
	cause_add_fact(found, "sent_bytes", (int64_t)result.ending.sent_bytes);
	cause_add_fact(found, "received_bytes", (int64_t)result.ending.received_bytes);
}

static void judge_half(struct diagnosis *diagnosis, uint64_t sent, uint64_t received)
{
	struct cause_found *found = diagnosis_add_cause(diagnosis);

	cause_note(found, CAUSE_DROPS_ON_HALF_CLOSE,
		_("the client sent %llu bytes and finished; %llu came back, and then the end"),
		(unsigned long long)sent, (unsigned long long)received);
	cause_add_fact(found, "sent_bytes", (int64_t)sent);
	cause_add_fact(found, "received_bytes", (int64_t)received);
}

/* All of it, and the finish, is there before the service reads the first byte. */
static bool loses_waiting_bytes(struct diagnosis *diagnosis)
{
	static char bytes[HALF_BYTES];
	CLEANUP_FD int fd = encounter_join(diagnosis);
	struct encounter_heard heard;
	ssize_t sent;

	if (!encounter_echoes(diagnosis, fd, "one\n"))
		return false;
	memset(bytes, 'x', sizeof(bytes));
	bytes[sizeof(bytes) - 1] = '\n';
	program_pause(&diagnosis->service->program);
	sent = call_send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
	call_shutdown(fd, SHUT_WR);
	program_resume(&diagnosis->service->program);
	if (sent <= 0)
		return false;
	heard = encounter_hear(diagnosis, fd, bytes, sizeof(bytes), diagnosis->trial->patience_ns);
	if (!heard.ended || heard.length >= (size_t)sent)
		return false;
	judge_half(diagnosis, (uint64_t)sent, heard.length);
	return true;
}

/* Its answers wait in full buffers when the client finishes. */
static void try_late_reader(struct diagnosis *diagnosis)
{
	struct exchange_plan plan = exchange_plan_of(
		0, diagnosis->trial->patience_ns, diagnosis->trial->interrupt_fd);
	struct exchange_result result;
	CLEANUP_FD int fd = encounter_join(diagnosis);

	if (fd < 0)
		return;
	rule_hold_little(fd);
	plan.bytes = plan.sent_before = exchange_stuff(
		fd, FULL_BYTES, PAUSE_NS, diagnosis->trial->interrupt_fd);
	call_shutdown(fd, SHUT_WR);
	poll(NULL, 0, clock_poll_ms(0, PAUSE_NS));
	rule_hold_much(fd);
	plan.finish = true;
	rule_run_plan(diagnosis->trial, fd, &plan, &result);
	if (result.ending.kind == ENDING_SHORT || result.ending.kind == ENDING_SERVER)
		judge_half(diagnosis, result.ending.sent_bytes, result.ending.received_bytes);
}

void overflow_try_half_close(struct diagnosis *diagnosis)
{
	if (diagnosis_has(diagnosis, CAUSE_NO_EOF) ||
		diagnosis_has(diagnosis, CAUSE_NEVER_CLOSES) ||
		diagnosis_has(diagnosis, CAUSE_LEAKS_IN_PARENT) ||
		diagnosis_has(diagnosis, CAUSE_SHORT_SEND) || is_muddled(diagnosis))
		return;
	if (!loses_waiting_bytes(diagnosis) && !diagnosis_has(diagnosis, CAUSE_EXITS_AFTER_ONE))
		try_late_reader(diagnosis);
}
