/*
 * Each kind of claim is one row of questions to the facts and the outcome of a step.
 */
#include "tour/tour_claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/errno_name.h"

bool tour_claim_matches(
	const struct tour_world *world, long wanted, const struct tour_packet *packet)
{
	bool by_server = tour_world_is_server_port(world, packet->from_port);
	long marks = TOUR_FIN | TOUR_SYN | TOUR_RST;

	if ((wanted & TOUR_FLAG_SENT_BY_SERVER) != 0 && !by_server)
		return false;
	if ((wanted & TOUR_FLAG_SENT_BY_CLIENT) != 0 && by_server)
		return false;
	if ((wanted & TOUR_DATA) != 0 && packet->length == 0)
		return false;
	if ((wanted & TOUR_WINDOW_0) != 0 &&
		(packet->window != 0 || (packet->flags & (TOUR_RST | TOUR_SYN)) != 0))
		return false;
	if ((wanted & marks) != (packet->flags & marks) && (wanted & marks) != 0)
		return false;
	if ((wanted & TOUR_SYN) != 0 && (wanted & TOUR_ACK) != (packet->flags & TOUR_ACK))
		return false;
	return (wanted & TOUR_ACK) == 0 || (packet->flags & TOUR_ACK) != 0;
}

static enum tour_verdict verdict(bool holds)
{
	return holds ? TOUR_HOLDS : TOUR_DISAGREES;
}

/* In containers any user may often bind all ports. */
static bool low_ports_are_free(void)
{
	int first = 1024;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");

	if (file == NULL)
		return false;
	if (fscanf(file, "%d", &first) != 1)
		first = 1024;
	fclose(file);
	return first < 1024;
}

enum tour_verdict tour_claim_judge(
	const struct tour_play *play, const struct tour_claim *claim, size_t index)
{
	const struct tour_fact *fact = &play->facts.sockets[claim->slot];
	bool done = !play->outcome.waits;
	int64_t result = play->outcome.result;

	switch (claim->kind) {
	case TOUR_CLAIM_END: return TOUR_HOLDS;
	case TOUR_RESULT: return verdict(done && result == claim->value);
	case TOUR_PRIVILEGED:
		if (low_ports_are_free())
			return TOUR_NOT_SEEN;
		return verdict(done && result == claim->value);
	case TOUR_AT_LEAST: return verdict(done && result >= claim->value);
	case TOUR_AT_MOST: return verdict(done && result <= claim->value);
	case TOUR_DESCRIPTOR: return verdict(done && result > 2);
	case TOUR_BLOCKED:
		return verdict(tour_runner_is_busy(play->runner, (enum tour_who)claim->value));
	case TOUR_RETURNED: {
		size_t who = (size_t)claim->slot;

		return verdict(play->returned[who] &&
			(play->outcomes[who].result == claim->value || claim->value == TOUR_ANY));
	}
	case TOUR_STATE: return verdict(fact->state == (unsigned)claim->value);
	case TOUR_QUEUE: return verdict(play->facts.sockets[TOUR_LISTENER].queue == claim->value);
	case TOUR_TO_READ: return verdict(fact->to_read == claim->value);
	case TOUR_TO_SEND: return verdict(fact->to_send >= claim->value);
	case TOUR_PACKET:
		return play->world.packets < 0 ? TOUR_NOT_SEEN : verdict(play->packet_seen[index]);
	case TOUR_NO_PACKET:
		return play->world.packets < 0 ? TOUR_NOT_SEEN : verdict(play->packets == 0);
	case TOUR_SIGPIPES: return verdict(play->facts.sigpipes == claim->value);
	case TOUR_MS_AT_LEAST: return verdict(done && play->outcome.ms >= (double)claim->value);
	case TOUR_MS_BELOW:
		if (done && play->outcome.ms >= (double)claim->value &&
			play->outcome.ms - play->outcome.delay_ms < (double)claim->value)
			return TOUR_NOT_JUDGED;
		return verdict(done && play->outcome.ms < (double)claim->value);
	}
	return TOUR_DISAGREES;
}

/* ---- for people ---- */

static const char *who_name(long who, bool korean)
{
	bool server = who == TOUR_SERVER || who == TOUR_SERVER_2;

	return server ? (korean ? "서버" : "server") : (korean ? "클라이언트" : "client");
}

static const char *slot_name(enum tour_slot slot, bool korean)
{
	switch (slot) {
	case TOUR_LISTENER: return korean ? "대기 소켓" : "listener";
	case TOUR_CONN:
	case TOUR_CONN_2: return who_name(TOUR_SERVER, korean);
	default: return who_name(TOUR_CLIENT, korean);
	}
}

static void say_result(long value, bool korean, char *text, size_t size)
{
	if (value < 0)
		snprintf(text, size, korean ? "결과 -1 %s" : "result -1 %s",
			errno_name((int)-value));
	else
		snprintf(text, size, korean ? "결과 %ld" : "result %ld", value);
}

