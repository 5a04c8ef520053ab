/*
 * The engine asks before a connection has a slot, and calls again when it has one. Between the two nothing
 * else happens; so what was entered for it waits in `entered`, and if the next one comes instead, it
 * came to nothing (no memory, no watch) and is given back. A connection with a proxy has its slot long before it
 * is open: what was entered for it is its own from then on.
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
	*gate = (struct gate){
		.limits = limits,
		.access = access,
		.all_counters = counters,
		.counters = counters,
	};
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
	proxied_fini(&gate->proxied);
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
	[GATE_PROXY_OUTSIDE] = { "proxy-from",
		N_("refused %s: it is no proxy whose word counts (--proxy-from)") },
	[GATE_PROXY_MISSING] = { "proxy-header",
		N_("refused %s: it has sent no header of the PROXY protocol (?proxy=require)") },
	[GATE_PROXY_WRONG] = { "proxy-header",
		N_("refused %s: its header of the PROXY protocol is wrong") },
	[GATE_PROXY_LATE] = { "proxy-timeout",
		N_("refused %s: its header of the PROXY protocol has not come in time "
		   "(--proxy-timeout)") },
	[GATE_PROXY_CUT_SHORT] = { "proxy-header",
		N_("refused %s: it has ended within its header of the PROXY protocol") },
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

/* What a line says, beside its reason. */
struct line {
	const char *name; /* for people */
	const char *peer, *proxy; /* for programs; NULL where there is none */
	enum proxy_fault fault; /* of GATE_PROXY_WRONG */
};

