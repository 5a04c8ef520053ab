/*
 * The engine asks before a connection has a slot, and calls again when it has one. Between the two nothing
 * else happens; so what was entered for it waits in `entered`, and if the next one comes instead, it
 * came to nothing (no memory, no watch) and is given back.
 */
#include "server/admission/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "net/socket.h"
#include "server/admission/conn_log.h"

void gate_init(struct gate *gate, struct limits *limits, const struct access *access,
	struct counters *counters)
{
	*gate = (struct gate){ .limits = limits, .access = access, .counters = counters };
}

static void give_back(struct gate *gate, struct limits_source *source)
{
	if (gate->limits != NULL)
		limits_release(gate->limits, source);
}

void gate_fini(struct gate *gate)
{
	if (gate->entered)
		give_back(gate, gate->entered_source);
	slot_table_fini(&gate->sources);
}

/* ---- the log ---- */

static const struct {
	const char *key, *text;
} reasons[GATE_REASONS] = {
	[GATE_BY_ACCESS] = { "access", N_("refused %s: it is not allowed (--allow, --deny)") },
	[GATE_BY_COUNT] = { "max-connections",
		N_("refused %s: the limit of connections is reached (--max-connections)") },
	[GATE_BY_MEMORY] = { "max-memory",
		N_("refused %s: there is no memory for more connections (--max-memory)") },
	[GATE_BY_SOURCE] = { "max-per-source",
		N_("refused %s: its source has reached its limit of connections (--max-per-source)") },
	[GATE_BY_RATE] = { "connect-rate",
		N_("refused %s: connections come too fast (--connect-rate)") },
	[GATE_DATAGRAM_ACCESS] = { "access",
		N_("not answered %s: it is not allowed (--allow, --deny)") },
	[GATE_DATAGRAM_RATE] = { "datagram-rate",
		N_("not answered %s: its datagrams come too fast (--datagram-rate)") },
	[GATE_NO_HOST] = { "loop", N_("not answered %s: that is not the address of one host") },
	[GATE_OWN_ADDRESS] = { "loop",
		N_("not answered %s: that is this machine, and the answer could come back for ever") },
	[GATE_FIXED_PORT] = { "fixed-port-rate",
		N_("not always answered %s: a server may be on that port, and its answers could come "
		   "back for ever (--fixed-port-rate)") },
	[GATE_IDLE] = { "idle-timeout",
		N_("ended %s: it was silent for too long (--idle-timeout)") },
	[GATE_OLD] = { "max-lifetime", N_("ended %s: it was open for too long (--max-lifetime)") },
	[GATE_NO_LONGER_ALLOWED] = { "access",
		N_("ended %s: it is no longer allowed (--allow, --deny)") },
	[GATE_BY_BYTES] = { "max-rate",
		N_("a connection is not read from for a moment: its bytes come too fast (--max-rate)") },
	[GATE_BY_LOOP] = { "loop", N_("not answered %s: the answer could come back for ever") },
};

static const char *event_of(enum gate_reason reason)
{
	switch (reason) {
	case GATE_IDLE:
	case GATE_OLD:
	case GATE_NO_LONGER_ALLOWED: return "limit_ended";
	case GATE_BY_BYTES: return "limit_slowed";
	default: return "limit_refused";
	}
}

static bool is_due(struct gate *gate, enum gate_reason reason, uint64_t *ret_left_out)
{
	return log_limit_is_due(&gate->log_limits[reason], clock_now_ns(), ret_left_out);
}

/* `peer`: its address, for programs; NULL where that is not known. */
static void write_line(
	enum gate_reason reason, const char *name, const char *peer, uint64_t left_out)
{
	char text[ADDR_TEXT_SIZE + 200];

	/* The format is one of the table above, or its translation, which msgfmt has checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), _(reasons[reason].text), name);
#pragma GCC diagnostic pop

	json_t *fields = !log_is_json()
		? NULL
		: json_pack("{s:s?, s:s, s:I}", "peer", peer, "limit", reasons[reason].key,
			  "untold", (json_int_t)left_out);

	if (left_out == 0)
		log_write(LOG_LEVEL_WARNING, event_of(reason), fields, "%s", text);
	else
		log_write(LOG_LEVEL_WARNING, event_of(reason), fields,
			ngettext("%s; and %llu more since the last line",
				"%s; and %llu more since the last line", (unsigned long)left_out),
			text, (unsigned long long)left_out);
}

static void log_connection(
	struct gate *gate, enum gate_reason reason, int fd, enum addr_scheme scheme)
{
	char name[ADDR_TEXT_SIZE];
	uint64_t left_out;

	if (!is_due(gate, reason, &left_out))
		return;
	conn_log_name_peer(fd, scheme, name, sizeof(name));
	write_line(reason, name, name, left_out);
}

/* ---- coming ---- */

static bool refuse(struct gate *gate, enum gate_reason reason, int fd, enum addr_scheme scheme)
{
	uint64_t *const counts[] = {
		[GATE_BY_ACCESS] = &gate->counters->refused_by_access,
		[GATE_BY_COUNT] = &gate->counters->refused_by_count,
		[GATE_BY_MEMORY] = &gate->counters->refused_by_memory,
		[GATE_BY_SOURCE] = &gate->counters->refused_by_source,
		[GATE_BY_RATE] = &gate->counters->refused_by_rate,
	};

	++*counts[reason];
	log_connection(gate, reason, fd, scheme);
	return false;
}

bool gate_admit(struct gate *gate, int fd, enum addr_scheme scheme)
{
	static const enum gate_reason reason_of[] = {
		[LIMITS_CONNECTIONS] = GATE_BY_COUNT,
		[LIMITS_MEMORY] = GATE_BY_MEMORY,
		[LIMITS_PER_SOURCE] = GATE_BY_SOURCE,
		[LIMITS_CONNECT_RATE] = GATE_BY_RATE,
	};
	struct addr peer = { .scheme = scheme, .length = sizeof(sa_family_t) };
	enum limits_verdict verdict;

	if (gate->entered)
		give_back(gate, gate->entered_source);
	gate->entered = false;
	/* One that is gone already has no name; it will be found to be lost. */
	peer.generic.sa_family = AF_UNSPEC;
	socket_peer(fd, scheme, &peer);
	if (gate->access != NULL && !access_admits(gate->access, &peer.generic))
		return refuse(gate, GATE_BY_ACCESS, fd, scheme);
	gate->entered_source = NULL;
	if (gate->limits != NULL) {
		verdict = limits_admit(
			gate->limits, &peer.generic, clock_now_ns(), &gate->entered_source);
		if (verdict != LIMITS_ADMITTED)
			return refuse(gate, reason_of[verdict], fd, scheme);
		gate->entered = true;
	}
	return true;
}

static bool drop(struct gate *gate, enum gate_reason reason, const struct sockaddr *source,
	enum addr_scheme scheme, uint64_t *count)
{
	struct addr peer = { .scheme = scheme };
	char name[ADDR_TEXT_SIZE];
	uint64_t left_out;

