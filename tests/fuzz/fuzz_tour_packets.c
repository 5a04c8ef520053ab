/*
 * What the tour reads of the kernel: packets, and lines of /proc/net/tcp. What is taken lies within what was
 * given, and what is refused leaves the result alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tour/tour_facts.h"
#include "tour/tour_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct tour_packet packet, untouched;
	struct tour_facts_row row;
	char line[256];

	memset(&packet, 0x5a, sizeof(packet));
	untouched = packet;
	if (tour_packets_parse(bytes, length, &packet)) {
		ASSERT(length >= 40);
		ASSERT(packet.length <= UINT16_MAX - 40);
		ASSERT((packet.flags & ~(TOUR_FIN | TOUR_SYN | TOUR_RST | TOUR_ACK)) == 0);
	} else
		ASSERT(memcmp(&packet, &untouched, sizeof(packet)) == 0);

	if (length < sizeof(line)) {
		memcpy(line, bytes, length);
		line[length] = '\0';
		if (tour_facts_parse_row(line, &row)) {
			ASSERT(row.local_port <= UINT16_MAX && row.remote_port <= UINT16_MAX);
			ASSERT(row.state <= UINT8_MAX);
			ASSERT(*tour_facts_state_name(row.state) != '\0');
		}
	}
	return 0;
}
