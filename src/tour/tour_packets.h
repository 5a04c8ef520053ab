/*
 * Packets between the two sides. Seen on `lo` by a packet socket, where this process has a network of its
 * own and the capability for it (isolation.h); in any other place the list is inferred from what TCP counts,
 * see tour_facts.h. Main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tour/stops/tour_stop.h"

struct tour_packet {
	uint16_t from_port, to_port;
	uint8_t flags; /* of TCP */
	uint16_t window; /* as in the packet, not scaled */
	uint32_t length; /* bytes that it carries */
	uint64_t when_ns; /* CLOCK_REALTIME */
};

/* Before privileges are dropped. Returns a descriptor, or -errno. */
int tour_packets_open(void);

/* The next one that has come; false: there is none. Anything but TCP over IPv4 is left out. */
bool tour_packets_next(int fd, struct tour_packet *ret_packet);

/* Of an IPv4 packet. False: it is no whole TCP header. */
bool tour_packets_parse(const uint8_t *bytes, size_t length, struct tour_packet *ret_packet);