static void write_line(enum gate_reason reason, const struct line *line, uint64_t left_out)
{
	char text[CONN_LOG_NAME_SIZE + 300];
	size_t length;

	/* The format is one of the table above, or its translation, which msgfmt has checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), _(reasons[reason].text), line->name);
#pragma GCC diagnostic pop
	length = strlen(text);
	if (line->fault != PROXY_NO_FAULT)
		snprintf(text + length, sizeof(text) - length, ": %s",
			proxy_fault_text(line->fault));

	json_t *fields = !log_is_json()
		? NULL
		: json_pack("{s:s?, s:s*, s:s*, s:s, s:I}", "peer", line->peer, "proxy",
			  line->proxy, "fault",
			  line->fault != PROXY_NO_FAULT ? proxy_fault_key(line->fault) : NULL,
			  "limit", reasons[reason].key, "untold", (json_int_t)left_out);

	if (left_out == 0)
		log_write(LOG_LEVEL_WARNING, event_of(reason), fields, "%s", text);
	else
		log_write(LOG_LEVEL_WARNING, event_of(reason), fields,
			ngettext("%s; and %llu more since the last line",
				"%s; and %llu more since the last line", (unsigned long)left_out),
			text, (unsigned long long)left_out);
}

/* A connection, as its host sees it: the client that its proxy names, or its own peer. */
struct subject {
	int fd;
	enum addr_scheme scheme;
	const struct proxied_client *client; /* NULL: it came by itself */
	enum proxy_fault fault;
};

static struct subject subject_of(const struct gate *gate, const struct engine_conn *conn)
{
	return (struct subject){
		.fd = conn->fd,
		.scheme = conn->scheme,
		.client = proxied_find(&gate->proxied, conn->slot),
	};
}

static void log_connection(
	struct gate *gate, enum gate_reason reason, const struct subject *subject)
{
	struct conn_log_name name;
	struct line line = { .name = name.text, .peer = name.peer, .fault = subject->fault };
	uint64_t left_out;

	if (!is_due(gate, reason, &left_out))
		return;
	conn_log_name(subject->fd, subject->scheme, subject->client, &name);
	line.proxy = name.proxy[0] != '\0' ? name.proxy : NULL;
	write_line(reason, &line, left_out);
}

/* The address that lists and limits speak of. */
static void find_source(const struct subject *subject, struct addr *ret_addr)
{
	if (subject->client != NULL && subject->client->named) {
		*ret_addr = subject->client->addr;
		return;
	}
	/* One that is gone already has no name; it will be found to be lost. */
	*ret_addr = (struct addr){ .scheme = subject->scheme, .length = sizeof(sa_family_t) };
	ret_addr->generic.sa_family = AF_UNSPEC;
	socket_peer(subject->fd, subject->scheme, ret_addr);
}

/* ---- coming ---- */

static bool refuse(struct gate *gate, enum gate_reason reason, const struct subject *subject)
{
	uint64_t *const counts[] = {
		[GATE_BY_ACCESS] = &gate->counters->refused_by_access,
		[GATE_BY_COUNT] = &gate->counters->refused_by_count,
		[GATE_BY_MEMORY] = &gate->counters->refused_by_memory,
		[GATE_BY_SOURCE] = &gate->counters->refused_by_source,
		[GATE_BY_RATE] = &gate->counters->refused_by_rate,
		[GATE_PROXY_OUTSIDE] = &gate->counters->refused_by_proxy,
		[GATE_PROXY_MISSING] = &gate->counters->refused_by_proxy,
		[GATE_PROXY_WRONG] = &gate->counters->refused_by_proxy,
		[GATE_PROXY_LATE] = &gate->counters->refused_by_proxy,
		[GATE_PROXY_CUT_SHORT] = &gate->counters->refused_by_proxy,
	};

	++*counts[reason];
	log_connection(gate, reason, subject);
	return false;
}

static enum gate_reason reason_of(enum limits_verdict verdict)
{
	static const enum gate_reason reasons_of[] = {
		[LIMITS_CONNECTIONS] = GATE_BY_COUNT,
		[LIMITS_MEMORY] = GATE_BY_MEMORY,
		[LIMITS_PER_SOURCE] = GATE_BY_SOURCE,
		[LIMITS_CONNECT_RATE] = GATE_BY_RATE,
	};

	return reasons_of[verdict];
}

/* A proxy takes a place, whichever client it has. */
static bool admit_proxy(struct gate *gate, const struct subject *subject)
{
	gate->awaits_header = true;
	if (gate->limits != NULL) {
		enum limits_verdict verdict = limits_enter(gate->limits);

		if (verdict != LIMITS_ADMITTED)
			return refuse(gate, reason_of(verdict), subject);
		gate->entered = true;
	}
	return true;
}

bool gate_admit(struct gate *gate, int fd, enum addr_scheme scheme, unsigned tag)
{
	const struct subject subject = { .fd = fd, .scheme = scheme };
	enum listener_proxy mode = proxied_mode(&gate->proxied, tag);
	struct addr peer;
	enum limits_verdict verdict;

	gate_speak_of(gate, tag);
	if (gate->entered)
		give_back(gate, gate->entered_source);
	gate->entered = gate->awaits_header = false;
	gate->entered_source = NULL;
	find_source(&subject, &peer);
	/* A health check may be over by now, and its peer no longer known: it will be found to be lost. */
	if (mode != LISTENER_NO_PROXY &&
		(peer.generic.sa_family == AF_UNSPEC ||
			(gate->access != NULL && access_is_proxy(gate->access, &peer.generic))))
		return admit_proxy(gate, &subject);
	if (mode == LISTENER_PROXY_REQUIRED)
		return refuse(gate, GATE_PROXY_OUTSIDE, &subject);
	if (gate->access != NULL && !access_admits(gate->access, &peer.generic))
		return refuse(gate, GATE_BY_ACCESS, &subject);
	if (gate->limits != NULL) {
		verdict = limits_admit(
			gate->limits, &peer.generic, clock_now_ns(), &gate->entered_source);
		if (verdict != LIMITS_ADMITTED)
			return refuse(gate, reason_of(verdict), &subject);
		gate->entered = true;
	}
	return true;
}

/* ---- coming through a proxy ---- */

uint64_t gate_preface_limit(struct gate *gate, const struct engine_conn *conn, unsigned tag)
{
	if (!gate->awaits_header)
		return 0;
	gate->awaits_header = gate->entered = false; /* from here on it is given back at the end */
	proxied_begin(&gate->proxied, conn->slot); /* without memory it is refused in a moment */
	return clock_after_ns(clock_now_ns(), gate->proxied.options.limit_ns);
}

/* The second question. */
static bool admit_client(struct gate *gate, const struct engine_conn *conn)
{
	const struct subject subject = subject_of(gate, conn);
	struct limits_source *source = NULL;
	enum limits_verdict verdict;
	struct addr addr;
	void **place;

	find_source(&subject, &addr);
	if (gate->access != NULL && !access_admits(gate->access, &addr.generic))
		return refuse(gate, GATE_BY_ACCESS, &subject);
	if (gate->limits == NULL)
		return true;
	verdict = limits_admit_source(gate->limits, &addr.generic, clock_now_ns(), &source);
	if (verdict != LIMITS_ADMITTED)
		return refuse(gate, reason_of(verdict), &subject);
	if (source == NULL)
		return true;
	place = slot_table_place(&gate->sources, conn->slot);
	if (place != NULL) {
		*place = source;
		return true;
	}
	/* As in gate_opened(): it counts as a connection, and no longer of its source. */
	limits_force(gate->limits);
	limits_release(gate->limits, source);
	return true;
}

static bool take_header(struct gate *gate, const struct engine_conn *conn,
	struct proxied_client *client, const struct proxy_header *header)
{
	gate->counters->proxy_headers++;
	gate->header = *header;
	client->header = &gate->header;
	client->named = header->kind == PROXY_CLIENT;
	if (client->named) {
		client->addr = header->source;
		addr_unmap(&client->addr);
	}
	return admit_client(gate, conn);
}

enum engine_preface_verdict gate_preface(struct gate *gate, const struct engine_conn *conn,
	unsigned tag, const struct engine_preface *preface, size_t *ret_length)
{
	struct subject subject = subject_of(gate, conn);
	struct proxied_client *client = proxied_find(&gate->proxied, conn->slot);
	enum gate_reason reason = GATE_PROXY_WRONG;
	struct proxy_header header;

	if (client == NULL)
		return ENGINE_PREFACE_REFUSED; /* no memory for it */
	gate_speak_of(gate, tag);
	switch (proxied_judge(
		proxied_mode(&gate->proxied, tag), preface, &header, &subject.fault)) {
	case PROXIED_MORE: return ENGINE_PREFACE_MORE;
	case PROXIED_WHOLE:
		*ret_length = header.length;
		return take_header(gate, conn, client, &header) ? ENGINE_PREFACE_WHOLE
								: ENGINE_PREFACE_REFUSED;
	case PROXIED_PLAIN:
		*ret_length = 0;
		return admit_client(gate, conn) ? ENGINE_PREFACE_WHOLE : ENGINE_PREFACE_REFUSED;
	case PROXIED_WRONG: break;
	case PROXIED_MISSING: reason = GATE_PROXY_MISSING; break;
	case PROXIED_LATE: reason = GATE_PROXY_LATE; break;
	case PROXIED_CUT_SHORT: reason = GATE_PROXY_CUT_SHORT; break;
	}
	refuse(gate, reason, &subject);
	return ENGINE_PREFACE_REFUSED;
}

bool gate_waits_for_header(const struct gate *gate, const struct engine_conn *conn)
{
	const struct proxied_client *client = proxied_find(&gate->proxied, conn->slot);

	return client != NULL && client->waits;
}

const struct proxied_client *gate_client(const struct gate *gate, const struct engine_conn *conn)
{
	return proxied_find(&gate->proxied, conn->slot);
}

/* ---- datagrams ---- */

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
	write_line(reason, &(struct line){ .name = name, .peer = name }, left_out);
	return false;
}

