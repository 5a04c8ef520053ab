/*
 * What happens in a run of ping, as a value, and the table of what prints it: in lines for people
 * (ping_text.h) or in JSON (ping_json.h). The loop (ping_run.h) fills it in and formats nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "ping/gap.h"
#include "ping/probe.h"
#include "ping/tally.h"
#include "stats/plot.h"

/* Gaps that the trailer lists; more are only counted. */
#define PING_EVENT_GAPS_MOST 16

enum ping_event_kind {
	PING_EVENT_CONNECTED,
	PING_EVENT_SENT, /* only -f shows it */
	PING_EVENT_REPLY,
	PING_EVENT_DUPLICATE,
	PING_EVENT_DAMAGED, /* a reply that is not what was sent, whole or cut short */
	PING_EVENT_FOREIGN, /* a reply to nothing that was sent */
	PING_EVENT_OUT_OF_STEP, /* a stream with bytes too many or too few */
	PING_EVENT_WAITING, /* -O: no answer yet, and the next is about to be sent */
	PING_EVENT_OVERDUE,
	PING_EVENT_GAP_BEGIN,
	PING_EVENT_GAP_END,
};

/* The kernel's own view of a TCP connection (TCP_INFO). */
struct ping_event_kernel {
	uint32_t round_trip_us, variation_us, least_us;
	uint32_t window_segments; /* cwnd */
	uint32_t retransmits; /* since the connection began */
};

struct ping_event {
	enum ping_event_kind kind;
	uint64_t number; /* of the probe; 0: none */
	size_t bytes;
	uint16_t port; /* the source port, where there are several; otherwise 0 */
	uint64_t round_trip_ns;
	uint64_t connect_ns;
	uint64_t handshake_ns; /* of TLS; 0: none */
	bool late, reordered;
	bool untimed; /* it came while this process was stopped: there is no round trip */
	bool connect_untimed; /* as well, of the connection */
	struct probe_damage damage;
	/*
	 * The first of the wrong bytes that came; NULL where most of them were right, or none
	 * came.
	 */
	const unsigned char *came;
	size_t came_length;
	const struct gap *gap;
	uint64_t gap_ns; /* GAP_END: how long it was */
	const struct ping_event_kernel *kernel; /* NULL: not known */
};

/* A gap that is over, or still open. */
struct ping_event_gap {
	struct gap gap;
	uint64_t length_ns;
	uint64_t begin_wall_ns;
	size_t lane;
};

/* One source port: its own sums. */
struct ping_event_lane {
	struct tally tally;
	struct gap gap;
	uint16_t port; /* 0: it never got one */
	uint64_t highest_number; /* that has been answered */
	uint64_t under_way; /* only in a result */
};

/* What the trailer shows, and a line in between (SIGQUIT). */
struct ping_event_result {
	const struct tally *tally;
	const struct tally_times *connect;
	const struct tally_times *handshake; /* of TLS; count 0: none */
	uint64_t connections;
	uint64_t duration_ns;
	uint64_t under_way;
	uint64_t gap_count, gaps_ns;
	const struct ping_event_gap *gaps; /* the first PING_EVENT_GAPS_MOST */
	const struct ping_event_lane *lanes;
	size_t lane_count;
};

/* What every printer needs; made once. */
struct ping_event_manner {
	struct addr peer;
	size_t size_bytes;
	bool connect; /* a connection for each probe */
	bool by_port; /* there are several source ports */
	bool quiet; /* only the trailer */
	bool flood; /* dots instead of lines */
	bool wall_times; /* -D */
	uint64_t timeout_ns;
	struct plot_course *plot; /* drawn below the trailer; NULL: not wanted */
	enum plot_style plot_style;
	uint64_t begun_ns; /* when it began, for the plot */
};

/* To standard output; `interim` to standard error in text. */
struct ping_event_printer {
	void (*begin)(const struct ping_event_manner *manner);
	void (*event)(const struct ping_event_manner *manner, const struct ping_event *event);
	void (*interim)(
		const struct ping_event_manner *manner, const struct ping_event_result *result);
	void (*end)(const struct ping_event_manner *manner, const struct ping_event_result *result);
};
