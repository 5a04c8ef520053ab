/*
 * Trains: many datagrams that go through the kernel as one and are taken apart at its end (UDP_SEGMENT,
 * Linux 4.18), which costs the sender little more than one. Whether this machine can send them to an
 * address, before any is sent. Main thread; reports failures through the log.
 */
#pragma once

#include <stdint.h>

#include "net/addr.h"

/*
 * Whether datagrams of so many bytes can go to this address in trains. The kernel does not cut those
 * of a train into fragments, so each must fit the MTU of the way. Sends nothing. -ENOPROTOOPT, -EMSGSIZE
 * or what else failed: one line has been printed.
 */
int train_check(const struct addr *target, uint32_t message_bytes);
