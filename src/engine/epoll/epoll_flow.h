/*
 * Datagram connections ("flows") in epoll. For engine/epoll/ only; one thread.
 */
#pragma once

#include "engine/epoll/epoll_core.h"

/*
 * Sends what an answer holds, as one message, or queues it. What becomes of the message is reported
 * to the protocol, whose answer is carried out in turn.
 */
void epoll_flow_carry_out(
	struct epoll_engine *engine, struct conn *conn, struct protocol_answer *answer);

/*
 * One turn of a flow: a bounded number of messages. True if it needs another turn in the next
 * round.
 */
bool epoll_flow_take_turn(struct epoll_engine *engine, struct conn *conn);