/* Of unix sockets nothing is known here that could be counted or denied. */
bool gate_admit_datagram(struct gate *gate, const struct engine_datagram *datagram)
{
	const struct sockaddr *source = datagram->peer;
	enum addr_scheme scheme = datagram->scheme;

	if (scheme != ADDR_UDP)
		return true;
	gate_speak_of(gate, datagram->tag);
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
	struct proxied_client *client = proxied_find(&gate->proxied, conn->slot);
	void **place;

	if (client != NULL) {
		client->waits = false;
		client->header = NULL;
		return;
	}
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
	write_line(GATE_BY_LOOP,
		&(struct line){ .name = name, .peer = peer_port < 0 ? NULL : peer }, left_out);
}

/* ---- staying ---- */

void gate_slowed(struct gate *gate)
{
	uint64_t left_out;

	if (is_due(gate, GATE_BY_BYTES, &left_out))
		write_line(GATE_BY_BYTES, &(struct line){ .name = "" },
			left_out); /* the one text without a peer */
}

/* ---- going ---- */

void gate_closed(struct gate *gate, const struct engine_conn *conn, enum guard_ending ending)
{
	const struct subject subject = subject_of(gate, conn);

	give_back(gate, slot_table_take(&gate->sources, conn->slot));
	if (ending != GUARD_NOT_ENDED) {
		++*(ending == GUARD_IDLE ? &gate->counters->ended_idle
					 : &gate->counters->ended_old);
		log_connection(gate, ending == GUARD_IDLE ? GATE_IDLE : GATE_OLD, &subject);
	}
	proxied_forget(&gate->proxied, conn->slot);
}

void gate_abandoned(struct gate *gate, const struct engine_conn *conn)
{
	give_back(gate, slot_table_take(&gate->sources, conn->slot));
	proxied_forget(&gate->proxied, conn->slot);
}

bool gate_condemns(struct gate *gate, const struct engine_conn *conn)
{
	const struct subject subject = subject_of(gate, conn);
	struct addr addr;

	/* The first question was not about the lists, and the second will be. */
	if (gate->access == NULL || gate_waits_for_header(gate, conn))
		return false;
	find_source(&subject, &addr);
	if (addr.generic.sa_family == AF_UNSPEC || access_admits(gate->access, &addr.generic))
		return false;
	gate->counters->ended_by_access++;
	log_connection(gate, GATE_NO_LONGER_ALLOWED, &subject);
	return true;
}
