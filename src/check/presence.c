/*
 * A service counts as gone when it takes no connection, or ends each without a byte, or is silent to as few bytes
 * as it has answered before. One that answers wrongly is there. A service that is started again at once
 * (systemd's Restart=) gets a second for that.
 */
#include "check/presence.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "client/channel.h"

#define RESTART_NS CLOCK_NS_PER_S
#define AGAIN_NS (50 * CLOCK_NS_PER_MS)
/* Datagrams may be lost: three at once. */
#define COPIES 3
#define ORDINARY_BYTES 64

const char *presence_advice(int error)
{
	switch (-error) {
	case ECONNREFUSED:
	case ENOENT: return _(" (is a server running there? 'meari serve' starts one)");
	case ETIMEDOUT: return _(" (is a server running there? --timeout waits longer)");
	default: return "";
	}
}

static void choose(struct resolve_list *list, size_t index)
{
	struct addr found = list->addrs[index];

	list->addrs[index] = list->addrs[0];
	list->addrs[0] = found;
}

static int find_stream(struct rule_trial *trial, struct resolve_list *list)
{
	int r = -EADDRNOTAVAIL;

	for (size_t i = 0; i < list->count; i++) {
		r = rule_connect_to(trial, &list->addrs[i], &trial->first_fd);
		if (r == 0) {
			choose(list, i);
			return 0;
		}
	}
	return r;
}

/* What came of asking: 0: an answer, of whatever kind; -errno: none, and why. */
static int ask(struct volley *volley)
{
	struct volley_shot shots[COPIES] = { 0 };
	int error = -ETIMEDOUT;

	for (size_t i = 0; i < COPIES; i++)
		shots[i].length = ORDINARY_BYTES;
	if (!volley_fire(volley, shots, COPIES))
		return -EINTR;
	for (size_t i = 0; i < COPIES; i++) {
		if (shots[i].reply == VOLLEY_RIGHT || shots[i].reply == VOLLEY_SHORTER ||
			shots[i].reply == VOLLEY_WRONG || shots[i].reply == VOLLEY_ELSEWHERE)
			return 0;
		if (shots[i].error != 0)
			error = shots[i].error;
	}
	return error;
}

/* Of several addresses, one that is refused is passed over; of silent ones, the first is taken. */
static int find_datagrams(struct rule_trial *trial, struct resolve_list *list)
{
	size_t silent = list->count;
	int error = 0;

	for (size_t i = 0; list->count > 1 && i < list->count; i++) {
		struct volley volley;

		volley_init(&volley, &list->addrs[i], trial->patience_ns, trial->interrupt_fd);
		error = ask(&volley);
		volley_fini(&volley);
		if (error == 0 || error == -EINTR) {
			choose(list, i);
			break;
		}
		if (error == -ETIMEDOUT && silent == list->count)
			silent = i;
	}
	if (error < 0 && error != -EINTR && silent < list->count)
		choose(list, silent);
	volley_init(&trial->volley, &list->addrs[0], trial->patience_ns, trial->interrupt_fd);
	return 0;
}

int presence_find(struct rule_trial *trial, struct resolve_list *list)
{
	if (addr_socket_type(list->addrs[0].scheme) == SOCK_STREAM)
		return find_stream(trial, list);
	return find_datagrams(trial, list);
}

/* ---- checking again ---- */

enum state { STATE_THERE, STATE_GONE, STATE_UNCLEAR };

static enum state check_stream(struct rule_trial *trial, int *reterr_error)
{
	uint64_t bytes = trial->answered_bytes;
	struct exchange_plan plan = exchange_plan_of(
		bytes > 0 ? bytes : 1, trial->patience_ns, trial->interrupt_fd);
	struct exchange_result result;
	char text[EXCHANGE_TEXT_SIZE];
	CLEANUP_CHANNEL int fd = -1;
	int r = rule_connect(trial, &fd);

	*reterr_error = r < 0 ? r : -ENOTCONN;
	if (r < 0)
		return trial->local_trouble ? STATE_THERE
			: r == -ETIMEDOUT   ? STATE_GONE
					    : STATE_UNCLEAR;
	exchange_run(fd, &plan, &result);
	if (result.ending.kind == ENDING_FINE || result.ending.received_bytes > 0)
		return STATE_THERE;
	rule_say(trial, RULE_FAIL, "%s", exchange_format(&result, text, sizeof(text)));
	if (result.ending.kind == ENDING_SILENT)
		return bytes > 0 ? STATE_GONE : STATE_THERE;
	return STATE_UNCLEAR;
}

static enum state check_datagrams(struct rule_trial *trial, int *reterr_error)
{
	char target[ADDR_TEXT_SIZE], timeout[DURATION_TEXT_SIZE];
	int error = ask(&trial->volley);

	*reterr_error = error;
	if (error == 0 || error == -EINTR)
		return STATE_THERE;
	addr_format(trial->volley.target, target, sizeof(target));
	if (error == -ETIMEDOUT) {
		rule_say(trial, RULE_FAIL, _("nothing answers at '%s' within %s"), target,
			duration_format(trial->patience_ns, timeout, sizeof(timeout)));
		return STATE_GONE;
	}
	rule_say(trial, RULE_FAIL, _("nothing answers at '%s': %s"), target, strerror(-error));
	return error == -EMFILE ? STATE_THERE : STATE_UNCLEAR;
}

int presence_check_again(struct rule_trial *trial)
{
	bool is_stream = addr_socket_type(trial->targets->addrs[0].scheme) == SOCK_STREAM;
	uint64_t patience_ns = trial->patience_ns;
	uint64_t until_ns = clock_after_ns(
		clock_now_ns(), patience_ns < RESTART_NS ? patience_ns : RESTART_NS);
	struct pollfd interrupt = { .fd = trial->interrupt_fd, .events = POLLIN };
	char before[RULE_EVIDENCE_SIZE];
	enum state state;
	int error;

	memcpy(before, trial->evidence, sizeof(before));
	do {
		state = is_stream ? check_stream(trial, &error) : check_datagrams(trial, &error);
	} while (state == STATE_UNCLEAR && clock_now_ns() < until_ns &&
		poll(&interrupt, 1, clock_poll_ms(0, AGAIN_NS)) == 0);
	if (state != STATE_THERE)
		return error;
	memcpy(trial->evidence, before, sizeof(before));
	return 0;
}