static void say_packet(long wanted, bool korean, char *text, size_t size)
{
	const char *side = (wanted & TOUR_FLAG_SENT_BY_SERVER) != 0 ? who_name(TOUR_SERVER, korean)
		: (wanted & TOUR_FLAG_SENT_BY_CLIENT) != 0          ? who_name(TOUR_CLIENT, korean)
								    : "";
	const char *what = (wanted & TOUR_RST) != 0                ? "RST"
		: (wanted & TOUR_FIN) != 0                         ? "FIN"
		: (wanted & (TOUR_SYN | TOUR_ACK)) == TOUR_SYN_ACK ? "SYN+ACK"
		: (wanted & TOUR_SYN) != 0                         ? "SYN"
		: (wanted & TOUR_WINDOW_0) != 0 ? (korean ? "윈도우 0" : "window 0")
		: (wanted & TOUR_DATA) != 0     ? (korean ? "데이터" : "data")
						: "ACK";

	snprintf(text, size, korean ? "%s%s패킷 %s" : "%s%spacket %s", side,
		*side != '\0' ? (korean ? "의 " : "'s ") : "", what);
}

const char *tour_claim_describe(
	const struct tour_claim *claim, bool korean, char *text, size_t size)
{
	const char *slot = slot_name(claim->slot, korean);
	long value = claim->value;

	text[0] = '\0';
	switch (claim->kind) {
	case TOUR_CLAIM_END: break;
	case TOUR_PRIVILEGED:
	case TOUR_RESULT: say_result(value, korean, text, size); break;
	case TOUR_AT_LEAST:
		snprintf(text, size, korean ? "결과 %ld 이상" : "result at least %ld", value);
		break;
	case TOUR_AT_MOST:
		snprintf(text, size, korean ? "결과 %ld 이하" : "result at most %ld", value);
		break;
	case TOUR_DESCRIPTOR:
		snprintf(text, size, korean ? "결과는 파일 기술자" : "result is a descriptor");
		break;
	case TOUR_BLOCKED:
		snprintf(text, size, korean ? "%s의 호출이 기다림" : "the %s's call waits",
			who_name(value, korean));
		break;
	case TOUR_RETURNED:
		if (value == TOUR_ANY)
			snprintf(text, size, korean ? "%s의 호출이 반환" : "the %s's call returns",
				who_name((long)claim->slot, korean));
		else
			snprintf(text, size,
				korean ? "%s의 호출이 %ld 반환" : "the %s's call returns %ld",
				who_name((long)claim->slot, korean), value);
		break;
	case TOUR_STATE:
		snprintf(text, size, "%s %s", slot, tour_facts_state_name((unsigned)value));
		break;
	case TOUR_QUEUE: snprintf(text, size, korean ? "대기열 %ld" : "queue %ld", value); break;
	case TOUR_TO_READ:
		snprintf(text, size, korean ? "%s 읽을 것 %ld" : "%s to read %ld", slot, value);
		break;
	case TOUR_TO_SEND:
		snprintf(text, size, korean ? "%s 보낼 것 %ld 이상" : "%s to send at least %ld",
			slot, value);
		break;
	case TOUR_PACKET: say_packet(value, korean, text, size); break;
	case TOUR_NO_PACKET: snprintf(text, size, korean ? "패킷 없음" : "no packet"); break;
	case TOUR_SIGPIPES:
		snprintf(text, size, korean ? "SIGPIPE %ld번" : "SIGPIPE %ld times", value);
		break;
	case TOUR_MS_AT_LEAST:
		snprintf(text, size, korean ? "%ld ms 이상" : "at least %ld ms", value);
		break;
	case TOUR_MS_BELOW:
		snprintf(text, size, korean ? "%ld ms 미만" : "below %ld ms", value);
		break;
	}
	return text;
}

const char *tour_claim_actual(const struct tour_play *play, const struct tour_claim *claim,
	bool korean, char *text, size_t size)
{
	const struct tour_fact *fact = &play->facts.sockets[claim->slot];

	switch (claim->kind) {
	case TOUR_STATE: snprintf(text, size, "%s", tour_facts_state_name(fact->state)); break;
	case TOUR_QUEUE:
		snprintf(text, size, "%ld", play->facts.sockets[TOUR_LISTENER].queue);
		break;
	case TOUR_TO_READ: snprintf(text, size, "%ld", fact->to_read); break;
	case TOUR_TO_SEND: snprintf(text, size, "%ld", fact->to_send); break;
	case TOUR_SIGPIPES: snprintf(text, size, "%ld", play->facts.sigpipes); break;
	case TOUR_MS_AT_LEAST:
	case TOUR_MS_BELOW: snprintf(text, size, "%.1f ms", play->outcome.ms); break;
	case TOUR_NO_PACKET: snprintf(text, size, "%u", play->packets); break;
	case TOUR_RETURNED:
		if (play->returned[claim->slot])
			say_result((long)play->outcomes[claim->slot].result, korean, text, size);
		else
			snprintf(text, size, korean ? "기다림" : "waits");
		break;
	default:
		if (play->outcome.waits)
			snprintf(text, size, korean ? "기다림" : "waits");
		else
			say_result((long)play->outcome.result, korean, text, size);
	}
	return text;
}