	gate->counters->datagrams_received++;
	++*count;
	if (!is_due(gate, reason, &left_out))
		return false;
	peer.length = source->sa_family == AF_INET6 ? sizeof(peer.in6) : sizeof(peer.in);
	memcpy(&peer.storage, source, peer.length);
	addr_format(&peer, name, sizeof(name));
	write_line(reason, name, name, left_out);
	return false;
}

/* Of unix sockets nothing is known here that could be counted or denied. */
bool gate_admit_datagram(struct gate *gate, const struct engine_datagram *datagram)
{
	const struct sockaddr *source = datagram->peer;
	enum addr_scheme scheme = datagram->scheme;

	if (scheme != ADDR_UDP)
		return true;
	if (gate->access != NULL && !access_admits(gate->access, source))
		return drop(gate, GATE_DATAGRAM_ACCESS, source, scheme,
			&gate->counters->refused_by_access);
	if (gate->limits != NULL && !limits_admit_datagram(gate->limits, source, clock_now_ns()))
		return drop(gate, GATE_DATAGRAM_RATE, source, scheme,
			&gate->counters->datagrams_limited);
	if (gate->peer_rule == NULL)
		return true;
	switch (peer_rule_judge(gate->peer_rule, source, datagram->asked, clock_now_ns)) {
	case PEER_RULE_ANSWER: return true;
	case PEER_RULE_NO_HOST:
		return drop(gate, GATE_NO_HOST, source, scheme, &gate->counters->datagrams_refused);
	case PEER_RULE_OWN:
		return drop(
			gate, GATE_OWN_ADDRESS, source, scheme, &gate->counters->datagrams_refused);
	case PEER_RULE_TOO_FAST: break;
	}
	return drop(gate, GATE_FIXED_PORT, source, scheme, &gate->counters->datagrams_limited);
}

void gate_opened(struct gate *gate, const struct engine_conn *conn)
{
	struct limits_source *source = gate->entered ? gate->entered_source : NULL;
	void **place;

	if (gate->limits == NULL)
		return;
	if (!gate->entered)
		limits_force(gate->limits); /* not asked: it was handed to the engine */
	gate->entered = false;
	if (source == NULL)
		return;
	place = slot_table_place(&gate->sources, conn->slot);
	if (place != NULL) {
		*place = source;
		return;
	}
	/* Without memory to remember it by, it counts as a connection, and no longer of its source. */
	limits_force(gate->limits);
	limits_release(gate->limits, source);
}

void gate_looped(struct gate *gate, int32_t peer_port)
{
	char name[100], peer[20];
	uint64_t left_out;

	if (!is_due(gate, GATE_BY_LOOP, &left_out))
		return;
	snprintf(peer, sizeof(peer), "udp:%d", (int)peer_port);
	if (peer_port < 0)
		snprintf(name, sizeof(name), "%s", _("a datagram to a group"));
	else
		snprintf(name, sizeof(name), _("a datagram from port %d"), (int)peer_port);
	write_line(GATE_BY_LOOP, name, peer_port < 0 ? NULL : peer, left_out);
}

/* ---- staying ---- */

void gate_slowed(struct gate *gate)
{
	uint64_t left_out;

	if (is_due(gate, GATE_BY_BYTES, &left_out))
		write_line(GATE_BY_BYTES, "", NULL, left_out); /* the one text without a peer */
}

/* ---- going ---- */

void gate_closed(struct gate *gate, const struct engine_conn *conn, enum guard_ending ending)
{
	give_back(gate, slot_table_take(&gate->sources, conn->slot));
	if (ending == GUARD_NOT_ENDED)
		return;
	++*(ending == GUARD_IDLE ? &gate->counters->ended_idle : &gate->counters->ended_old);
	log_connection(gate, ending == GUARD_IDLE ? GATE_IDLE : GATE_OLD, conn->fd, conn->scheme);
}

bool gate_condemns(struct gate *gate, const struct engine_conn *conn)
{
	struct addr peer;

	if (gate->access == NULL || socket_peer(conn->fd, conn->scheme, &peer) < 0 ||
		access_admits(gate->access, &peer.generic))
		return false;
	gate->counters->ended_by_access++;
	log_connection(gate, GATE_NO_LONGER_ALLOWED, conn->fd, conn->scheme);
	return true;
}
