/*
 * The setting of an epoll descriptor that polls network cards; Linux 6.9, not in the headers of
 * older systems (include/uapi/linux/eventpoll.h). An older kernel returns -ENOTTY.
 */
#pragma once

#include <stdint.h>
#include <sys/ioctl.h>

struct epoll_abi_card_poll {
	uint32_t time_us;
	uint16_t budget; /* packets a poll */
	uint8_t prefer, reserved;
};

#define EPOLL_ABI_SET_CARD_POLL _IOW(0x8a, 0x01, struct epoll_abi_card_poll)
#define EPOLL_ABI_GET_CARD_POLL _IOR(0x8a, 0x02, struct epoll_abi_card_poll)
