/*
 * The state machine of gap.h. It keeps its ways until the next gap begins, so that a report of
 * its end can still say how it went.
 */
#include "ping/gap.h"

#include <errno.h>

void gap_init(struct gap *gap, unsigned silent_least)
{
	*gap = (struct gap){ .silent_least = silent_least };
}

enum gap_way gap_way_of(int error)
{
	switch (-error) {
	case 0: return GAP_FINISHED;
	case ECONNREFUSED:
	case ENOENT: /* a unix socket's file is not there */ return GAP_REFUSED;
	case ECONNRESET:
	case EPIPE: return GAP_RESET;
	case ECONNABORTED: return GAP_CUT_OFF;
	case EPROTO: return GAP_TLS;
	case ETIMEDOUT: return GAP_SILENT;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN: return GAP_UNREACHABLE;
	default: return GAP_LOCAL;
	}
}

const char *gap_way_key(enum gap_way way)
{
	switch (way) {
	case GAP_REFUSED: return "refused";
	case GAP_RESET: return "reset";
	case GAP_FINISHED: return "finished";
	case GAP_SILENT: return "silent";
	case GAP_UNREACHABLE: return "unreachable";
	case GAP_CUT_OFF: return "cut-off";
	case GAP_TLS: return "tls";
	case GAP_LOCAL: break;
	}
	return "local";
}

static void add_way(struct gap *gap, enum gap_way way, int error)
{
	if (error < 0)
		gap->error = error;
	for (size_t i = 0; i < gap->way_count; i++) {
		if (gap->ways[i] == way)
			return;
	}
	if (gap->way_count < GAP_WAYS_MOST)
		gap->ways[gap->way_count++] = way;
}

bool gap_fail(struct gap *gap, enum gap_way way, int error, uint64_t since_ns, uint64_t number)
{
	bool begins = !gap->away;

	if (begins) {
		gap->away = true;
		/* Those that stayed silent just before belong to it. */
		gap->begin_ns = gap->silent_count > 0 ? gap->silent_ns : since_ns;
		gap->begin_number = gap->silent_count > 0 ? gap->silent_number : number;
		gap->way_count = 0;
		gap->error = 0;
		if (gap->silent_count > 0)
			add_way(gap, GAP_SILENT, 0);
		gap->silent_count = 0;
	}
	add_way(gap, way, error);
	return begins;
}

bool gap_silence(struct gap *gap, uint64_t sent_ns, uint64_t number)
{
	/* A later one has been answered since: this one is lost, but the service is there. */
	if (number < gap->answered_number)
		return false;
	if (gap->away) {
		/* A probe from before the way that is known has nothing to add to it. */
		if (sent_ns > gap->begin_ns)
			add_way(gap, GAP_SILENT, 0);
		return false;
	}
	if (gap->silent_count++ == 0) {
		gap->silent_ns = sent_ns;
		gap->silent_number = number;
	}
	if (gap->silent_count < gap->silent_least)
		return false;
	return gap_fail(gap, GAP_SILENT, 0, sent_ns, number);
}

bool gap_answer(struct gap *gap, uint64_t now_ns, uint64_t number, uint64_t *ret_length_ns)
{
	gap->silent_count = 0;
	if (number > gap->answered_number)
		gap->answered_number = number;
	if (!gap->away)
		return false;
	gap->away = false;
	*ret_length_ns = now_ns > gap->begin_ns ? now_ns - gap->begin_ns : 0;
	return true;
}
